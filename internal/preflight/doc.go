// Package preflight looks for everything in a snapshot that is known to kill a Consul server which restores it, before anything
// is sent to one. A real Consul checks sums and sizes only; a record that it cannot apply panics its leader, with the bad
// snapshot already on its disk as the newest one.
//
// A [Checker] is shown every record of a stream in order. It decodes records, applies the rules, and keeps count of what Lictor
// does not know. Three answers are told apart:
//
//   - an error that wraps record.ErrCorrupt: the record does not decode; neither a save nor a restore may call it good
//   - an error that wraps [ErrUnrestorable]: the record decodes, but a Consul 1.21.4 server dies of it; a save keeps it and says
//     so, a restore refuses it
//   - no error: as far as is known, a Consul 1.21.4 server restores it
//
// The rules are those of the Consul snapshot format, section 7.1. The fields inside config entries are not described there:
// of these the frame, the kind and the common fields are checked, and no more.
//
// Memory is bounded by the largest record and eight bytes or so for each service instance.
package preflight
