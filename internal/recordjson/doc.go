// Package recordjson gives the JSON form of snapshot records: what `snapshot decode` prints behind "Data".
//
// For the types that `consul snapshot decode` 1.21.4 prints, the names, the omissions, null against empty, durations, times and
// base64 are Consul's. For those that it prints empty (KVS, Session, Tombstone, PreparedQuery, Autopilot, ConnectCA, Intention) the
// whole record is given, as Consul's HTTP API would show it, secrets included.
//
// Nothing is dropped without a word: a field that this package does not know is printed behind the known ones, and a value
// without a known structure in a generic form, in which bytes that are not UTF-8 text are base64. Two differences remain. The
// message inside a Resource is base64 and not expanded, because its type is not described anywhere in the record. And a text
// field that is not UTF-8, such as a key, is printed with U+FFFD in place of what cannot be shown, as Consul prints it.
//
// A record that does not decode is an error that wraps record.ErrCorrupt. Values are not checked beyond their kind: that is the
// business of package preflight.
package recordjson
