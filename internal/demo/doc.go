// Package demo is `lictor demo`: a state is made, saved, proven, destroyed and brought back, on one machine, with nothing installed.
//
// It works with real processes: servers and commands are this very program, started as a user would start them, and the server is
// killed with SIGKILL. Everything happens in a new temporary directory and on loopback. What came back is compared twice: record by
// record, between the archive and one that the new server's tables encode afresh; and key by key over HTTP, with what the demo
// remembers to have written.
//
// With more than one server the same is shown of a cluster, in three disasters: it loses its leader under load, its quorum, and everything.
// A write counts only once it was acknowledged; one that was not may have happened or not, and nothing else. The snapshot that comes
// back in the end is the stale one of a server that had no leader any more. Where servers need time to agree, the demo looks again and
// again, and gives up after a minute; it waits for nothing else.
package demo
