package snapshotagent

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

// A Stage is a part of a backup that can fail. Metrics count failures by it.
type Stage string

// The stages of a backup, in their order.
const (
	StageFetch    Stage = "fetch"     // asking the cluster, and writing what it sends to the scratch file
	StageVerify   Stage = "verify"    // reading the scratch file to its last record
	StageUpload   Stage = "upload"    // into a destination
	StageReadBack Stage = "read_back" // from a destination
	StageDrill    Stage = "drill"     // rebuilding it in a throw-away engine
	StageCommit   Stage = "commit"    // writing the entry
	StageRotate   Stage = "rotate"    // removing what is not to be kept
	StageLock     Stage = "lock"      // the election
)

// Stages are all stages.
var Stages = []Stage{StageFetch, StageVerify, StageUpload, StageReadBack, StageDrill, StageCommit, StageRotate, StageLock}

// A Snapshot of the status is what /health and /metrics show.
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
}

// A board is the status as it changes. It is safe for concurrent use.
type board struct {
	mu     sync.Mutex // guards status
	status Status
}

func newBoard(now time.Time) *board {
	b := &board{status: Status{
		Started: now, Failures: map[Stage]int64{}, Retained: map[string]int{}, Behind: map[string]bool{}, Collapsed: map[string]string{},
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
	fn(&b.status)
}

// read returns a copy.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.status
	s.Failures, s.Retained, s.Behind = maps.Clone(s.Failures), maps.Clone(s.Retained), maps.Clone(s.Behind)
	s.Collapsed = maps.Clone(s.Collapsed)
	return s
}

// Unhealthy tells why the backups cannot be relied on, empty if they can: there has been no proven one for longer than fresh. An agent
// that has just started is given as much time.
func (s *Status) Unhealthy(now time.Time, fresh time.Duration) string {
	since, what := s.LastProven, "the last proven backup is"
	if since.IsZero() {
		since, what = s.Started, "there has been no proven backup since the agent started,"
	}
	age := now.Sub(since)
	if age <= fresh {
		return ""
	}
	reason := fmt.Sprintf("%s %s old; it must not be older than %s", what, age.Round(time.Second), fresh)
	if s.LastProven.IsZero() {
		reason = fmt.Sprintf("%s %s ago; it should have been made within %s", what, age.Round(time.Second), fresh)
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
