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

// KVOps are all of them.
var KVOps = []KVOp{KVSet, KVCAS, KVLock, KVUnlock, KVDelete, KVDeleteCAS, KVDeleteTree}

var (
	errNoKey     = errors.New("missing key")
	errNoSession = errors.New("missing session")
)

// ApplyKV applies op, the log entry at index, to the KV table and tells whether its condition held. The store keeps e. An error
// means that nothing but the applied index has changed.
func (s *Store) ApplyKV(index, term uint64, op KVOp, e *record.KVEntry) (held bool, err error) {
	err = s.apply(index, term, func(c *change) error {
		held, err = c.kv(op, e)
		return err
	})
	return held, err
}

// kv performs op and tells whether its condition held.
func (c *change) kv(op KVOp, e *record.KVEntry) (bool, error) {
	if e.Key == "" && op != KVDeleteTree {
		return false, errNoKey
	}
	old := c.s.kv.get(e.Key)
	switch op {
	case KVSet:
		c.put(old, e, sessionOf(old), 0)
		return true, nil
	case KVCAS:
		if !matches(old, e.ModifyIndex) {
			return false, nil
		}
		c.put(old, e, sessionOf(old), 0)
		return true, nil
	case KVLock:
		return c.lock(old, e)
	case KVUnlock:
		if e.Session == "" {
			return false, errNoSession
		}
		if sessionOf(old) != e.Session {
			return false, nil
		}
		c.put(old, e, "", old.LockIndex)
		return true, nil
	case KVDelete:
		c.remove(old)
		return true, nil
	case KVDeleteCAS:
		if old == nil || e.ModifyIndex == 0 || old.ModifyIndex != e.ModifyIndex {
			return false, nil
		}
		c.remove(old)
		return true, nil
	case KVDeleteTree:
		c.removeTree(e.Key)
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
func (c *change) lock(old, e *record.KVEntry) (bool, error) {
	if e.Session == "" {
		return false, errNoSession
	}
	if first[*record.Session](c.db, tableSessions, indexID, e.Session) == nil {
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
	c.put(old, e, e.Session, generation)
	return true, nil
}

// put writes e over old. Writing what is there already changes nothing.
func (c *change) put(old, e *record.KVEntry, session string, lockIndex uint64) {
	e.Session, e.LockIndex, e.CreateIndex, e.ModifyIndex = session, lockIndex, c.index, c.index
	if len(e.Value) == 0 {
		e.Value = nil
	}
	t := &c.s.kv
	if old == nil {
		c.undo = append(c.undo, func() { t.delete(e) })
	} else {
		if old.Session == e.Session && old.Flags == e.Flags && bytes.Equal(old.Value, e.Value) && len(old.Extra) == 0 {
			return
		}
		e.CreateIndex = old.CreateIndex
		c.undo = append(c.undo, func() { t.set(old, e) })
	}
	t.set(e, old)
	t.index = c.index
	c.touched = append(c.touched, e.Key)
}

// remove deletes old, if there is one, and leaves a tombstone.
func (c *change) remove(old *record.KVEntry) {
	if old == nil {
		return
	}
	c.drop(old)
	c.bury(old.Key)
}

// drop deletes old without a tombstone.
func (c *change) drop(old *record.KVEntry) {
	t := &c.s.kv
	t.delete(old)
	c.undo = append(c.undo, func() { t.set(old, nil) })
	t.index = c.index
	c.touched = append(c.touched, old.Key)
}

// removeTree deletes all that begins with prefix, and leaves one tombstone for it. The whole tree leaves none: where nothing is known of
// a prefix the index of the table stands, which is newer than all tombstones that are there.
func (c *change) removeTree(prefix string) {
	var doomed []*record.KVEntry
	c.s.kv.scan(prefix, func(e *record.KVEntry) bool {
		doomed = append(doomed, e)
		return true
	})
	for _, e := range doomed {
		c.drop(e)
	}
	switch {
	case len(doomed) == 0:
	case prefix == "":
		c.forgetTombstones()
	default:
		c.bury(prefix)
	}
}

func (c *change) forgetTombstones() {
	t := &c.s.kv
	old := t.tombstones.Copy()
	t.tombstones.Clear()
	c.undo = append(c.undo, func() { t.tombstones = old })
}

func (c *change) bury(key string) {
	t := &c.s.kv
	old, replaced := t.tombstones.Set(&record.Tombstone{Key: key, ModifyIndex: c.index})
	c.undo = append(c.undo, func() {
		if replaced {
			t.tombstones.Set(old)
		} else {
			t.tombstones.Delete(&record.Tombstone{Key: key})
		}
	})
	t.tombIndex = c.index
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
