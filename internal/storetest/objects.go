package storetest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// objects are those of a bucket, by key.
type objects map[string]object

type object struct {
	content  []byte
	size     int64
	modified time.Time
}

func (o objects) put(key string, content []byte) {
	o[key] = object{content, int64(len(content)), time.Now()}
}

// A page is a part of a list.
type page struct {
	keys    []string
	folders []string // what stands before a slash, with the slash
	next    string   // after which the next page begins; empty on the last one
}

// page lists up to limit keys with a prefix that come after another one; with folders, none that has a slash after the prefix.
func (o objects) page(prefix, after string, folders bool, limit int) (p page) {
	seen := map[string]bool{}
	for _, key := range sortedKeys(o) {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok || key <= after {
			continue
		}
		if folder, _, ok := strings.Cut(rest, "/"); ok && folders {
			seen[prefix+folder+"/"] = true
			continue
		}
		if len(p.keys) == limit {
			p.next = p.keys[limit-1]
			break
		}
		p.keys = append(p.keys, key)
	}
	p.folders = sortedKeys(seen)
	return p
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
