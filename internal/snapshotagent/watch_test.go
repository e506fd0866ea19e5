package snapshotagent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/registration"
)

// steppable is the machine's clock, whose wall clock can be set.
type steppable struct {
	mu  sync.Mutex // guards off
	off time.Duration
}

func (s *steppable) step(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off += by
}

func (s *steppable) Now() clock.Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := clock.Real{}.Now()
	now.Wall = now.Wall.Add(s.off)
	return now
}

func (s *steppable) After(d time.Duration) <-chan time.Time { return time.After(d) }

// registry is the part of a Consul agent that has checks, without a network. TTLs run by the clock of the machine.
type registry struct {
	mu     sync.Mutex // guards what follows
	denied bool
	checks map[string]*registered
}

type registered struct {
	name, status string
	ttl          time.Duration
	told         time.Time
}

func (r *registry) deny(denied bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied = denied
}

// status is that of the check with a name: as it was told, or critical once its time is over.
func (r *registry) status(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.checks {
		if c.name != name {
			continue
		}
		if time.Since(c.told) > c.ttl {
			return api.HealthCritical
		}
		return c.status
	}
	return ""
}

// RoundTrip makes it the transport of a client.
func (r *registry) RoundTrip(request *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	return w.Result(), nil
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied {
		http.Error(w, "Permission denied", http.StatusForbidden)
		return
	}
	path := strings.TrimPrefix(request.URL.Path, "/v1/agent/")
	var body struct {
		ID, Name, TTL, Status, CheckID string
		Checks                         []struct{ CheckID, Name, TTL, Status string }
	}
	if request.Body != nil {
		_ = json.NewDecoder(request.Body).Decode(&body)
	}
	put := func(id, name, status, ttl string) {
		d, _ := time.ParseDuration(ttl)
		r.checks[id] = &registered{name, status, d, time.Now()}
	}
	switch {
	case path == "checks":
		all := map[string]*api.AgentCheck{}
		for id, c := range r.checks {
			all[id] = &api.AgentCheck{CheckID: id, Name: c.name, Status: c.status}
		}
		_ = json.NewEncoder(w).Encode(all)
	case path == "service/register":
		for _, c := range body.Checks {
			put(c.CheckID, c.Name, c.Status, c.TTL)
		}
	case path == "check/register":
		put(body.ID, body.Name, body.Status, body.TTL)
	case strings.HasPrefix(path, "check/update/"):
		if c := r.checks[strings.TrimPrefix(path, "check/update/")]; c != nil {
			c.status, c.told = body.Status, time.Now()
		}
	case strings.HasPrefix(path, "check/deregister/"):
		delete(r.checks, strings.TrimPrefix(path, "check/deregister/"))
	case strings.HasPrefix(path, "service/deregister/"):
		clear(r.checks)
	}
}

// ear is a hook that notes what it hears.
type ear struct {
	mu     sync.Mutex // guards what follows
	events []alarm.Event
	at     []time.Time // by the machine's clock, which nobody sets
}

func (e *ear) Do(_ context.Context, event *alarm.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events, e.at = append(e.events, *event), append(e.at, time.Now())
	return nil
}

// heard are the kinds of all events.
func (e *ear) heard() (kinds []alarm.Kind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.events {
		kinds = append(kinds, event.Event)
	}
	return kinds
}

// first is the first event of a kind after a moment, nil if there is none.
func (e *ear) first(kind alarm.Kind, after time.Time) (*alarm.Event, time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := -1
	for n, event := range e.events {
		if i < 0 && event.Event == kind && e.at[n].After(after) {
			i = n
		}
	}
	if i < 0 {
		return nil, time.Time{}
	}
	return &e.events[i], e.at[i]
}

// everything is what a hook may be told.
var everything = []alarm.Kind{alarm.Success, alarm.Failure, alarm.Recovery}

// watched is an agent that runs in a bubble of its own time, by an interval of an hour and an objective of ninety minutes, registered and with
// hooks: one that hears all, and a dead man's switch.
type watched struct {
	*stage
	clock    *steppable
	ballot   *ballot
	consul   *registry
	ear      *ear
	deadMan  *ear
	end      func()
	room     atomic.Int64 // of the disk, in bytes
	finished sync.WaitGroup
}

func newWatched(t *testing.T, change func(*Config)) *watched {
	t.Helper()
	w := &watched{
		clock: &steppable{}, ballot: &ballot{terms: make(chan *term)}, consul: &registry{checks: map[string]*registered{}}, ear: &ear{}, deadMan: &ear{},
	}
	w.room.Store(1 << 40)
	w.stage = newStage(t, 1, func(c *Config) {
		client, err := api.NewClient(&api.Config{Address: "consul.test", HttpClient: &http.Client{Transport: w.consul}})
		if err != nil {
			t.Fatal(err)
		}
		registrar, err := registration.New(client, registration.Config{Service: "consul-snapshot", SavingTTL: 2 * time.Hour, Clock: w.clock})
		if err != nil {
			t.Fatal(err)
		}
		c.Registrar, c.Elector, c.Clock, c.Node, c.RPO = registrar, w.ballot, w.clock, "host1", 90*time.Minute
		c.MaxFailures = 0
		c.Hooks = []alarm.Hook{
			{Name: "ear", On: everything, Timeout: 10 * time.Second, Action: w.ear},
			{Name: "dead man", On: []alarm.Kind{alarm.Proven}, Timeout: 10 * time.Second, Action: w.deadMan},
		}
		if change != nil {
			change(c)
		}
	})
	w.Agent.space = w.diskOf
	ctx, cancel := context.WithCancel(t.Context())
	w.end = func() { cancel(); w.finished.Wait() }
	w.finished.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.end)
	return w
}

// healthy tells what /health answers.
func (w *watched) healthy() bool {
	answer := httptest.NewRecorder()
	w.serveHealth(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	return answer.Code == http.StatusOK
}

// loseLock takes the lock away after a while, and says what keeps the agent from getting it back.
func (w *watched) loseLock(after time.Duration, why string) {
	t := w.term
	t.mu.Lock()
	t.err = errors.New(why)
	t.mu.Unlock()
	w.ballot.say(errors.New(why))
	w.finished.Go(func() {
		<-time.After(after)
		close(t.lost)
	})
}
