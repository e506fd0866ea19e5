// Package server is one server: a Raft node, the state it replicates, its snapshots and restores. It knows nothing of HTTP or of the
// command line.
//
// Promises:
//
//   - A write is on disk before it is acknowledged. With a data directory the server survives being killed at any moment.
//   - [Server.Save] reads the in-memory state after the leadership has been confirmed; it stops no writes and leaves Raft's own
//     snapshots alone. Index and term in the archive are those of exactly what is in it.
//   - [Server.Restore] spools the archive, walks all of it and builds the new state aside before Raft hears of it. An archive
//     that it refuses leaves the cluster as it was; one that it takes replaces the whole state at once, on all servers.
//
// # Crash safety of a restore
//
// The archive goes through Raft's log, in pieces, and one entry commits it (package fsm). A server or leader that is killed anywhere in between
// leaves the old state everywhere, or after the commit the new one. A new leader gives up what an earlier one has begun.
//
// A server that is far behind gets a snapshot of the leader's. A kill between its rename and the emptying of the log leaves a log that ends
// below the newest snapshot, to which nothing could ever be appended again: at start such a log is emptied, once the snapshot has been
// read and found good.
//
// # A disk that fails or is full
//
// A write that cannot be made durable is refused, with the cause. The log store under Raft stays broken after such a failure; it is
// closed and opened again with the next write, and what was not acknowledged is cut off. So the server goes on by itself once there is
// space. Until then it has no leader, answers stale reads, and says in every refusal why. A restore is refused before Raft hears of it if
// its archive and the log's next segment (64 MiB) would not fit.
//
// # Start
//
// It takes seconds, however much was written: Raft is told to take a snapshot before the log gets so long that a start would need more
// (compaction.go), the log is read through a buffer (readahead.go), and a server that is the only voter stands for election at once.
//
// A log whose process died after it had filled a segment, and before that was noted, gets the note (sealedtail.go).
//
// A log that begins behind the newest snapshot which can be read is refused: what came between is lost, and going on would hide it. The
// term of a bootstrap that was killed, without any entry or snapshot, is taken back; a later one is a promise to other servers, and stays.
//
// A server without state becomes a cluster of its own or, with AwaitCluster, waits until the leader of one takes it in. With
// BootstrapExpect it waits for so many servers that expect the same number; all of them make the same configuration, unless one is in a
// cluster already. With FirstState the leader of a cluster in which nothing was ever written brings a backup into the log before it writes
// anything, and serves nothing before (firststate.go). A peers.json, which an operator writes after the loss of a quorum, is taken over before Raft opens.
//
// # Members
//
// With a [Pool] the leader follows who is there, at every change and every ReconcileInterval. Alive: registered, and passing; servers are
// taken into Raft's configuration, without a vote until autopilot (hashicorp/raft-autopilot) finds them stable, or get their new address.
// Failed: critical; autopilot removes servers if its configuration says so. Left: deregistered, and out of Raft's configuration. Who has
// vanished from the pool is deregistered by the periodic inspection alone: a leader that has just been started knows nobody yet.
//
// Raft finds servers by what gossip tells of their addresses, so a cluster comes up again after all of them have changed.
//
// # Goroutines
//
// Raft owns its own. One goroutine follows leadership, and does what a new leader has to do: confirm the state with a barrier,
// write what must exist, follow the members, and reap tombstones; it owns autopilot's, that of sessions, and in a secondary
// datacenter that of the replication of ACLs, for as long as the term lasts. One logs who leads. One keeps the log short. One follows the
// pool: it keeps addresses, founds the cluster that is expected, and wakes the leader. With RejoinAgeMax one writes that the server runs.
// Close waits for all of them.
package server
