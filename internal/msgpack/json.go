package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// IsZero tells whether the value is nil, or a map or text without content.
func (r Raw) IsZero() bool {
	return len(r) == 0 || len(r) == 1 && (r[0] == codeNil || r[0] == 0x80 || r[0] == 0xa0)
}

// MarshalJSON returns the value as JSON. Bytes that are no text become text all the same, as Consul's own decoder has them.
func (r Raw) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	if _, err := Length(r); err != nil { // also bounds how deep plain can recurse
		return nil, err
	}
	v, err := plain(NewDecoder(r))
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// plain reads a value of any kind.
func plain(d *Decoder) (any, error) {
	switch d.Peek() {
	case Nil:
		d.Nil()
		return nil, nil
	case Bool:
		return d.Bool()
	case Int:
		neg, magnitude, err := d.integer()
		if neg {
			return -int64(magnitude), err
		}
		return magnitude, err
	case Float:
		return d.Float()
	case Array:
		n, _, err := d.ArrayHead()
		list := []any{}
		for range n {
			v, err := plain(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, err
	case Map:
		return plainMap(d)
	}
	b, err := d.Bytes()
	return string(b), err
}

func plainMap(d *Decoder) (any, error) {
	n, _, err := d.MapHead()
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	for range n {
		key, err := plain(d)
		if err != nil {
			return nil, err
		}
		if m[fmt.Sprint(key)], err = plain(d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// maxJSONDepth bounds the nesting of JSON that becomes a Raw.
const maxJSONDepth = 64

// UnmarshalJSON keeps a JSON value of any kind. Whole numbers become integers.
func (r *Raw) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	b, err := appendPlain(nil, v, maxJSONDepth)
	if err == nil {
		*r = b
	}
	return err
}

func appendPlain(b []byte, v any, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, errors.New("nested too deeply")
	}
	var err error
	switch v := v.(type) {
	case nil:
		return AppendNil(b), nil
	case bool:
		return AppendBool(b, v), nil
	case string:
		return AppendString(b, v), nil
	case json.Number:
		return appendNumber(b, v)
	case []any:
		b = AppendArrayHead(b, len(v))
		for _, x := range v {
			if b, err = appendPlain(b, x, depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		b = AppendMapHead(b, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if b, err = appendPlain(AppendString(b, key), v[key], depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("a value of type %T has no place in JSON", v)
}

func appendNumber(b []byte, n json.Number) ([]byte, error) {
	if i, err := n.Int64(); err == nil {
		return AppendInt(b, i), nil
	}
	f, err := n.Float64()
	return AppendFloat64(b, f), err
}
