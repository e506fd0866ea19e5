package recordjson

import (
	"fmt"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// appendAny gives the generic form of a value: text as it is, other bytes as base64, keys of maps sorted.
func appendAny(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	switch kind := d.Peek(); kind {
	case msgpack.Nil:
		d.Nil()
		return append(b, "null"...), true, nil
	case msgpack.Bool:
		return appendBool(b, d)
	case msgpack.Int:
		return appendInteger(b, d)
	case msgpack.Float:
		return appendAnyFloat(b, d)
	case msgpack.String:
		raw, err := d.Bytes()
		if !utf8.Valid(raw) {
			return appendBase64(b, raw), false, err
		}
		return appendString(b, string(raw)), len(raw) == 0, err
	case msgpack.Array:
		return sliceEncoder(appendAny)(b, d)
	case msgpack.Map:
		return mapEncoder(appendAny)(b, d)
	default:
		return b, false, malformed("at byte %d: %s", d.Offset(), kind)
	}
}

// appendInteger writes any integer of 64 bits, signed or not.
func appendInteger(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	raw, err := d.Raw()
	if err != nil {
		return b, false, err
	}
	if v, err := msgpack.NewDecoder(raw).Uint(64); err == nil {
		return fmt.Append(b, v), v == 0, nil
	}
	v, err := msgpack.NewDecoder(raw).Int(64)
	return fmt.Append(b, v), v == 0, err
}

func appendAnyFloat(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	raw, err := d.Raw()
	if err != nil {
		return b, false, err
	}
	bits := 8 * (len(raw) - 1)
	v, err := msgpack.NewDecoder(raw).Float()
	return appendFloat(b, v, bits), v == 0, err
}
