package recordjson

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// An encoder reads the next value of d, which nil stands for if it is zero, and appends its JSON to b. zero tells whether it is one
// that the option omitempty leaves out; for a struct, whether all its fields are.
type encoder func(b []byte, d *msgpack.Decoder) (out []byte, zero bool, err error)

// The structures of records are described by Go types that are never instantiated. Their fields stand in the order of the
// output; tags are those of encoding/json. These types stand for values with a JSON form of their own:
type (
	// text of a duration, such as 1h0m0s, left out if zero
	duration int64
	// net.IP
	address []byte
	// a value of no known structure
	anything any
	// a map that is the key of a map; if it has only a Name, the JSON key is that name
	namedKey struct{ Name string }
)

var special = map[reflect.Type]encoder{
	reflect.TypeFor[duration]():  appendDuration,
	reflect.TypeFor[address]():   appendAddress,
	reflect.TypeFor[anything]():  appendAny,
	reflect.TypeFor[[]byte]():    appendBytes,
	reflect.TypeFor[time.Time](): appendTime,
}

func newEncoder(t reflect.Type) encoder {
	if e, ok := special[t]; ok {
		return e
	}
	switch t.Kind() {
	case reflect.String:
		return appendText
	case reflect.Bool:
		return appendBool
	case reflect.Int, reflect.Int32, reflect.Int64:
		return intEncoder(t.Bits())
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return uintEncoder(t.Bits())
	case reflect.Float32, reflect.Float64:
		return floatEncoder(t.Bits())
	case reflect.Pointer:
		return pointerEncoder(newEncoder(t.Elem()))
	case reflect.Slice:
		return sliceEncoder(newEncoder(t.Elem()))
	case reflect.Map:
		return mapEncoder(newEncoder(t.Elem()))
	case reflect.Struct:
		return structEncoder(t)
	}
	panic("recordjson: no encoder for " + t.String())
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{msgpack.ErrCorrupt}, args...)...)
}

// appendString appends s as encoding/json writes it.
func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string cannot fail
	return append(b, text...)
}

func appendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

func appendText(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	s, err := d.Text()
	return appendString(b, string(s)), len(s) == 0, err
}

func appendBool(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	v, err := d.Bool()
	return strconv.AppendBool(b, v), !v, err
}

func intEncoder(bits int) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		v, err := d.Int(bits)
		return strconv.AppendInt(b, v, 10), v == 0, err
	}
}

func uintEncoder(bits int) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		v, err := d.Uint(bits)
		return strconv.AppendUint(b, v, 10), v == 0, err
	}
}

func floatEncoder(bits int) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		v, err := d.Float()
		return appendFloat(b, v, bits), v == 0, err
	}
}

// appendFloat writes v as encoding/json does, and what JSON has no numbers for as text.
func appendFloat(b []byte, v float64, bits int) []byte {
	var number any = v
	if bits == 32 {
		number = float32(v)
	}
	text, err := json.Marshal(number)
	if err != nil {
		return strconv.AppendQuote(b, strconv.FormatFloat(v, 'g', -1, bits))
	}
	return append(b, text...)
}

func appendBytes(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	raw, err := d.Bytes()
	if len(raw) == 0 {
		return append(b, "null"...), true, err
	}
	return appendBase64(b, raw), false, err
}

func appendTime(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	raw, err := d.Raw()
	if err != nil {
		return b, false, err
	}
	var t time.Time
	if err := msgpack.Unmarshal(raw, &t); err != nil {
		return b, false, err
	}
	text, err := t.MarshalJSON()
	if err != nil { // a year beyond 9999 cannot be written
		return appendString(b, t.String()), false, nil
	}
	return append(b, text...), false, nil // encoding/json does not leave out a struct
}

func appendDuration(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	v, err := d.Int(64)
	return appendString(b, time.Duration(v).String()), v == 0, err
}

func appendAddress(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	raw, err := d.Bytes()
	if len(raw) == 0 {
		return append(b, `""`...), true, err
	}
	if len(raw) != net.IPv4len && len(raw) != net.IPv6len {
		return b, false, malformed("before byte %d: an IP address of %d bytes", d.Offset(), len(raw))
	}
	return appendString(b, net.IP(raw).String()), false, err
}

func pointerEncoder(elem encoder) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		if d.Nil() {
			return append(b, "null"...), true, nil
		}
		b, _, err := elem(b, d)
		return b, false, err
	}
}

func sliceEncoder(elem encoder) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		n, isNil, err := d.ArrayHead()
		if err != nil || isNil {
			return append(b, "null"...), true, err
		}
		b = append(b, '[')
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			if b, _, err = elem(b, d); err != nil {
				return b, false, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return append(b, ']'), n == 0, nil
	}
}

// A pair is one entry of a map, encoded.
type pair struct{ key, value []byte }

func mapEncoder(elem encoder) encoder {
	return func(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
		n, isNil, err := d.MapHead()
		if err != nil || isNil {
			return append(b, "null"...), true, err
		}
		var pairs []pair // not sized by n: keys of one byte could claim much
		for range n {
			var p pair
			if p.key, err = mapKey(d); err != nil {
				return b, false, err
			}
			if p.value, _, err = elem(nil, d); err != nil {
				return b, false, fmt.Errorf("%s: %w", p.key, err)
			}
			pairs = append(pairs, p)
		}
		return appendPairs(b, pairs), n == 0, nil
	}
}

func appendPairs(b []byte, pairs []pair) []byte {
	slices.SortStableFunc(pairs, func(x, y pair) int { return slices.Compare(x.key, y.key) })
	b = append(b, '{')
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, p.key...), ':'), p.value...)
	}
	return append(b, '}')
}

// mapKey reads the key of a map and gives it as a JSON string. A key that is no text becomes the text of its JSON, but for a map
// that has only a Name, which stands for itself, and for nested values: they are base64 of their bytes, because the text of text
// of text doubles its backslashes at each level.
func mapKey(d *msgpack.Decoder) ([]byte, error) {
	raw, err := d.Raw()
	if err != nil {
		return nil, err
	}
	switch msgpack.KindOf(raw[0]) {
	case msgpack.String:
		return encodeAll(nil, raw, appendAny)
	case msgpack.Map:
		return structKey(raw)
	case msgpack.Array:
		return appendBase64(nil, raw), nil
	}
	text, err := encodeAll(nil, raw, appendAny)
	return appendString(nil, string(text)), err
}

func structKey(raw []byte) ([]byte, error) {
	var key map[string]msgpack.Raw
	if err := msgpack.Unmarshal(raw, &key); err != nil {
		return appendBase64(nil, raw), nil
	}
	for _, value := range key {
		if kind := msgpack.KindOf(value[0]); kind == msgpack.Map || kind == msgpack.Array {
			return appendBase64(nil, raw), nil
		}
	}
	if name, ok := key["Name"]; ok && len(key) == 1 && msgpack.KindOf(name[0]) == msgpack.String {
		return encodeAll(nil, name, appendAny)
	}
	text, err := encodeAll(nil, raw, appendAny)
	return appendString(nil, string(text)), err
}
