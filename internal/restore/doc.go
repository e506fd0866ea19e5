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
// Memory does not grow with the size of the archive, but with the number of its nodes, services and sessions.
package restore
