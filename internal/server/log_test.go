package server

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/snapstore"
)

// newLog opens a log in a new directory.
func newLog(t *testing.T) *healingLog {
	t.Helper()
	return keptOpenLog(t, t.TempDir())
}

// keptOpenLog opens the log in a directory until the test ends.
func keptOpenLog(t *testing.T, dir string) *healingLog {
	t.Helper()
	h := openedLog(t, dir)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// openedLog opens the log in a directory, with a directory of snapshots of its own.
func openedLog(t *testing.T, dir string) *healingLog {
	t.Helper()
	snapshots, err := snapstore.OpenDir(t.TempDir(), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	h, err := openLog(dir, snapshots, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func appendEntries(t *testing.T, h raft.LogStore, from, to uint64) {
	t.Helper()
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: []byte{byte(i)}})
	}
	if err := h.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
}

func wantRange(t *testing.T, h *healingLog, first, last uint64) {
	t.Helper()
	gotFirst, err := h.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	gotLast, err := h.LastIndex()
	if err != nil || gotFirst != first || gotLast != last {
		t.Errorf("the log has %d to %d, %v; want %d to %d", gotFirst, gotLast, err, first, last)
	}
}

func TestBrokenLogIsOpenedAgain(t *testing.T) {
	h := newLog(t)
	appendEntries(t, h, 1, 5)
	if err := h.wal.Close(); err != nil { // from now on every call fails
		t.Fatal(err)
	}
	appendEntries(t, h, 6, 7)
	wantRange(t, h, 1, 7)
	if h.Failure() != nil {
		t.Errorf("failure %v", h.Failure())
	}
	if err := h.wal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.DeleteRange(1, 3); err != nil {
		t.Fatal(err)
	}
	wantRange(t, h, 4, 7)
}

// An entry that was stored, but whose storing was reported as failed, is no part of the log: Raft will use its index again.
func TestUnacknowledgedEntriesAreCutOff(t *testing.T) {
	h := newLog(t)
	appendEntries(t, h, 1, 5)
	if err := h.wal.StoreLogs([]*raft.Log{{Index: 6, Term: 1}, {Index: 7, Term: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := h.wal.Close(); err != nil {
		t.Fatal(err)
	}
	appendEntries(t, h, 6, 6)
	wantRange(t, h, 1, 6)
	var l raft.Log
	if err := h.GetLog(6, &l); err != nil || len(l.Data) != 1 || l.Data[0] != 6 {
		t.Errorf("entry 6 is %v, %v", l, err)
	}
}

func TestFailureThatCannotBeMendedIsTold(t *testing.T) {
	h := newLog(t)
	appendEntries(t, h, 1, 5)
	good := h.path
	if err := h.wal.Close(); err != nil {
		t.Fatal(err)
	}
	h.path = filepath.Join(good, "gone")
	if err := h.StoreLog(&raft.Log{Index: 6, Term: 1}); err == nil || h.Failure() == nil {
		t.Errorf("store: %v, failure %v", err, h.Failure())
	}
	if err := h.SetUint64([]byte("CurrentTerm"), 9); err != nil {
		t.Errorf("the term cannot be kept while the log is broken: %v", err)
	}
	h.path = good
	appendEntries(t, h, 6, 6)
	wantRange(t, h, 1, 6)
	if term, err := h.GetUint64([]byte("CurrentTerm")); err != nil || term != 9 || h.Failure() != nil {
		t.Errorf("term %d, %v; failure %v", term, err, h.Failure())
	}
}

func TestLeaderlessAnswersTellTheCause(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	defer closeServer(t, s)
	s.disk.log.mu.Lock()
	s.disk.log.failure = context.DeadlineExceeded
	s.disk.log.mu.Unlock()
	if err := s.noLeader(); !strings.HasPrefix(err.Error(), "No cluster leader: the log cannot be written: ") {
		t.Errorf("got %v", err)
	}
}

// Raft sets its term before it writes its first entry; a kill between the two must not spoil the directory.
func TestFirstStartThatWasKilled(t *testing.T) {
	c := testConfig(t.TempDir())
	d, err := openDisk(c.Dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.stable.SetUint64(currentTerm, 1); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	s := start(t, c)
	defer closeServer(t, s)
	put(t, s, "k", "v")
}

// A server that has seen a later term has promised not to heed the leader of an earlier one, also while its log is empty.
func TestPromiseOfAnEmptyServerIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []uint64{0, 2} {
		d, err := openDisk(dir, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		if term, err := d.stable.GetUint64(currentTerm); err != nil || term != want {
			t.Errorf("term %d, %v, want %d", term, err, want)
		}
		if err := errors.Join(d.stable.SetUint64(currentTerm, 2), d.close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLogThatBeginsBehindEverySnapshotIsRefused(t *testing.T) {
	c := testConfig(t.TempDir())
	d, err := openDisk(c.Dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	appendEntries(t, d.logs, 1, 20)
	if err := d.logs.DeleteRange(1, 10); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "the log begins at index 11") {
		t.Errorf("got %v", err)
	}
}

// Raft empties a log that is empty already, as after a recovery that was killed.
func TestEmptyLogIsEmptied(t *testing.T) {
	h := newLog(t)
	if err := h.DeleteRange(0, 0); err != nil || h.last != 0 {
		t.Errorf("%v; the last entry is now %d", err, h.last)
	}
}
