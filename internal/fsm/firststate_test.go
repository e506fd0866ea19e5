package fsm

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A new cluster can begin with an archive, and with one only.
func TestFirstState(t *testing.T) {
	content := golden.Read(t, "consul-1.21.4/full.snap")
	leader, follower := newReplica(), newReplica()
	store, _, err := BuildArchive(bytes.NewReader(content), nil)
	if err != nil {
		t.Fatal(err)
	}
	leader.Prepare("r", store)
	for _, r := range []*replica{leader, follower} {
		r.begin(t, "of a leader that went", content, fullIndex, 10)
		if err := r.apply(t, AbortRestore()); err != nil {
			t.Fatal(err)
		}
		r.begin(t, "r", content, fullIndex, 0)
		if r.Store().Origin() != nil {
			t.Error("a record of what has not happened")
		}
		if err := r.apply(t, CommitFirstState("r", "here")); err != nil {
			t.Fatal(err)
		}
		if m := r.Store().Origin(); m == nil || m.Value != "here" || m.ModifyIndex <= fullIndex {
			t.Errorf("the record is %+v", m)
		}
	}
	if !bytes.Equal(records(t, leader.Store()), records(t, follower.Store())) {
		t.Error("they differ")
	}
	before := records(t, follower.Store())
	follower.begin(t, "again", golden.Read(t, "consul-1.21.4/kv.snap"), 1, 0)
	if err := follower.apply(t, CommitFirstState("again", "there")); !errors.Is(err, ErrNotPristine) {
		t.Errorf("a second first state: %v", err)
	}
	if follower.Restoring() || !bytes.Equal(records(t, follower.Store()), before) {
		t.Error("a refused first state leaves something")
	}
}

// Whatever is written before the commit, by whomever, keeps a first state out.
func TestFirstStateComesFirst(t *testing.T) {
	r := newReplica()
	r.begin(t, "r", golden.Read(t, "consul-1.21.4/kv.snap"), 1, 0)
	r.put(t, "written meanwhile")
	if err := r.apply(t, CommitFirstState("r", "here")); !errors.Is(err, ErrNotPristine) {
		t.Error(err)
	}
	if _, e := r.Store().KVGet(nil, "written meanwhile"); e == nil {
		t.Error("an acknowledged write is gone")
	}
}

// Each record there can be makes a state that is not pristine, and so does what was deleted.
func TestPristine(t *testing.T) {
	if !state.New().Pristine() {
		t.Error("a new store is not")
	}
	seen := map[record.Type]bool{}
	for _, path := range []string{"consul-1.21.4/full.snap", "consul-1.21.4/kv.snap"} {
		_, err := archive.Read(bytes.NewReader(golden.Read(t, path)), func(_ *archive.Meta, r io.Reader) error {
			records, err := record.NewReader(r)
			if err != nil {
				return err
			}
			return records.Each(func(raw record.Raw) error {
				v, err := record.Decode(raw)
				if err != nil {
					return err
				}
				b := state.NewBuilder(records.Header())
				if err := b.Add(raw.Type, v); err != nil {
					return nil // a service or check without its node
				}
				store, err := b.Store(1, 1)
				if err == nil && store.Pristine() {
					t.Errorf("with a record of type %s it counts as pristine", raw.Type)
				}
				seen[raw.Type] = true
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d types of records were tried", len(seen))
	}
	r := newReplica()
	r.put(t, "k")
	if err := r.apply(t, KV(state.KVDelete, &record.KVEntry{Key: "k"})); err != nil {
		t.Fatal(err)
	}
	if err := r.apply(t, ReapTombstones(100)); err != nil {
		t.Fatal(err)
	}
	if r.Store().Tombstones() > 0 || r.Store().Pristine() {
		t.Error("what was deleted, and its tombstone reaped, leaves no trace")
	}
}

// A state without a record that somebody has restored is not that of a new cluster, also when it comes from a snapshot of Raft's.
func TestRestoredEmptinessIsNotPristine(t *testing.T) {
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := state.New().Snapshot().Encode(w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{ID: "empty", Index: 1, Term: 1, Version: 1}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var empty bytes.Buffer
	if _, err := w.WriteTo(&empty); err != nil {
		t.Fatal(err)
	}
	r := newReplica()
	r.begin(t, "r", empty.Bytes(), 1, 0)
	if !r.Pristine() {
		t.Error("a restore that is not committed counts as written")
	}
	if err := r.apply(t, CommitRestore("r")); err != nil {
		t.Fatal(err)
	}
	if r.Pristine() {
		t.Error("an empty state that was restored counts as one in which nothing was ever written")
	}
	var snapshot bytes.Buffer
	if err := r.Store().Snapshot().Encode(&snapshot); err != nil {
		t.Fatal(err)
	}
	snapshot.Write(entry(typeMarks, marks{Written: r.written.Load()}))
	if _, m, err := buildSnapshot(&snapshot, 9, 1); err != nil || !m.Written {
		t.Errorf("%+v, %v", m, err)
	}
}
