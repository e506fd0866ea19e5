// Package undofile keeps what a selective restore changes, so that it can be taken back: for each object the record of before, and those
// that the restore may have left there.
//
// A file is written as a whole before the first change (Create, Add, Commit): mode 0600, synced, and there completely or not at all. It
// holds secrets if what is restored does. Finish notes at its end that the restore came to its own. Open reads a file to its end, compares
// it with its checksum and refuses what is damaged, cut short or of a later format, before an entry of it is shown.
//
// The format: a line that names it and its version, a line of JSON (Header), the entries, and a trailer. An entry is a length and as many
// bytes: the family, and the records, each a length and its type and value as in a snapshot. A length of 0 ends the entries; their number
// (8 bytes) and the SHA-256 of all bytes before it follow. After that nothing, or a line with the time when the restore was finished.
// Lengths are varints, one more than what they count where there may be nothing.
package undofile
