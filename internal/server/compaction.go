package server

import (
	"context"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
)

// A log may grow until what a start has to read and to apply of it takes as long as to read the snapshot under it, and at least as far as
// this, which takes about two seconds. (A start reads 150,000 entries a second, and snapshots at the speed below.)
const (
	logEntries      = 300_000
	logBytes        = 128 << 20
	logTime         = 2 * time.Second // to apply it
	snapshotSpeed   = 750e6           // bytes a second
	compactionCheck = time.Second
)

// A logLimit is how far a log may grow.
type logLimit struct {
	entries uint64
	bytes   int64
	time    time.Duration // to apply it
}

// exceeded tells whether what was applied since the last snapshot, which has so many bytes, makes a start slow.
func (l logLimit) exceeded(g fsm.Growth, snapshot int64) bool {
	read := float64(snapshot) / snapshotSpeed // seconds
	return g.Entries > max(l.entries, uint64(read*logEntries/logTime.Seconds())) ||
		g.Bytes > max(l.bytes, snapshot) ||
		g.Time > max(l.time, time.Duration(read*float64(time.Second)))
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
		_ = s.settle(s.raft.Snapshot()) // Raft logs what it cannot do, and counting has begun anew
	}
}

// logTooLong tells whether the log has become too long. An operator who wants more entries in it says so with raft_snapshot_threshold.
func (s *Server) logTooLong() bool {
	limit := s.config.longLog
	limit.entries = max(limit.entries, s.raft.ReloadableConfig().SnapshotThreshold)
	grown := s.fsm.Growth()
	if !limit.exceeded(grown, 0) {
		return false
	}
	list, err := s.snaps.List()
	if err != nil || len(list) == 0 {
		return err == nil
	}
	return limit.exceeded(grown, list[0].Size)
}
