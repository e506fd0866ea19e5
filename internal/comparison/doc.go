// Package comparison tells whether a cluster holds what was restored into it.
//
// [Compare] reads two streams of records: those that were restored, and those that the cluster holds now. It compares objects, not records:
// a registration is a node, a service or a check, each with its own indexes, and what is only bookkeeping (coordinates, tombstones, the
// table of indexes, parts of log entries) is no object. The one index that says that ACLs have been bootstrapped is.
//
// A running cluster is written to, and does things by itself. Since a restore never makes Raft's index smaller, whatever has an index
// above that of the archive was written afterwards. It is told apart from what is really different, and so is what the cluster removes or
// writes by itself: nodes that are no members with all that depends on them, what an agent does not know of, sessions with their locks,
// expired tokens, the servers' own secret. None of it is taken on trust: a change needs an index above the restore's, and where something
// that has not expired is gone the cluster must show that something like it was removed since (a tombstone, the index of its table, a
// session or node that is gone). What cannot be shown is a difference, with a note if there is a harmless explanation that leaves no trace.
//
// What is derived from other parts of the state is left apart: hashes of ACLs and config entries, the copies of names in links of tokens
// and roles, the name and tags of its service in a check; and the locality of nodes, which Consul itself loses when it saves.
//
// Deletions of keys are known by their tombstones, which Consul keeps for 15 minutes; a comparison is meant for the time just after a
// restore. The deletion of all keys at once leaves no tombstone, and is reported as differences. A tombstone does not tell whether it is
// of a key or of a prefix: it stands for the prefix unless a key below it has lived through it.
//
// Each stream is read once if the two are equal and three times otherwise. Memory grows with the number of objects in the types of records
// that differ, by a few dozen bytes for each. No name in a result is a secret.
package comparison
