package comparison

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lictor-dr/lictor/internal/digest"
)

// Kept is how many objects of a type each list of a result names at most. The counts are exact.
const Kept = 1000

// Deleted is what has become of an object that is gone for a reason that is known. The other kinds are those of package digest.
const Deleted digest.Kind = "deleted"

// A Result tells how a cluster compares with what was restored into it.
type Result struct {
	Equal       bool         // no Differences
	Compared    int64        // objects that were restored
	Index       uint64       // what is above it was written since
	Differences []Difference // by type and name, as the other lists

	WrittenSince []Change // added, changed or deleted above Index
	Reaped       []Change // gone or released because of what a cluster does by itself
	Replaced     []Change // what servers write anew by themselves
	Counts       Counts
}

// Counts are how many objects the lists of a result would name without a bound.
type Counts struct{ Differences, WrittenSince, Reaped, Replaced []Count }

// A Count is how many objects of a type had the same happen to them.
type Count struct {
	Type   string
	What   digest.Kind
	Reason Reason `json:",omitempty"`
	Count  int64
}

// A Difference is an object that is not as it was restored, without an explanation.
type Difference struct {
	Type string // in the words of operators: key, node, service, check, session, ACL token, ...
	Name string
	What digest.Kind // missing: restored, but not there
	Note string      `json:",omitempty"`
}

// A Change is an object that is not as it was restored, with an explanation.
type Change struct {
	Type   string
	Name   string
	What   digest.Kind // added, changed or deleted
	Index  uint64      `json:",omitempty"` // at which it happened, as far as the cluster tells; of a deletion it may be later
	Reason Reason      `json:",omitempty"` // why it was reaped or replaced
	Note   string      `json:",omitempty"`
}

// A Reason is why a cluster changed something by itself.
type Reason string

// The reasons.
const (
	NoMember     Reason = "no live member"                // of a node, and of what depends on it
	NodeRenamed  Reason = "node renamed"                  // it is registered by another name now
	NotAtAgent   Reason = "not at its agent"              // the agent of the node does not have it
	SessionEnded Reason = "session ended"                 // of what a session holds
	TTLExpired   Reason = "TTL expired"                   // of a session; it may have been ended before
	CheckLost    Reason = "check lost"                    // a check that a session depends on
	TokenExpired Reason = "token expired"                 // and removed by the leader
	NotInPrimary Reason = "not in the primary datacenter" // of replicated ACLs
	ServersWrite Reason = "written by the servers"        // at a restore, at the start of a term, or when it is missing
	NewForm      Reason = "turned into its form of today" // of intentions
)

// findings are a result in the making.
type findings struct{ differences, since, reaped, replaced roll }

func newFindings() *findings {
	return &findings{newRoll(), newRoll(), newRoll(), newRoll()}
}

func (f *findings) result(compared int64, index uint64) *Result {
	r := &Result{
		Equal: len(f.differences.kept) == 0, Compared: compared, Index: index, Differences: []Difference{},
		WrittenSince: f.since.list(), Reaped: f.reaped.list(), Replaced: f.replaced.list(),
		Counts: Counts{f.differences.tally(), f.since.tally(), f.reaped.tally(), f.replaced.tally()},
	}
	for _, c := range f.differences.list() {
		r.Differences = append(r.Differences, Difference{c.Type, c.Name, c.What, c.Note})
	}
	return r
}

// A roll keeps the first changes of each type by name, whatever order they come in, and counts all.
type roll struct {
	kept   map[string][]Change // by type
	counts map[Count]int64     // by a Count that is zero
}

func newRoll() roll { return roll{map[string][]Change{}, map[Count]int64{}} }

func (r *roll) add(c Change) {
	r.counts[Count{Type: c.Type, What: c.What, Reason: c.Reason}]++
	kept := append(r.kept[c.Type], c)
	if len(kept) >= 2*Kept {
		kept = foremost(kept)
	}
	r.kept[c.Type] = kept
}

// foremost sorts changes of one type and returns those that are kept.
func foremost(changes []Change) []Change {
	slices.SortFunc(changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.What, y.What), cmp.Compare(x.Index, y.Index), cmp.Compare(x.Note, y.Note))
	})
	kept := changes[:min(Kept, len(changes))]
	clear(changes[len(kept):]) // lets go of the names
	return kept
}

func (r *roll) list() []Change {
	all := []Change{}
	for _, family := range slices.Sorted(maps.Keys(r.kept)) {
		all = append(all, foremost(r.kept[family])...)
	}
	return all
}

func (r *roll) tally() []Count {
	all := []Count{}
	for c, n := range r.counts {
		c.Count = n
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y Count) int {
		return cmp.Or(cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Type, y.Type), cmp.Compare(x.What, y.What))
	})
	return all
}
