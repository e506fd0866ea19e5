package state

import (
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/lictor-dr/lictor/internal/record"
)

// kvTable holds KV entries and tombstones, ordered by the bytes of their keys, and the two table indexes.
type kvTable struct {
	entries    *btree.BTreeG[*record.KVEntry]
	tombstones *btree.BTreeG[*record.Tombstone]
	index      uint64 // last change of an entry
	tombIndex  uint64 // last tombstone
	watchers   *watchers
	locks      map[string]map[string]struct{} // the keys that a session has locked
}

func newKVTable() kvTable {
	opts := btree.Options{NoLocks: true, Degree: 64} // the store's lock guards the trees
	return kvTable{
		entries:    btree.NewBTreeGOptions(func(a, b *record.KVEntry) bool { return a.Key < b.Key }, opts),
		tombstones: btree.NewBTreeGOptions(func(a, b *record.Tombstone) bool { return a.Key < b.Key }, opts),
		watchers:   newWatchers(),
		locks:      map[string]map[string]struct{}{},
	}
}

// freeze returns a copy that later changes do not touch. The store must be locked for writing: the trees count their copies.
func (t *kvTable) freeze() kvTable {
	frozen := *t
	frozen.entries = t.entries.Copy()
	frozen.tombstones = t.tombstones.Copy()
	frozen.watchers, frozen.locks = nil, nil
	return frozen
}

// set writes e over old, which may be nil.
func (t *kvTable) set(e, old *record.KVEntry) {
	t.entries.Set(e)
	if sessionOf(old) != e.Session {
		t.unlocked(old)
		t.locked(e)
	}
}

func (t *kvTable) delete(old *record.KVEntry) {
	t.entries.Delete(old)
	t.unlocked(old)
}

// locked remembers which session has locked e, if one has.
func (t *kvTable) locked(e *record.KVEntry) {
	if e.Session == "" {
		return
	}
	if t.locks[e.Session] == nil {
		t.locks[e.Session] = map[string]struct{}{}
	}
	t.locks[e.Session][e.Key] = struct{}{}
}

func (t *kvTable) unlocked(old *record.KVEntry) {
	if sessionOf(old) == "" {
		return
	}
	delete(t.locks[old.Session], old.Key)
	if len(t.locks[old.Session]) == 0 {
		delete(t.locks, old.Session)
	}
}

// lockedBy returns the keys that a session has locked, in order.
func (t *kvTable) lockedBy(session string) []string {
	return slices.Sorted(maps.Keys(t.locks[session]))
}

func (t *kvTable) get(key string) *record.KVEntry {
	e, _ := t.entries.Get(&record.KVEntry{Key: key})
	return e
}

// last is the index of the last change of the table, deletions included.
func (t *kvTable) last() uint64 { return max(t.index, t.tombIndex) }

// scan calls fn for the entries whose key begins with prefix, in order, until it returns false.
func (t *kvTable) scan(prefix string, fn func(*record.KVEntry) bool) {
	t.entries.Ascend(&record.KVEntry{Key: prefix}, func(e *record.KVEntry) bool {
		return strings.HasPrefix(e.Key, prefix) && fn(e)
	})
}

// prefixIndex is the highest index of what changed below prefix, or of the table where nothing is known below it. A tombstone above
// prefix counts too: it may be that of a tree which prefix was in.
func (t *kvTable) prefixIndex(prefix string, entries uint64) uint64 {
	if prefix == "" {
		return t.last()
	}
	highest := entries
	t.tombstones.Ascend(&record.Tombstone{Key: prefix}, func(s *record.Tombstone) bool {
		if !strings.HasPrefix(s.Key, prefix) {
			return false
		}
		highest = max(highest, s.ModifyIndex)
		return true
	})
	if highest == 0 {
		return t.last()
	}
	for n := 1; n < len(prefix) && t.tombstones.Len() > 0; n++ {
		if above, ok := t.tombstones.Get(&record.Tombstone{Key: prefix[:n]}); ok {
			highest = max(highest, above.ModifyIndex)
		}
	}
	return highest
}

// KVGet returns the entry under key, nil if there is none. The index is the entry's, or the table's where there is none; w is
// woken by changes of this key only.
func (s *Store) KVGet(w *Watch, key string) (uint64, *record.KVEntry) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.kv.watchers.watchKey(w, key)
	e := s.kv.get(key)
	if e == nil {
		return s.kv.last(), nil
	}
	return e.ModifyIndex, e
}

// KVList returns the entries whose key begins with prefix, in order of their keys. The index is the highest of theirs and of
// the deletions known below prefix, or the table's where there are none; w is woken by changes below prefix only.
func (s *Store) KVList(w *Watch, prefix string) (uint64, []*record.KVEntry) {
	t := s.frozenKV(w, prefix)
	var entries []*record.KVEntry
	var highest uint64
	t.scan(prefix, func(e *record.KVEntry) bool {
		entries = append(entries, e)
		highest = max(highest, e.ModifyIndex)
		return true
	})
	return t.prefixIndex(prefix, highest), entries
}

// KVKeys is like [Store.KVList] but returns keys. Unless separator is empty, a key is cut behind the first separator that follows
// prefix, and what comes out the same is returned once.
func (s *Store) KVKeys(w *Watch, prefix, separator string) (uint64, []string) {
	t := s.frozenKV(w, prefix)
	var keys []string
	var highest uint64
	t.scan(prefix, func(e *record.KVEntry) bool {
		highest = max(highest, e.ModifyIndex)
		key := e.Key
		if separator != "" {
			if i := strings.Index(key[len(prefix):], separator); i >= 0 {
				key = key[:len(prefix)+i+len(separator)]
			}
		}
		if len(keys) == 0 || keys[len(keys)-1] != key {
			keys = append(keys, key)
		}
		return true
	})
	return t.prefixIndex(prefix, highest), keys
}

// frozenKV registers the watch and returns the table as of the same moment, to be read without the lock.
func (s *Store) frozenKV(w *Watch, prefix string) kvTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kv.watchers.watchPrefix(w, prefix)
	return s.kv.freeze()
}
