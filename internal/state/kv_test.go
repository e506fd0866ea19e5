package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

const sessionA, sessionB = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000001"

// storeWithSessions returns a store at index 10 in which two sessions exist.
func storeWithSessions(t *testing.T) *Store {
	t.Helper()
	b := NewBuilder(record.Header{})
	for _, id := range []string{sessionA, sessionB} {
		if err := b.Add(record.TypeSession, &record.Session{ID: id, Behavior: "release"}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Store(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type step struct {
	op    KVOp
	entry record.KVEntry
	want  bool
	err   string
}

func TestApplyKV(t *testing.T) {
	v := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name  string
		steps []step // applied at index 11, 12, …
		want  *record.KVEntry
	}{
		{"set", []step{{KVSet, record.KVEntry{Key: "k", Value: v("1"), Flags: 7}, true, ""}},
			&record.KVEntry{Key: "k", Value: v("1"), Flags: 7, CreateIndex: 11, ModifyIndex: 11}},
		{"empty value is nil", []step{{KVSet, record.KVEntry{Key: "k", Value: []byte{}}, true, ""}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"same again", []step{{KVSet, record.KVEntry{Key: "k", Value: v("1")}, true, ""}, {KVSet, record.KVEntry{Key: "k", Value: v("1")}, true, ""}},
			&record.KVEntry{Key: "k", Value: v("1"), CreateIndex: 11, ModifyIndex: 11}},
		{"update", []step{{KVSet, record.KVEntry{Key: "k", Value: v("1")}, true, ""}, {KVSet, record.KVEntry{Key: "k", Value: v("2")}, true, ""}},
			&record.KVEntry{Key: "k", Value: v("2"), CreateIndex: 11, ModifyIndex: 12}},
		{"cas 0 creates", []step{{KVCAS, record.KVEntry{Key: "k"}, true, ""}}, &record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"cas 0 on a key", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVCAS, record.KVEntry{Key: "k", Value: v("2")}, false, ""}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"cas", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVCAS, record.KVEntry{Key: "k", Value: v("2"), ModifyIndex: 11}, true, ""}},
			&record.KVEntry{Key: "k", Value: v("2"), CreateIndex: 11, ModifyIndex: 12}},
		{"cas stale", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVCAS, record.KVEntry{Key: "k", Value: v("2"), ModifyIndex: 10}, false, ""}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"cas on no key", []step{{KVCAS, record.KVEntry{Key: "k", ModifyIndex: 10}, false, ""}}, nil},
		{"delete", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVDelete, record.KVEntry{Key: "k"}, true, ""}}, nil},
		{"delete no key", []step{{KVDelete, record.KVEntry{Key: "k"}, true, ""}}, nil},
		{"delete-cas", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVDeleteCAS, record.KVEntry{Key: "k", ModifyIndex: 11}, true, ""}}, nil},
		{"delete-cas stale", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVDeleteCAS, record.KVEntry{Key: "k", ModifyIndex: 9}, false, ""}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"delete-cas 0", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVDeleteCAS, record.KVEntry{Key: "k"}, false, ""}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"delete-tree", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVDeleteTree, record.KVEntry{Key: ""}, true, ""}}, nil},
		{"lock", []step{{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""}},
			&record.KVEntry{Key: "k", Session: sessionA, LockIndex: 1, CreateIndex: 11, ModifyIndex: 11}},
		{"lock again by the holder", []step{{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""}, {KVLock, record.KVEntry{Key: "k", Session: sessionA, Value: v("2")}, true, ""}},
			&record.KVEntry{Key: "k", Session: sessionA, Value: v("2"), LockIndex: 1, CreateIndex: 11, ModifyIndex: 12}},
		{"lock held by another", []step{{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""}, {KVLock, record.KVEntry{Key: "k", Session: sessionB}, false, ""}},
			&record.KVEntry{Key: "k", Session: sessionA, LockIndex: 1, CreateIndex: 11, ModifyIndex: 11}},
		{"unlock and lock by another", []step{
			{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""},
			{KVUnlock, record.KVEntry{Key: "k", Session: sessionA}, true, ""},
			{KVLock, record.KVEntry{Key: "k", Session: sessionB}, true, ""}},
			&record.KVEntry{Key: "k", Session: sessionB, LockIndex: 2, CreateIndex: 11, ModifyIndex: 13}},
		{"unlock by another", []step{{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""}, {KVUnlock, record.KVEntry{Key: "k", Session: sessionB}, false, ""}},
			&record.KVEntry{Key: "k", Session: sessionA, LockIndex: 1, CreateIndex: 11, ModifyIndex: 11}},
		{"set on a locked key keeps the lock and zeroes its index", []step{{KVLock, record.KVEntry{Key: "k", Session: sessionA}, true, ""}, {KVSet, record.KVEntry{Key: "k", Value: v("2")}, true, ""}},
			&record.KVEntry{Key: "k", Session: sessionA, Value: v("2"), CreateIndex: 11, ModifyIndex: 12}},
		{"unlock without a session", []step{{KVSet, record.KVEntry{Key: "k"}, true, ""}, {KVUnlock, record.KVEntry{Key: "k"}, false, "missing session"}},
			&record.KVEntry{Key: "k", CreateIndex: 11, ModifyIndex: 11}},
		{"lock without a session", []step{{KVLock, record.KVEntry{Key: "k"}, false, "missing session"}}, nil},
		{"lock with an unknown session", []step{{KVLock, record.KVEntry{Key: "k", Session: "x"}, false, `invalid session "x"`}}, nil},
		{"no key", []step{{KVSet, record.KVEntry{}, false, "missing key"}}, nil},
		{"no such operation", []step{{"zz", record.KVEntry{Key: "k"}, false, "unknown KV operation: zz"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storeWithSessions(t)
			for i, st := range c.steps {
				ok, err := s.ApplyKV(uint64(11+i), 1, st.op, &st.entry)
				if ok != st.want || (err == nil) != (st.err == "") || err != nil && err.Error() != st.err {
					t.Fatalf("step %d: got %v, %v; want %v, %q", i, ok, err, st.want, st.err)
				}
			}
			_, got := s.KVGet(nil, "k")
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if index, _ := s.Applied(); index != uint64(10+len(c.steps)) {
				t.Errorf("applied index is %d after %d steps", index, len(c.steps))
			}
		})
	}
}

// set writes keys at indexes 11, 12, ….
func set(t *testing.T, s *Store, keys ...string) {
	t.Helper()
	for i, k := range keys {
		if _, err := s.ApplyKV(uint64(11+i), 1, KVSet, &record.KVEntry{Key: k}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListsAndTheirIndexes(t *testing.T) {
	s := New()
	set(t, s, "a", "app/x", "app/y/z", "apple", "b/c")
	if _, err := s.ApplyKV(16, 1, KVDelete, &record.KVEntry{Key: "app/x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyKV(17, 1, KVDeleteTree, &record.KVEntry{Key: "b/"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prefix, separator string
		want              []string
		index             uint64
	}{
		{"", "", []string{"a", "app/y/z", "apple"}, 17},
		{"", "/", []string{"a", "app/", "apple"}, 17},
		{"app", "", []string{"app/y/z", "apple"}, 16},
		{"app/", "/", []string{"app/y/"}, 16},
		{"apple", "", []string{"apple"}, 14},
		{"b/", "", nil, 17},
		{"zz", "", nil, 17}, // nothing known: the table's
	} {
		index, keys := s.KVKeys(nil, c.prefix, c.separator)
		if index != c.index || !slices.Equal(keys, c.want) {
			t.Errorf("keys %q, %q: got %v at %d, want %v at %d", c.prefix, c.separator, keys, index, c.want, c.index)
		}
		listIndex, entries := s.KVList(nil, c.prefix)
		if listIndex != c.index || c.separator == "" && len(entries) != len(c.want) {
			t.Errorf("list %q: %d entries at %d, want %d at %d", c.prefix, len(entries), listIndex, len(c.want), c.index)
		}
	}
	s.ReapTombstones(18, 1, 16)
	if index, _ := s.KVKeys(nil, "app", ""); index != 14 || s.Tombstones() != 1 {
		t.Errorf("after reaping: index %d, %d tombstones; want 14 and 1", index, s.Tombstones())
	}
}

func woken(w *Watch) bool {
	for ch := range w.set {
		select {
		case <-ch:
			return true
		default:
		}
	}
	return false
}

func TestWatchesWakeForTheirOwnKeysOnly(t *testing.T) {
	for _, c := range []struct {
		name  string
		watch func(*Store, *Watch)
		op    KVOp
		key   string
		want  bool
	}{
		{"its key", func(s *Store, w *Watch) { s.KVGet(w, "a/b") }, KVSet, "a/b", true},
		{"another key", func(s *Store, w *Watch) { s.KVGet(w, "a/b") }, KVSet, "a/bc", false},
		{"an absent key appears", func(s *Store, w *Watch) { s.KVGet(w, "new") }, KVSet, "new", true},
		{"its key is deleted", func(s *Store, w *Watch) { s.KVGet(w, "a/b") }, KVDelete, "a/b", true},
		{"its key goes with a tree", func(s *Store, w *Watch) { s.KVGet(w, "a/b") }, KVDeleteTree, "a", true},
		{"below its prefix", func(s *Store, w *Watch) { s.KVList(w, "a/") }, KVSet, "a/x", true},
		{"not below its prefix", func(s *Store, w *Watch) { s.KVList(w, "a/") }, KVSet, "ab", false},
		{"any key for the empty prefix", func(s *Store, w *Watch) { s.KVKeys(w, "", "") }, KVSet, "zz", true},
		{"tree below its prefix", func(s *Store, w *Watch) { s.KVKeys(w, "a/b", "") }, KVDeleteTree, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New()
			set(t, s, "a/b", "a/c")
			w := NewWatch()
			defer w.Close()
			c.watch(s, w)
			if _, err := s.ApplyKV(20, 1, c.op, &record.KVEntry{Key: c.key, Value: []byte("new")}); err != nil {
				t.Fatal(err)
			}
			if got := woken(w); got != c.want {
				t.Errorf("woken: %v, want %v", got, c.want)
			}
		})
	}
}

func TestClosedWatchesAreForgotten(t *testing.T) {
	s := New()
	set(t, s, "a/b")
	for _, change := range []bool{false, true} {
		var ws []*Watch
		for range 3 {
			w := NewWatch()
			s.KVGet(w, "a/b")
			s.KVList(w, "a/")
			ws = append(ws, w)
		}
		if change {
			set(t, s, "a/b", "a/x")
		}
		for _, w := range ws {
			w.Close()
			w.Close()
		}
		if r := s.kv.watchers; len(r.keys)+len(r.prefixes)+len(r.lengths) != 0 {
			t.Errorf("change %v: left in the registry: %v %v %v", change, r.keys, r.prefixes, r.lengths)
		}
	}
}
