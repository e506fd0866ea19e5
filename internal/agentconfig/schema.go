package agentconfig

import (
	"slices"
	"strings"
)

// kind is the type a key's value must have. There is no weak typing: "true" is not a boolean.
type kind int

const (
	kindAny       kind = iota // kept as decoded, unchecked
	kindBool                  // bool
	kindInt                   // int
	kindFloat                 // float64
	kindString                // string
	kindDuration              // string, Go duration syntax; parsed once all sources are merged
	kindList                  // []string, appended across sources
	kindMap                   // map[string]string, merged key by key
	kindListMap               // map[string][]string
	kindObject                // values, described by sub
	kindObjects               // []values, each described by sub, appended across sources
	kindObjectMap             // map[string]values, each described by sub
	kindAnyList               // []any, appended across sources
)

// key describes one configuration key.
type key struct {
	path   string // canonical dotted path, lower case
	kind   kind
	def    any    // value without configuration; nil is the zero value of kind
	alias  string // second spelling of the last path element; the canonical one wins
	secret bool   // the value must not appear in messages
	sub    []key  // fields of the object kinds
}

// hidden marks the key's value as a secret.
func (k key) hidden() key { k.secret = true; return k }

// or gives the key's last element a second spelling.
func (k key) or(alias string) key { k.alias = alias; return k }

// of gives an object kind its fields.
func (k key) of(fields []key) key { k.sub = fields; return k }

// define describes keys of one kind that have no default of their own.
func define(k kind, paths ...string) []key {
	keys := make([]key, len(paths))
	for i, p := range paths {
		keys[i] = key{path: p, kind: k}
	}
	return keys
}

// node is a level of the tree that the dotted paths of a schema form. A leaf has a key, a block has children.
type node struct {
	path     string
	leaf     *key
	sub      *node // tree of leaf.sub
	children map[string]*node
	aliases  map[string]string // alias -> child name
	open     bool              // unknown children are accepted
}

// newTree builds the tree of keys. Paths in open are blocks in which unknown keys are accepted.
// It panics on a contradiction in the tables, which only a change of the tables can cause.
func newTree(keys []key, open []string) *node {
	root := &node{children: map[string]*node{}}
	for i := range keys {
		k := &keys[i]
		n := root.block(k.path)
		if n.leaf != nil || len(n.children) > 0 {
			panic("agentconfig: key defined twice: " + k.path)
		}
		n.leaf = k
		if k.sub != nil {
			n.sub = newTree(k.sub, nil)
		}
		if k.alias != "" {
			root.parent(k.path).aliases[k.alias] = lastElement(k.path)
		}
	}
	for _, p := range open {
		root.block(p).open = true
	}
	return root
}

// block returns the node at a dotted path and creates what is missing.
func (n *node) block(path string) *node {
	for name := range strings.SplitSeq(path, ".") {
		child := n.children[name]
		if child == nil {
			child = &node{path: join(n.path, name), children: map[string]*node{}}
			n.children[name] = child
		}
		n = child
	}
	return n
}

// parent returns the node above path, ready to take aliases.
func (n *node) parent(path string) *node {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		n = n.block(path[:i])
	}
	if n.aliases == nil {
		n.aliases = map[string]string{}
	}
	return n
}

func lastElement(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// join appends an element to a dotted path.
func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// under reports whether path is base or lies below it.
func under(path, base string) bool {
	return path == base || strings.HasPrefix(path, base+".")
}

// schema is the tree of everything a configuration file may contain.
var (
	allKeys    = slices.Concat(identityKeys, addressKeys, joinKeys, raftKeys, httpKeys, processKeys, aclKeys, tlsKeys, otherKeys, oldKeys)
	schema     = newTree(allKeys, openBlocks)
	keyByPath  = indexKeys(allKeys)
	openBlocks = []string{"connect", "peering", "xds", "cloud", "auto_config", "auto_config.authorization", "audit", "reporting", "consul"}
)

func indexKeys(keys []key) map[string]*key {
	index := make(map[string]*key, len(keys))
	for i := range keys {
		index[keys[i].path] = &keys[i]
	}
	return index
}

// isZero reports whether v is the value of a key nobody has set.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case []map[string]any:
		return !slices.ContainsFunc(v, func(m map[string]any) bool { return len(m) > 0 })
	case map[string]any:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case map[string][]string:
		return len(v) == 0
	case values:
		return len(v) == 0
	case []values:
		return len(v) == 0
	case map[string]values:
		return len(v) == 0
	}
	return false
}
