// Package object takes the records of a state apart into the objects that they hold: keys, nodes, services, checks, sessions, queries, ACLs,
// and what Lictor carries without interpreting it. It says what each is, by which name a report calls it, which ID tells it from all others,
// and what of it is content.
//
// A registration is a node, a service or a check, each an object with indexes of its own. What is only bookkeeping (coordinates, tombstones,
// the table of indexes, parts of log entries) is no object; the one index that says that ACLs have been bootstrapped is.
//
// Two objects are the same if their digests are. What servers derive from other objects is left out of that: hashes of ACLs and config
// entries, the copies of names in links of tokens and roles, the name and tags of its service in a check; and the locality of nodes, which
// Consul itself loses when it saves. Unknown fields that are empty say nothing. [Object.WithoutIndexes] leaves out when it was written.
//
// No name is a secret; values may hold some.
package object
