//go:build heavy && unix

package soak

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A skip counts as a fresh backup: nothing is uploaded while nothing changes, and the leader stays healthy. Its own lock, session and
// checks change all the time. What the other agent says is not looked at: it knows only what is in the store.
func TestAgentsSkipUnchanged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0)
	f.skip = true
	f.join()
	f.join()
	f.next(time.Time{}, nil)
	deadline := time.Now().Add(f.interval + lateness + 10*time.Second)
	for time.Now().Before(deadline) {
		f.leader().healthy(t, http.StatusOK, 5*time.Second)
		after(time.Second)(f.leader().Done())
	}
	f.depot.mu.Lock()
	commits := len(f.depot.commits)
	f.depot.mu.Unlock()
	skips := strings.Count(f.leader().Said(), "Skipped snapshot")
	if commits > 2 || skips < 5 {
		t.Errorf("%d backups were uploaded and %d skipped while nothing changed", commits, skips)
	}
	f.end()
}
