package server

import (
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// fakePool is a pool whose members a test sets.
type fakePool struct {
	mu      sync.Mutex
	members []gossip.Member
}

func (p *fakePool) Members() []gossip.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members
}

func (p *fakePool) set(members ...gossip.Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = members
}

// Changed never receives: tests make the leader look themselves.
func (p *fakePool) Changed() <-chan struct{} { return nil }

// client is a client agent in a state.
func client(name, id string, status gossip.Status) gossip.Member {
	return gossip.Member{Name: name, ID: id, Addr: netip.MustParseAddrPort("10.0.0.9:8301"), Status: status}
}

const clientID = "cccccccc-0000-4000-8000-000000000001"

// startAmong starts a server that leads, alone in Raft, among members.
func startAmong(t *testing.T, p *fakePool, interval time.Duration) *Server {
	t.Helper()
	c := registering(testConfig(""), interval)
	c.Pool, c.FetchStats = p, newDatacenter(t).fetchStats
	c.Service.Meta = map[string]string{"version": "own", "raft_version": "3", "non_voter": "false"}
	s := start(t, c)
	t.Cleanup(func() { closeServer(t, s) })
	until(t, "the server is registered", func() bool { return isRegistered(s, "server-1") })
	return s
}

// What a member has registered of itself stays; its health follows the pool; sessions end when it fails, all of it when it leaves.
func TestClientsAreFollowed(t *testing.T) {
	p := new(fakePool)
	s := startAmong(t, p, time.Hour)
	own := &record.Register{Node: "web", ID: clientID, Address: "10.0.0.9", NodeMeta: map[string]string{"rack": "7"},
		TaggedAddresses: map[string]string{"wan": "1.2.3.4"}}
	apply(t, s, fsm.Register(&state.Registration{Node: own, Service: &record.NodeService{ID: "web1", Service: "web", Port: 80}}))
	for _, step := range []struct {
		status gossip.Status
		want   string
		there  bool
	}{
		{gossip.StatusAlive, "passing", true}, {gossip.StatusFailed, "critical", true}, {gossip.StatusAlive, "passing", true},
		{gossip.StatusLeaving, "passing", true}, {gossip.StatusLeft, "", false}, {gossip.StatusAlive, "passing", true},
	} {
		p.set(client("web", clientID, step.status))
		s.followMembers()
		_, n, services := s.Store().Node(nil, "web")
		if s.serfStatus("web") != step.want || (n != nil) != step.there {
			t.Errorf("%s: it is %q, registered as %+v", step.status, s.serfStatus("web"), n)
		}
		if step.status == gossip.StatusFailed && (len(services) != 1 ||
			!maps.Equal(n.NodeMeta, own.NodeMeta) || !maps.Equal(n.TaggedAddresses, own.TaggedAddresses)) {
			t.Errorf("%s: what it has registered has become %+v with %+v", step.status, n, services)
		}
		before, _ := s.Store().Applied()
		s.followMembers()
		if after, _ := s.Store().Applied(); after != before {
			t.Errorf("%s: what has not changed was written again", step.status)
		}
	}
	if members, _ := s.Members(); len(members) != 1 {
		t.Errorf("a client is in Raft's configuration: %+v", members)
	}
}

// Who has vanished from the pool is removed by the inspection, not by the news: a leader that was just started knows nobody yet.
func TestVanishedMembersAreReapedByTheInspection(t *testing.T) {
	p := new(fakePool)
	s := startAmong(t, p, time.Hour)
	member(t, s)
	s.followMembers()
	if !isRegistered(s, "old-server") {
		t.Error("news have removed a node that is not in the pool")
	}
	p.set(client("OLD-server", clientID, gossip.StatusFailed))
	s.reconcile()
	if !isRegistered(s, "old-server") || s.serfStatus("old-server") != "critical" {
		t.Error("a failed member was removed, or is not critical")
	}
	p.set()
	s.reconcile()
	if isRegistered(s, "old-server") || !isRegistered(s, "server-1") {
		t.Error("the inspection left the vanished member, or removed this server")
	}
	reaped(t, s)
}

// Servers that the pool has forgotten go, as long as they are few. If most are gone it is this server that has lost the others.
func TestVanishedServers(t *testing.T) {
	p := new(fakePool)
	s := startAmong(t, p, time.Hour)
	var servers []gossip.Member
	for _, name := range []string{"n2", "n3", "n4"} {
		m := client(name, "cccccccc-0000-4000-8000-0000000000"+name, gossip.StatusAlive)
		m.Server, m.ServerPort, m.Addr = true, 8300, netip.MustParseAddrPort("10.0.0."+name[1:]+":8301")
		servers = append(servers, m)
	}
	for _, c := range []struct {
		name    string
		members []gossip.Member
		want    int // servers in Raft's configuration, and in the catalog
	}{{"all there", servers, 4}, {"most vanished", servers[:1], 4}, {"one vanished", servers[:2], 3}} {
		p.set(c.members...)
		s.reconcile()
		members, err := s.Members()
		_, found := s.Store().HealthInstances(nil, "consul")
		if err != nil || len(members) != c.want || len(found) != c.want {
			t.Errorf("%s: %+v, %v; %d in the catalog, want %d", c.name, members, err, len(found), c.want)
		}
	}
}

// What is no member is left alone, whatever members do that have its name; this server is a member however the pool shows it.
func TestOthersAreLeftAlone(t *testing.T) {
	p := new(fakePool)
	s := startAmong(t, p, time.Hour)
	member(t, s)
	p.set(
		client("external", clientID, gossip.StatusLeft), client("server-1", s.config.NodeID, gossip.StatusLeft),
		client("old-name", s.config.NodeID, gossip.StatusLeft), client("unknown", clientID, gossip.StatusFailed),
		client("no-id", "", gossip.StatusAlive),
	)
	s.followMembers()
	for name, want := range map[string]bool{"external": true, "server-1": true, "unknown": false, "no-id": false} {
		if isRegistered(s, name) != want {
			t.Errorf("%s: registered %v, want %v", name, !want, want)
		}
	}
	if s.serfStatus("server-1") != "passing" {
		t.Error("this server is not passing")
	}
}

// A client agent that was rebuilt under its name has a new ID.
func TestRebuiltClientTakesItsNameOver(t *testing.T) {
	const newID = "cccccccc-0000-4000-8000-000000000002"
	p := &fakePool{members: []gossip.Member{client("web", clientID, gossip.StatusAlive)}}
	s := startAmong(t, p, time.Hour)
	until(t, "the client is registered", func() bool { return s.serfStatus("web") == "passing" })
	p.set(client("web", newID, gossip.StatusAlive))
	s.followMembers()
	if _, n, _ := s.Store().Node(nil, "web"); n.ID != newID || s.serfStatus("web") != "passing" {
		t.Errorf("%+v is %s", n, s.serfStatus("web"))
	}
}

// A leader of three that loses its quorum changes nothing any more.
func TestWhoDoesNotLeadRemovesNobody(t *testing.T) {
	dc := found(t, 3, nil)
	leader := dc.leader()
	member(t, leader.Server)
	dc.health("old-server", "passing")
	for _, r := range dc.all {
		if r != leader {
			r.kill()
		}
	}
	eventually(t, "the loss of leadership", func() bool { return !leader.Leading() })
	leader.reconcile()
	if !isRegistered(leader.Server, "old-server") {
		t.Error("it has removed a node")
	}
}

// What a leader registers of another server is what that one tells of itself, in the form of its own.
func TestServiceOfAnotherServer(t *testing.T) {
	p := new(fakePool)
	s := startAmong(t, p, time.Hour)
	other := client("n2", clientID, gossip.StatusAlive)
	other.Server, other.ServerPort, other.ProtocolCur, other.ProtocolMax, other.Tags = true, 9300, 2, 5, map[string]string{"build": "1.2.3"}
	p.set(other)
	for range 2 {
		s.followMembers()
	}
	_, n, services := s.Store().Node(nil, "n2")
	if n == nil || n.Address != "10.0.0.9" || len(services) != 1 || services[0].Port != 9300 {
		t.Fatalf("%+v with %+v", n, services)
	}
	want := map[string]string{"version": "1.2.3", "raft_version": "3", "non_voter": "false", "serf_protocol_current": "2",
		"serf_protocol_min": "0", "serf_protocol_max": "5"}
	if !maps.Equal(services[0].Meta, want) {
		t.Errorf("%v", services[0].Meta)
	}
	members, err := s.Members()
	if err != nil || len(members) != 2 || members[1] != (Member{ID: clientID, Address: "10.0.0.9:9300"}) {
		t.Errorf("%+v, %v", members, err)
	}
}

// Client agents in a real pool come and go like servers.
func TestRealClient(t *testing.T) {
	dc := found(t, 1, func(r *resident) { r.config.AwaitCluster, r.config.BootstrapExpect, r.gossip.Expect = false, 0, 0 })
	c := gossip.Config{Name: "web", NodeID: clientID, Datacenter: "dc1", Bind: netip.MustParseAddrPort("127.0.0.1:0"),
		Timing: fastGossip(), Logger: hclog.NewNullLogger()}
	for _, leaves := range []bool{false, true} {
		pool, err := gossip.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Join([]string{dc.all[0].pool.Self().Addr.String()}); err != nil {
			t.Fatal(err)
		}
		dc.health("web", "passing")
		want := "critical"
		if leaves {
			want = ""
			if err := pool.Leave(); err != nil {
				t.Error(err)
			}
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
		dc.health("web", want)
	}
}
