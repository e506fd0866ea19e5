// Package record is the one codec of state.bin, the stream of records inside a Consul snapshot. The server's own Raft snapshots,
// inspect, decode, verify, drill and restore all use it.
//
// A stream is a header and then records: one byte that tells the [Type], and one msgpack value. There are no lengths, no count
// and no end mark. [Reader] finds the records without decoding them; [Decode] turns one into its typed struct, or into [Opaque]
// bytes where Lictor does not interpret the type; [Append] writes either back. What is known to kill a Consul server that
// restores it is the business of package preflight.
//
// It promises that nothing is lost: a record that Lictor does not interpret is written back byte for byte, and fields that a
// typed struct does not know travel with it at every level. Memory is bounded by the largest record, and that by
// [MaxRecord]. Every error about the content of a stream wraps [ErrCorrupt] and says at which record and byte.
//
// The format, and what real Consul servers make of it, are described in the Consul snapshot format, sections 2 to 7.
package record
