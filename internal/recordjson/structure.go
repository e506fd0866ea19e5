package recordjson

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// A field is one field of a structure.
type field struct {
	name   string // on the wire
	head   []byte // name and colon in the output
	absent []byte // msgpack value to assume if the record does not have the field
	hidden bool
	empty  bool // to be left out if empty
	zero   bool // to be left out if all fields of the struct are zero
	encode encoder
}

func newField(f reflect.StructField) field {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	kind := f.Type.Kind()
	out := field{
		name:   f.Name,
		hidden: name == "-",
		empty:  options == "omitempty" && kind != reflect.Struct,
		zero:   options == "omitzero",
		encode: newEncoder(f.Type),
		absent: msgpack.AppendNil(nil),
	}
	if constant := f.Tag.Get("absent"); constant != "" {
		out.absent = msgpack.AppendString(nil, constant)
	}
	if name == "" {
		name = f.Name
	}
	out.head = append(appendString(nil, name), ':')
	return out
}

// A structure is a struct: what encoding/json would print of it, and then what it does not know.
type structure struct {
	fields []field
	byName map[string]int
}

func structEncoder(t reflect.Type) encoder {
	s := &structure{byName: map[string]int{}}
	for i := range t.NumField() {
		s.byName[t.Field(i).Name] = i
		s.fields = append(s.fields, newField(t.Field(i)))
	}
	return s.encode
}

func (s *structure) encode(b []byte, d *msgpack.Decoder) ([]byte, bool, error) {
	values, unknown, err := s.read(d)
	if err != nil {
		return b, false, err
	}
	allZero := true
	b = append(b, '{')
	start := len(b)
	for i, f := range s.fields {
		value := values[i]
		if value == nil {
			value = f.absent
		}
		mark := len(b)
		b = append(comma(b, start), f.head...)
		inner, zero, err := f.encode(b, msgpack.NewDecoder(value))
		if err != nil {
			return b, false, fmt.Errorf("%s: %w", f.name, err)
		}
		allZero = allZero && zero
		b = inner
		if f.hidden || zero && (f.empty || f.zero) {
			b = b[:mark]
		}
	}
	for _, p := range unknown {
		b = append(append(append(comma(b, start), p.key...), ':'), p.value...)
	}
	return append(b, '}'), allZero && len(unknown) == 0, nil
}

// comma appends a comma unless b has nothing behind start yet.
func comma(b []byte, start int) []byte {
	if len(b) > start {
		return append(b, ',')
	}
	return b
}

// read takes the map apart: the bytes of the known fields, nil where one is absent, and the others, encoded.
func (s *structure) read(d *msgpack.Decoder) (values [][]byte, unknown []pair, err error) {
	n, _, err := d.MapHead()
	if err != nil {
		return nil, nil, err
	}
	values = make([][]byte, len(s.fields))
	for range n {
		name, err := d.Text()
		if err != nil {
			return nil, nil, fmt.Errorf("key of a struct: %w", err)
		}
		value, err := d.Raw()
		if err != nil {
			return nil, nil, fmt.Errorf("%q: %w", name, err)
		}
		if i, ok := s.byName[string(name)]; ok {
			values[i] = value
			continue
		}
		text, err := encodeAll(nil, value, appendAny)
		if err != nil {
			return nil, nil, fmt.Errorf("%q: %w", name, err)
		}
		unknown = append(unknown, pair{appendString(nil, string(name)), text})
	}
	slices.SortStableFunc(unknown, func(x, y pair) int { return slices.Compare(x.key, y.key) })
	return values, unknown, nil
}
