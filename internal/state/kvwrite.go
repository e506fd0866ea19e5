package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lictor-dr/lictor/internal/record"
)

// A KVOp is what an entry of the log does to the KV table. The names are those of Consul's API and of its transactions.
type KVOp string

// The operations. All take the key; the conditional ones compare with what the table holds when the entry is applied.
const (
	KVSet        KVOp = "set"         // writes
	KVCAS        KVOp = "cas"         // writes if ModifyIndex is the given one; 0: if the key is absent
	KVLock       KVOp = "lock"        // writes and takes the lock for the given session, if no other has it
	KVUnlock     KVOp = "unlock"      // writes and releases the lock, if the given session has it
	KVDelete     KVOp = "delete"      // deletes
	KVDeleteCAS  KVOp = "delete-cas"  // deletes if ModifyIndex is the given one
	KVDeleteTree KVOp = "delete-tree" // deletes all keys that begin with the given one, which may be empty
)

var (
	errNoKey     = errors.New("missing key")
	errNoSession = errors.New("missing session")
)

// ApplyKV applies op, the log entry at index, to the KV table and tells whether its condition held. The store keeps e. An error
// means that nothing but the applied index has changed.
func (s *Store) ApplyKV(index, term uint64, op KVOp, e *record.KVEntry) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term = index, term
	if e.Key == "" && op != KVDeleteTree {
		return false, errNoKey
	}
	t := &s.kv
	old := t.get(e.Key)
	switch op {
	case KVSet:
		t.put(index, old, e, sessionOf(old), 0)
		return true, nil
	case KVCAS:
		if !matches(old, e.ModifyIndex) {
			return false, nil
		}
		t.put(index, old, e, sessionOf(old), 0)
		return true, nil
	case KVLock:
		return s.lock(index, old, e)
	case KVUnlock:
		if e.Session == "" {
			return false, errNoSession
		}
		if sessionOf(old) != e.Session {
			return false, nil
		}
		t.put(index, old, e, "", old.LockIndex)
		return true, nil
	case KVDelete:
		t.remove(index, old)
		return true, nil
	case KVDeleteCAS:
		if old == nil || e.ModifyIndex == 0 || old.ModifyIndex != e.ModifyIndex {
			return false, nil
		}
		t.remove(index, old)
		return true, nil
	case KVDeleteTree:
		t.removeTree(index, e.Key)
		return true, nil
	}
	return false, fmt.Errorf("unknown KV operation: %s", op)
}

// matches tells whether a check-and-set with the given index may go on.
func matches(old *record.KVEntry, index uint64) bool {
	if old == nil {
		return index == 0
	}
	return index != 0 && old.ModifyIndex == index
}

func sessionOf(e *record.KVEntry) string {
	if e == nil {
		return ""
	}
	return e.Session
}

// lock writes e and gives the lock to its session, unless another has it.
func (s *Store) lock(index uint64, old, e *record.KVEntry) (bool, error) {
	if e.Session == "" {
		return false, errNoSession
	}
	if found, err := s.db.Txn(false).First(tableSessions, indexID, e.Session); err != nil || found == nil {
		return false, fmt.Errorf("invalid session %q", e.Session)
	}
	var generation uint64
	if old != nil {
		if old.Session != "" && old.Session != e.Session {
			return false, nil
		}
		generation = old.LockIndex
	}
	if sessionOf(old) == "" {
		generation++
	}
	s.kv.put(index, old, e, e.Session, generation)
	return true, nil
}

// put writes e over old. Writing what is there already changes nothing.
func (t *kvTable) put(index uint64, old, e *record.KVEntry, session string, lockIndex uint64) {
	e.Session, e.LockIndex, e.CreateIndex, e.ModifyIndex = session, lockIndex, index, index
	if len(e.Value) == 0 {
		e.Value = nil
	}
	if old != nil {
		if old.Session == e.Session && old.Flags == e.Flags && bytes.Equal(old.Value, e.Value) && len(old.Extra) == 0 {
			return
		}
		e.CreateIndex = old.CreateIndex
	}
	t.entries.Set(e)
	t.index = index
	t.watchers.changed(e.Key)
}

// remove deletes old, if there is one, and leaves a tombstone.
func (t *kvTable) remove(index uint64, old *record.KVEntry) {
	if old == nil {
		return
	}
	t.entries.Delete(old)
	t.index = index
	t.bury(index, old.Key)
	t.watchers.changed(old.Key)
}

// removeTree deletes all that begins with prefix, and leaves one tombstone for it; none for the whole tree.
func (t *kvTable) removeTree(index uint64, prefix string) {
	var doomed []*record.KVEntry
	t.scan(prefix, func(e *record.KVEntry) bool {
		doomed = append(doomed, e)
		return true
	})
	if len(doomed) == 0 {
		return
	}
	for _, e := range doomed {
		t.entries.Delete(e)
	}
	t.index = index
	if prefix != "" {
		t.bury(index, prefix)
	}
	for _, e := range doomed {
		t.watchers.changed(e.Key)
	}
}

func (t *kvTable) bury(index uint64, key string) {
	t.tombstones.Set(&record.Tombstone{Key: key, ModifyIndex: index})
	t.tombIndex = index
}

// ReapTombstones applies, as the log entry at index, the removal of all tombstones left at or before the index upTo.
func (s *Store) ReapTombstones(index, term, upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.term = index, term
	var old []*record.Tombstone
	s.kv.tombstones.Scan(func(t *record.Tombstone) bool {
		if t.ModifyIndex <= upTo {
			old = append(old, t)
		}
		return true
	})
	for _, t := range old {
		s.kv.tombstones.Delete(t)
	}
}

// Tombstones returns how many tombstones there are.
func (s *Store) Tombstones() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kv.tombstones.Len()
}
