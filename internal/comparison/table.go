package comparison

import (
	"encoding/binary"
	"math/bits"
)

// A table knows the objects that two streams do not have alike. Only what is unlike stays in it.
type table map[id]entry

// An entry is what is left of an object, or of several with one id, when those of one stream are taken from those of the other.
type entry struct {
	sum   [2]uint64 // of their digests
	count int32     // of the restored ones less those there are now
	told  bool      // the result has it
}

// restored adds an object.
func (t table) restored(o, digest id) {
	e := t[o]
	var carry uint64
	low, high := halves(digest)
	e.sum[0], carry = bits.Add64(e.sum[0], low, 0)
	e.sum[1], _ = bits.Add64(e.sum[1], high, carry)
	e.count++
	t.set(o, e)
}

// now takes an object away.
func (t table) now(o, digest id) {
	e := t[o]
	var borrow uint64
	low, high := halves(digest)
	e.sum[0], borrow = bits.Sub64(e.sum[0], low, 0)
	e.sum[1], _ = bits.Sub64(e.sum[1], high, borrow)
	e.count--
	t.set(o, e)
}

func (t table) set(o id, e entry) {
	if e == (entry{}) {
		delete(t, o)
		return
	}
	t[o] = e
}

// tell returns the entry of an object the first time it is asked for.
func (t table) tell(o id) (e entry, ok bool) {
	e, ok = t[o]
	if !ok || e.told {
		return e, false
	}
	e.told = true
	t[o] = e
	return e, true
}

// missing tells whether there are fewer objects of an id now.
func (t table) missing(o id) bool { return t[o].count > 0 }

func halves(digest id) (low, high uint64) {
	return binary.BigEndian.Uint64(digest[8:]), binary.BigEndian.Uint64(digest[:8])
}
