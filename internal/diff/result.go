package diff

import (
	"iter"

	"github.com/lictor-dr/lictor/internal/object"
)

// A What tells how an object differs.
type What string

// The ways in which objects differ.
const (
	Added   What = "added"   // in the second state alone
	Removed What = "removed" // in the first state alone
	Changed What = "changed" // in both, but not the same
)

// A Result is what differs between two states.
type Result struct {
	Before, After int64    // how many objects each state has of those that are meant
	Unmatched     []string // terms of the filter that neither state has an object for

	found  []found
	others []string // families that are not known
	spool  *spool
}

// A Change is an object that differs. It can be asked for the objects as long as the result is open.
type Change struct {
	Family string // in the words of package object
	Name   string // not a secret; empty where there is but one
	What   What

	*found
	spool *spool
}

// Close gives up what the result holds.
func (r *Result) Close() error { return r.spool.Close() }

// Len is how many objects differ.
func (r *Result) Len() int { return len(r.found) }

// All gives all changes, by family and name.
func (r *Result) All() iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for i := range r.found {
			f := &r.found[i]
			if !yield(Change{Family: r.family(f), Name: f.name, What: f.what(), found: f, spool: r.spool}) {
				return
			}
		}
	}
}

// A Count is how many objects of a family differ.
type Count struct {
	Family                  string
	Added, Removed, Changed int64
}

// Counts are those of the families in which anything differs, in order.
func (r *Result) Counts() []Count {
	var all []Count
	for i := range r.found {
		f := &r.found[i]
		family := r.family(f)
		if len(all) == 0 || all[len(all)-1].Family != family {
			all = append(all, Count{Family: family})
		}
		c := &all[len(all)-1]
		switch f.what() {
		case Added:
			c.Added++
		case Removed:
			c.Removed++
		default:
			c.Changed++
		}
	}
	return all
}

func (f *found) what() What {
	switch {
	case f.before == 0:
		return Added
	case f.after == 0:
		return Removed
	}
	return Changed
}

func (r *Result) family(f *found) string {
	if n := int(f.family); n >= len(families) {
		return r.others[n-len(families)]
	}
	return families[f.family].family
}

// Before is the object in the first state with all it has, nil if that has none.
func (c *Change) Before() (*object.Object, error) {
	return c.spool.load(&c.spool.before, c.found.before, c.id)
}

// After is the object in the second state with all it has, nil if that has none.
func (c *Change) After() (*object.Object, error) {
	return c.spool.load(&c.spool.after, c.found.after, c.id)
}
