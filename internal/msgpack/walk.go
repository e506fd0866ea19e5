package msgpack

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxDepth is how deep maps and arrays may be nested. Consul's own records stay below 20.
const MaxDepth = 512

// ErrCorrupt marks bytes that are not a value of the dialect, or not one of the kind that was asked for.
var ErrCorrupt = errors.New("malformed msgpack")

// The kinds of lead byte that are not self-contained small values.
const (
	codeNil     = 0xc0
	codeFalse   = 0xc2
	codeTrue    = 0xc3
	codeBin8    = 0xc4
	codeBin16   = 0xc5
	codeBin32   = 0xc6
	codeExt8    = 0xc7
	codeExt32   = 0xc9
	codeFloat32 = 0xca
	codeFloat64 = 0xcb
	codeUint8   = 0xcc
	codeUint16  = 0xcd
	codeUint32  = 0xce
	codeUint64  = 0xcf
	codeInt8    = 0xd0
	codeInt16   = 0xd1
	codeInt32   = 0xd2
	codeInt64   = 0xd3
	codeFixExt1 = 0xd4
	codeStr8    = 0xd9
	codeStr16   = 0xda
	codeStr32   = 0xdb
	codeArray16 = 0xdc
	codeArray32 = 0xdd
	codeMap16   = 0xde
	codeMap32   = 0xdf
)

// A Kind is what a value is on the wire.
type Kind uint8

// The kinds of values. Strings and byte strings cannot be told apart in the dialect; both are String.
const (
	Invalid Kind = iota
	Nil
	Bool
	Int
	Float
	String
	Array
	Map
)

func (k Kind) String() string {
	return [...]string{"an invalid value", "nil", "a bool", "an integer", "a float", "a string", "an array", "a map"}[k]
}

// KindOf tells the kind of the value that begins with the byte lead.
func KindOf(lead byte) Kind {
	switch {
	case lead <= 0x7f, lead >= 0xe0, lead >= codeUint8 && lead <= codeInt64:
		return Int
	case lead <= 0x8f, lead == codeMap16, lead == codeMap32:
		return Map
	case lead <= 0x9f, lead == codeArray16, lead == codeArray32:
		return Array
	case lead <= 0xbf, lead >= codeStr8 && lead <= codeStr32, lead >= codeBin8 && lead <= codeBin32:
		return String
	case lead == codeNil:
		return Nil
	case lead == codeFalse, lead == codeTrue:
		return Bool
	case lead == codeFloat32, lead == codeFloat64:
		return Float
	}
	return Invalid
}

// head is the first token of a value.
type head struct {
	kind Kind
	size int    // bytes of the token itself, lead byte included, content of strings not
	n    uint64 // bytes of a string, items of an array, pairs of a map
}

// parseHead reads the token at the start of b. It returns size 0 if more bytes are needed.
func parseHead(b []byte) (head, error) {
	if len(b) == 0 {
		return head{}, nil
	}
	lead := b[0]
	kind := KindOf(lead)
	switch {
	case lead <= 0x7f, lead >= 0xe0, kind == Nil, kind == Bool:
		return head{kind, 1, 0}, nil
	case lead <= 0x9f:
		return head{kind, 1, uint64(lead & 0x0f)}, nil
	case lead <= 0xbf:
		return head{kind, 1, uint64(lead & 0x1f)}, nil
	case kind == Invalid:
		return head{}, fmt.Errorf("%w: byte %#02x begins no value", ErrCorrupt, lead)
	}
	width := argWidth(lead)
	if len(b) < 1+width {
		return head{}, nil
	}
	if kind == Int || kind == Float {
		return head{kind, 1 + width, 0}, nil
	}
	return head{kind, 1 + width, beUint(b[1 : 1+width])}, nil
}

// argWidth is the number of bytes that follow the lead byte before the content.
func argWidth(lead byte) int {
	switch lead {
	case codeUint8, codeInt8, codeStr8, codeBin8:
		return 1
	case codeUint16, codeInt16, codeStr16, codeBin16, codeArray16, codeMap16:
		return 2
	case codeUint32, codeInt32, codeStr32, codeBin32, codeArray32, codeMap32, codeFloat32:
		return 4
	}
	return 8
}

func beUint(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	}
	return binary.BigEndian.Uint64(b)
}

// A Walker finds the end of one value in bytes that arrive piece by piece. The zero value is ready; Reset makes it so again.
type Walker struct {
	off  int      // bytes walked so far
	left []uint64 // values still to come on each open level
	open bool
}

// Reset prepares the walker for the next value.
func (w *Walker) Reset() { w.off, w.left, w.open = 0, w.left[:0], false }

// Walk goes on through b, which must begin with the first byte of the value and hold at least what earlier calls were given. It
// returns the length of the value once its end is reached. A length of 0 says that the value goes on behind b, by at least
// need more bytes.
func (w *Walker) Walk(b []byte) (length, need int, err error) {
	if !w.open {
		w.open = true
		w.left = append(w.left[:0], 1)
	}
	for len(w.left) > 0 {
		top := len(w.left) - 1
		if w.left[top] == 0 {
			w.left = w.left[:top]
			continue
		}
		h, err := parseHead(b[w.off:])
		if err != nil {
			return 0, 0, fmt.Errorf("at byte %d of the value: %w", w.off, err)
		}
		if h.size == 0 {
			return 0, 1, nil
		}
		end := uint64(w.off) + uint64(h.size)
		if h.kind == String {
			end += h.n
		}
		if end > uint64(len(b)) {
			return 0, clampInt(end - uint64(len(b))), nil
		}
		w.off = int(end)
		w.left[top]--
		if err := w.descend(h); err != nil {
			return 0, 0, err
		}
	}
	return w.off, 0, nil
}

func (w *Walker) descend(h head) error {
	if h.kind != Array && h.kind != Map || h.n == 0 {
		return nil
	}
	if len(w.left) > MaxDepth {
		return fmt.Errorf("%w: at byte %d of the value: nested deeper than %d levels", ErrCorrupt, w.off, MaxDepth)
	}
	if h.kind == Map {
		h.n *= 2
	}
	w.left = append(w.left, h.n)
	return nil
}

func clampInt(n uint64) int {
	const most = 1 << 40
	if n > most {
		return most
	}
	return int(n)
}

// Length returns how many bytes of b the value at its start takes. A value that goes on behind the end of b is corrupt.
func Length(b []byte) (int, error) {
	var w Walker
	n, _, err := w.Walk(b)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: the value is cut short after %d bytes", ErrCorrupt, len(b))
	}
	return n, nil
}

func errTrailing(d *Decoder) error {
	return fmt.Errorf("%w: %d bytes after the value", ErrCorrupt, len(d.b)-d.off)
}

func errDepth(d *Decoder) error {
	return fmt.Errorf("%w: at byte %d: nested deeper than %d levels", ErrCorrupt, d.off, MaxDepth)
}
