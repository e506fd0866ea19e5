package diff

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
)

// A Field is a field in which two objects differ. Its path leads to it through the names of structs and maps, with dots between them.
type Field struct {
	Path          string
	Before, After any // as JSON has them; nil if it is empty, or not there
}

// Fields are those in which two objects differ, in order. There are none if the two differ in form alone, as nothing and an empty list do.
func (v View) Fields(before, after *object.Object) ([]Field, error) {
	a, err := v.tree(before)
	if err != nil {
		return nil, err
	}
	b, err := v.tree(after)
	if err != nil {
		return nil, err
	}
	return v.fields(after, a, b), nil
}

// fields are those in which the two forms of an object differ, given as JSON with their secrets.
func (v View) fields(o *object.Object, before, after map[string]any) (all []Field) {
	a, b := map[string]any{}, map[string]any{}
	gather(a, "", before)
	gather(b, "", after)
	paths := slices.Collect(maps.Keys(a))
	for path := range b {
		if _, both := a[path]; !both {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	hidden := secrets(o)
	for _, path := range paths {
		if reflect.DeepEqual(a[path], b[path]) {
			continue
		}
		f := Field{path, a[path], b[path]}
		if !v.Secrets && slices.Contains(hidden, path) {
			f.Before, f.After = masked(f.Before), masked(f.After)
		}
		all = append(all, f)
	}
	return all
}

func masked(value any) any {
	if value == nil {
		return nil
	}
	return Hidden
}

// gather gathers the fields that hold something, by their paths. A list is one of them.
func gather(all map[string]any, at string, m map[string]any) {
	for name, value := range m {
		if inner, ok := value.(map[string]any); ok {
			gather(all, at+name+".", inner)
		} else if !empty(value) {
			all[at+name] = value
		}
	}
}

// empty tells whether a value is as good as none.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
