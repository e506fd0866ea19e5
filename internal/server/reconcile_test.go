package server

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// registering returns a configuration with which the server registers itself, and looks after the catalog at the given interval.
func registering(c Config, interval time.Duration) Config {
	c.Node = &record.Register{ID: c.NodeID, Node: "Server-1", Address: "127.0.0.1", Datacenter: "dc1", NodeMeta: map[string]string{"v": "1"}}
	c.Service = &record.NodeService{ID: "consul", Service: "consul", Port: 8300, Weights: &record.Weights{Passing: 1, Warning: 1}}
	c.ReconcileInterval = interval
	return c
}

func isRegistered(s *Server, name string) bool {
	_, n, _ := s.Store().Node(nil, name)
	return n != nil
}

// member registers a node of the gossip pool with a session that holds two keys by locks, and a node that is in no pool.
func member(t *testing.T, s *Server) {
	t.Helper()
	apply(t, s, fsm.Register(&state.Registration{Node: &record.Register{Node: "Old-Server", Address: "10.0.0.1"},
		Service: &record.NodeService{ID: "web1", Service: "web"},
		Checks:  []*record.HealthCheck{{CheckID: state.SerfHealth, Status: "passing"}}}))
	apply(t, s, fsm.Register(&state.Registration{Node: &record.Register{Node: "external", Address: "10.0.0.2"},
		Service: &record.NodeService{ID: "db1", Service: "db"},
		Checks:  []*record.HealthCheck{{CheckID: "ping", Status: "critical"}}}))
	for _, x := range []record.Session{
		{ID: "deleting", Node: "old-server", Behavior: "delete"},
		{ID: "releasing", Node: "old-server", Behavior: "release", NodeChecks: []string{state.SerfHealth}},
		{ID: "external", Node: "external", Behavior: "release"},
	} {
		apply(t, s, fsm.CreateSession(&x))
		apply(t, s, fsm.KV(state.KVLock, &record.KVEntry{Key: x.ID, Session: x.ID}))
	}
}

// reaped checks what is left of what member has registered, once the node of the pool is gone.
func reaped(t *testing.T, s *Server) {
	t.Helper()
	if !isRegistered(s, "external") {
		t.Error("a node that never was a member is gone")
	}
	if _, sessions := s.Store().Sessions(nil); len(sessions) != 1 || sessions[0].ID != "external" {
		t.Errorf("left are the sessions %v", sessions)
	}
	_, deleted := s.Store().KVGet(nil, "deleting")
	_, released := s.Store().KVGet(nil, "releasing")
	_, held := s.Store().KVGet(nil, "external")
	if deleted != nil || released == nil || released.Session != "" || held == nil || held.Session != "external" {
		t.Errorf("the keys are %+v, %+v and %+v", deleted, released, held)
	}
	if _, found := s.Store().ServiceInstances(nil, "web"); len(found) > 0 {
		t.Error("the service of the removed node is still there")
	}
}

func TestServerRegistersItself(t *testing.T) {
	c := registering(testConfig(t.TempDir()), time.Hour)
	s := start(t, c)
	until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
	_, n, services := s.Store().Node(nil, "server-1")
	_, checks := s.Store().NodeChecks(nil, "server-1")
	if n.Node != "Server-1" || n.ID != c.NodeID || len(services) != 1 || services[0].Service != "consul" || services[0].Port != 8300 {
		t.Errorf("registered as %+v with %+v", n, services)
	}
	if len(checks) != 1 || checks[0].CheckID != state.SerfHealth || checks[0].Status != "passing" || checks[0].Output != "Agent alive and reachable" {
		t.Errorf("its checks are %+v", checks)
	}
	before, _ := s.Store().Applied()
	s.reconcile()
	if after, _ := s.Store().Applied(); after != before {
		t.Error("it registered again what has not changed")
	}
	closeServer(t, s)

	c.Node.Address = "127.0.0.9"
	s = start(t, c)
	defer closeServer(t, s)
	until(t, "the new address is registered", func() bool {
		_, n, _ := s.Store().Node(nil, "server-1")
		return n != nil && n.Address == "127.0.0.9"
	})
}

func TestRegistrationIsRepaired(t *testing.T) {
	for _, c := range []struct {
		name  string
		entry fsm.Entry
	}{
		{"node gone", fsm.Deregister("server-1", "", "")},
		{"service gone", fsm.Deregister("server-1", "consul", "")},
		{"check gone", fsm.Deregister("server-1", "", state.SerfHealth)},
		{"check critical", fsm.Register(&state.Registration{Node: &record.Register{Node: "server-1"}, SkipNodeUpdate: true,
			Checks: []*record.HealthCheck{{CheckID: state.SerfHealth, Status: "critical"}}})},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, registering(testConfig(""), 5*time.Millisecond))
			defer closeServer(t, s)
			until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
			apply(t, s, c.entry)
			until(t, "the registration is whole", func() bool {
				_, found := s.Store().HealthInstances(nil, "consul")
				return len(found) == 1 && len(found[0].Checks) == 1 && found[0].Checks[0].Status == "passing"
			})
		})
	}
}

func TestNodesThatAreNoMembersAreReaped(t *testing.T) {
	s := start(t, registering(testConfig(""), time.Hour))
	defer closeServer(t, s)
	until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
	member(t, s)
	s.reconcile()
	if isRegistered(s, "old-server") || !isRegistered(s, "server-1") {
		t.Error("the node that is no member should be gone, and the server itself registered")
	}
	reaped(t, s)
}

func TestServerWithoutANodeLeavesTheCatalogAlone(t *testing.T) {
	s := start(t, testConfig(""))
	defer closeServer(t, s)
	member(t, s)
	s.reconcile()
	if !isRegistered(s, "old-server") {
		t.Error("a server that registers nothing removed a node")
	}
}

// The catalog of an archive is there right after a restore, whole; the next ordinary inspection removes the old servers.
func TestRestoredNodesAreReapedByTheNextInspection(t *testing.T) {
	source := start(t, testConfig(""))
	member(t, source)
	archive := save(t, source)
	want := content(t, source)
	closeServer(t, source)

	s := start(t, registering(testConfig(""), time.Hour))
	defer closeServer(t, s)
	until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
	if err := s.Restore(context.Background(), bytes.NewReader(archive), nil); err != nil {
		t.Fatal(err)
	}
	if content(t, s) != want {
		t.Error("right after the restore the state is not that of the archive")
	}
	s.reconcile()
	if isRegistered(s, "old-server") || !isRegistered(s, "server-1") {
		t.Error("the inspection left the old server, or did not register this one")
	}
	reaped(t, s)
}

func TestInspectionsComeByThemselves(t *testing.T) {
	source := start(t, testConfig(""))
	member(t, source)
	archive := save(t, source)
	closeServer(t, source)
	s := start(t, registering(testConfig(""), 5*time.Millisecond))
	defer closeServer(t, s)
	if err := s.Restore(context.Background(), bytes.NewReader(archive), nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the old server is removed and this one registered", func() bool {
		return !isRegistered(s, "old-server") && isRegistered(s, "server-1")
	})
	reaped(t, s)
}

// A server that was rebuilt under its old name has a new node ID. The archive knows the old one, alive; nobody else can be that member.
func TestRebuiltServerTakesItsNameOver(t *testing.T) {
	source := start(t, testConfig(""))
	apply(t, source, fsm.Register(&state.Registration{
		Node:    &record.Register{Node: "server-1", ID: "bbbbbbbb-0000-4000-8000-000000000001", Address: "10.0.0.1"},
		Service: &record.NodeService{ID: "consul", Service: "consul", Port: 8300},
		Checks:  []*record.HealthCheck{{CheckID: state.SerfHealth, Status: "passing"}}}))
	apply(t, source, fsm.CreateSession(&record.Session{ID: "unbound", Node: "server-1", Behavior: "delete"}))
	apply(t, source, fsm.KV(state.KVLock, &record.KVEntry{Key: "k", Session: "unbound"}))
	archive := save(t, source)
	closeServer(t, source)

	c := registering(testConfig(""), time.Hour)
	s := start(t, c)
	defer closeServer(t, s)
	until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
	if err := s.Restore(context.Background(), bytes.NewReader(archive), nil); err != nil {
		t.Fatal(err)
	}
	s.reconcile()
	_, n, _ := s.Store().Node(nil, "server-1")
	_, checks := s.Store().NodeChecks(nil, "server-1")
	if n == nil || n.ID != c.NodeID || n.Address != "127.0.0.1" || len(checks) != 1 || checks[0].Status != "passing" {
		t.Errorf("the server is registered as %+v with %+v", n, checks)
	}
	if _, e := s.Store().KVGet(nil, "k"); e == nil || e.Session != "unbound" {
		t.Errorf("a lock that depends on no check was lost: %+v", e)
	}
}
