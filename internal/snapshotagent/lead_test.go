package snapshotagent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// ballot hands out terms.
type ballot struct {
	terms chan *term

	mu      sync.Mutex // guards trouble
	trouble error
}

func (b *ballot) Close() error { return nil }

func (b *ballot) Trouble() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trouble
}

// say makes trouble, or ends it.
func (b *ballot) say(trouble error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = trouble
}

func (b *ballot) Campaign(ctx context.Context) (Term, error) {
	select {
	case t := <-b.terms:
		return t, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// running is an agent that runs, and the lock that it stands for.
type running struct {
	*stage
	ballot *ballot
	end    context.CancelFunc
	ended  chan error
}

func startRunning(t *testing.T, change func(*Config)) *running {
	t.Helper()
	r := &running{ballot: &ballot{terms: make(chan *term)}, ended: make(chan error, 1)}
	r.stage = newStage(t, 1, func(c *Config) {
		c.Elector = r.ballot
		if change != nil {
			change(c)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(func() { // before the agent is closed
		cancel()
		if r.ended != nil {
			<-r.ended
		}
	})
	return r
}

// until waits for the status to be as wanted.
func (r *running) until(t *testing.T, what string, want func(Status) bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !want(r.Status()) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s: %+v", what, r.Status())
		}
		runtime.Gosched()
	}
}

// advanceUntil lets time pass until the status is as wanted.
func (r *running) advanceUntil(t *testing.T, what string, want func(Status) bool) {
	t.Helper()
	r.until(t, what, func(s Status) bool {
		if want(s) {
			return true
		}
		r.clock.Advance(time.Second)
		return false
	})
}

// The first backup is taken when leadership is obtained, the others by the interval; whoever ends the agent gets its lock back.
func TestRunByInterval(t *testing.T) {
	r := startRunning(t, nil)
	term := newTerm()
	r.ballot.terms <- term
	began := r.now()
	r.until(t, "saved", func(s Status) bool { return !s.LastSuccess.IsZero() })
	if at := r.Status().LastSuccess; !at.Equal(began) {
		t.Errorf("the first backup was taken after %s", at.Sub(began))
	}
	for n := 1; n <= 3; n++ {
		last := r.Status().LastSuccess
		r.until(t, "waiting", func(s Status) bool { return s.NextRun.After(last) })
		wait := r.Status().NextRun.Sub(last)
		if wait < time.Hour || wait > time.Hour+30*time.Second {
			t.Errorf("the next one is to be taken after %s", wait)
		}
		r.clock.Advance(wait)
		r.until(t, "saved again", func(s Status) bool { return s.LastSuccess.After(last) })
	}
	r.end()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	r.ended = nil
	if !term.resigned || r.Status().Leading {
		t.Error("the lock was kept")
	}
}

// Too many failures in a row: another agent may try.
func TestGivingUp(t *testing.T) {
	r := startRunning(t, nil)
	r.cluster.err = errors.New("no leader")
	first := newTerm()
	r.ballot.terms <- first
	r.advanceUntil(t, "given up", func(s Status) bool { return s.Failing == 3 && !s.Leading })
	r.advanceUntil(t, "resigned", func(Status) bool { first.mu.Lock(); defer first.mu.Unlock(); return first.resigned })
	second := newTerm()
	r.advanceUntil(t, "leading again", func(Status) bool {
		select {
		case r.ballot.terms <- second:
			return true
		default:
			return false
		}
	})
}

// A reload takes effect while the agent waits.
func TestReload(t *testing.T) {
	r := startRunning(t, nil)
	r.ballot.terms <- newTerm()
	r.until(t, "waiting", func(s Status) bool { return !s.LastSuccess.IsZero() && !s.NextRun.IsZero() })
	next := r.config.Settings
	next.Interval = 10 * time.Minute
	next.Destinations = []Destination{{Store: newMemory("b"), Retain: 2}}
	r.Reload(next)
	began := r.now()
	r.until(t, "waiting for less", func(s Status) bool { return s.NextRun.Sub(began) <= 11*time.Minute })
	last := r.Status().LastSuccess
	// What a destination retains is counted when its run is over, after the success is told.
	r.advanceUntil(t, "saved", func(s Status) bool { return s.LastSuccess.After(last) && s.Retained["b"] > 0 })
	if s := r.Status(); s.Retained["a"] != 0 {
		t.Errorf("%+v", s)
	}
}

// Whoever loses the lock takes no more backups until it is held again.
func TestLosingTheLock(t *testing.T) {
	r := startRunning(t, nil)
	first := newTerm()
	r.ballot.terms <- first
	r.until(t, "saved", func(s Status) bool { return !s.LastSuccess.IsZero() })
	close(first.lost)
	r.until(t, "deposed", func(s Status) bool { return !s.Leading })
	last := r.Status().LastSuccess
	r.clock.Advance(3 * time.Hour)
	if !r.Status().LastSuccess.Equal(last) {
		t.Error("a backup was taken without the lock")
	}
	r.ballot.terms <- newTerm()
	r.until(t, "saved again", func(s Status) bool { return s.LastSuccess.After(last) })
}

func TestHealthAndMetrics(t *testing.T) {
	s := newStage(t, 1, nil)
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("/health"); code != 200 || body != "OK: no backup yet\n" {
		t.Errorf("%d %q", code, body)
	}
	if err := s.run(t.Context(), s.term); err != nil {
		t.Fatal(err)
	}
	if code, body := get("/health"); code != 200 || !strings.HasPrefix(body, "OK: last proven backup 2026-") {
		t.Errorf("%d %q", code, body)
	}
	_, body := get("/metrics")
	for _, want := range []string{
		"lictor_healthy 1", "lictor_leader 0", `lictor_retained{destination="a"} 1`, `lictor_failures_total{stage="upload"} 0`,
		"lictor_last_proven_timestamp_seconds 1.767", "lictor_age_seconds 0", "lictor_go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "lictor_") {
			t.Errorf("a name without prefix: %s", line)
		}
	}
	s.clock.Advance(2*time.Hour + time.Second)
	if code, body := get("/health"); code != 503 || !strings.HasPrefix(body, "the last proven backup is 2h0m1s old") {
		t.Errorf("%d %q", code, body)
	}
}
