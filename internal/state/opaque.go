package state

import "github.com/lictor-dr/lictor/internal/record"

// An opaqueTable keeps records that Lictor does not interpret. It is built once and never changed afterwards.
//
// A family of a known type is written back at the place that Consul gives it. A record of an unknown type keeps its place
// between the known ones: behind the family after which it came.
type opaqueTable struct {
	known   map[record.Type][]*record.Opaque
	unknown map[int][]*record.Opaque // by the rank of the family before, -1 at the front
}

// add keeps o, which came behind a record of the family of rank before.
func (t *opaqueTable) add(o *record.Opaque, before int) {
	if t.known == nil {
		t.known, t.unknown = map[record.Type][]*record.Opaque{}, map[int][]*record.Opaque{}
	}
	if o.Type.Rank() >= 0 {
		t.known[o.Type] = append(t.known[o.Type], o)
		return
	}
	t.unknown[before] = append(t.unknown[before], o)
}

// Carried returns the records of a type that Lictor carries without serving them, and the index of their table.
func (s *Store) Carried(t record.Type, indexKey string) (uint64, []*record.Opaque) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return highest(s.db.Txn(false), indexKey), s.opaque.known[t]
}
