package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// apply applies an entry that must succeed.
func apply(t testing.TB, s *Server, entry fsm.Entry) {
	t.Helper()
	result, err := s.Apply(context.Background(), entry)
	if err != nil || result.Err != nil || !result.OK {
		t.Fatalf("apply: %+v, %v", result, err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-timeout:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// untilSessionEnds waits for the end of a session.
func untilSessionEnds(t testing.TB, s *Server, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		w := state.NewWatch()
		_, x := s.Store().Session(w, id)
		if x == nil {
			w.Close()
			return
		}
		err := w.Wait(ctx)
		w.Close()
		if err != nil {
			t.Fatalf("session %s does not end: %v", id, err)
		}
	}
}

// deadline is when a session will be over as far as the server knows, zero if it has no time.
func (c *sessionClock) deadline(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deadlines[id]
}

func TestSessionClock(t *testing.T) {
	const ttl = 10 * time.Second
	at := func(seconds float64) time.Time {
		return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	a, b := &record.Session{ID: "a", TTL: "10s"}, &record.Session{ID: "b", TTL: "30s"}
	both := []*record.Session{a, b, {ID: "without"}, {ID: "zero", TTL: "0s"}, {ID: "bad", TTL: "soon"}}
	var c sessionClock
	c.reset()
	for _, x := range []struct {
		name     string
		now      float64
		sessions []*record.Session
		renew    *record.Session // before
		over     []string
		next     float64
		active   int
	}{
		{"twice the TTL", 0, both, nil, nil, 20, 2},
		{"after the TTL", 10, both, nil, nil, 20, 2},
		{"just before", 19.999, both, nil, nil, 20, 2},
		{"renewed", 19.999, both, a, nil, 39.999, 2},
		{"what would have been the end", 20, both, nil, nil, 39.999, 2},
		{"over", 39.999, both, nil, []string{"a"}, 60, 2},
		{"still over: its end was not applied", 41, both, nil, []string{"a"}, 60, 2},
		{"gone", 42, both[1:], nil, nil, 60, 1},
		{"back under the same ID: from the start", 50, both, nil, nil, 60, 2},
		{"both over", 70, both, nil, []string{"a", "b"}, 0, 2},
		{"none left", 71, nil, nil, nil, 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.renew != nil {
				c.renew(x.renew, at(x.now))
			}
			over, next := c.follow(x.sessions, at(x.now))
			var want time.Time
			if x.next != 0 {
				want = at(x.next)
			}
			if !slices.Equal(over, x.over) || !next.Equal(want) || c.active() != x.active {
				t.Errorf("over %q, next %v, %d active; want %q, %v, %d", over, next, c.active(), x.over, want, x.active)
			}
		})
	}
	if ttlOf(a) != ttl {
		t.Errorf("the TTL is %v", ttlOf(a))
	}
}

func TestRenewalOfASessionWithoutTTLStartsNoTime(t *testing.T) {
	var c sessionClock
	c.reset()
	c.renew(&record.Session{ID: "a"}, time.Unix(1, 0))
	if c.active() != 0 {
		t.Error("a session without a TTL has a time")
	}
}

// withSessions starts a server with a node and sessions on it: a TTL each, the ID being that text.
func withSessions(t *testing.T, c Config, ttls ...string) *Server {
	t.Helper()
	s := start(t, c)
	apply(t, s, fsm.Register(&state.Registration{Node: &record.Register{Node: "ext", Address: "10.0.0.1"}}))
	for _, ttl := range ttls {
		apply(t, s, fsm.CreateSession(&record.Session{ID: ttl, Node: "ext", Behavior: "delete", TTL: ttl, LockDelay: time.Hour}))
		apply(t, s, fsm.KV(state.KVLock, &record.KVEntry{Key: "held by " + ttl, Session: ttl}))
	}
	return s
}

func TestSessionsEndAfterTwiceTheirTTL(t *testing.T) {
	began := time.Now()
	s := withSessions(t, testConfig(""), "40ms", "1h")
	defer closeServer(t, s)
	untilSessionEnds(t, s, "40ms")
	if lived := time.Since(began); lived < 80*time.Millisecond {
		t.Errorf("the session lived for %v, less than twice its TTL", lived)
	}
	_, gone := s.Store().KVGet(nil, "held by 40ms")
	_, kept := s.Store().KVGet(nil, "held by 1h")
	_, other := s.Store().Session(nil, "1h")
	if gone != nil || kept == nil || kept.Session != "1h" || other == nil {
		t.Errorf("its key is %v; the other session is %v, and its key %v", gone, other, kept)
	}
	if !s.Store().LockDelayed("held by 40ms") {
		t.Error("the key can be locked at once")
	}
	until(t, "the ended session is forgotten", func() bool { return s.sessions.active() == 1 })
}

// A session that comes while the server waits for another, later one is taken in.
func TestSessionCreatedWhileAnotherIsWaitedFor(t *testing.T) {
	s := withSessions(t, testConfig(""), "1h", "20ms", "30ms")
	defer closeServer(t, s)
	untilSessionEnds(t, s, "20ms")
	untilSessionEnds(t, s, "30ms")
}

func TestRenewalStartsTheTimeAnew(t *testing.T) {
	s := withSessions(t, testConfig(""), "1h")
	defer closeServer(t, s)
	until(t, "the session has a time", func() bool { return !s.sessions.deadline("1h").IsZero() })
	first := s.sessions.deadline("1h")
	if err := s.RenewSession(context.Background(), "1h"); err != nil {
		t.Fatal(err)
	}
	if again := s.sessions.deadline("1h"); !again.After(first) {
		t.Errorf("the time ends at %v, and did so at %v before it was renewed", again, first)
	}
	if err := s.RenewSession(context.Background(), "no such session"); err != nil || s.sessions.active() != 1 {
		t.Errorf("renewing what is not there: %v, %d active", err, s.sessions.active())
	}
}

func TestTimesStartAnewWithARestore(t *testing.T) {
	s := withSessions(t, testConfig(""), "1h")
	defer closeServer(t, s)
	until(t, "the session has a time", func() bool { return !s.sessions.deadline("1h").IsZero() })
	first := s.sessions.deadline("1h")
	apply(t, s, fsm.DestroySession("1h")) // restarts its lock delay, too
	apply(t, s, fsm.CreateSession(&record.Session{ID: "1h", Node: "ext", Behavior: "release", TTL: "1h"}))
	apply(t, s, fsm.KV(state.KVSet, &record.KVEntry{Key: "k"}))
	archive := save(t, s)
	for round := range 3 {
		began := time.Now()
		if err := s.Restore(context.Background(), bytes.NewReader(archive), nil); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("restore %d starts the time anew", round+1), func() bool {
			return s.sessions.deadline("1h").After(began.Add(2*time.Hour-time.Second)) && s.sessions.deadline("1h").After(first)
		})
		first = s.sessions.deadline("1h")
		if s.Store().LockDelayed("held by 1h") {
			t.Error("a lock delay has survived the restore")
		}
	}
}

// What was in an archive ends, too, after twice its TTL.
func TestRestoredSessionsEnd(t *testing.T) {
	source := withSessions(t, testConfig(""), "300ms")
	archive := save(t, source)
	closeServer(t, source)
	s := start(t, testConfig(""))
	defer closeServer(t, s)
	began := time.Now()
	if err := s.Restore(context.Background(), bytes.NewReader(archive), nil); err != nil {
		t.Fatal(err)
	}
	untilSessionEnds(t, s, "300ms")
	if lived := time.Since(began); lived < 600*time.Millisecond {
		t.Errorf("the session lived for %v after the restore, less than twice its TTL", lived)
	}
	if _, e := s.Store().KVGet(nil, "held by 300ms"); e != nil {
		t.Errorf("its key is %v", e)
	}
}

func TestTimesStartAnewWithLeadership(t *testing.T) {
	c := testConfig(t.TempDir())
	s := withSessions(t, c, "1h")
	until(t, "the session has a time", func() bool { return !s.sessions.deadline("1h").IsZero() })
	first := s.sessions.deadline("1h")
	closeServer(t, s)
	s = start(t, c)
	defer closeServer(t, s)
	until(t, "the new leader starts the time", func() bool { return s.sessions.deadline("1h").After(first) })
}
