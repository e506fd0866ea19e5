package comparison

import (
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A survey is what one pass over a stream tells.
type survey struct {
	families digest.Set           // of what is compared
	index    uint64               // what is above it was written since the restore
	indexes  map[object.ID]uint64 // the Index table of now
	tombs    *graveyard           // of keys deleted since
}

// surveyed sums up a source without what is bookkeeping, and calls look for every record.
func surveyed(src digest.Source, look func(record.Raw) error) (digest.Set, error) {
	return digest.Of(func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error {
			if err := look(raw); err != nil || object.Bookkeeping(raw) {
				return err
			}
			return visit(raw)
		})
	})
}

// surveyRestored finds the index up to which the archive goes, which is index at least.
func surveyRestored(src digest.Source, index uint64) (*survey, error) {
	s := &survey{index: index}
	var err error
	s.families, err = surveyed(src, func(raw record.Raw) error {
		s.index = max(s.index, object.HighestIndex(raw))
		return nil
	})
	return s, err
}

// surveyNow gathers what tells of deletions since the restore.
func surveyNow(src digest.Source, index uint64) (*survey, error) {
	s := &survey{index: index, indexes: map[object.ID]uint64{}, tombs: newGraveyard()}
	var err error
	s.families, err = surveyed(src, func(raw record.Raw) error {
		if raw.Type != record.TypeIndex && raw.Type != record.TypeTombstone {
			return nil
		}
		value, err := record.Decode(raw)
		if err != nil {
			return err
		}
		switch v := value.(type) {
		case *record.Index:
			s.indexes[object.IDOf(object.FamilyIndex, object.Fold(v.Key))] = v.Value
		case *record.Tombstone:
			if v.ModifyIndex > index {
				s.tombs.bury(v)
			}
		}
		return nil
	})
	return s, err
}

// since is the highest of some entries of the Index table, 0 if none has been raised since the restore.
func (s *survey) since(keys ...string) (index uint64) {
	for _, key := range keys {
		if value := s.indexes[object.IDOf(object.FamilyIndex, object.Fold(key))]; value > s.index {
			index = max(index, value)
		}
	}
	return index
}

// has tells whether there is an entry of the Index table.
func (s *survey) has(key string) bool {
	_, ok := s.indexes[object.IDOf(object.FamilyIndex, object.Fold(key))]
	return ok
}
