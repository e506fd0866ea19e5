// Package snapstore keeps Raft's snapshots on a server's disk, in the layout that Consul uses:
//
//	DIR/TERM-INDEX-MILLIS/meta.json   Raft's metadata and the CRC-64 of state.bin
//	DIR/TERM-INDEX-MILLIS/state.bin   the records
//
// A snapshot is written under a name that ends in .tmp, synced and renamed: it is there whole or not at all. Files are 0600. The
// newest two are kept.
//
// A [Store] is wrapped around a directory or around Raft's in-memory store; the readers it opens tell the snapshot's metadata,
// which Raft does not hand to a state machine.
package snapstore
