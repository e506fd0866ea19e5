package snapshotagent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// Age goes by the clock that says more, whatever is done to the wall clock.
func TestAgeOfAPoint(t *testing.T) {
	wall := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name         string
		at           time.Duration // of the point, by the wall clock when it was learned of
		running, off time.Duration // since then: that passed, and by which the wall clock was set
		want         time.Duration
	}{
		{"new", 0, 0, 0, 0},
		{"later", 0, time.Hour, 0, time.Hour},
		{"was old already", -2 * time.Hour, time.Hour, 0, 3 * time.Hour},
		{"set back", 0, time.Hour, -5 * time.Hour, time.Hour},
		{"was old, set back", -2 * time.Hour, time.Hour, -5 * time.Hour, 3 * time.Hour},
		{"set ahead", 0, time.Hour, 5 * time.Hour, 6 * time.Hour},
		{"of the future", 5 * time.Hour, time.Hour, 0, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := point{wall.Add(c.at), clock.Moment{Running: time.Minute, Wall: wall}}
			if got := p.age(clock.Moment{Running: time.Minute + c.running, Wall: wall.Add(c.running + c.off)}); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// What one listing lacks may be an old listing; what two lack is gone. A newer backup makes up for it.
func TestMissingBackup(t *testing.T) {
	fake := clock.NewFake()
	b := newBoard(fake)
	b.use([]string{"a"})
	entry := func(id string) *inventory.Entry {
		return &inventory.Entry{ID: id, Proof: inventory.Proven, Started: fake.Now().Wall}
	}
	damaged := func() bool { s := b.read(); return s.Damaged != "" }
	first := entry("10")
	b.listed("a", nil)
	b.cover("a", first)
	fake.Advance(time.Hour)
	b.cover("a", entry("20"))
	for n, step := range []struct {
		listed *inventory.Entry
		want   bool
	}{{first, false}, {entry("20"), false}, {nil, false}, {first, true}, {nil, true}, {entry("30"), false}, {entry("9"), false}} {
		if b.listed("a", step.listed); damaged() != step.want {
			t.Errorf("step %d: damaged %t", n, damaged())
		}
	}
	b.listed("a", nil)
	b.use([]string{"b"})
	if s := b.read(); s.Damaged != "" || len(s.Covered) != 1 || s.Covered[0].Name != "b" {
		t.Errorf("%+v", s)
	}
	b.cover("gone", first) // of a run that a reload has overtaken
}

// A destination keeps what is known of it over a reload; one that is new has time.
func TestObjectiveOverAReload(t *testing.T) {
	s := newStage(t, 1, func(c *Config) { c.RPO = 90 * time.Minute })
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Hour)
	next := s.config.Settings
	next.Destinations = append(next.Destinations, Destination{Store: newMemory("new"), Retain: 2})
	s.Reload(next)
	if status := s.Status(); status.Oldest() != time.Hour || status.Missed(90*time.Minute) != "" {
		t.Errorf("%+v", status.Covered)
	}
	s.clock.Advance(31 * time.Minute)
	missed := func() string { status := s.Status(); return status.Missed(90 * time.Minute) }
	if got := missed(); got != "the objective of 1h30m0s is missed: the newest proven backup in a is 1h31m0s old" {
		t.Error(got)
	}
	s.clock.Advance(time.Hour)
	if got := missed(); !strings.Contains(got, "; new has had no proven backup for 1h31m0s") {
		t.Error(got)
	}
}

// The statement for programs, and the metrics.
func TestHealthJSON(t *testing.T) {
	s := newStage(t, 1, func(c *Config) {
		c.RPO, c.Node = 90*time.Minute, "host1"
		c.Hooks = []alarm.Hook{{Name: "ear", On: everything, Timeout: time.Second, Action: &ear{}}}
	})
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	s.alarm.Close(10 * time.Second)
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("/health"); code != 200 || !strings.Contains(body, "\nobjective 1h30m0s met: the oldest destination's state is 0s old\n") {
		t.Errorf("%d %q", code, body)
	}
	_, body := get("/metrics")
	for _, want := range []string{
		"lictor_rpo_seconds 5400", "lictor_rpo_met 1", `lictor_destination_age_seconds{destination="a"} 0`,
		`lictor_hook_events_total{hook="ear",outcome="delivered"} 1`, `lictor_hook_events_total{hook="ear",outcome="failed"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	s.clock.Advance(91 * time.Minute)
	code, body := get("/health?format=json")
	var h Health
	if err := json.Unmarshal([]byte(body), &h); err != nil || code != 503 {
		t.Fatalf("%d, %v: %s", code, err, body)
	}
	if d := h.Destinations; h.Healthy || !strings.Contains(h.Reason, "is missed") || h.Node != "host1" || h.Datacenter != "dc1" ||
		h.Cluster == "" || h.LastProven == nil || h.Age != 5460 || h.MaxAge != 7200 || h.RPO != (HealthObjective{"missed", 5400, 5460}) || len(d) != 1 || d[0].ID == "" || *d[0].Age != 5460 || *d[0].Met {
		t.Errorf("%s", body)
	}
	if _, body = get("/metrics"); !strings.Contains(body, "lictor_rpo_met 0") || !strings.Contains(body, "lictor_healthy 0") {
		t.Error("metrics say that the objective is met")
	}
}

// Without an agent the stores tell.
func TestSurvey(t *testing.T) {
	s := newStage(t, 2, nil)
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	now := s.now().Add(time.Hour)
	empty := newMemory("empty")
	name, covered, err := Survey(t.Context(), []blobstore.Store{s.stores[0], empty}, "", now)
	if err != nil || name == "" || len(covered) != 2 || covered[0].Age != time.Hour || covered[0].ID == "" || covered[1].ID != "" ||
		covered[1].Age != Never {
		t.Errorf("%q, %+v, %v", name, covered, err)
	}
	if o, d := Judge(covered, 2*time.Hour); o.State != "missed" || !*d[0].Met || *d[1].Met || d[1].Age != nil || o.Age != 3600 {
		t.Errorf("%+v, %+v", o, d)
	}
	s.stores[1].fail(http.ErrServerClosed)
	if _, covered, err := Survey(t.Context(), []blobstore.Store{s.stores[1], s.stores[0]}, name, now); err == nil || len(covered) != 1 {
		t.Errorf("%+v, %v", covered, err)
	}
	s.stores[1].fail(nil)
	other := newStage(t, 1, func(c *Config) { c.Cluster = "other" })
	if err := other.run(t.Context(), other.term); err != nil {
		t.Fatal(err)
	}
	_, _, err = Survey(t.Context(), []blobstore.Store{s.stores[0], other.stores[0]}, "", now)
	if err == nil || !strings.Contains(err.Error(), "choose one with -cluster") {
		t.Errorf("%v", err)
	}
}
