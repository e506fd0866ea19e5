package server

import (
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"path/filepath"

	"github.com/lictor-dr/lictor/internal/snapstore"
)

// A log whose end was cut off can be read when it is opened again.
func TestLogCutOffAndOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	snapshots, err := snapstore.OpenDir(filepath.Join(dir, "snapshots"), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	open := func() *healingLog {
		h, err := openLog(dir, snapshots, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := open()
	for i := range uint64(10) {
		if err := h.StoreLog(&raft.Log{Index: i + 1, Term: 1, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.DeleteRange(9, 10); err != nil {
		t.Fatal(err)
	}
	if err := h.StoreLog(&raft.Log{Index: 9, Term: 2, Data: []byte("y")}); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = open()
	defer h.Close()
	for i := range uint64(9) {
		var l raft.Log
		if err := h.GetLog(i+1, &l); err != nil {
			t.Fatalf("entry %d: %v", i+1, err)
		}
	}
}
