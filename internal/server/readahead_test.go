package server

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// entryOf is the entry at an index: every seventh is larger than the buffer.
func entryOf(index uint64) *raft.Log {
	size := int(index*37) % 5_000
	if index%7 == 0 {
		size = readAheadSize + int(index)
	}
	return &raft.Log{Index: index, Term: 1 + index/10, Type: raft.LogType(index % 2), Data: bytes.Repeat([]byte{byte(index)}, size)}
}

// segmented makes a log with several segments in a directory, with the entries from first to last, and opens it.
func segmented(t *testing.T, dir string, first, last uint64) *healingLog {
	t.Helper()
	w, err := wal.Open(dir, wal.WithSegmentSize(4<<20), wal.WithMetaStore(new(metadb.BoltMetaDB)))
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= last; i++ {
		if err := w.StoreLog(entryOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	if first > 1 {
		if err := w.DeleteRange(1, first-1); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(segments) < 1 || first < 20 && len(segments) < 3 {
		t.Fatalf("segments %q, %v", segments, err)
	}
	return keptOpenLog(t, dir)
}

func wantEntry(t *testing.T, h *healingLog, want *raft.Log) {
	t.Helper()
	var got raft.Log
	if err := h.GetLog(want.Index, &got); err != nil {
		t.Fatalf("entry %d: %v", want.Index, err)
	}
	if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
		t.Fatalf("entry %d of term %d has type %d and %d bytes, want entry %d of term %d, type %d, %d bytes",
			got.Index, got.Term, got.Type, len(got.Data), want.Index, want.Term, want.Type, len(want.Data))
	}
}

// readPass reads all entries from first on, and returns how many of them came out of the buffer.
func readPass(t *testing.T, h *healingLog, first, last uint64) (ahead int) {
	t.Helper()
	for i := first; i <= last; i++ {
		wantEntry(t, h, entryOf(i))
		h.ahead.mu.Lock()
		if h.ahead.missed != i {
			ahead++
		}
		h.ahead.mu.Unlock()
	}
	return ahead
}

// A start reads every entry as it was written, nearly all through the buffer, from wherever it begins: in a sealed segment, in the last one, in
// one whose beginning was removed.
func TestReadAhead(t *testing.T) {
	const last = 60
	for _, first := range []uint64{1, 2, 17, 58} {
		for _, from := range []uint64{first, first + 1, last - 2} {
			t.Run(fmt.Sprintf("%d from %d", first, from), func(t *testing.T) {
				h := segmented(t, t.TempDir(), first, last)
				wantEntry(t, h, entryOf(last)) // as Raft begins
				for pass := range readAheadPasses {
					if got, want := readPass(t, h, from, last), int(last-from-1); got < want {
						t.Errorf("in pass %d %d entries came out of the buffer, want %d at least", pass, got, want)
					}
					if h.ahead.file != nil || h.ahead.buf != nil {
						t.Error("a file is open after the last entry")
					}
				}
				if got := readPass(t, h, from, last); got != 0 {
					t.Errorf("%d entries came out of the buffer later on", got)
				}
			})
		}
	}
}

// New entries, others in the place of those that were cut off, and entries in no order are read as they are.
func TestReadAheadOfAChangingLog(t *testing.T) {
	h := segmented(t, t.TempDir(), 1, 60)
	for i := uint64(1); i <= 10; i++ {
		wantEntry(t, h, entryOf(i))
	}
	if h.ahead.file == nil {
		t.Fatal("the log is not read ahead")
	}
	other := entryOf(60)
	other.Term, other.Data = 1_000, []byte("other")
	if err := h.DeleteRange(60, 60); err != nil {
		t.Fatal(err)
	}
	if err := h.StoreLog(other); err != nil {
		t.Fatal(err)
	}
	if err := h.StoreLog(entryOf(61)); err != nil {
		t.Fatal(err)
	}
	for i := uint64(11); i <= 59; i++ {
		wantEntry(t, h, entryOf(i))
	}
	wantEntry(t, h, other)
	for _, i := range []uint64{61, 5, 59, 6, 7, 8, 61} {
		wantEntry(t, h, entryOf(i))
	}
}

func TestReadAheadIgnoresNewEntries(t *testing.T) {
	h := segmented(t, t.TempDir(), 1, 60)
	if err := h.StoreLog(entryOf(61)); err != nil {
		t.Fatal(err)
	}
	readPass(t, h, 1, 61)
}

// What is not understood is left to raft-wal, which says what is wrong.
func TestReadAheadOfADamagedLog(t *testing.T) {
	dir := t.TempDir()
	h := segmented(t, dir, 1, 60)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segments[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xee}, 64), segmentHeader); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	h = keptOpenLog(t, dir)
	for i := range uint64(3) {
		if err := h.GetLog(i+1, new(raft.Log)); i == 0 && err == nil {
			t.Errorf("damaged entry %d was read", i+1)
		}
	}
	if h.ahead.passes != 0 {
		t.Error("the damaged log is read ahead all the same")
	}
	wantEntry(t, h, entryOf(60))
}
