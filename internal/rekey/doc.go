// Package rekey encrypts the backups in a store anew: for other recipients, because a key is lost, stolen or retired; or for the first
// time.
//
// # Promises
//
// One backup after the other is decrypted to a file without a name, to its end; read to its last record and compared with what its entry
// says of the content; encrypted, beside the old archive and under another name; and read back from the store and compared. Then its entry
// is rewritten: the commit point. Then the old archive is deleted. So whatever fails or dies, the backup is the old one or the new one, and
// doing it again goes on where it ended: what is encrypted for the recipients already is left, but for what the old archive left behind.
//
// ID, proof and all else that the entry tells stay what they are: it is the same backup.
//
// # Refusals
//
// What no entry gives to a cluster, what is bad, lost or has another size than its entry says, and archives with a fixed name: each with
// the reason.
package rekey
