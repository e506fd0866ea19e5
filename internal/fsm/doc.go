// Package fsm is the thin adapter between Raft and the replicated state: it decodes log entries and applies them to a state.Store,
// takes snapshots of it, and replaces it on a restore.
//
// A log entry is one byte, the type, and a msgpack value. The types are those of Consul's log, as far as there is one for the
// purpose. An entry whose type this version does not know stops the process, unless its type has the flag 128, which says that it
// may be ignored: applying a log in part would make servers differ.
//
// The index and term of each entry become visible together with its effect. The state's index is Raft's, or above it by as much as a
// restored archive's was.
//
// A restore is several entries: one begins it, others carry the archive in pieces, and one commits it (restore.go). So it happens on every server
// or on none. One that is the first state of a new cluster is committed only if nothing has been written before; whether that is so every server
// knows by itself, also from Raft's snapshots.
package fsm
