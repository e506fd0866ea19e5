package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestWhenALogIsTooLong(t *testing.T) {
	least := growth{entries: 100, bytes: 1_000, time: time.Second}
	const readIn3s = 3 * snapshotSpeed
	for name, c := range map[string]struct {
		grown    growth
		snapshot int64
		want     bool
	}{
		"nothing":                        {growth{}, 0, false},
		"at the bounds":                  {growth{100, 1_000, time.Second}, 0, false},
		"entries":                        {growth{101, 1, 1}, 0, true},
		"bytes":                          {growth{1, 1_001, 1}, 0, true},
		"time":                           {growth{1, 1, time.Second + 1}, 0, true},
		"many bytes beside more":         {growth{1, 1_001, 1}, 1_001, false},
		"more bytes than the snapshot":   {growth{1, 1_002, 1}, 1_001, true},
		"entries, a snapshot takes more": {growth{logEntries, 1, 1}, readIn3s, false},
		"entries that take longer":       {growth{2 * logEntries, 1, 1}, readIn3s, true},
		"time, a snapshot takes more":    {growth{1, 1, 3 * time.Second}, readIn3s, false},
		"time that is longer":            {growth{1, 1, 3*time.Second + 1}, readIn3s, true},
	} {
		if got := c.grown.tooLong(least, c.snapshot); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A log that has become long is compacted without waiting for Raft's own look at it. Entries count that were there before a restart. (Bytes
// do as well; but a segment has its full size from the beginning.)
func TestLongLogIsCompacted(t *testing.T) {
	for name, least := range map[string]growth{
		"entries": {50, 1 << 30, time.Hour}, "bytes": {1 << 30, 100_000, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t.TempDir())
			c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs, c.longLog = time.Hour, 1, 1, least
			s := start(t, c)
			for i := range 10 {
				put(t, s, fmt.Sprint("short", i), "v")
			}
			if grown := s.disk.log.Growth(); s.logTooLong() {
				t.Fatalf("a log of %+v is too long", grown)
			}
			value := strings.Repeat("v", 2_000)
			for i := range 25 {
				put(t, s, fmt.Sprint("k", i), value)
			}
			if name == "entries" {
				closeServer(t, s)
				s = start(t, c)
			}
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
			if grown := s.disk.log.Growth(); grown.entries > 20 {
				t.Errorf("after a restart the log is said to have grown by %+v", grown)
			}
		})
	}
}

// Entries that take long to apply count for the time they took.
func TestSlowLogIsCompacted(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.longLog = time.Hour, growth{1 << 30, 1 << 30, time.Nanosecond}
	s := start(t, c)
	defer closeServer(t, s)
	put(t, s, "k", "v")
	eventually(t, "a snapshot, before which no time counts", func() bool {
		list, err := s.snaps.List()
		return err == nil && len(list) > 0 && s.fsm.Spent() == 0
	})
}

// An operator's threshold above the usual length holds.
func TestThresholdAboveTheUsualLength(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.SnapshotThreshold, c.longLog = time.Hour, 1_000, growth{5, 1 << 30, time.Hour}
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
