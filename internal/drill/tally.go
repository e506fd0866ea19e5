package drill

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
)

// A Mismatch is an object that the archive has one way and what was rebuilt from it another.
type Mismatch struct {
	Family string      // what kind of object
	Name   string      // which one, without secrets
	What   digest.Kind // missing: the archive alone has it
	Fields []string    `json:",omitempty"` // those that are not the same, of a changed object
}

// String is the mismatch in one line.
func (m Mismatch) String() string {
	text := fmt.Sprintf("%s %s is %s", m.Family, m.Name, m.What)
	if len(m.Fields) > 0 {
		text += " in " + strings.Join(m.Fields, ", ")
	}
	return text
}

// A tally sums up facts by family, in any order.
type tally map[string]*count

type count struct {
	n   int64
	sum digest.Sum
}

// add counts a fact.
func (t tally) add(f fact) error {
	c := t[f.family]
	if c == nil {
		c = new(count)
		t[f.family] = c
	}
	c.n++
	c.sum.Add(f.sum())
	return nil
}

// total is how many facts there are.
func (t tally) total() (n int64) {
	for _, c := range t {
		n += c.n
	}
	return n
}

// differing returns the families in which two tallies differ.
func (t tally) differing(other tally) map[string]bool {
	unlike := map[string]bool{}
	for family, c := range t {
		if d := other[family]; d == nil || *c != *d {
			unlike[family] = true
		}
	}
	for family := range other {
		if t[family] == nil {
			unlike[family] = true
		}
	}
	return unlike
}

// facts calls visit for each fact of a source, which can be read more than once.
type facts func(visit func(fact) error) error

// maxNamed bounds how many differences a report names.
const maxNamed = 100

// mismatches names what differs between two sources within some families, but for what is no difference: the first ones, and how many
// there are. Memory grows with the number of facts in these families, by a few dozen bytes for each.
func mismatches(first, second facts, families map[string]bool, none func(Mismatch) bool) (named []Mismatch, total int64, err error) {
	unlike := map[[32]byte]int{}
	within := func(fn func(fact) error) func(fact) error {
		return func(f fact) error {
			if !families[f.family] {
				return nil
			}
			return fn(f)
		}
	}
	step := func(by int) func(fact) error {
		return within(func(f fact) error {
			sum := f.sum()
			if unlike[sum] += by; unlike[sum] == 0 {
				delete(unlike, sum)
			}
			return nil
		})
	}
	if err := first(step(1)); err != nil {
		return nil, 0, err
	}
	if err := second(step(-1)); err != nil {
		return nil, 0, err
	}
	found := objects{}
	if err := first(within(func(f fact) error { return found.note(f, unlike[f.sum()], 0) })); err != nil {
		return nil, 0, err
	}
	if err := second(within(func(f fact) error { return found.note(f, -unlike[f.sum()], 1) })); err != nil {
		return nil, 0, err
	}
	named = slices.DeleteFunc(found.mismatches(), none)
	return named[:min(len(named), maxNamed)], int64(len(named)), nil
}

// An object is what names a fact.
type object struct{ family, name string }

// objects are the differing bodies of objects, in the first source and in the second.
type objects map[object]*[2][]byte

// keepBodies bounds how many objects keep their bodies, to say which fields differ.
const keepBodies = 2 * maxNamed

// note keeps a fact that there are more of on its side than on the other.
func (o objects) note(f fact, surplus, side int) error {
	if surplus <= 0 {
		return nil
	}
	key := object{f.family, f.name}
	bodies := o[key]
	if bodies == nil {
		bodies = new([2][]byte)
		o[key] = bodies
	}
	bodies[side] = []byte("null")
	if len(o) <= keepBodies {
		bodies[side] = slices.Clone(f.body)
	}
	return nil
}

func (o objects) mismatches() []Mismatch {
	all := make([]Mismatch, 0, len(o))
	for key, bodies := range o {
		m := Mismatch{Family: key.family, Name: key.name, What: digest.Changed}
		switch {
		case bodies[1] == nil:
			m.What = digest.Missing
		case bodies[0] == nil:
			m.What = digest.Added
		default:
			m.Fields = differingFields(bodies[0], bodies[1])
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Mismatch) int { return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name)) })
	return all
}

// differingFields names the fields of two objects that are not the same, and never what is in them.
func differingFields(a, b []byte) []string {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return nil
	}
	unlike := map[string]bool{}
	for name, v := range x {
		if !reflect.DeepEqual(v, y[name]) {
			unlike[name] = true
		}
	}
	for name := range y {
		if _, both := x[name]; !both {
			unlike[name] = true
		}
	}
	return slices.Sorted(maps.Keys(unlike))
}
