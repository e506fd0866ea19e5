package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

// unnoted are metadata of a log whose process dies before it has noted that a segment is full.
type unnoted struct {
	metadb.BoltMetaDB
	commits int // how many more are made
}

func (u *unnoted) CommitState(s types.PersistentState) error {
	if u.commits--; u.commits < 0 {
		return errors.New("the process is dead")
	}
	return u.BoltMetaDB.CommitState(s)
}

// fullSegment makes a log in dir whose first segment is full, in a process that died before it has noted that. It returns how many entries were
// acknowledged. before are how many segments were noted.
func fullSegment(t *testing.T, dir string, before int) uint64 {
	t.Helper()
	// The first commit makes the log, each further one begins a segment.
	w, err := wal.Open(dir, wal.WithMetaStore(&unnoted{commits: 1 + before}), wal.WithSegmentSize(4096), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); ; i++ {
		if err := w.StoreLogs([]*raft.Log{entryAt(i)}); err != nil {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return i - 1
		}
		if i > 1000 {
			t.Fatal("no segment becomes full")
		}
	}
}

func entryAt(i uint64) *raft.Log {
	return &raft.Log{Index: i, Term: 1, Data: bytes.Repeat([]byte{byte(i)}, 300)}
}

// A log whose last segment was full when the process died takes writes again, and has lost nothing, however often that happens.
func TestLogWithFullSegment(t *testing.T) {
	for before := range 3 {
		dir := t.TempDir()
		last := fullSegment(t, dir, before)
		for range 3 {
			h := openedLog(t, dir)
			wantEntries(t, h, last)
			if err := h.StoreLogs([]*raft.Log{entryAt(last + 1), entryAt(last + 2)}); err != nil {
				t.Fatalf("after %d segments: %v", before, err)
			}
			last += 2
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A last write that fills the segment, and is not on disk as a whole, does not count; what was acknowledged before it does.
func TestLogWithTornFullSegment(t *testing.T) {
	for name, tear := range map[string]func(segment []byte, last uint64){
		"its end is missing":       func(b []byte, _ uint64) { clear(b[lastUsed(b)-8:]) },
		"it ends within its index": func(b []byte, _ uint64) { clear(b[lastUsed(b)-16:]) },
		"a byte of its entry is missing": func(b []byte, last uint64) {
			b[bytes.LastIndex(b, bytes.Repeat([]byte{byte(last)}, 300))] = 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			last := fullSegment(t, dir, 0)
			files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			content, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			tear(content, last)
			if err := os.WriteFile(files[0], content, 0o600); err != nil {
				t.Fatal(err)
			}
			last--
			for range 2 {
				h := openedLog(t, dir)
				wantEntries(t, h, last)
				if err := h.StoreLog(entryAt(last + 1)); err != nil {
					t.Fatal(err)
				}
				last++
				if err := h.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// lastUsed is the offset behind the last frame, which fills eight bytes.
func lastUsed(b []byte) int { return (len(bytes.TrimRight(b, "\x00")) + 7) / 8 * 8 }

// wantEntries wants the entries up to last, and no other.
func wantEntries(t *testing.T, h *healingLog, last uint64) {
	t.Helper()
	if got, err := h.LastIndex(); err != nil || got != last {
		t.Fatalf("the last index is %d, want %d, %v", got, last, err)
	}
	for i := uint64(1); i <= last; i++ {
		var l raft.Log
		if err := h.GetLog(i, &l); err != nil || !bytes.Equal(l.Data, entryAt(i).Data) {
			t.Fatalf("entry %d: %d bytes, %v", i, len(l.Data), err)
		}
	}
}
