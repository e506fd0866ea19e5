// Package kvarchive reads and writes the archives of consul-snapshot (github.com/pshima/consul-snapshot), of every generation, and knows
// the names under which they lie in a bucket.
//
// # The format
//
// What is said here was measured on the real tool, version 0.3.1, run against Consul 1.21.4; testdata/consul-snapshot-0.3.1 has what it
// wrote. An archive is a gzip stream of a tar stream of one directory and four files:
//
//	HOST.consul.snapshot.T/
//	HOST.consul.snapshot.T/consul.acl.T.json   legacy ACLs: null since Consul 1.11
//	HOST.consul.snapshot.T/consul.kv.T.json    keys, with indexes, flags and locks
//	HOST.consul.snapshot.T/consul.pq.T.json    prepared queries
//	HOST.consul.snapshot.T/meta.json           version, times, node, and the SHA-256 of each of the three
//
// T is the UNIX time at which the backup began. Versions 0.1.x wrote the array of keys alone, in gzip. An encrypted archive is "v0:", a
// salt of 32 bytes, a nonce of 12, and one AES-256-GCM seal of the whole file; the key is scrypt's of the passphrase (N 16384, r 8, p 1).
// Which of these a file is, its first bytes tell, never its name.
//
// A [Writer] writes exactly that, and may add a member that the real tool passes over: consul.acl-v2.T.json, the tokens, policies and
// roles of Consul 1.4 and later, whose SHA-256 is ACLV2Sha256 in meta.json. A key that is not UTF-8, which JSON cannot hold, is written
// as the real tool has it, with U+FFFD in place of what is not, and beside that whole in a field RawKey.
//
// # Promises
//
// Nothing of an archive is handed out before the whole of it was read and every checksum compared. Documents stream: memory does not
// grow with the number of keys. They wait in a scratch file of mode 0600 that has no name, so that nothing is left behind whatever ends
// the process, and no member of an archive can choose where it is written. Only what is encrypted is held in memory, for one seal cannot
// be checked in parts: at most [MaxSealed] bytes.
//
// No error holds a passphrase, a value or a secret.
//
// # In the place of a snapshot
//
// [Sniff] tells such archives from snapshots of Consul, and from what is neither, by their first bytes. [Archive.Source] gives the records
// that a snapshot would have of what an archive holds, so that whatever reads records can read it: tokens and policies in the place of
// legacy ACLs, and nothing of what was not saved.
//
// # Refusals
//
// What the real tool restores without a word is refused, with the reason: documents that do not have their checksum; members whose names
// lead out of the directory, links and devices; archives without one of their documents, or with one twice; bytes behind the end; and the
// three null documents that the tool uploads as a backup when Consul cannot be reached. Sizes and numbers of members are bounded.
package kvarchive
