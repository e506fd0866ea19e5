// Package restore replaces a cluster's state by that of an archive, and refuses to send what could hurt.
//
// A real Consul checks the sums and the size of an archive and nothing else; a record that it cannot apply kills its leader, with the bad
// snapshot on its disk for good. So [Prepare] walks the whole archive first, and gives a [Plan] only for one that a Consul 1.21.4 server
// restores. What the caller has asked for explicitly is let through (record types that only the target knows) or left out (the
// ACL system of Consul 1.3 and before); in the second case the archive is written anew, and that one is walked, too.
//
// [Plan.Send] sends exactly the bytes that were checked. They are read from the file that was opened for the check, and hashed once
// more on their way; the last of them are held back until the digest has proven to be that of the check. A file that changes in
// between makes the upload break off, and a server restores nothing of a broken upload. So no second copy of the archive is needed.
//
// [Plan.Preview] tells beforehand what a restore would replace, and [Plan.Aftermath] what the cluster will do to the restored state by
// itself.
//
// # Out of a store, and back
//
// [Fetch] gets a backup out of stores: a private copy that was compared with its entry, decrypted and checked like a file. Another backup
// is never taken in its place.
//
// [Run] is a whole restore: the safety snapshot of the target ([Guard]), the upload, and the comparison of the target with what was sent.
// Without the safety snapshot that was asked for nothing is sent; it is whole, read back and compared, or nothing of it is there.
// Only of a target that holds nothing but what a newborn cluster writes by itself none is kept. Once the archive has been restored, no
// error says that it was not: what could not be compared is told in the [Outcome].
//
// Memory does not grow with the size of the archive, but with the number of its nodes, services and sessions; that of a comparison, with
// the number of objects if there are differences.
package restore
