package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A Decoder is a cursor over bytes that hold whole values. What it returns as bytes aliases its input.
type Decoder struct {
	b      []byte
	off    int
	walker Walker
}

// NewDecoder reads from b.
func NewDecoder(b []byte) *Decoder { return &Decoder{b: b} }

// Offset is how many bytes have been read.
func (d *Decoder) Offset() int { return d.off }

// More tells whether bytes are left.
func (d *Decoder) More() bool { return d.off < len(d.b) }

// Peek is the kind of the next value, Invalid at the end.
func (d *Decoder) Peek() Kind {
	if !d.More() {
		return Invalid
	}
	return KindOf(d.b[d.off])
}

func (d *Decoder) head() (head, error) {
	h, err := parseHead(d.b[d.off:])
	if err != nil {
		return h, fmt.Errorf("at byte %d: %w", d.off, err)
	}
	if h.size == 0 || h.kind == String && h.n > uint64(len(d.b)-d.off-h.size) {
		return h, fmt.Errorf("%w: at byte %d: cut short", ErrCorrupt, d.off)
	}
	return h, nil
}

func (d *Decoder) mismatch(want Kind, got Kind) error {
	return fmt.Errorf("%w: at byte %d: %s where %s belongs", ErrCorrupt, d.off, got, want)
}

// Nil reads a nil and tells whether there was one; anything else is left in place.
func (d *Decoder) Nil() bool {
	if d.Peek() != Nil {
		return false
	}
	d.off++
	return true
}

// Raw reads one value of any kind and returns its bytes.
func (d *Decoder) Raw() ([]byte, error) {
	d.walker.Reset()
	n, _, err := d.walker.Walk(d.b[d.off:])
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", d.off, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: at byte %d: cut short", ErrCorrupt, d.off)
	}
	raw := d.b[d.off : d.off+n]
	d.off += n
	return raw, nil
}

// Bytes reads a string or byte string; nil reads as nil.
func (d *Decoder) Bytes() ([]byte, error) {
	if d.Nil() {
		return nil, nil
	}
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	if h.kind != String {
		return nil, d.mismatch(String, h.kind)
	}
	start := d.off + h.size
	d.off = start + int(h.n)
	return d.b[start:d.off:d.off], nil
}

// Text reads a string; nil reads as empty. The forms that only byte strings may have are refused, as Consul refuses them.
func (d *Decoder) Text() ([]byte, error) {
	if d.More() {
		if c := d.b[d.off]; c >= codeBin8 && c <= codeBin32 {
			return nil, fmt.Errorf("%w: at byte %d: a byte string where a string belongs", ErrCorrupt, d.off)
		}
	}
	return d.Bytes()
}

// ArrayHead reads the head of an array and returns its number of items; isNil says that there was a nil instead.
func (d *Decoder) ArrayHead() (n int, isNil bool, err error) { return d.container(Array, 1) }

// MapHead reads the head of a map and returns its number of pairs; isNil says that there was a nil instead.
func (d *Decoder) MapHead() (n int, isNil bool, err error) { return d.container(Map, 2) }

func (d *Decoder) container(want Kind, perItem uint64) (int, bool, error) {
	if d.Nil() {
		return 0, true, nil
	}
	h, err := d.head()
	if err != nil {
		return 0, false, err
	}
	if h.kind != want {
		return 0, false, d.mismatch(want, h.kind)
	}
	if rest := uint64(len(d.b) - d.off - h.size); h.n*perItem > rest {
		return 0, false, fmt.Errorf("%w: at byte %d: %s of %d items in %d bytes", ErrCorrupt, d.off, want, h.n, rest)
	}
	d.off += h.size
	return int(h.n), false, nil
}

// Bool reads a bool; nil reads as false.
func (d *Decoder) Bool() (bool, error) {
	if d.Nil() {
		return false, nil
	}
	if k := d.Peek(); k != Bool {
		return false, d.mismatch(Bool, k)
	}
	d.off++
	return d.b[d.off-1] == codeTrue, nil
}

// Uint reads an integer that is not negative and fits bits; nil reads as 0.
func (d *Decoder) Uint(bits int) (uint64, error) {
	neg, mag, err := d.integer()
	if err != nil {
		return 0, err
	}
	if neg || bits < 64 && mag>>bits != 0 {
		return 0, fmt.Errorf("%w: before byte %d: number does not fit an unsigned %d bit field", ErrCorrupt, d.off, bits)
	}
	return mag, nil
}

// Int reads an integer that fits bits; nil reads as 0.
func (d *Decoder) Int(bits int) (int64, error) {
	neg, mag, err := d.integer()
	if err != nil {
		return 0, err
	}
	limit := uint64(1) << (bits - 1)
	switch {
	case neg && mag <= limit:
		return int64(-mag), nil
	case !neg && mag < limit:
		return int64(mag), nil
	}
	return 0, fmt.Errorf("%w: before byte %d: number does not fit a signed %d bit field", ErrCorrupt, d.off, bits)
}

// integer reads any form of integer as sign and magnitude.
func (d *Decoder) integer() (neg bool, mag uint64, err error) {
	if d.Nil() {
		return false, 0, nil
	}
	h, err := d.head()
	if err != nil {
		return false, 0, err
	}
	if h.kind != Int {
		return false, 0, d.mismatch(Int, h.kind)
	}
	lead, arg := d.b[d.off], d.b[d.off+1:d.off+h.size]
	d.off += h.size
	switch {
	case lead <= 0x7f:
		return false, uint64(lead), nil
	case lead >= 0xe0:
		return true, uint64(-int64(int8(lead))), nil
	case lead <= codeUint64:
		return false, beUint(arg), nil
	}
	v := signed(arg)
	if v < 0 {
		return true, uint64(-v), nil
	}
	return false, uint64(v), nil
}

func signed(arg []byte) int64 {
	v := beUint(arg)
	shift := 64 - 8*len(arg)
	return int64(v<<shift) >> shift
}

// Float reads a float of either width, or an integer; nil reads as 0.
func (d *Decoder) Float() (float64, error) {
	if d.Peek() == Int || d.Peek() == Nil {
		v, err := d.Int(64)
		return float64(v), err
	}
	h, err := d.head()
	if err != nil {
		return 0, err
	}
	if h.kind != Float {
		return 0, d.mismatch(Float, h.kind)
	}
	arg := d.b[d.off+1 : d.off+h.size]
	d.off += h.size
	if len(arg) == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(arg))), nil
	}
	return math.Float64frombits(binary.BigEndian.Uint64(arg)), nil
}
