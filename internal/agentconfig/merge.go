package agentconfig

import (
	"maps"
	"slices"
)

// merge lays src over dst: scalars are replaced, lists appended, maps merged key by key. src stays as it is.
func (dst values) merge(src values) {
	for path, v := range src {
		dst[path] = combine(dst[path], v)
	}
}

// combine returns what a later value makes of an earlier one; earlier may be nil.
func combine(earlier, later any) any {
	switch later := later.(type) {
	case []string:
		old, _ := earlier.([]string)
		return slices.Concat(old, later)
	case []any:
		old, _ := earlier.([]any)
		return slices.Concat(old, later)
	case []values:
		old, _ := earlier.([]values)
		return slices.Concat(old, later)
	case map[string]string:
		old, _ := earlier.(map[string]string)
		merged := make(map[string]string, len(old)+len(later))
		maps.Copy(merged, old)
		maps.Copy(merged, later)
		return merged
	}
	return later
}
