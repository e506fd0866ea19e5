package snapshotagent

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A Status is how an agent is doing at a moment: what /health and /metrics show.
type Status struct {
	Started     time.Time
	Leading     bool
	Trouble     string    // with the lock; empty if there is none
	LastRun     time.Time // the end of the last run, good or bad; zero before the first
	LastSuccess time.Time // the end of the last run whose backup was committed, or skipped because nothing had changed
	LastProven  time.Time // when a backup was last proven, or known to be what the cluster still holds; by any agent of the cluster
	LastID      string
	Duration    time.Duration // of the last run that succeeded
	Size        int64         // of its archive, in bytes
	Index       uint64        // of its state
	NextRun     time.Time     // zero on an agent that does not lead
	Bytes       int64         // uploaded since the start
	Failures    map[Stage]int64
	Failing     int    // runs that failed since the last that succeeded
	LastError   string // of the last run that failed; empty after a success
	Unproven    string // why the last backup is not proven; empty if it is
	Retained    map[string]int
	Behind      map[string]bool // destinations that lack the last backup
	// Collapsed says, by destination, what the state has lost at once, for which nothing is deleted anywhere until an operator accepts it.
	Collapsed map[string]string

	Age     time.Duration // since LastProven, or since the start while there is none, by the clock that says more
	Covered []Covered     // the destinations in use, by name
	Damaged string        // which newest backup is not there any more as it was; empty if none
}

// A board is the status as it changes. It is safe for concurrent use.
type board struct {
	clock clock.Clock

	mu     sync.Mutex // guards what follows
	status Status
	proven point             // LastProven, or the start
	covers map[string]*cover // by destination
}

func newBoard(c clock.Clock) *board {
	now := c.Now()
	b := &board{clock: c, proven: point{now.Wall, now}, covers: map[string]*cover{}, status: Status{
		Started: now.Wall, Failures: map[Stage]int64{}, Retained: map[string]int{}, Behind: map[string]bool{}, Collapsed: map[string]string{},
	}}
	for _, s := range Stages {
		b.status.Failures[s] = 0
	}
	return b
}

// change changes the status.
func (b *board) change(fn func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.status.LastProven
	fn(&b.status)
	if after := b.status.LastProven; !after.Equal(before) {
		b.proven = point{after, b.clock.Now()}
	}
}

// read returns a copy.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	now := b.clock.Now()
	s.Age = b.proven.age(now)
	s.Covered, s.Damaged = b.covered(now)
	s.Failures, s.Retained, s.Behind = maps.Clone(s.Failures), maps.Clone(s.Retained), maps.Clone(s.Behind)
	s.Collapsed = maps.Clone(s.Collapsed)
	return s
}

// Unhealthy tells why the backups cannot be relied on, empty if they can: there has been no proven one for longer than fresh, the
// objective is missed, if there is one, or the newest backup of a destination is damaged or gone. An agent that has just started is given time.
func (s *Status) Unhealthy(fresh, rpo time.Duration) string {
	reason := s.Missed(rpo)
	switch {
	case reason != "":
	case s.Age > fresh && s.LastProven.IsZero():
		reason = fmt.Sprintf("there has been no proven backup since the agent started, %s ago; it should have been made within %s",
			s.Age.Round(time.Second), fresh)
	case s.Age > fresh:
		reason = fmt.Sprintf("the last proven backup is %s old; it must not be older than %s", s.Age.Round(time.Second), fresh)
	case s.Damaged != "":
		return s.Damaged
	default:
		return ""
	}
	switch {
	case s.LastError != "":
		reason += ". The last run failed: " + s.LastError
	case s.Unproven != "":
		reason += ". The last backup is unproven: " + s.Unproven
	case s.Trouble != "":
		reason += ". The lock: " + s.Trouble
	case !s.Leading:
		reason += ". This agent does not lead: look at the one that does"
	}
	return reason
}
