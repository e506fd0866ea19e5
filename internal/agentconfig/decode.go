package agentconfig

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// values holds settings by canonical path. The Go type of a value follows from the kind of its key.
type values map[string]any

// decoder checks the raw tree of one file against the schema. It collects all faults before it fails.
type decoder struct {
	unwrap  bool     // a one-element list stands for an object (HCL cannot tell them apart)
	faults  []string // type errors
	unknown []string // paths of unknown keys
}

// decode turns the raw tree of one file into values.
// Type errors are reported first and alone; unknown keys are reported all together, sorted by path.
func decode(raw map[string]any, unwrap bool) (values, error) {
	d := &decoder{unwrap: unwrap}
	out := values{}
	d.block(schema, "", raw, out)
	if len(d.faults) > 0 {
		slices.Sort(d.faults)
		return nil, fmt.Errorf("%d error(s) decoding:\n\n* %s", len(d.faults), strings.Join(d.faults, "\n* "))
	}
	if len(d.unknown) > 0 {
		return nil, unknownKeys(d.unknown)
	}
	foldSingles(out)
	return out, nil
}

func unknownKeys(paths []string) error {
	slices.Sort(paths)
	var errs *multierror.Error
	for _, p := range paths {
		errs = multierror.Append(errs, fmt.Errorf("invalid config key %s", p))
	}
	return errs
}

// foldSingles moves the one service and the one check a file may hold to the lists, so that files add up.
func foldSingles(v values) {
	for single, list := range map[string]string{"service": "services", "check": "checks"} {
		one, ok := v[single].(values)
		if !ok {
			continue
		}
		have, _ := v[list].([]values)
		v[list] = append(have, one)
		delete(v, single)
	}
}

// block decodes the fields of an object. shown is the path for messages: the canonical one, with indexes.
func (d *decoder) block(n *node, shown string, raw map[string]any, out values) {
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		child := n.match(name, raw)
		switch {
		case child != nil:
			d.child(child, join(shown, lastElement(child.path)), raw[name], out)
		case n.open:
			if raw[name] != nil {
				out[join(n.path, strings.ToLower(name))] = raw[name]
			}
		default:
			d.unknown = append(d.unknown, join(shown, name))
		}
	}
}

// match returns the field that name stands for, or nil. Where several spellings of a field are present, the
// canonical one wins, then another case of it, then the alias; the losers are unknown keys, except aliases,
// which match nothing but are not wrong either.
func (n *node) match(name string, raw map[string]any) *node {
	lower := strings.ToLower(name)
	if target, ok := n.aliases[lower]; ok {
		if spelling(raw, target) != "" {
			return ignored
		}
		if spelling(raw, lower) == name {
			return n.children[target]
		}
		return nil
	}
	if child := n.children[lower]; child != nil && spelling(raw, lower) == name {
		return child
	}
	return nil
}

// ignored is the field of an alias whose canonical name is present too.
var ignored = &node{path: "", leaf: &key{kind: kindAny}}

// spelling returns the key of raw that counts as name: the exact one, else the first in byte order that differs
// in case only, else "".
func spelling(raw map[string]any, name string) string {
	if _, ok := raw[name]; ok {
		return name
	}
	best := ""
	for k := range raw {
		if strings.EqualFold(k, name) && (best == "" || k < best) {
			best = k
		}
	}
	return best
}

// child decodes one field into out. A null counts as not set.
func (d *decoder) child(n *node, shown string, raw any, out values) {
	if raw == nil || n == ignored {
		return
	}
	if n.leaf == nil {
		if m, ok := d.object(shown, raw); ok {
			d.block(n, shown, m, out)
		}
		return
	}
	if v, ok := d.value(n, shown, raw); ok {
		out[n.path] = v
	}
}

// value decodes the value of a leaf.
func (d *decoder) value(n *node, shown string, raw any) (any, bool) {
	switch n.leaf.kind {
	case kindAny:
		return raw, true
	case kindList:
		return list(d, shown, raw, func(shown string, v any) (string, bool) {
			return scalar[string](d, n, "string", shown, v)
		})
	case kindAnyList:
		return list(d, shown, raw, func(_ string, v any) (any, bool) { return v, true })
	case kindObjects:
		return list(d, shown, raw, func(shown string, v any) (values, bool) { return d.sub(n, shown, v) })
	case kindObject:
		return d.sub(n, shown, raw)
	case kindMap, kindListMap, kindObjectMap:
		return d.mapping(n, shown, raw)
	default:
		return d.scalar(n, shown, raw)
	}
}

func (d *decoder) scalar(n *node, shown string, raw any) (any, bool) {
	switch n.leaf.kind {
	case kindBool:
		return scalar[bool](d, n, "bool", shown, raw)
	case kindInt:
		return d.integer(n, shown, raw)
	case kindFloat:
		if i, ok := raw.(int); ok {
			return float64(i), true
		}
		return scalar[float64](d, n, "float64", shown, raw)
	default:
		return scalar[string](d, n, "string", shown, raw)
	}
}

// integer takes JSON's numbers too, which arrive as float64, as long as they are whole.
func (d *decoder) integer(n *node, shown string, raw any) (any, bool) {
	if f, ok := raw.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f), true
	}
	return scalar[int](d, n, "int", shown, raw)
}

func scalar[T any](d *decoder, n *node, want, shown string, raw any) (T, bool) {
	v, ok := raw.(T)
	if !ok {
		seen := fmt.Sprintf("'%v'", raw)
		if n.leaf.secret {
			seen = "hidden"
		}
		d.fault("'%s' expected type '%s', got unconvertible type '%s', value: %s", shown, want, typeName(raw), seen)
	}
	return v, ok
}

func (d *decoder) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}

// list decodes every element of a list. Elements that are null are left out.
func list[T any](d *decoder, shown string, raw any, element func(shown string, raw any) (T, bool)) ([]T, bool) {
	items, ok := asList(raw)
	if !ok {
		d.fault("'%s': source data must be an array or slice, got %s", shown, kindName(raw))
		return nil, false
	}
	out := make([]T, 0, len(items))
	for i, item := range items {
		if item == nil {
			continue
		}
		if v, ok := element(fmt.Sprintf("%s[%d]", shown, i), item); ok {
			out = append(out, v)
		}
	}
	return out, true
}

func asList(raw any) ([]any, bool) {
	switch l := raw.(type) {
	case []any:
		return l, true
	case []map[string]any:
		out := make([]any, len(l))
		for i, m := range l {
			out[i] = m
		}
		return out, true
	}
	return nil, false
}

// sub decodes an object that has a schema of its own.
func (d *decoder) sub(n *node, shown string, raw any) (values, bool) {
	m, ok := d.object(shown, raw)
	if !ok {
		return nil, false
	}
	out := values{}
	d.block(n.sub, shown, m, out)
	return out, true
}

// mapping decodes the map kinds. Their keys are the operator's own and keep their case.
func (d *decoder) mapping(n *node, shown string, raw any) (any, bool) {
	m, ok := d.object(shown, raw)
	if !ok {
		return nil, false
	}
	str := func(shown string, v any) (string, bool) { return scalar[string](d, n, "string", shown, v) }
	switch n.leaf.kind {
	case kindListMap:
		return entries(shown, m, func(shown string, v any) ([]string, bool) { return list(d, shown, v, str) }), true
	case kindObjectMap:
		return entries(shown, m, func(shown string, v any) (values, bool) { return d.sub(n, shown, v) }), true
	default:
		return entries(shown, m, str), true
	}
}

func entries[T any](shown string, m map[string]any, element func(shown string, raw any) (T, bool)) map[string]T {
	out := make(map[string]T, len(m))
	for name, raw := range m {
		if raw == nil {
			continue
		}
		if v, ok := element(fmt.Sprintf("%s[%s]", shown, name), raw); ok {
			out[name] = v
		}
	}
	return out
}

// object returns raw as an object, or records that it is none.
func (d *decoder) object(shown string, raw any) (map[string]any, bool) {
	if m, ok := raw.(map[string]any); ok {
		return m, true
	}
	if items, ok := asList(raw); ok && d.unwrap && len(items) == 1 {
		if m, ok := items[0].(map[string]any); ok {
			return m, true
		}
	}
	d.fault("'%s' expected a map, got '%s'", shown, kindName(raw))
	return nil, false
}

// kindName names the kind of a decoded value: "slice", "map", "string", …
func kindName(raw any) string { return reflect.TypeOf(raw).Kind().String() }

// typeName names the type of a decoded value as Go writes it.
func typeName(raw any) string { return reflect.TypeOf(raw).String() }
