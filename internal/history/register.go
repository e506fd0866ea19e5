package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// forever is when operations return that may still happen.
const forever = time.Duration(math.MaxInt64)

// A register is the state of a key, and what it was when a snapshot was saved last.
type register struct {
	content
	saved content
	last  uint64 // the highest index known so far: they grow, after a restore too
}

// A content is what a read shows. The index of a value that nobody has read is not known: it is 0, and the value is left out.
type content struct {
	exists bool
	value  string
	index  uint64
}

// A step is an operation as the model of a key sees it.
type step struct {
	Operation
	own     uint64 // the index of what it writes, 0 if nobody has read it
	blinded bool   // writes whose outcome nobody knows, and which nobody has read, had been sent before it returned
}

// registerModel is a key. Indexes make it quick to check: as no value is written twice, a value that was read once tells
// when it was written in the order of all writes.
var registerModel = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		next, ok := state.(register).do(input.(step))
		return ok, next
	},
	DescribeOperation: func(input, _ any) string { return input.(step).String() },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

func (r register) do(s step) (register, bool) {
	switch s.Kind {
	case Save:
		r.saved = r.content
		return r, true
	case Restore:
		r.content = r.saved
		return r, true
	case Read:
		return r, r.content == content{s.Index > 0, s.Value, s.Index}
	case Put:
		return r.write(s)
	}
	matches := r.exists == (s.Index > 0) && (s.Index == 0 || r.index == s.Index)
	switch {
	case s.Outcome == Unknown || s.Done:
		next, ok := r.write(s)
		return next, ok && matches
	case !matches:
		return r, true
	}
	r.content = content{exists: true}
	return r, s.blinded
}

func (r register) write(s step) (register, bool) {
	if s.own == 0 {
		r.content = content{exists: true}
		return r, true
	}
	ok := s.own > r.last
	r.content, r.last = content{true, s.Value, s.own}, s.own
	return r, ok
}

// indexesOf tells at which index each value was read first.
func indexesOf(ops []Operation) map[string]uint64 {
	known := map[string]uint64{}
	for _, o := range ops {
		if o.reads() && o.Outcome == OK && o.Index > 0 && known[o.Value] == 0 {
			known[o.Value] = o.Index
		}
	}
	return known
}

// registerSteps are the operations on one key that its model has to place. A write whose outcome nobody knows and which nobody has read is left
// out, for there may be many and each could be anywhere: all that it can do is to make a later CAS fail, which blinded allows.
func registerSteps(ops []Operation) []porcupine.Operation { return stepsOf(ops, telling(ops)) }

// stepsOf places some of the operations on a key, knowing all of them.
func stepsOf(ops, placed []Operation) (list []porcupine.Operation) {
	known := indexesOf(ops)
	blind := forever
	for _, o := range ops {
		if o.writes() && o.Outcome == Unknown && known[o.Value] == 0 {
			blind = min(blind, o.Call)
		}
	}
	for _, o := range placed {
		s := step{Operation: o, blinded: blind <= o.Return}
		if o.writes() {
			s.own = known[o.Value]
		}
		switch {
		case o.Outcome == Fail, o.Kind == DefaultRead, o.writes() && o.Outcome == Unknown && s.own == 0:
			continue
		case o.Outcome == Unknown:
			o.Return = forever
		}
		list = append(list, porcupine.Operation{ClientId: o.Client, Input: s, Call: int64(o.Call), Return: int64(o.Return)})
	}
	return list
}

// telling leaves out reads that others make superfluous: of all that saw the same content, the one that ended first says when it was there
// at the latest, and the one that began last until when it was. What holds for these two holds for all, as no content comes back; after a
// restore it does, and all reads count. Without this, many reads at the same time would take the checker for ever.
func telling(ops []Operation) (list []Operation) {
	if slices.ContainsFunc(ops, func(o Operation) bool { return o.Kind == Restore }) {
		return ops
	}
	type bounds struct{ first, last int }
	seen := map[content]bounds{}
	for i, o := range ops {
		if o.Kind != Read || o.Outcome != OK {
			continue
		}
		c := content{o.Index > 0, o.Value, o.Index}
		b, ok := seen[c]
		if !ok {
			b = bounds{i, i}
		}
		if o.Return < ops[b.first].Return {
			b.first = i
		}
		if o.Call > ops[b.last].Call {
			b.last = i
		}
		seen[c] = b
	}
	for i, o := range ops {
		b, ok := seen[content{o.Index > 0, o.Value, o.Index}]
		if o.Kind == Read && o.Outcome == OK && ok && i != b.first && i != b.last {
			continue
		}
		list = append(list, o)
	}
	return list
}

// A Stale is a default read of a value that had been overwritten before the read began.
type Stale struct {
	Operation
	Age time.Duration // how long before, at least
}

// staleReads finds the stale default reads of one key: others knew of a later index before they began. Where snapshots were restored,
// indexes do not tell.
func staleReads(ops []Operation) (list []Stale) {
	if slices.ContainsFunc(ops, func(o Operation) bool { return o.Kind == Restore }) {
		return nil
	}
	known := indexesOf(ops)
	type proof struct {
		index uint64
		at    time.Duration // the first at which this index or a later one was known
	}
	var proofs []proof
	for _, o := range ops {
		switch {
		case o.Outcome != OK:
		case o.reads() && o.Index > 0:
			proofs = append(proofs, proof{o.Index, o.Return})
		case o.writes() && o.Done && known[o.Value] > 0:
			proofs = append(proofs, proof{known[o.Value], o.Return})
		}
	}
	slices.SortFunc(proofs, func(a, b proof) int { return cmp.Compare(a.index, b.index) })
	for i := len(proofs) - 2; i >= 0; i-- {
		proofs[i].at = min(proofs[i].at, proofs[i+1].at)
	}
	for _, o := range ops {
		if o.Kind != DefaultRead || o.Outcome != OK {
			continue
		}
		i, _ := slices.BinarySearchFunc(proofs, o.Index+1, func(p proof, index uint64) int { return cmp.Compare(p.index, index) })
		if i < len(proofs) && proofs[i].at < o.Call {
			list = append(list, Stale{o, o.Call - proofs[i].at})
		}
	}
	return list
}
