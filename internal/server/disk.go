package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/diskspace"
	"github.com/lictor-dr/lictor/internal/snapstore"
)

// disk is where Raft keeps what must survive, which is in memory if there is no directory.
type disk struct {
	logs      raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	dir       string      // empty in memory
	log       *healingLog // nil in memory
}

func openDisk(dir string, log hclog.Logger) (*disk, error) {
	if dir == "" {
		mem := raft.NewInmemStore()
		return &disk{logs: mem, stable: mem, snapshots: raft.NewInmemSnapshotStore()}, nil
	}
	snapshots, err := snapstore.OpenDir(filepath.Join(dir, "snapshots"), log.Named("raft.snapshot"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "wal")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	logs, err := openLog(path, snapshots, log)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkReach(logs, snapshots), forgetUnfinishedStart(logs, snapshots)); err != nil {
		return nil, errors.Join(err, logs.Close())
	}
	return &disk{logs: logs, stable: logs, snapshots: snapshots, dir: dir, log: logs}, nil
}

func (d *disk) close() error {
	if d.log == nil {
		return nil
	}
	return d.log.Close()
}

// failure tells why nothing can be written at the moment, nil if it can.
func (d *disk) failure() error {
	if d.log == nil {
		return nil
	}
	return d.log.Failure()
}

// segmentSpace is what a new segment of the log takes, and a little more: it is given its size when it is made.
const segmentSpace = 64<<20 + 256<<10

// checkSpace makes sure that there is space for so many bytes in the log, and for a segment after them.
func (d *disk) checkSpace(size int64) error {
	if d.dir == "" {
		return nil
	}
	space, ok := diskspace.Of(d.dir)
	if need := uint64(size) + segmentSpace; ok && space.Free < need {
		return fmt.Errorf("no space left on device: %d MB are free in %s, and this restore needs %d MB; nothing was changed",
			space.Free>>20, d.dir, need>>20)
	}
	return nil
}

// checkReach refuses a log that begins behind the newest snapshot which can be read: what came between is lost.
func checkReach(logs raft.LogStore, snapshots *snapstore.Dir) error {
	list, err := snapshots.List()
	if err != nil {
		return err
	}
	first, err := logs.FirstIndex()
	if err != nil || first <= 1 {
		return err
	}
	if len(list) == 0 || list[0].Index+1 < first {
		return fmt.Errorf("the log begins at index %d, and no snapshot that can be read covers what came before it: "+
			"look into raft/snapshots, or restore a saved snapshot into a new data directory", first)
	}
	return nil
}

// currentTerm is where Raft keeps its term.
var currentTerm = []byte("CurrentTerm")

// bootstrapTerm is the term of a cluster's first configuration. Elections begin with the next one.
const bootstrapTerm = 1

// forgetUnfinishedStart takes back the term that a killed first start has left: Raft sets it before it writes its first entry, and
// would take the directory for one that has been in use. A later term stays: a server that waits for its first entry may have promised
// to heed nobody of an earlier one.
func forgetUnfinishedStart(logs *healingLog, snapshots *snapstore.Dir) error {
	last, err := logs.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	term, err := logs.GetUint64(currentTerm)
	if err != nil || term != bootstrapTerm {
		return err
	}
	empty, err := snapshots.Empty()
	if err != nil || !empty {
		return err
	}
	return logs.SetUint64(currentTerm, 0)
}

// emptyOvertakenLog empties a log that ends below the newest snapshot. A kill while a snapshot of the leader is installed leaves one, and
// Raft could never append to it again. The snapshot is read first: without a good one, the log is all there is.
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
	if err := snapshots.Verify(newest.ID); err != nil {
		return fmt.Errorf("the log ends at index %d, below the newest snapshot, and that one is damaged: %w "+
			"(move it out of raft/snapshots to go back to the state before it)", last, err)
	}
	log.Warn("emptying a log that ends below the newest snapshot, as a kill during the installation of one leaves it",
		"log_first", first, "log_last", last, "snapshot", newest.ID)
	if err := logs.DeleteRange(first, last); err != nil {
		return fmt.Errorf("empty the log: %w", err)
	}
	return nil
}
