package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
)

func (g *growth) add(logs []*raft.Log) {
	g.entries += uint64(len(logs))
	for _, l := range logs {
		g.bytes += int64(len(l.Data))
	}
}

// measure finds out how much of the log no snapshot covers. Of its bytes that is as large a part as of its entries; the last
// segment counts as full.
func (h *healingLog) measure() error {
	first, err := h.wal.FirstIndex()
	if err != nil || h.last == 0 {
		return err
	}
	covered := first - 1
	switch list, err := h.snapshots.List(); {
	case err != nil:
		return err
	case len(list) > 0:
		covered = max(covered, min(list[0].Index, h.last))
	}
	segments, err := filepath.Glob(filepath.Join(h.path, "*.wal"))
	if err != nil {
		return err
	}
	var size int64
	for _, path := range segments {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("measure the log: %w", err)
		}
		size += info.Size()
	}
	h.since.entries = h.last - covered
	h.since.bytes = int64(float64(size) * float64(h.since.entries) / float64(h.last-first+1))
	return nil
}

// A log may grow until what a start has to read and to apply of it takes as long as to read the snapshot under it, and at least as far as
// this, which takes about two seconds. (A start reads 150,000 entries a second, and snapshots at the speed below.)
const (
	logEntries      = 300_000
	logBytes        = 128 << 20
	logTime         = 2 * time.Second // to apply it
	snapshotSpeed   = 750e6           // bytes a second
	compactionCheck = time.Second
)

// growth is how much a log has got longer.
type growth struct {
	entries uint64
	bytes   int64
	time    time.Duration // it took to apply that
}

// tooLong tells whether a log that has grown so much since the last snapshot, which has so many bytes, makes a start slow.
func (g growth) tooLong(least growth, snapshot int64) bool {
	read := float64(snapshot) / snapshotSpeed // seconds
	return g.entries > max(least.entries, uint64(read*logEntries/logTime.Seconds())) ||
		g.bytes > max(least.bytes, snapshot) ||
		g.time > max(least.time, time.Duration(read*float64(time.Second)))
}

// keepLogShort has Raft take a snapshot as soon as the log has become so long that a start would take its time. Raft itself looks only
// once in SnapshotInterval, which is a million entries under a high load, and does not count bytes.
func (s *Server) keepLogShort(ctx context.Context) {
	atStart := s.raft.LastIndex() // a start is not held up by a snapshot
	tick := time.NewTicker(compactionCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.raft.AppliedIndex() < atStart || s.fsm.Restoring() || !s.logTooLong() {
			continue
		}
		err := s.raft.Snapshot().Error()
		if err == nil || errors.Is(err, raft.ErrNothingNewToSnapshot) || errors.Is(err, raft.ErrRaftShutdown) {
			continue
		}
		select { // Raft has logged it, and tries again on its own
		case <-ctx.Done():
			return
		case <-time.After(s.raft.ReloadableConfig().SnapshotInterval):
		}
	}
}

// logTooLong tells whether the log has become too long. An operator who wants more entries in it says so with raft_snapshot_threshold.
func (s *Server) logTooLong() bool {
	least := s.config.longLog
	least.entries = max(least.entries, s.raft.ReloadableConfig().SnapshotThreshold)
	grown := s.disk.log.Growth()
	grown.time = s.fsm.Spent()
	if !grown.tooLong(least, 0) {
		return false
	}
	list, err := s.snaps.List()
	if err != nil || len(list) == 0 {
		return err == nil
	}
	return grown.tooLong(least, list[0].Size)
}
