package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/serf/serf"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// The keys of the gossip are changed through any agent, reach all, and survive restarts.
func TestEncryptedCluster(t *testing.T) {
	t.Parallel()
	first, second := gossipKey("a"), gossipKey("b")
	c := startCluster(t, 3, 1, fmt.Sprintf("encrypt = %q", first))
	for name, hcl := range map[string][]string{"plain": nil, "other": {fmt.Sprintf("encrypt = %q", gossipKey("c"))}} {
		stranger := (&cluster{t: t, network: c.network, hcl: hcl}).add(name)
		stranger.start()
		if n, err := stranger.pool.Join([]string{c.named("s1").gossipAddr()}); err == nil || n != 0 {
			t.Errorf("%s joined %d: %v", name, n, err)
		}
		stranger.stop()
	}
	follower := c.followers()[0]
	steps := []struct{ method, key, want string }{
		{"POST", second, "a4 b4|a4"}, {"PUT", second, "a4 b4|b4"}, {"DELETE", first, "b4|b4"},
	}
	for _, s := range steps {
		follower.keyring(s.method, s.key)
		for _, n := range []*node{follower, c.named("c1"), c.leader()} {
			list := decode[[]struct {
				Keys, PrimaryKeys map[string]int
				WAN               bool
			}](t, n.keyring("GET", ""))
			if len(list) != 1 || letters(t, list[0].Keys)+"|"+letters(t, list[0].PrimaryKeys) != s.want {
				t.Errorf("%s after %s: %+v", n.name, s.method, list)
			}
		}
	}
	client := c.named("c1")
	client.stop()
	client.start()
	eventually(t, "the client is back with the new key", func() (bool, any) {
		a := client.get("/v1/operator/keyring")
		return a.ok("") && strings.Contains(a.body, `"NumNodes":4`) && !strings.Contains(a.body, first), a
	})
	if b, err := os.ReadFile(filepath.Join(client.dir, "serf/local.keyring")); err != nil || strings.Contains(string(b), first) {
		t.Errorf("the keyring file: %v", err)
	}
}

// Members leave by themselves, or are made to.
func TestLeaving(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 2)
	leader := c.leader()
	follower, client, failed := c.followers()[0], c.named("c1"), c.named("c2")
	failed.crash()
	leader.member("c2", gossip.StatusFailed)
	client.must("", "PUT", "/v1/agent/force-leave/c2", "")
	for _, n := range []*node{leader, follower, client} {
		n.member("c2", gossip.StatusLeft)
	}
	leader.must("", "PUT", "/v1/agent/force-leave/c2?prune=1", "")
	for _, n := range []*node{leader, follower, client} {
		n.member("c2", gossip.StatusNone)
	}
	eventually(t, "c2 is out of the catalog", func() (bool, any) {
		a := client.get("/v1/catalog/node/c2")
		return a.body == "null", a
	})
	leader.must("", "PUT", "/v1/kv/x", "1")
	for _, n := range []*node{leader, client} { // the leader first: two servers and one client go on
		n.leave()
		other := c.leader()
		other.member(n.name, gossip.StatusLeft)
		eventually(t, n.name+" is out of the catalog", func() (bool, any) {
			a := other.get("/v1/catalog/node/" + n.name)
			return a.body == "null", a
		})
	}
	c.leader()
	if peers := decode[[]string](t, follower.must("", "GET", "/v1/status/peers", "")); len(peers) != 2 {
		t.Errorf("the leader that left is among %v", peers)
	}
	gone := c.followers()[0]
	gone.leave()
	last := c.leader()
	eventually(t, "one server alone goes on", func() (bool, any) {
		a := last.put("/v1/kv/y", "2")
		return a.ok("true"), a
	})
	if peers := decode[[]string](t, last.must("", "GET", "/v1/status/peers", "")); len(peers) != 1 {
		t.Errorf("a follower that left is among %v", peers)
	}
	last.sees("/v1/kv/x?raw", "1")
	gone.args = append(gone.args, "-rejoin")
	gone.start() // who has left may come back
	c.settled()
	gone.sees("/v1/kv/x?raw&stale", "1")
	eventually(t, "it votes again", func() (bool, any) {
		a := last.get("/v1/operator/raft/configuration")
		return strings.Count(a.body, `"Voter":true`) == 2, a
	})
}

// Who does not belong here is told why.
func TestStrangersDoNotJoin(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 0)
	s := c.named("s1")
	other := c.add("other", "-datacenter=dc2")
	other.start()
	if a := s.put("/v1/agent/join/"+other.gossipAddr(), ""); a.status != 500 || !strings.Contains(a.body, `of datacenter "dc2"`) {
		t.Errorf("another datacenter: %s", a)
	}
	if a := other.put("/v1/agent/join/"+s.gossipAddr(), ""); a.status != 500 || !strings.Contains(a.body, `of datacenter "dc1"`) {
		t.Errorf("into another datacenter: %s", a)
	}
	if n := len(s.pool.Members()); n != 1 {
		t.Errorf("%d members", n)
	}
	incumbent := consulLike(t)
	if a := s.put("/v1/agent/join/"+incumbent, ""); a.status != 500 || !strings.Contains(a.body, "Lictor and Consul do not share a pool") {
		t.Errorf("a Consul server: %s", a)
	}
}

// consulLike is a member of a pool with the role of a Consul server. It returns its address.
func consulLike(t *testing.T) string {
	t.Helper()
	conf := serf.DefaultConfig()
	conf.Init()
	conf.NodeName, conf.Tags = "incumbent", map[string]string{"role": "consul", "dc": "dc1", "id": "aaaaaaaa-0000-4000-8000-000000000001", "port": "8300"}
	m := conf.MemberlistConfig
	m.BindAddr, m.BindPort = "127.0.0.1", stablePort(t)
	conf.LogOutput, m.LogOutput = testWriter{}, testWriter{}
	s, err := serf.Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown() })
	return fmt.Sprint("127.0.0.1:", m.BindPort)
}

// The first address that is reached is enough; without any, the agent fails after the last attempt.
func TestRetryJoin(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 0)
	s := c.named("s1")
	dead := fmt.Sprint("127.0.0.1:", stablePort(t))
	alone := &cluster{t: t, network: c.network}
	joins := alone.add("joins", "-retry-join="+dead, "-retry-join="+s.gossipAddr(), "-retry-interval=1ms", "-retry-max=3")
	joins.start()
	s.member("joins", gossip.StatusAlive)
	select {
	case err := <-joins.Failed():
		t.Errorf("who has joined fails: %v", err)
	default:
	}
	fails := alone.add("fails", "-retry-join="+dead, "-retry-interval=1ms", "-retry-max=3")
	fails.start()
	select {
	case err := <-fails.Failed():
		if err == nil || !strings.Contains(err.Error(), "max join LAN retry exhausted, exiting") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it goes on trying")
	}
}

// An agent that cannot have its ports says which, and leaves nothing behind.
func TestPortsAreTaken(t *testing.T) {
	for _, x := range []struct {
		name   string
		server bool
		port   func(*node) int
		want   string
	}{
		{"gossip of a server", true, func(n *node) int { return n.serfPort }, "Failed to start Consul server: Failed to start LAN Serf"},
		{"gossip of a client", false, func(n *node) int { return n.serfPort }, "Failed to start Consul client: Failed to start LAN Serf"},
		{"server port", true, func(n *node) int { return n.serverPort }, "Failed to start Consul server: Failed to start RPC layer"},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := (&cluster{t: t, network: newNetwork()}).add("s1")
			if x.server {
				n.args = []string{"-server", "-bootstrap-expect=1"}
			}
			l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", x.port(n)))
			if err != nil {
				t.Fatal(err)
			}
			a := n.open()
			a.seams = seams{} // the real transport
			if err := a.Start(quiet()); err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), fmt.Sprint(x.port(n))) {
				t.Errorf("%v; want %s", err, x.want)
			}
			l.Close()
			n.Agent = n.open()
			if err := n.Start(quiet()); err != nil {
				t.Fatalf("with the port free: %v", err)
			}
			n.stop()
			for _, port := range []int{n.httpPort, n.serverPort, n.serfPort} {
				l, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String())
				if err != nil {
					t.Errorf("left open: %v", err)
					continue
				}
				l.Close()
			}
		})
	}
}

// Each agent tells the servers where it has found itself to be.
func TestCoordinatesReachTheCatalog(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 1)
	client := c.named("c1")
	told := client.tellCoordinate(context.Background(), nil)
	if told == nil {
		t.Fatal("nothing was told")
	}
	c.named("s1").sees("/v1/coordinate/node/c1", `"Node":"c1"`)
}
