package snapshotagent

import (
	"strings"
	"testing"
	"time"
)

func TestUnhealthy(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	fresh := 2 * time.Hour
	for _, c := range []struct {
		name   string
		status Status
		after  time.Duration
		want   string
	}{
		{"just started", Status{Started: start}, fresh, ""},
		{"nothing yet", Status{Started: start, Leading: true}, fresh + time.Second,
			"there has been no proven backup since the agent started, 2h0m1s ago; it should have been made within 2h0m0s"},
		{"fresh", Status{Started: start, LastProven: start.Add(time.Hour)}, 3 * time.Hour, ""},
		{"old", Status{Started: start, Leading: true, LastProven: start.Add(time.Hour)}, 4 * time.Hour,
			"the last proven backup is 3h0m0s old; it must not be older than 2h0m0s"},
		{"failing", Status{Started: start, LastProven: start, LastError: "no route"}, 4 * time.Hour, ". The last run failed: no route"},
		{"unproven", Status{Started: start, LastProven: start, Leading: true, Unproven: "too little memory"}, 4 * time.Hour,
			". The last backup is unproven: too little memory"},
		{"no lock", Status{Started: start, LastProven: start, Trouble: "no leader"}, 4 * time.Hour, ". The lock: no leader"},
		{"another leads", Status{Started: start, LastProven: start}, 4 * time.Hour, ". This agent does not lead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			since := c.status.LastProven
			if since.IsZero() {
				since = start
			}
			c.status.Age = start.Add(c.after).Sub(since)
			got := c.status.Unhealthy(fresh, 0)
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
