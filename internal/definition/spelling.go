package definition

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// spelling brings decoded JSON into the spelling of the Go types: names of fields, and durations as numbers. Keys of maps, which
// are the operator's own, are not touched. Values of the wrong type are left for the strict decoder to refuse.
type spelling struct {
	unwrap bool // a list of one object stands for the object, as HCL writes it
}

// aliases are second names of fields. The name itself wins, except that an ID beats a CheckID.
var aliases = map[string]string{"args": "ScriptArgs", "id": "CheckID"}

func typeOf(v any) reflect.Type { return reflect.TypeOf(v).Elem() }

var durationType = reflect.TypeFor[time.Duration]()

func (s spelling) canonical(v any, t reflect.Type) (any, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == durationType:
		return duration(v)
	case t.Kind() == reflect.Struct:
		return s.object(v, t)
	case t.Kind() == reflect.Slice:
		return s.list(v, t.Elem())
	case t.Kind() == reflect.Map:
		return s.entries(v, t.Elem())
	}
	return v, nil
}

// duration turns a text such as "10s" into nanoseconds.
func duration(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if text == "" {
		return json.Number("0"), nil
	}
	d, err := time.ParseDuration(text)
	return json.Number(strconv.FormatInt(int64(d), 10)), err
}

func (s spelling) object(v any, t reflect.Type) (any, error) {
	m, ok := s.only(v).(map[string]any)
	if !ok {
		return v, nil
	}
	out := make(map[string]any, len(m))
	rank := map[string]int{}
	for key, value := range m {
		name, r := key, 0
		if f, ok := field(t, key); ok {
			var err error
			if value, err = s.canonical(value, f.Type); err != nil {
				return nil, err
			}
			name, r = f.Name, precedence(f.Name, key)
		}
		if value == "" {
			r = -1 // says nothing
		}
		if have, ok := rank[name]; !ok || r > have {
			out[name], rank[name] = value, r
		}
	}
	return out, nil
}

// field finds the field of a struct that is meant by key.
func field(t reflect.Type, key string) (reflect.StructField, bool) {
	plain := strings.ReplaceAll(key, "_", "")
	find := func(name string) (reflect.StructField, bool) {
		return t.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
	}
	f, ok := find(plain)
	if alias := aliases[strings.ToLower(plain)]; !ok && alias != "" {
		f, ok = find(alias)
	}
	return f, ok && f.IsExported()
}

// precedence orders the spellings of one field, should an object have several.
func precedence(name, key string) int {
	switch {
	case strings.EqualFold(key, "ID"):
		return 4
	case name == key:
		return 3
	case strings.EqualFold(name, key):
		return 2
	case strings.EqualFold(name, strings.ReplaceAll(key, "_", "")):
		return 1
	}
	return 0
}

func (s spelling) list(v any, elem reflect.Type) (any, error) {
	l, ok := v.([]any)
	if !ok {
		return v, nil
	}
	out := make([]any, len(l))
	for i := range l {
		var err error
		if out[i], err = s.canonical(l[i], elem); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s spelling) entries(v any, elem reflect.Type) (any, error) {
	v = s.only(v)
	m, ok := v.(map[string]any)
	if !ok || elem.Kind() == reflect.Interface {
		return v, nil
	}
	out := make(map[string]any, len(m))
	for key, value := range m {
		var err error
		if out[key], err = s.canonical(value, elem); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// only takes an object out of a list of one.
func (s spelling) only(v any) any {
	if l, ok := v.([]any); ok && s.unwrap && len(l) == 1 {
		if m, ok := l[0].(map[string]any); ok {
			return m
		}
	}
	return v
}

// nested takes keys such as "weights.passing", which configuration uses for small objects, apart.
func nested(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		parent, child, ok := strings.Cut(key, ".")
		if !ok {
			out[key] = value
			continue
		}
		inner, ok := out[parent].(map[string]any)
		if !ok {
			inner = map[string]any{}
			out[parent] = inner
		}
		inner[child] = value
	}
	return out
}

// number makes a JSON number of any size an integer if it is one, else a float.
func number(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("number %s is out of range", n)
	}
	return f, nil
}
