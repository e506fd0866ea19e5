package comparison

import (
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A graveyard knows the tombstones of keys and of prefixes that were deleted since the restore. It keeps digests of them, not their names.
type graveyard struct {
	tombs   map[object.ID]tomb
	lengths []int // of the names, in order
}

// A tomb is a tombstone.
type tomb struct {
	index uint64
	exact bool // it is of a key, for a key below it is older
}

func newGraveyard() *graveyard { return &graveyard{tombs: map[object.ID]tomb{}} }

func tombID(tenancy, name string) object.ID { return object.IDOf(object.FamilyKey, tenancy, name) }

func (g *graveyard) bury(t *record.Tombstone) {
	g.tombs[tombID(object.Tenancy(t.Extra), t.Key)] = tomb{index: t.ModifyIndex}
	if at, there := slices.BinarySearch(g.lengths, len(t.Key)); !there {
		g.lengths = slices.Insert(g.lengths, at, len(t.Key))
	}
}

// outlives takes in that a key was there all the time: what is buried below an older key was no prefix.
func (g *graveyard) outlives(e *record.KVEntry) {
	for _, n := range g.lengths {
		if n > len(e.Key) {
			return
		}
		at := tombID(object.Tenancy(e.Extra), e.Key[:n])
		if t, there := g.tombs[at]; there && e.CreateIndex < t.index {
			t.exact = true
			g.tombs[at] = t
		}
	}
}

// deleted is the index at which a key that is gone was deleted, 0 if there is no tombstone for it.
func (g *graveyard) deleted(e *record.KVEntry) (index uint64) {
	for _, n := range g.lengths {
		if n > len(e.Key) {
			break
		}
		t := g.tombs[tombID(object.Tenancy(e.Extra), e.Key[:n])]
		if n == len(e.Key) || !t.exact {
			index = max(index, t.index)
		}
	}
	return index
}
