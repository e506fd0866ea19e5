package snapshotconfig

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// Names of the objects that hold everything else.
const (
	topObject         = "snapshot_agent"
	destinationsBlock = "backup_destinations"
)

// destination is an element of backup_destinations.
type destination struct {
	block string // s3Block, …
	set   values
	name  string // for messages
}

// file is what a configuration file says.
type file struct {
	set          values
	present      bool // it has a snapshot_agent
	severalFrom  string
	destinations []destination
	hooks        []hook
}

// decoder checks the tree of one file against the table of keys. It collects all faults before it fails.
type decoder struct {
	path   string // of the file
	faults []string
}

// decode turns the tree of a file into values. All faults are in the one error.
func decode(path string, raw map[string]any) (*file, error) {
	d := &decoder{path: path}
	f := &file{set: values{}}
	for _, field := range d.fields("", raw) {
		if field.name != topObject || field.raw == nil {
			continue
		}
		f.present = true
		if agent, ok := d.object(topObject, field.raw); ok {
			d.agent(agent, f)
		}
	}
	if len(d.faults) > 0 {
		slices.Sort(d.faults)
		return nil, fmt.Errorf("failed to parse %s: %w", path, &Faults{d.faults})
	}
	return f, nil
}

// field is a member of an object, its name in lower case. shown is its path in messages.
type field struct {
	name, shown string
	raw         any
}

// fields returns the members of an object by name. A name in two spellings is a fault, but for the outermost object, which may hold
// anything.
func (d *decoder) fields(at string, raw map[string]any) []field {
	var list []field
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		lower := strings.ToLower(name)
		shown := name
		if at != "" {
			shown = at + "." + name
		}
		if seen[lower] && (at != "" || lower == topObject) {
			d.fault("%s: the key is there twice, in two spellings", shown)
		}
		seen[lower] = true
		list = append(list, field{lower, shown, raw[name]})
	}
	return list
}

// agent decodes the object snapshot_agent.
func (d *decoder) agent(raw map[string]any, f *file) {
	for _, field := range d.fields(topObject, raw) {
		switch {
		case field.name == destinationsBlock && field.raw != nil:
			f.severalFrom = d.path
			if m, ok := d.object(field.shown, field.raw); ok {
				f.destinations = d.destinations(field.shown, m)
			}
		case field.name == hooksBlock:
			if m, ok := d.object(field.shown, field.raw); ok {
				f.hooks = d.hooks(field.shown, m)
			}
		case blocks[field.name]:
			if m, ok := d.object(field.shown, field.raw); ok {
				d.block(field.name, field.shown, m, f.set)
			}
		default:
			d.leaf(field.name, field, f.set)
		}
	}
}

// blocks are the paths of the objects in snapshot_agent that hold keys.
var blocks = func() map[string]bool {
	names := map[string]bool{}
	for path := range known {
		for at, c := range path {
			if c == '.' && !slices.Contains(hookBlocks, path[:at]) {
				names[path[:at]] = true
			}
		}
	}
	return names
}()

// block decodes the keys of an object.
func (d *decoder) block(block, shown string, raw map[string]any, into values) {
	for _, field := range d.fields(shown, raw) {
		if blocks[block+"."+field.name] {
			if m, ok := d.object(field.shown, field.raw); ok {
				d.block(block+"."+field.name, field.shown, m, into)
			}
			continue
		}
		d.leaf(block+"."+field.name, field, into)
	}
}

// destinations decodes the object backup_destinations.
func (d *decoder) destinations(at string, raw map[string]any) (list []destination) {
	d.lists(at, raw, append([]string{localBlock}, remoteBlocks...), func(block string, set values, name string) {
		list = append(list, destination{block, set, name})
	})
	return list
}

// lists decodes an object that has lists of blocks of the kinds that are known, and calls add for each block. An object where a list should be
// counts as a list of one.
func (d *decoder) lists(at string, raw map[string]any, known []string, add func(block string, set values, name string)) {
	for _, field := range d.fields(at, raw) {
		if !slices.Contains(known, field.name) {
			d.fault("invalid config key %s", field.shown)
			continue
		}
		if field.raw == nil {
			continue
		}
		items, ok := asList(field.raw)
		if !ok {
			items = []any{field.raw}
		}
		for i, item := range items {
			name := fmt.Sprintf("%s[%d]", field.shown, i)
			if m, ok := d.object(name, item); ok {
				set := values{}
				d.block(field.name, name, m, set)
				add(field.name, set, name+" in "+d.path)
			}
		}
	}
}

// leaf decodes the value of a key. A null counts as not there.
func (d *decoder) leaf(path string, field field, into values) {
	k := known[path]
	if k == nil {
		d.fault("invalid config key %s", field.shown)
		return
	}
	if field.raw == nil {
		return
	}
	v, err := k.decode(field.raw)
	if err != nil {
		d.fault("%s: %v", field.shown, err)
		return
	}
	into[path] = value{v: v, from: d.path}
}

// decode reads a value of a file. Errors name types, never values.
func (k *key) decode(raw any) (any, error) {
	text, isText := raw.(string)
	n, isWhole := whole(raw)
	switch {
	case k.kind == kindBool:
		if b, ok := raw.(bool); ok {
			return b, nil
		}
	case k.kind == kindInt && isWhole:
		return n, nil
	case k.kind == kindPercent && isWhole:
		return retention.ParsePercent(strconv.Itoa(n))
	case (k.kind == kindDuration || k.kind == kindAge) && isWhole && n == 0:
		return time.Duration(0), nil
	case k.kind == kindSize && isWhole && n > 0:
		return int64(n), nil
	case k.kind == kindMap:
		return decodeMap(raw)
	case k.kind == kindList && (!isText || k.flag == ""): // what a flag may give alone, a file may too
		return decodeList(raw)
	case isText && k.kind != kindInt:
		return k.parse(text)
	}
	return nil, fmt.Errorf("expected %s, got %s", kindNames[k.kind], typeName(raw))
}

var kindNames = map[kind]string{
	kindString: "a string", kindBool: "true or false", kindInt: "a whole number", kindMap: "an object of strings",
	kindList:     "a list of strings",
	kindDuration: `a duration in quotes, such as "1h"`, kindSize: `a size in quotes, such as "512MB"`,
	kindAge: `a duration in quotes, such as "36h" or "14d"`, kindPercent: `a percentage in quotes, such as "50%"`,
	kindRate: `a rate in quotes, such as "20MB/s"`,
}

// whole returns a number that has no fraction. JSON's numbers are float64, HCL's are int or float64.
func whole(raw any) (int, bool) {
	switch n := raw.(type) {
	case int:
		return n, true
	case float64:
		return int(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	}
	return 0, false
}

func decodeList(raw any) (any, error) {
	items, ok := asList(raw)
	if !ok {
		return nil, fmt.Errorf("expected %s, got %s", kindNames[kindList], typeName(raw))
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("expected %s, got %s in it", kindNames[kindList], typeName(item))
		}
		out = append(out, text)
	}
	return out, nil
}

func decodeMap(raw any) (any, error) {
	m, ok := asObject(raw)
	if !ok {
		return nil, fmt.Errorf("expected %s, got %s", kindNames[kindMap], typeName(raw))
	}
	out := make(map[string]string, len(m))
	for name, v := range m {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("expected %s, got %s in it", kindNames[kindMap], typeName(v))
		}
		out[name] = text
	}
	return out, nil
}

// object returns raw as an object, or records that it is none.
func (d *decoder) object(shown string, raw any) (map[string]any, bool) {
	if raw == nil {
		return nil, false
	}
	m, ok := asObject(raw)
	if !ok {
		d.fault("%s: expected one object, got %s", shown, typeName(raw))
	}
	return m, ok
}

// asObject takes a list of one for the one: HCL has blocks as lists.
func asObject(raw any) (map[string]any, bool) {
	if items, ok := asList(raw); ok && len(items) == 1 {
		raw = items[0]
	}
	m, ok := raw.(map[string]any)
	return m, ok
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

// typeName names the type of a value in a file.
func typeName(raw any) string {
	switch raw.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int, float64:
		return "a number"
	case string:
		return "a string"
	case map[string]any:
		return "an object"
	}
	items, _ := asList(raw)
	return fmt.Sprintf("a list of %d", len(items))
}

func (d *decoder) fault(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf(format, args...))
}
