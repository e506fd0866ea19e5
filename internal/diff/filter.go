package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Filter says which objects are meant: those that one of its terms names. A nil filter, or one without terms, means all.
type Filter struct{ terms []Term }

// A Term names objects of one family.
type Term struct {
	Word   string // the family, one of [Words]
	Name   string // what is meant of it; a key, or the start of keys
	Prefix bool   // all keys that begin with Name
	All    bool   // all of the family
}

// ParseFilter reads lists of terms, as -only has them, each KIND:NAME with commas between them, and prefixes of keys, as -prefix has them.
//
// kv:KEY is one key, kv:PREFIX/ are all keys that begin so, and KIND: is all of a kind. Everything else is named by its name or ID. In a list
// \, is a comma in a name, and \\ a backslash.
func ParseFilter(only, prefixes []string) (*Filter, error) {
	f := new(Filter)
	for _, list := range only {
		terms, err := splitList(list)
		if err != nil {
			return nil, err
		}
		for _, text := range terms {
			t, err := parseTerm(text)
			if err != nil {
				return nil, err
			}
			f.terms = append(f.terms, t)
		}
	}
	for _, p := range prefixes {
		f.terms = append(f.terms, Term{Word: "kv", Name: p, Prefix: p != "", All: p == ""})
	}
	return f, nil
}

// AddKey adds one key, also one whose name ends in a slash.
func (f *Filter) AddKey(name string) { f.terms = append(f.terms, Term{Word: "kv", Name: name}) }

// splitList takes a list apart at its commas.
func splitList(list string) ([]string, error) {
	var all []string
	var b strings.Builder
	for i := 0; i < len(list); i++ {
		switch c := list[i]; c {
		case '\\':
			if i++; i == len(list) || list[i] != ',' && list[i] != '\\' {
				return nil, fmt.Errorf(`%q: a backslash stands before a comma or a backslash that is part of a name: \, or \\`, list)
			}
			b.WriteByte(list[i])
		case ',':
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	all = append(all, b.String())
	if slices.Contains(all, "") {
		return nil, fmt.Errorf(`%q: there is nothing on one side of a comma; a list is KIND:NAME,KIND:NAME, and \, is a comma in a name`, list)
	}
	return all, nil
}

func parseTerm(text string) (Term, error) {
	word, name, found := strings.Cut(text, ":")
	known := slices.Contains(Words(), word)
	switch {
	case !found && known:
		return Term{}, fmt.Errorf("%q says a kind but not what of it: %s:NAME is one, and %s: is all", text, word, word)
	case !found:
		return Term{}, fmt.Errorf("%q: what is meant is named as KIND:NAME; a key is kv:%s", text, text)
	case !known:
		return Term{}, fmt.Errorf("%q: there is no kind %q; the kinds are %s", text, word, strings.Join(Words(), ", "))
	}
	t := Term{Word: word, Name: name, All: name == ""}
	t.Prefix = word == "kv" && strings.HasSuffix(name, "/")
	return t, nil
}

// String is the term as a list has it, unless no list can say it: a prefix that does not end in a slash, or a key that does.
func (t Term) String() string {
	name := strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(t.Name)
	switch slash := strings.HasSuffix(name, "/"); {
	case t.Prefix && !slash:
		return "-prefix=" + t.Name
	case t.Word == "kv" && slash && !t.Prefix:
		return "-key=" + t.Name
	}
	return t.Word + ":" + name
}

// Terms are what the filter is made of.
func (f *Filter) Terms() []Term {
	if f == nil {
		return nil
	}
	return slices.Clone(f.terms)
}

// Matches tells whether an object is meant.
func (f *Filter) Matches(o *object.Object) bool { return f.matches(o, nil) }

// matches marks the terms that name an object, too.
func (f *Filter) matches(o *object.Object, hits []bool) bool {
	if f == nil || len(f.terms) == 0 {
		return true
	}
	matched := false
	for i := range f.terms {
		if f.terms[i].matches(o) {
			matched = true
			if hits != nil {
				hits[i] = true
			}
		}
	}
	return matched
}

// mayMatch tells whether a record of a type may hold an object that is meant.
func (f *Filter) mayMatch(t record.Type) bool {
	if f == nil || len(f.terms) == 0 {
		return true
	}
	return slices.ContainsFunc(f.terms, func(x Term) bool {
		if x.Word == unknown {
			return !knownType(t)
		}
		return slices.ContainsFunc(families, func(y family) bool { return y.word == x.Word && y.record == t })
	})
}

func (t *Term) matches(o *object.Object) bool {
	if e, ok := o.Value.(*record.KVEntry); ok {
		return t.Word == "kv" && (t.All || e.Key == t.Name || t.Prefix && strings.HasPrefix(e.Key, t.Name))
	}
	if t.Word != Word(o.Family) {
		return false
	}
	return t.All || slices.ContainsFunc(labels(o), func(label string) bool { return label != "" && strings.EqualFold(label, t.Name) })
}

// labels are what an object goes by.
func labels(o *object.Object) []string {
	switch v := o.Value.(type) {
	case object.Node:
		return []string{o.Name, v.Node, v.ID}
	case object.Service:
		return []string{o.Name, v.ID, v.Service}
	case object.Check:
		return []string{o.Name, v.CheckID, v.Name}
	case *record.Session:
		return []string{v.ID, v.Name}
	case *record.PreparedQuery:
		return []string{v.ID, v.Name}
	case *record.ACLToken:
		return []string{v.AccessorID}
	case *record.ACLPolicy:
		return []string{v.ID, v.Name}
	case *record.ACLRole:
		return []string{v.ID, v.Name}
	}
	return []string{o.Name}
}
