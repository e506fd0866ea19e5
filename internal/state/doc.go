// Package state holds what a snapshot captures: KV entries, the service catalog with its health checks, sessions, prepared
// queries, ACLs, and whatever else came in a restored archive. A [Store] is the state at one moment of Raft's log; it is changed by
// applying log entries, one after the other, and read by anybody at any time.
//
// Promises:
//
//   - An entry's effect, index and term become visible together. [Store.Snapshot] is immutable and carries the index and term
//     that belong to exactly what is in it.
//   - Applying is deterministic: no clock, no randomness, no map order.
//   - An object handed in or out is never changed again. Callers must not change it either.
//   - A store is replaced as a whole by a restore. Its [Store.Abandoned] channel closes then, so that whoever waits on it
//     looks at the new one.
//   - What Lictor does not interpret is kept byte for byte and written back at its place.
//
// KV entries and tombstones live in copy-on-write B-trees with a registry of watches beside them: they are most of every large
// state, and a watch channel for each tree node would double its memory. All other families are go-memdb tables.
package state
