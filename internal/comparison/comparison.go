package comparison

import (
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// Expect is what is known of a restore, and of what the cluster does afterwards by itself.
type Expect struct {
	// Index is that in the metadata of the archive. What was written since has a higher one.
	Index uint64
	// NodesRemoved are restored nodes that had an agent but are no live members of the cluster, which removes them.
	NodesRemoved []string
	// MembersKnown tells that NodesRemoved names all of them; if it names any, or is empty and not nil, they count as known, too. Otherwise
	// every node with the check serfHealth may be gone.
	MembersKnown bool
	// Dropped are types of records that were left out of the restore.
	Dropped []record.Type
	// ACLsReplicated tells that the cluster takes its ACLs over from another datacenter, and removes what is not there.
	ACLsReplicated bool
	// At is when the cluster's records were read; a token that had expired by then may be gone. Zero stands for the present.
	At time.Time
}

// Compare compares what was restored with what the cluster holds now. Errors are those of the sources, and those of records that cannot be
// decoded.
func Compare(restored, now digest.Source, expect Expect) (*Result, error) {
	if expect.At.IsZero() {
		expect.At = time.Now()
	}
	before, err := surveyRestored(without(restored, expect.Dropped), expect.Index)
	if err != nil {
		return nil, err
	}
	after, err := surveyNow(now, before.index)
	if err != nil {
		return nil, err
	}
	found := newFindings()
	if types := before.families.Differing(after.families); len(types) > 0 {
		j := newJudge(expect, before, after, found, types)
		if err := j.judge(only(restored, types, expect.Dropped), only(now, types, nil)); err != nil {
			return nil, err
		}
	}
	return found.result(before.families.Records(), before.index), nil
}

// without is a source that leaves out some types.
func without(src digest.Source, types []record.Type) digest.Source {
	return func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error {
			if slices.Contains(types, raw.Type) {
				return nil
			}
			return visit(raw)
		})
	}
}

// only is a source with the given types, less those left out.
func only(src digest.Source, types, leftOut []record.Type) digest.Source {
	return without(func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error {
			if !slices.Contains(types, raw.Type) {
				return nil
			}
			return visit(raw)
		})
	}, leftOut)
}
