// Package drill proves an archive by rebuilding it in a throw-away engine, twice over: what the engine's tables encode afresh, and what
// its HTTP handlers answer, are compared with what is read from the archive.
//
// Bytes of the input are never compared with themselves. The records that the tables encode come out of structs. What the handlers should
// answer is worked out without these structs and without their codec: records are decoded into maps by the library that Consul uses. A
// codec that loses something, or mistakes one field for another both in reading and in writing, makes the proof fail. The exceptions are
// records that Lictor carries without interpreting them, the free-form parts of others, such as the configuration of a proxy, and fields
// that it does not know: these it has kept as they came, and writes out again. A report counts the records ([Report.ByBytes]).
//
// The engine is the tables and the handlers of a server without Raft and without a leader, so that nothing changes by itself while it is
// compared: no session ends, no token expires. It takes part in nothing and listens nowhere.
//
// These are no differences: Index records of tables for which the archive has none; the empty ChunkingState record that ends every stream;
// and fields that archives of another version lack, if they are written out empty ([Report.Completed]). Nodes imported from peers, the
// values of tombstones, Index records and system metadata are compared in the tables alone: the API does not show them.
//
// The outcome is bad only if something differs or the archive is damaged. Whatever else goes wrong leaves the archive unproven, with the
// reason: records of unknown types, an archive that no Consul would restore, a drill that broke off. [Child] keeps a drill in a process of
// its own, with low priority and a memory limit, and [ProveWithConsul] uses a real Consul as the engine.
//
// Reports name objects and fields, never values or secrets.
package drill
