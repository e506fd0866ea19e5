package state

import "github.com/lictor-dr/lictor/internal/record"

// OriginKey is the key of the system metadata that says which backup a cluster has begun with. No Consul server looks at it.
const OriginKey = "lictor-restored-from"

// Pristine tells whether nothing has ever been written: there is no row in any table, nor the trace of one that was deleted.
func (s *Store) Pristine() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.kv.index > 0 || s.kv.tombIndex > 0 || s.kv.entries.Len() > 0 || s.kv.tombstones.Len() > 0 || !s.opaque.empty() {
		return false
	}
	txn := s.db.Txn(false)
	for table := range schema.Tables {
		if row, err := txn.First(table, indexID); err != nil || row != nil {
			return false
		}
	}
	return true
}

// Origin says which backup the cluster has begun with; nil if it has begun with nothing.
func (s *Store) Origin() *record.SystemMetadata { return s.SystemMetadata(OriginKey) }

func (t *opaqueTable) empty() bool { return len(t.known) == 0 && len(t.unknown) == 0 }
