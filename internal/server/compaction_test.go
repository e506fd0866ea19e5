package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
)

func TestWhenALogIsTooLong(t *testing.T) {
	limit := logLimit{entries: 100, bytes: 1_000, time: time.Second}
	grown := func(entries uint64, bytes int64, time time.Duration) fsm.Growth {
		return fsm.Growth{Entries: entries, Bytes: bytes, Time: time}
	}
	const readIn3s = 3 * snapshotSpeed
	for name, c := range map[string]struct {
		grown    fsm.Growth
		snapshot int64
		want     bool
	}{
		"nothing":                        {grown(0, 0, 0), 0, false},
		"at the bounds":                  {grown(100, 1_000, time.Second), 0, false},
		"entries":                        {grown(101, 1, 1), 0, true},
		"bytes":                          {grown(1, 1_001, 1), 0, true},
		"time":                           {grown(1, 1, time.Second+1), 0, true},
		"many bytes beside more":         {grown(1, 1_001, 1), 1_001, false},
		"more bytes than the snapshot":   {grown(1, 1_002, 1), 1_001, true},
		"entries, a snapshot takes more": {grown(logEntries, 1, 1), readIn3s, false},
		"entries that take longer":       {grown(2*logEntries, 1, 1), readIn3s, true},
		"time, a snapshot takes more":    {grown(1, 1, 3*time.Second), readIn3s, false},
		"time that is longer":            {grown(1, 1, 3*time.Second+1), readIn3s, true},
	} {
		if got := limit.exceeded(c.grown, c.snapshot); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A log that has become long is compacted without waiting for Raft's own look at it. What was there before a restart counts.
func TestLongLogIsCompacted(t *testing.T) {
	for name, least := range map[string]logLimit{
		"entries": {50, 1 << 30, time.Hour}, "bytes": {1 << 30, 100_000, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t.TempDir())
			c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs, c.longLog = time.Hour, 1, 1, least
			s := start(t, c)
			for i := range 10 {
				put(t, s, fmt.Sprint("short", i), "v")
			}
			if grown := s.fsm.Growth(); s.logTooLong() {
				t.Fatalf("a log of %+v is too long", grown)
			}
			value := strings.Repeat("v", 2_000)
			for i := range 25 {
				put(t, s, fmt.Sprint("k", i), value)
			}
			closeServer(t, s)
			s = start(t, c)
			defer func() { closeServer(t, s) }()
			for i := range 30 {
				put(t, s, fmt.Sprint("more", i), value)
			}
			eventually(t, "a snapshot", func() bool {
				list, err := s.snaps.List()
				return err == nil && len(list) == 1 && list[0].Index > 60
			})
			eventually(t, "a short log", func() bool {
				first, err := s.disk.log.FirstIndex()
				return err == nil && first > 60 && !s.logTooLong()
			})
			want := content(t, s)
			closeServer(t, s)
			s = start(t, c)
			if content(t, s) != want {
				t.Error("the state changed across a restart with a compacted log")
			}
			if grown := s.fsm.Growth(); grown.Entries > 20 {
				t.Errorf("after a restart the log is said to have grown by %+v", grown)
			}
		})
	}
}

// Entries that take long to apply count for the time they took.
func TestSlowLogIsCompacted(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.longLog = time.Hour, logLimit{1 << 30, 1 << 30, time.Nanosecond}
	s := start(t, c)
	defer closeServer(t, s)
	put(t, s, "k", "v")
	eventually(t, "a snapshot, before which no time counts", func() bool {
		list, err := s.snaps.List()
		return err == nil && len(list) > 0 && s.fsm.Growth() == fsm.Growth{}
	})
}

// A snapshot is enough where Raft keeps the entries before it: there is no second one before the log has grown again.
func TestOneSnapshotOfALongLog(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.TrailingLogs, c.longLog = time.Hour, 1_000, logLimit{1 << 30, 10_000, time.Hour}
	s := start(t, c)
	defer closeServer(t, s)
	value := strings.Repeat("v", 2_000)
	for i := range 10 {
		put(t, s, fmt.Sprint("k", i), value)
	}
	eventually(t, "a snapshot that is enough", func() bool {
		list, err := s.snaps.List()
		return err == nil && len(list) > 0 && !s.logTooLong()
	})
	if first, err := s.disk.log.FirstIndex(); err != nil || first != 1 {
		t.Errorf("the log begins at %d, %v", first, err)
	}
}

// An operator's threshold above the usual length holds.
func TestThresholdAboveTheUsualLength(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.SnapshotThreshold, c.longLog = time.Hour, 1_000, logLimit{5, 1 << 30, time.Hour}
	s := start(t, c)
	defer closeServer(t, s)
	for i := range 30 {
		put(t, s, fmt.Sprint("k", i), "v")
	}
	if s.logTooLong() {
		t.Error("the log is too long below raft_snapshot_threshold")
	}
	if err := s.Reload(1, time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	if !s.logTooLong() {
		t.Error("the log is not too long with a lower raft_snapshot_threshold")
	}
}

// A server that is alone does not wait for a heartbeat of others before it leads, neither the first time nor later.
func TestSoleVoterLeadsAtOnce(t *testing.T) {
	c := testConfig(t.TempDir())
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = time.Hour, time.Hour, time.Minute
	for range 2 {
		s := start(t, c)
		put(t, s, "k", "v")
		if got := s.raft.ReloadableConfig().HeartbeatTimeout; got != time.Hour {
			t.Errorf("the heartbeat timeout is %s afterwards", got)
		}
		if state := s.raft.State(); state != raft.Leader {
			t.Errorf("the server is %s", state)
		}
		closeServer(t, s)
	}
}
