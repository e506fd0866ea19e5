package comparison

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// bootstrapKey is the entry of the Index table that exists once ACLs have been bootstrapped.
const bootstrapKey = "acl-token-bootstrap"

// A survey is what one pass over a stream tells.
type survey struct {
	families digest.Set    // of what is compared
	index    uint64        // what is above it was written since the restore
	indexes  map[id]uint64 // the Index table of now
	tombs    *graveyard    // of keys deleted since
}

// bookkeeping tells whether a record holds no object.
func bookkeeping(raw record.Raw) bool {
	switch raw.Type {
	case record.TypeCoordinates, record.TypeTombstone, record.TypeChunkingState:
		return true
	case record.TypeIndex:
		key, _ := record.Key(raw.Value)
		return !strings.EqualFold(string(key), bootstrapKey)
	}
	return false
}

// surveyed sums up a source without what is bookkeeping, and calls look for every record.
func surveyed(src digest.Source, look func(record.Raw) error) (digest.Set, error) {
	return digest.Of(func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error {
			if err := look(raw); err != nil || bookkeeping(raw) {
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
		s.index = max(s.index, highestIndex(raw))
		return nil
	})
	return s, err
}

// surveyNow gathers what tells of deletions since the restore.
func surveyNow(src digest.Source, index uint64) (*survey, error) {
	s := &survey{index: index, indexes: map[id]uint64{}, tombs: newGraveyard()}
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
			s.indexes[idOf(familyIndex, fold(v.Key))] = v.Value
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
		if value := s.indexes[idOf(familyIndex, fold(key))]; value > s.index {
			index = max(index, value)
		}
	}
	return index
}

// has tells whether there is an entry of the Index table.
func (s *survey) has(key string) bool {
	_, ok := s.indexes[idOf(familyIndex, fold(key))]
	return ok
}

// highestIndex is the highest index that a record holds. What does not decode has none here; it is refused where it is compared.
func highestIndex(raw record.Raw) uint64 {
	switch raw.Type {
	case record.TypeIndex:
		var x record.Index
		if msgpack.Unmarshal(raw.Value, &x) != nil {
			return 0
		}
		return x.Value
	case record.TypeConfigEntry, record.TypePeering, record.TypePeeringTrustBundle:
		o := carriedObject(&record.Opaque{Type: raw.Type, Value: raw.Value})
		return max(o.created, o.modified)
	}
	return indexesIn(msgpack.NewDecoder(raw.Value))
}

// indexesIn reads a value, and returns the highest index in it if it is a map. It makes no garbage: most records of large archives are
// looked at no closer.
func indexesIn(d *msgpack.Decoder) (highest uint64) {
	if d.Peek() != msgpack.Map {
		_, _ = d.Raw()
		return 0
	}
	n, _, err := d.MapHead()
	for i := 0; err == nil && i < n; i++ {
		var name, value []byte
		if name, err = d.Raw(); err != nil {
			break
		}
		switch fieldName(name) {
		case "CreateIndex", "ModifyIndex":
			if value, err = d.Raw(); err == nil {
				highest = max(highest, number(value))
			}
		case "Service", "Check", "State":
			highest = max(highest, indexesIn(d))
		default:
			_, err = d.Raw()
		}
	}
	return highest
}

// fieldName is the name that a key of a map encodes, if it is one of those that lead to indexes.
func fieldName(key []byte) string {
	text, err := msgpack.NewDecoder(key).Bytes()
	if err != nil {
		return ""
	}
	for _, name := range []string{"CreateIndex", "ModifyIndex", "Service", "Check", "State"} {
		if string(text) == name {
			return name
		}
	}
	return ""
}

// number is the unsigned integer that value encodes, 0 if it is none.
func number(value []byte) uint64 {
	n, err := msgpack.NewDecoder(value).Uint(64)
	if err != nil {
		return 0
	}
	return n
}
