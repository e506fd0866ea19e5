package selective

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Rename gives all keys that begin with Old another beginning.
type Rename struct{ Old, New string }

// ParseRename reads a rename as -rename has it: OLD=NEW.
func ParseRename(text string) (Rename, error) {
	before, after, found := strings.Cut(text, "=")
	switch {
	case !found:
		return Rename{}, fmt.Errorf("%q: a rename is OLD/=NEW/", text)
	case before == after:
		return Rename{}, fmt.Errorf("%q changes no name", text)
	case strings.HasPrefix(after, "/"):
		return Rename{}, fmt.Errorf("%q: keys do not begin with a slash", text)
	case before != "" && after != "" && strings.HasSuffix(before, "/") != strings.HasSuffix(after, "/"):
		return Rename{}, fmt.Errorf("%q: one of the two ends in a slash and the other does not", text)
	}
	return Rename{before, after}, nil
}

// families are those that can be brought back, in the order in which they are written.
var families = []string{
	object.FamilyPolicy, object.FamilyRole, object.FamilyToken, object.FamilyNode, object.FamilyService, object.FamilyCheck,
	object.FamilyQuery, object.FamilyKey,
}

// reasons say why the other families cannot be brought back.
var reasons = map[string]string{
	object.FamilySession: "sessions end with those who hold them; no API makes one again with its ID",
	object.FamilyRule:    "binding rules belong to an auth method, with which they are to be set up",
	object.FamilyMethod:  "what an auth method trusts is of the time when it was set up; it is to be configured anew",
	object.FamilyIndex:   "the API writes no indexes",
}

// reasonFor says why a family cannot be brought back.
func reasonFor(family string) string {
	if r, ok := reasons[family]; ok {
		return r
	}
	return "the public API does not write it as it was; only a restore of the whole snapshot does"
}

// A selection is what is meant: of the source, by the names that it has there, and of the datacenter, by the names that it is to have.
type selection struct {
	filter  *diff.Filter
	terms   []*diff.Filter // one each
	hits    []bool         // what of them the source has
	renames []Rename
}

func newSelection(filter *diff.Filter, renames []Rename) (*selection, error) {
	s := &selection{filter: filter, renames: renames}
	for _, t := range filter.Terms() {
		one, err := filterOf(t)
		if err != nil {
			return nil, err
		}
		s.terms = append(s.terms, one)
	}
	s.hits = make([]bool, len(s.terms))
	for i, r := range renames {
		if slices.ContainsFunc(renames[:i], func(x Rename) bool { return x.Old == r.Old }) {
			return nil, fmt.Errorf("the prefix %q is renamed twice", r.Old)
		}
	}
	if len(renames) > 0 && !s.hasFamily(object.FamilyKey) {
		return nil, errors.New("a rename is for keys, and none are named")
	}
	return s, nil
}

// filterOf is a filter of one term.
func filterOf(t diff.Term) (*diff.Filter, error) {
	if t.Word == "kv" && (t.Prefix || t.All) {
		return diff.ParseFilter(nil, []string{t.Name})
	}
	return diff.ParseFilter([]string{t.String()}, nil)
}

// hasFamily tells whether objects of a family may be meant.
func (s *selection) hasFamily(family string) bool {
	terms := s.filter.Terms()
	return len(terms) == 0 || slices.ContainsFunc(terms, func(t diff.Term) bool { return t.Word == diff.Word(family) })
}

// meant tells whether an object of the source is meant, and notes which terms name it.
func (s *selection) meant(o *object.Object) bool {
	if len(s.terms) == 0 {
		return true
	}
	found := false
	for i, t := range s.terms {
		if t.Matches(o) {
			s.hits[i], found = true, true
		}
	}
	return found
}

// unmatched are the terms that the source has nothing for.
func (s *selection) unmatched() (all []string) {
	for i, t := range s.filter.Terms() {
		if !s.hits[i] {
			all = append(all, t.String())
		}
	}
	return all
}

// renamed is the new name of a key. Of several prefixes the longest counts.
func (s *selection) renamed(key string) string {
	longest := -1
	for i, r := range s.renames {
		if strings.HasPrefix(key, r.Old) && (longest < 0 || len(r.Old) > len(s.renames[longest].Old)) {
			longest = i
		}
	}
	if longest < 0 {
		return key
	}
	return s.renames[longest].New + key[len(s.renames[longest].Old):]
}

// keyMeant tells whether a key of the datacenter is one that a key which is meant would be restored to.
func (s *selection) keyMeant(key string) bool {
	matches := func(name string) bool {
		return s.renamed(name) == key && s.filter.Matches(&object.Object{Family: object.FamilyKey, Value: &record.KVEntry{Key: name}})
	}
	if matches(key) {
		return true
	}
	for _, r := range s.renames {
		if rest, ok := strings.CutPrefix(key, r.New); ok && matches(r.Old+rest) {
			return true
		}
	}
	return false
}

// A Span is keys to read: one, or all that begin with a prefix.
type Span struct {
	Key    string
	Prefix bool
}

// spans are the keys of the datacenter that hold all that keyMeant says yes to.
func (s *selection) spans() []Span {
	if !s.hasFamily(object.FamilyKey) {
		return nil
	}
	terms := slices.DeleteFunc(s.filter.Terms(), func(t diff.Term) bool { return t.Word != "kv" })
	if len(terms) == 0 {
		terms = []diff.Term{{Word: "kv", All: true}}
	}
	var all []Span
	for _, t := range terms {
		if !t.Prefix && !t.All {
			all = append(all, Span{s.renamed(t.Name), false})
			continue
		}
		all = append(all, s.spansOf(t.Name)...)
	}
	return tidy(all)
}

// spansOf is where the keys with a prefix go.
func (s *selection) spansOf(prefix string) (all []Span) {
	whole := false // a rename takes all of them elsewhere
	for _, r := range s.renames {
		switch {
		case strings.HasPrefix(r.Old, prefix):
			all = append(all, Span{r.New, true})
			whole = whole || r.Old == prefix
		case strings.HasPrefix(prefix, r.Old):
			all = append(all, Span{r.New + prefix[len(r.Old):], true})
			whole = true
		}
	}
	if !whole {
		all = append(all, Span{prefix, true})
	}
	return all
}

// tidy leaves out what another span covers.
func tidy(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int {
		if a.Key == b.Key && a.Prefix != b.Prefix {
			if a.Prefix {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Key, b.Key)
	})
	var kept []Span
	for _, s := range spans {
		covered := slices.ContainsFunc(kept, func(k Span) bool { return k == s || k.Prefix && strings.HasPrefix(s.Key, k.Key) })
		if !covered {
			kept = append(kept, s)
		}
	}
	return kept
}
