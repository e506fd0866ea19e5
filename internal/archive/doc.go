// Package archive reads and writes the container of a Consul snapshot: a gzip stream that holds a tar stream that holds
// meta.json, state.bin and SHA256SUMS. What the records inside state.bin mean is no concern of this package; it hands
// the bytes over and takes them in.
//
// # Promises
//
// Everything streams. Reading takes about 3 MB of memory, writing about 12 on two cores and at most 30 on many, whatever
// the length of the archive and whatever lengths a hostile archive claims. No goroutine outlives the call that started
// it (for a Writer: its Close).
//
// Read accepts what the reader of Consul 1.21.4 accepts and refuses what that one refuses, checks in the same order and
// says it in the same words, sometimes followed by detail in parentheses. It reads to the end of its input, because only
// the end proves the sums and the absence of trailing bytes: what a StateFunc is handed is UNVERIFIED until Read has
// returned nil. Build aside, commit after.
//
// A Writer produces archives that Consul restores. They consist of several gzip members, which Consul's reader, gzip
// and tar treat as one stream. Nothing of a Writer is left on disk after Close or after a crash.
//
// # Errors
//
// Damage of the archive satisfies errors.Is(err, ErrCorrupt). A failure to read the input (a network or disk error) is
// not damage: it satisfies ErrRead instead, and wraps its cause. Both are *Error. What a StateFunc returns comes back in
// a *StateError and is neither. Meta.CheckRestorable finds what Read lets pass but a restore refuses: ErrNotRestorable.
//
// # Stricter than Consul
//
//   - meta.json and SHA256SUMS may have at most 1 MiB each.
//   - A member that comes twice is refused at its second header. Consul hashes both together, so that a second meta.json
//     or state.bin fails its sum later (and a second SHA256SUMS is read as a continuation).
//   - Only regular files are members. Consul takes a link named state.bin for an empty state.bin.
//   - Sparse members (GNU and PAX forms), which can expand to exabytes, are refused at their header.
//   - Names are printed in errors up to 128 bytes.
//   - In a raw state.bin of a data directory (OpenFile), the CRC that its meta.json carries is verified.
//
// Like Consul's reader, Read lets pass a Size in meta.json that differs from the length of state.bin, and any Version.
// Call Meta.CheckRestorable before a restore.
package archive
