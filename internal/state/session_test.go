package state

import (
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestCreateSession(t *testing.T) {
	for _, c := range []struct {
		name    string
		session record.Session
		err     string
	}{
		{"without checks", record.Session{ID: sessionB, Node: "n2"}, ""},
		{"node in another case", record.Session{ID: sessionB, Node: "N2"}, ""},
		{"checks in another case", record.Session{ID: sessionB, Node: "n1", NodeChecks: []string{"SERFHEALTH"}}, ""},
		{"the same check twice", record.Session{ID: sessionB, Node: "n1", Checks: []string{SerfHealth}, NodeChecks: []string{SerfHealth, SerfHealth}}, ""},
		{"warning", record.Session{ID: sessionB, Node: "n1", NodeChecks: []string{"warning"}}, ""},
		{"no ID", record.Session{Node: "n1"}, "Missing Session ID"},
		{"unknown node", record.Session{ID: sessionB, Node: "n9"}, "Missing node registration"},
		{"unknown check", record.Session{ID: sessionB, Node: "n1", NodeChecks: []string{SerfHealth, "nope"}}, "Missing check 'nope' registration"},
		{"check of another node", record.Session{ID: sessionB, Node: "n2", NodeChecks: []string{SerfHealth}}, "Missing check 'serfHealth' registration"},
		{"critical check", record.Session{ID: sessionB, Node: "n1", NodeChecks: []string{"critical"}}, "Check 'critical' is in critical state"},
		{"critical, form before 1.7", record.Session{ID: sessionB, Node: "n1", Checks: []string{"critical"}}, "Check 'critical' is in critical state"},
		{"critical check of a service", record.Session{ID: sessionB, Node: "n1", ServiceChecks: []record.SessionServiceCheck{{ID: "critical"}}},
			"Check 'critical' is in critical state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := withCatalog(t)
			checks := on("n1", nil, &record.HealthCheck{CheckID: "warning", Status: "warning"}, &record.HealthCheck{CheckID: "critical", Status: "critical"})
			if err := s.Register(51, 1, checks); err != nil {
				t.Fatal(err)
			}
			before := everything(t, s)
			got, err := effectOf(t, s, 52, func() error { return s.CreateSession(52, 1, &c.session) })
			if c.err != "" {
				if err == nil || err.Error() != c.err || got != (effect{}) || everything(t, s) != before {
					t.Errorf("%v with the effect %q, want %s without one", err, got, c.err)
				}
				return
			}
			if want := (effect{"sessions", "sessions"}); err != nil || got != want {
				t.Errorf("%v with the effect %q, want %q", err, got, want)
			}
			if _, x := s.Session(nil, sessionB); x == nil || x.CreateIndex != 52 || x.ModifyIndex != 52 {
				t.Errorf("the session is %+v", x)
			}
			if _, x := s.NodeSessions(nil, "N2"); (len(x) == 1) != (fold(c.session.Node) == "n2") {
				t.Errorf("sessions of n2: %+v", x)
			}
		})
	}
}

// Each way in which a session ends does the same to its keys and queries, as its behavior says, and nothing to those of another.
func TestEndOfASession(t *testing.T) {
	endings := map[string]func(s *Store) error{
		"destroyed": func(s *Store) error { return s.DestroySession(60, 1, sessionB) },
		"check critical": func(s *Store) error {
			return s.Register(60, 1, on("N1", nil, &record.HealthCheck{CheckID: "B", Status: "critical"}))
		},
		"check gone":           func(s *Store) error { return s.Deregister(60, 1, "n1", "", "b") },
		"check's service gone": func(s *Store) error { return s.Deregister(60, 1, "n1", "b1", "") },
		"service check critical": func(s *Store) error {
			return s.Register(60, 1, on("n1", nil, &record.HealthCheck{CheckID: "of-b", ServiceID: "b1", Status: "critical"}))
		},
		"node gone": func(s *Store) error { return s.Deregister(60, 1, "N1", "", "") },
		"node renamed": func(s *Store) error {
			return s.Register(60, 1, register(&record.Register{Node: "n3", ID: node1().ID}, nil))
		},
		"in a transaction": func(s *Store) error {
			_, errs := s.Txn(60, 1, []TxnOp{{Session: &TxnSession{Verb: "delete", ID: sessionB}}})
			if len(errs) > 0 {
				t.Error(errs)
			}
			return nil
		},
	}
	for name, end := range endings {
		for _, behavior := range []string{"release", "delete"} {
			for _, delay := range []time.Duration{0, -time.Hour, time.Hour} {
				t.Run(name+"/"+behavior+"/"+delay.String(), func(t *testing.T) {
					s := withTwoSessions(t, behavior, delay)
					if err := end(s); err != nil {
						t.Fatal(err)
					}
					sessionEnded(t, s, behavior, delay > 0)
				})
			}
		}
	}
}

// withTwoSessions adds to withCatalog a second session, on n1, that holds two keys and has two queries, and a key it does not hold any
// more; and lets the first session be on n2.
func withTwoSessions(t *testing.T, behavior string, delay time.Duration) *Store {
	t.Helper()
	s := withCatalog(t)
	x := &record.Session{ID: sessionB, Node: "n1", Behavior: behavior, LockDelay: delay, NodeChecks: []string{"b"},
		ServiceChecks: []record.SessionServiceCheck{{ID: "of-b"}}}
	other := &record.Session{ID: "other", Node: "n2", Behavior: "delete", LockDelay: time.Hour}
	kv := func(index uint64, op KVOp, session, key string) error {
		_, err := s.ApplyKV(index, 1, op, &record.KVEntry{Key: key, Session: session, Value: []byte("v")})
		return err
	}
	for _, err := range []error{
		s.Register(51, 1, on("n1", &record.NodeService{ID: "b1", Service: "b"}, &record.HealthCheck{CheckID: "b", ServiceID: "b1", Status: "passing"},
			&record.HealthCheck{CheckID: "of-b", ServiceID: "b1", Status: "warning"})),
		s.CreateSession(52, 1, x), s.CreateSession(53, 1, other),
		kv(54, KVLock, sessionB, "b/1"), kv(55, KVLock, sessionB, "b/2"), kv(56, KVLock, sessionB, "b/3"), kv(57, KVUnlock, sessionB, "b/3"),
		kv(57, KVLock, "other", "other"), s.SetQuery(58, 1, &record.PreparedQuery{ID: "qb", Session: sessionB}),
		s.SetQuery(59, 1, &record.PreparedQuery{ID: "qo", Session: "other"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func sessionEnded(t *testing.T, s *Store, behavior string, delayed bool) {
	t.Helper()
	if index, x := s.Session(nil, sessionB); x != nil || index != 60 {
		t.Errorf("the session is %+v at %d", x, index)
	}
	for _, key := range []string{"b/1", "b/2"} {
		_, e := s.KVGet(nil, key)
		switch {
		case behavior == "delete" && e != nil:
			t.Errorf("%s is still there", key)
		case behavior == "release" && (e == nil || e.Session != "" || e.LockIndex != 1 || e.ModifyIndex != 60 || string(e.Value) != "v"):
			t.Errorf("%s is %+v", key, e)
		}
		if s.LockDelayed(key) != delayed {
			t.Errorf("%s has a lock delay: %v", key, !delayed)
		}
	}
	_, released := s.KVGet(nil, "b/3")
	_, others := s.KVGet(nil, "other")
	if released == nil || released.ModifyIndex != 57 || s.LockDelayed("b/3") {
		t.Errorf("the key that was released before is %+v", released)
	}
	if others == nil || others.Session != "other" || s.LockDelayed("other") {
		t.Errorf("the key of the other session is %+v", others)
	}
	_, gone := s.Query(nil, "qb")
	_, kept := s.Query(nil, "qo")
	if gone != nil || kept == nil {
		t.Errorf("the query of the session is %+v, that of another %+v", gone, kept)
	}
	if tombs := s.Tombstones(); (tombs == 2) != (behavior == "delete") && tombs != 0 {
		t.Errorf("%d tombstones", tombs)
	}
}

func TestUnknownSessionEndsWithoutAnEffect(t *testing.T) {
	s := withCatalog(t)
	got, err := effectOf(t, s, 51, func() error { return s.DestroySession(51, 1, "nope") })
	if err != nil || got != (effect{}) {
		t.Errorf("%v with the effect %q", err, got)
	}
}

func TestLocksOfRestoredSessionsAreKnown(t *testing.T) {
	s := build(t, encode(t, withCatalog(t)))
	if err := s.DestroySession(1001, 8, sessionA); err != nil {
		t.Fatal(err)
	}
	if _, e := s.KVGet(nil, "k"); e == nil || e.Session != "" || e.ModifyIndex != 1001 {
		t.Errorf("the key is %+v", e)
	}
}

func TestLockDelayEnds(t *testing.T) {
	s := New()
	s.delay([]lockDelay{{"over", time.Nanosecond}, {"running", time.Hour}})
	for !time.Now().After(s.delays.until["over"]) {
	}
	if s.LockDelayed("over") || !s.LockDelayed("running") || s.LockDelayed("never") {
		t.Errorf("delays: %v", s.delays.until)
	}
	s.delay([]lockDelay{{"over", time.Nanosecond}})
	for !time.Now().After(s.delays.until["over"]) {
	}
	s.delay([]lockDelay{{"next", time.Hour}}) // forgets what nobody asked for
	if _, kept := s.delays.until["over"]; kept || len(s.delays.until) != 2 {
		t.Errorf("delays: %v", s.delays.until)
	}
}
