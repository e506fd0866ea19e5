// Package drill proves an archive by rebuilding it: it restores the archive into a throw-away engine in memory, a server of its own
// with Raft and all, and compares what the engine's tables encode afresh with what the archive holds, record by record.
//
// Bytes of the input are never compared with themselves: what is compared comes out of the tables. Opaque records have no table
// but their bytes; these the engine has kept and written out again.
//
// What a running server adds by itself is no difference: the autopilot configuration, if the archive has none; Index records of
// tables for which it has none; and the empty ChunkingState record that ends every stream.
package drill
