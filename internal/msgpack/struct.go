package msgpack

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxItems bounds the items of an array of structs: a nil of one byte can stand for a struct of hundreds.
const maxItems = 1 << 16

// Raw is one value of any kind, kept as it came. An empty Raw is written as nil.
type Raw []byte

// Extra, as the type of a struct field, keeps the entries of the struct's map that no other field takes, in the order they came.
type Extra []Entry

// An Entry is one pair of a map, its value untouched.
type Entry struct {
	Key   string
	Value Raw
}

// Unmarshal reads the one value that b holds into the value that v points to, a struct or anything a field may be. Keys that are
// absent leave a zero value; nil stands for the zero value of any kind. The result shares no memory with b.
func Unmarshal(b []byte, v any) error {
	d := NewDecoder(b)
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errTrailing(d)
	}
	return nil
}

// Decode reads the next value into what v points to, as [Unmarshal] does.
func (d *Decoder) Decode(v any) error {
	rv := reflect.ValueOf(v).Elem()
	return codecFor(rv.Type()).decode(d, rv)
}

// Append appends the encoding of v, a struct or anything that a field of one may be, or a pointer to it.
func Append(b []byte, v any) []byte {
	rv := reflect.ValueOf(v)
	return codecFor(rv.Type()).encode(b, rv)
}

// A codec reads and writes the values of one Go type.
type codec struct {
	decode func(*Decoder, reflect.Value) error
	encode func([]byte, reflect.Value) []byte
}

var codecs sync.Map // reflect.Type -> *codec

func codecFor(t reflect.Type) *codec {
	if c, ok := codecs.Load(t); ok {
		return c.(*codec)
	}
	c, _ := codecs.LoadOrStore(t, newCodec(t))
	return c.(*codec)
}

var (
	rawType   = reflect.TypeFor[Raw]()
	extraType = reflect.TypeFor[Extra]()
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

func newCodec(t reflect.Type) *codec {
	switch t {
	case rawType:
		return &codec{decodeRaw, encodeRaw}
	case timeType:
		return &codec{decodeTime, encodeTime}
	case bytesType:
		return &codec{decodeBytes, encodeBytes}
	}
	switch t.Kind() {
	case reflect.String:
		return &codec{decodeString, func(b []byte, v reflect.Value) []byte { return AppendString(b, v.String()) }}
	case reflect.Bool:
		return &codec{decodeBool, func(b []byte, v reflect.Value) []byte { return AppendBool(b, v.Bool()) }}
	case reflect.Float32:
		return &codec{decodeFloat, func(b []byte, v reflect.Value) []byte { return AppendFloat32(b, float32(v.Float())) }}
	case reflect.Float64:
		return &codec{decodeFloat, func(b []byte, v reflect.Value) []byte { return AppendFloat64(b, v.Float()) }}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &codec{decodeInt, func(b []byte, v reflect.Value) []byte { return AppendInt(b, v.Int()) }}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &codec{decodeUint, func(b []byte, v reflect.Value) []byte { return AppendUint(b, v.Uint()) }}
	case reflect.Pointer:
		return pointerCodec(t)
	case reflect.Slice:
		return sliceCodec(t)
	case reflect.Map:
		return mapCodec(t)
	case reflect.Struct:
		return structCodec(t)
	}
	panic("msgpack: no codec for " + t.String())
}

func decodeRaw(d *Decoder, v reflect.Value) error {
	raw, err := d.Raw()
	if err == nil {
		v.SetBytes(slices.Clone(raw))
	}
	return err
}

func encodeRaw(b []byte, v reflect.Value) []byte {
	if v.Len() == 0 {
		return AppendNil(b)
	}
	return append(b, v.Bytes()...)
}

// decodeTime reads the form of time.Time.MarshalBinary: 15 or 16 bytes in a string.
func decodeTime(d *Decoder, v reflect.Value) error {
	at := d.off
	raw, err := d.Bytes()
	if err != nil || raw == nil {
		v.SetZero()
		return err
	}
	if err := v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(raw); err != nil {
		return fmt.Errorf("%w: at byte %d: %v", ErrCorrupt, at, err)
	}
	return nil
}

func encodeTime(b []byte, v reflect.Value) []byte {
	raw, err := v.Interface().(time.Time).MarshalBinary()
	if err != nil { // only for zones that no decoded time can have
		raw, _ = v.Interface().(time.Time).UTC().MarshalBinary()
	}
	return AppendString(b, raw)
}

// decodeBytes reads an empty byte string as nil, as Consul does when it fills a nil slice.
func decodeBytes(d *Decoder, v reflect.Value) error {
	raw, err := d.Bytes()
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		v.SetZero()
		return nil
	}
	v.SetBytes(slices.Clone(raw))
	return nil
}

func encodeBytes(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return AppendNil(b)
	}
	return AppendString(b, v.Bytes())
}

func decodeString(d *Decoder, v reflect.Value) error {
	raw, err := d.Text()
	if err == nil {
		v.SetString(string(raw))
	}
	return err
}

func decodeBool(d *Decoder, v reflect.Value) error {
	x, err := d.Bool()
	if err == nil {
		v.SetBool(x)
	}
	return err
}

func decodeFloat(d *Decoder, v reflect.Value) error {
	x, err := d.Float()
	if err == nil {
		v.SetFloat(x)
	}
	return err
}

func decodeInt(d *Decoder, v reflect.Value) error {
	x, err := d.Int(v.Type().Bits())
	if err == nil {
		v.SetInt(x)
	}
	return err
}

func decodeUint(d *Decoder, v reflect.Value) error {
	x, err := d.Uint(v.Type().Bits())
	if err == nil {
		v.SetUint(x)
	}
	return err
}

func pointerCodec(t reflect.Type) *codec {
	elem := codecFor(t.Elem())
	return &codec{
		decode: func(d *Decoder, v reflect.Value) error {
			if d.Nil() {
				v.SetZero()
				return nil
			}
			v.Set(reflect.New(t.Elem()))
			return elem.decode(d, v.Elem())
		},
		encode: func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return AppendNil(b)
			}
			return elem.encode(b, v.Elem())
		},
	}
}

func sliceCodec(t reflect.Type) *codec {
	elem := codecFor(t.Elem())
	inner := t.Elem()
	if inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	large := inner.Kind() == reflect.Struct && inner != timeType
	return &codec{
		decode: func(d *Decoder, v reflect.Value) error {
			n, isNil, err := d.ArrayHead()
			if err != nil {
				return err
			}
			if isNil {
				v.SetZero()
				return nil
			}
			if large && n > maxItems {
				return fmt.Errorf("%w: before byte %d: an array of %d items, more than %d", ErrCorrupt, d.off, n, maxItems)
			}
			s := reflect.MakeSlice(t, n, n)
			for i := range n {
				if err := elem.decode(d, s.Index(i)); err != nil {
					return fmt.Errorf("[%d]: %w", i, err)
				}
			}
			v.Set(s)
			return nil
		},
		encode: func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return AppendNil(b)
			}
			b = AppendArrayHead(b, v.Len())
			for i := range v.Len() {
				b = elem.encode(b, v.Index(i))
			}
			return b
		},
	}
}

func mapCodec(t reflect.Type) *codec {
	if t.Key().Kind() != reflect.String {
		panic("msgpack: no codec for " + t.String())
	}
	if t == textMapType {
		return &codec{decode: decodeTextMap, encode: encodeTextMap}
	}
	elem := codecFor(t.Elem())
	return &codec{
		decode: func(d *Decoder, v reflect.Value) error {
			n, isNil, err := d.MapHead()
			if err != nil {
				return err
			}
			if isNil {
				v.SetZero()
				return nil
			}
			m := reflect.MakeMap(t)
			for range n {
				if err := decodePair(d, t, elem, m); err != nil {
					return err
				}
			}
			v.Set(m)
			return nil
		},
		encode: func(b []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return AppendNil(b)
			}
			keys := v.MapKeys()
			slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
			b = AppendMapHead(b, len(keys))
			for _, k := range keys {
				b = AppendString(b, k.String())
				b = elem.encode(b, v.MapIndex(k))
			}
			return b
		},
	}
}

// textMapType is by far the commonest map. What it holds is read and written without a reflect.Value for each string.
var textMapType = reflect.TypeFor[map[string]string]()

func decodeTextMap(d *Decoder, v reflect.Value) error {
	n, isNil, err := d.MapHead()
	if err != nil {
		return err
	}
	if isNil {
		v.SetZero()
		return nil
	}
	m := make(map[string]string, min(n, 64))
	for range n {
		key, err := d.Text()
		if err != nil {
			return err
		}
		value, err := d.Text()
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		m[string(key)] = string(value)
	}
	*v.Addr().Interface().(*map[string]string) = m
	return nil
}

func encodeTextMap(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return AppendNil(b)
	}
	m := v.Interface().(map[string]string)
	var few [16]string
	keys := slices.AppendSeq(few[:0], maps.Keys(m))
	slices.Sort(keys)
	b = AppendMapHead(b, len(keys))
	for _, k := range keys {
		b = AppendString(AppendString(b, k), m[k])
	}
	return b
}

func decodePair(d *Decoder, t reflect.Type, elem *codec, m reflect.Value) error {
	key, err := d.Text()
	if err != nil {
		return err
	}
	k := reflect.New(t.Key()).Elem()
	k.SetString(string(key))
	val := reflect.New(t.Elem()).Elem()
	if err := elem.decode(d, val); err != nil {
		return fmt.Errorf("%q: %w", k.String(), err)
	}
	m.SetMapIndex(k, val)
	return nil
}
