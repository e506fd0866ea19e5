package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/lictor-dr/lictor/internal/snapstore"
)

// disk is where Raft keeps what must survive, which is in memory if there is no directory.
type disk struct {
	logs      raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	close     func() error
}

func openDisk(dir string, log hclog.Logger) (*disk, error) {
	if dir == "" {
		mem := raft.NewInmemStore()
		return &disk{mem, mem, raft.NewInmemSnapshotStore(), func() error { return nil }}, nil
	}
	snapshots, err := snapstore.OpenDir(filepath.Join(dir, "snapshots"), log.Named("raft.snapshot"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "wal")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	meta := new(metadb.BoltMetaDB) // ours, because the log does not close it, and with it its file lock
	logs, err := wal.Open(path, wal.WithMetaStore(meta), wal.WithLogger(log.Named("raft.wal")))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log in %s: %w", path, err), meta.Close())
	}
	closeBoth := func() error { return errors.Join(logs.Close(), meta.Close()) }
	if err := emptyOvertakenLog(logs, snapshots, log); err != nil {
		return nil, errors.Join(err, closeBoth())
	}
	return &disk{logs, logs, snapshots, closeBoth}, nil
}

// emptyOvertakenLog empties a log that ends below the newest snapshot. A kill inside a restore leaves one, and Raft could never append
// to it again. The snapshot is read first: without a good one, the log is all there is.
func emptyOvertakenLog(logs raft.LogStore, snapshots *snapstore.Dir, log hclog.Logger) error {
	list, err := snapshots.List()
	if err != nil || len(list) == 0 {
		return err
	}
	first, err := logs.FirstIndex()
	if err != nil {
		return fmt.Errorf("read first index of the log: %w", err)
	}
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read last index of the log: %w", err)
	}
	newest := list[0]
	if last == 0 || last >= newest.Index {
		return nil
	}
	_, content, err := snapshots.Open(newest.ID)
	if err != nil {
		return fmt.Errorf("the log ends at index %d, below the newest snapshot, and that one is damaged: %w "+
			"(move it out of raft/snapshots to go back to the state before it)", last, err)
	}
	content.Close()
	log.Warn("emptying a log that ends below the newest snapshot, as a kill during a restore leaves it",
		"log_first", first, "log_last", last, "snapshot", newest.ID)
	if err := logs.DeleteRange(first, last); err != nil {
		return fmt.Errorf("empty the log: %w", err)
	}
	return nil
}
