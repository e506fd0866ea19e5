// Package inspect counts what is in a snapshot: a [Census] of record types and, on request, of keys. It reads the stream once,
// without decoding records, and holds no more than the counts.
//
// A Census has the shape of what `consul snapshot inspect -format=json` prints. The size of a record is its type byte plus its
// value; the bytes of the stream's header are charged to the first record, so that the sizes add up to the length of state.bin.
package inspect
