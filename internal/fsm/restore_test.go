package fsm

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
)

// A replica is a state machine that is fed a log.
type replica struct {
	*FSM
	index uint64
}

func newReplica() *replica { return &replica{FSM: New()} }

func (r *replica) apply(t *testing.T, e Entry) error {
	t.Helper()
	r.index++
	result, ok := r.Apply(&raft.Log{Index: r.index, Term: 3, Data: e}).(Result)
	if !ok {
		t.Fatal("no result")
	}
	return result.Err
}

// put writes a key, and returns the index that the write got.
func (r *replica) put(t *testing.T, key string) uint64 {
	t.Helper()
	if err := r.apply(t, KV(state.KVSet, &record.KVEntry{Key: key, Value: []byte("v")})); err != nil {
		t.Fatal(err)
	}
	_, e := r.Store().KVGet(nil, key)
	return e.ModifyIndex
}

// begin begins a restore of an archive, and brings the pieces in, all but so many bytes.
func (r *replica) begin(t *testing.T, id string, archive []byte, index uint64, without int) {
	t.Helper()
	if err := r.apply(t, BeginRestore(id, index, nil)); err != nil {
		t.Fatal(err)
	}
	rest := archive[:len(archive)-without]
	for len(rest) > 0 {
		n := min(len(rest), 1000)
		if err := r.apply(t, RestorePiece(id, rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
}

func records(t *testing.T, s *state.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const fullIndex = 148 // of full.snap

// Whoever goes through the entries of a restore ends with the same state: who has built it before, and who builds it of the pieces.
func TestRestoreThroughTheLog(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/full.snap")
	leader, follower := newReplica(), newReplica()
	store, result, err := BuildArchive(bytes.NewReader(archive), nil)
	if err != nil || result.Meta.Index != fullIndex {
		t.Fatal(result, err)
	}
	leader.Prepare("r", store)
	var indexes []uint64
	for _, r := range []*replica{leader, follower} {
		r.put(t, "old")
		before := r.Store()
		r.begin(t, "r", archive, fullIndex, 0)
		if !r.Restoring() || r.Store() != before {
			t.Error("it is restored before it is committed")
		}
		if _, err := r.Snapshot(); !errors.Is(err, errRestoring) {
			t.Errorf("a snapshot of half a restore: %v", err)
		}
		r.put(t, "in between")
		if err := r.apply(t, CommitRestore("r")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-before.Abandoned():
		default:
			t.Error("who waits on the old state waits for ever")
		}
		if r.Restoring() {
			t.Error("it goes on")
		}
		if index, term := r.Store().Applied(); index != fullIndex+1 || term != 3 {
			t.Errorf("index %d, term %d", index, term)
		}
		indexes = append(indexes, r.put(t, "after"))
	}
	leader.Forget("r")
	if leader.Store() != store {
		t.Error("the leader built it twice")
	}
	if !bytes.Equal(records(t, leader.Store()), records(t, follower.Store())) || indexes[0] != indexes[1] || indexes[0] != fullIndex+2 {
		t.Errorf("they differ; indexes of the next write %d", indexes)
	}
}

// An index that is ahead of Raft's stays so through a snapshot, and a restore of an older archive does not bring it back.
func TestIndexesGoOnAfterARestore(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/full.snap")
	r := newReplica()
	r.begin(t, "r", archive, 5000, 0)
	if err := r.apply(t, CommitRestore("r")); err != nil {
		t.Fatal(err)
	}
	if got := r.put(t, "a"); got != 5002 {
		t.Errorf("index %d", got)
	}
	s := snapstore.New(raft.NewInmemSnapshotStore())
	snapshot, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	_, trans := raft.NewInmemTransport("x")
	sink, err := s.Create(1, r.index, 3, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Persist(sink); err != nil {
		t.Fatal(err)
	}
	_, rc, err := s.Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	other := &replica{New(), r.index}
	other.begin(t, "unfinished", archive, 1, 10)
	other.index = r.index
	if err := other.Restore(rc); err != nil {
		t.Fatal(err)
	}
	if other.Restoring() {
		t.Error("the restore that a snapshot has overtaken goes on")
	}
	if index, _ := other.Store().Applied(); index != 5002 {
		t.Errorf("the snapshot stands for index %d", index)
	}
	for _, x := range []*replica{r, other} {
		x.begin(t, "older", archive, fullIndex, 0)
		if err := x.apply(t, CommitRestore("older")); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := r.put(t, "b"), other.put(t, "b"); a != b || a <= 5002 {
		t.Errorf("indexes %d and %d", a, b)
	}
	if !bytes.Equal(records(t, r.Store()), records(t, other.Store())) {
		t.Error("they differ")
	}
}

// A restore that is given up, overtaken, or not the one that is meant changes nothing.
func TestRestoreIsGivenUp(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	for name, end := range map[string]func(r *replica) error{
		"aborted": func(r *replica) error {
			if err := r.apply(t, AbortRestore()); err != nil {
				t.Error(err)
			}
			return r.apply(t, CommitRestore("r"))
		},
		"overtaken": func(r *replica) error {
			r.begin(t, "other", archive, 1, 5)
			return r.apply(t, CommitRestore("r"))
		},
		"another's piece":  func(r *replica) error { return r.apply(t, RestorePiece("other", nil)) },
		"another's commit": func(r *replica) error { return r.apply(t, CommitRestore("other")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica()
			r.put(t, "old")
			r.begin(t, "r", archive, 1, 0)
			if err := end(r); !errors.Is(err, errNoRestore) {
				t.Errorf("error %v", err)
			}
			if _, e := r.Store().KVGet(nil, "old"); e == nil {
				t.Error("the old state is gone")
			}
			if _, err := (Recovery{r.FSM}).Snapshot(); err != nil {
				t.Errorf("no recovery: %v", err)
			}
			r.Close()
		})
	}
}

// A server that cannot read what the cluster has restored must not go on with another state.
func TestUnreadableRestoreStopsTheServer(t *testing.T) {
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	r := newReplica()
	r.begin(t, "r", archive, 1, 100)
	defer func() {
		if recover() == nil {
			t.Error("it went on")
		}
	}()
	_ = r.apply(t, CommitRestore("r"))
}

// Only the last record of a snapshot says how far the index is ahead: an archive may have one of that type among its own.
func TestStrangersOffset(t *testing.T) {
	var b bytes.Buffer
	b.Write(records(t, state.New()))
	b.Write(entry(typeMarks, marks{Offset: 7}))
	b.Write(entry(typeMarks, marks{Offset: 9}))
	store, m, err := buildSnapshot(&b, 100, 2)
	if err != nil || m.Offset != 9 {
		t.Fatalf("marks %+v, %v", m, err)
	}
	if !bytes.Contains(records(t, store), entry(typeMarks, marks{Offset: 7})) {
		t.Error("the stranger's record is lost")
	}
	if _, _, err := buildSnapshot(io.MultiReader(bytes.NewReader(records(t, state.New())), bytes.NewReader([]byte{byte(typeMarks), 0xc1})), 1, 1); err == nil {
		t.Error("a damaged offset was read")
	}
}
