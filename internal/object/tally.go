package object

import (
	"encoding/binary"
	"math/bits"
)

// A Tally is what is left of the objects with one ID, of which there is one as a rule, when those of one stream are taken from those of
// another. It is zero if the streams have the same ones, in whatever order.
type Tally struct {
	sum   [2]uint64 // of their digests, least significant first
	Count int32     // how many more there are in the first stream
}

// Add counts an object of the first stream.
func (t *Tally) Add(digest ID) {
	var carry uint64
	low, high := halves(digest)
	t.sum[0], carry = bits.Add64(t.sum[0], low, 0)
	t.sum[1], _ = bits.Add64(t.sum[1], high, carry)
	t.Count++
}

// Sub counts an object of the second stream.
func (t *Tally) Sub(digest ID) {
	var borrow uint64
	low, high := halves(digest)
	t.sum[0], borrow = bits.Sub64(t.sum[0], low, 0)
	t.sum[1], _ = bits.Sub64(t.sum[1], high, borrow)
	t.Count--
}

func halves(digest ID) (low, high uint64) {
	return binary.BigEndian.Uint64(digest[8:]), binary.BigEndian.Uint64(digest[:8])
}
