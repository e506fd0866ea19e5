package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestWhenALogIsTooLong(t *testing.T) {
	least := growth{entries: 100, bytes: 1_000}
	for name, c := range map[string]struct {
		grown    growth
		snapshot int64
		want     bool
	}{
		"nothing":                         {growth{}, 0, false},
		"at the bounds":                   {growth{100, 1_000}, 0, false},
		"entries":                         {growth{101, 1}, 0, true},
		"bytes":                           {growth{1, 1_001}, 0, true},
		"many bytes beside more":          {growth{1, 1_001}, 1_001, false},
		"more bytes than the snapshot":    {growth{1, 1_002}, 1_001, true},
		"entries, in less time than read": {growth{1_000, 1}, 5_000_000, false},
		"entries that take longer":        {growth{1_001, 1}, 5_000_000, true},
	} {
		if got := c.grown.tooLong(least, c.snapshot); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A log that has become long is compacted without waiting for Raft's own look at it. Entries count that were there before a restart. (Bytes
// do as well; but a segment has its full size from the beginning.)
func TestLongLogIsCompacted(t *testing.T) {
	for name, least := range map[string]growth{"entries": {50, 1 << 30}, "bytes": {1 << 30, 100_000}} {
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

// An operator's threshold above the usual length holds.
func TestThresholdAboveTheUsualLength(t *testing.T) {
	c := testConfig(t.TempDir())
	c.SnapshotInterval, c.SnapshotThreshold, c.longLog = time.Hour, 1_000, growth{5, 1 << 30}
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
