package snapshotagent

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retention"
)

// get asks an agent's handler.
func (s *stage) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

// hours takes a backup every hour.
func (s *stage) hours(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
	}
}

// Each destination keeps by its own rules.
func TestRunKeepsByRules(t *testing.T) {
	s := newStage(t, 3, func(c *Config) {
		c.Destinations[0].Retain, c.Destinations[0].Keep = 0, retention.Rules{Hourly: 3, Daily: 2}
		c.Destinations[1].Retain = 0
	})
	s.hours(t, 30)
	for i, want := range []int{4, 30, 2} {
		if got := len(s.entries(t, s.stores[i])); got != want {
			t.Errorf("destination %d has %d backups, want %d", i, got, want)
		}
	}
}

// A state that has collapsed stops all deletion, in every destination, and says so everywhere, until an operator accepts it: neither time,
// nor a restart, nor that the state grows again ends it.
func TestCollapseStopsDeletion(t *testing.T) {
	var log bytes.Buffer
	change := func(c *Config) {
		c.MaxShrink, c.Cluster = 50, "prod"
		c.Log = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})
	}
	s := newStage(t, 2, change)
	large, small := s.cluster.archive, golden.Read(t, "consul-1.21.4/empty.snap")
	s.hours(t, 3)
	if log.Len() > 0 || len(s.entries(t, s.stores[0])) != 2 {
		t.Fatalf("before: %s", &log)
	}
	s.cluster.archive = small
	s.stores[1].fail(errors.New("no route")) // it lacks the backup that tells
	s.hours(t, 1)
	s.stores[1].fail(nil)
	s.cluster.archive = large
	s.hours(t, 1)
	s.restart(t, change)
	s.hours(t, 1)
	for i, want := range []int{5, 4} {
		if got := len(s.entries(t, s.stores[i])); got != want {
			t.Errorf("destination %d has %d backups, want %d", i, got, want)
		}
	}
	if text := log.String(); strings.Count(text, "[WARN]  nothing is deleted any more") != 3 || !strings.Contains(text, "-accept-collapse") {
		t.Errorf("log: %s", text)
	}
	code, health := s.get(t, "/health")
	if _, metrics := s.get(t, "/metrics"); !strings.Contains(metrics, `lictor_deletion_stopped{destination="a"} 1`) ||
		!strings.Contains(metrics, `lictor_deletion_stopped{destination="b"} 0`) {
		t.Error(metrics)
	}
	if code != 200 || !strings.HasPrefix(health, "OK: ") || !strings.Contains(health, "\nWarning: nothing is deleted: a: backup ") {
		t.Errorf("health %d: %s", code, health)
	}
	s.accept(t)
	s.hours(t, 1)
	for i := range s.stores {
		if got := len(s.entries(t, s.stores[i])); got != 2 {
			t.Errorf("once it is accepted destination %d has %d backups", i, got)
		}
	}
	if _, health := s.get(t, "/health"); strings.Contains(health, "Warning") {
		t.Errorf("health: %s", health)
	}
}

// What an operator accepts is what the next backup is compared with, also if the agent has not looked since.
func TestAcceptedSizeIsTheNorm(t *testing.T) {
	s := newStage(t, 1, func(c *Config) { c.MaxShrink, c.Cluster = 50, "prod" })
	small := golden.Read(t, "consul-1.21.4/empty.snap")
	s.hours(t, 1)
	s.cluster.archive = small
	s.hours(t, 3)
	all := s.entries(t, s.stores[0])
	for _, e := range all[:3] {
		if e.Previous == nil || e.Previous.ID != all[3].ID {
			t.Errorf("%s was compared with %+v", e.ID, e.Previous)
		}
	}
	s.accept(t)
	s.hours(t, 1)
	if now := s.entries(t, s.stores[0]); len(now) != 2 || now[0].Previous.ID != all[0].ID {
		t.Errorf("%d backups, the last compared with %+v", len(now), now[0].Previous)
	}
}

// With 100 percent the state may shrink to nothing.
func TestMaxShrinkOff(t *testing.T) {
	s := newStage(t, 1, func(c *Config) { c.MaxShrink, c.Cluster = 100, "prod" })
	small := golden.Read(t, "consul-1.21.4/empty.snap")
	s.hours(t, 2)
	s.cluster.archive = small
	s.hours(t, 2)
	if got := len(s.entries(t, s.stores[0])); got != 2 {
		t.Errorf("%d backups", got)
	}
}

// accept does what an operator does after a collapse.
func (s *stage) accept(t *testing.T) {
	t.Helper()
	for _, store := range s.stores {
		inv, err := inventory.List(t.Context(), store, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, cluster := range inv.Clusters() {
			for _, c := range inv.Collapses(cluster, 50) {
				if _, err := inventory.AcceptCollapse(t.Context(), store, c.Name, s.now()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// restart puts a new agent in the place of the old one, which has looked at its destinations.
func (s *stage) restart(t *testing.T, change func(*Config)) {
	t.Helper()
	next := newStage(t, 0, func(c *Config) {
		c.Clock, c.Destinations = s.clock, s.current.Load().Destinations
		if change != nil {
			change(c)
		}
	})
	next.cluster.archive = s.cluster.archive
	next.stores, next.clock = s.stores, s.clock
	*s = *next
	s.look(t.Context())
}
