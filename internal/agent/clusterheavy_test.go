//go:build heavy

package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// Servers and clients that come back under other addresses are found again, one after the other and all at once.
func TestAddressesChange(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `autopilot { cleanup_dead_servers = false }`)
	c.leader().must("", "PUT", "/v1/kv/kept", "1")
	for _, n := range []*node{c.followers()[0], c.leader(), c.named("c1")} {
		n.stop()
		c.leader().member(n.name, gossip.StatusFailed)
		n.newPorts()
		n.start()
		c.settled()
		n.must("", "PUT", "/v1/kv/by-"+n.name, "x")
	}
	for _, n := range c.nodes {
		n.stop()
	}
	for _, n := range c.nodes {
		n.newPorts()
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.settled()
	for _, n := range c.nodes {
		n.sees("/v1/kv/kept?raw&consistent", "1")
		n.sees("/v1/kv/by-c1?raw", "x")
	}
	for _, s := range c.running() {
		c.named("c1").sees("/v1/operator/raft/configuration", fmt.Sprintf(`"127.0.0.1:%d"`, s.serverPort))
		c.named("c1").sees("/v1/health/service/consul?passing", fmt.Sprint(`"Port":`, s.serverPort))
	}
	c.equal()
}

// Whoever writes while the leader falls silent gets an answer, and keeps what was acknowledged. Queries that block move on.
func TestLeaderFallsSilentDuringWrites(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `autopilot { cleanup_dead_servers = false }`)
	old, follower, client := c.leader(), c.followers()[0], c.named("c1")
	old.must("", "PUT", "/v1/kv/watched", "before")
	watch := make(chan answer, 2)
	for _, n := range []*node{follower, client} {
		n.sees("/v1/kv/watched?raw&stale", "before")
		index := n.get("/v1/kv/watched").header.Get("X-Consul-Index")
		go func() { watch <- n.get("/v1/kv/watched?raw&wait=55s&index=" + index) }()
	}
	writers := map[string]*writer{"follower": follower.write("follower"), "client": client.write("client"), "old": old.write("old")}
	for prefix := range writers {
		follower.sees("/v1/kv/"+prefix+"/?keys&stale", prefix+"/0010")
	}
	c.network.isolate(old.name)
	next := c.leader(old)
	next.must("", "PUT", "/v1/kv/watched", "after")
	for range 2 {
		if a := <-watch; !a.ok("after") {
			t.Errorf("a blocking query did not move on: %s", a)
		}
	}
	next.member(old.name, gossip.StatusFailed)
	for _, prefix := range []string{"follower", "client"} {
		next.must("", "PUT", "/v1/kv/mark-"+prefix, "x")
		var last string
		eventually(t, "writes through the "+prefix+" go on", func() (bool, any) {
			keys := decode[[]string](t, next.must("", "GET", "/v1/kv/"+prefix+"/?keys", ""))
			now := keys[len(keys)-1]
			before := last
			last = now
			return before != "" && now != before, now
		})
	}
	c.network.heal()
	c.settled()
	for prefix, w := range writers {
		w.end()
		if lost := w.lost(c.leader(), prefix); len(lost) > 0 {
			t.Errorf("%s: acknowledged and lost: %v", prefix, lost)
		}
		if w.slowest > 25*time.Second {
			t.Errorf("%s: a write took %s", prefix, w.slowest)
		}
		if len(w.failures) > 5 {
			t.Errorf("%s: %d writes failed, such as %s", prefix, len(w.failures), w.failures[0])
		}
		for _, a := range w.failures {
			if a.err != nil || a.status != 500 {
				t.Errorf("%s: %s", prefix, a)
			}
		}
		t.Logf("%s: %d written, %d failed, slowest %s", prefix, len(w.written), len(w.failures), w.slowest)
	}
	c.equal()
}

// A follower without any leader still has what it has, and saves it.
func TestStaleSaveWithoutALeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `performance { rpc_hold_timeout = "1s" } autopilot { cleanup_dead_servers = false }`)
	last, client := c.followers()[0], c.named("c1")
	last.must("", "PUT", "/v1/kv/x", "kept")
	last.sees("/v1/kv/x?raw&stale", "kept")
	for _, n := range c.running(last) {
		n.stop()
	}
	eventually(t, "nobody leads", func() (bool, any) {
		a := last.get("/v1/kv/x?raw&stale")
		return a.ok("kept") && a.header.Get("X-Consul-KnownLeader") == "false", a
	})
	for _, n := range []*node{last, client} {
		eventually(t, n.name+" saves what there is", func() (bool, any) {
			a := n.get("/v1/snapshot?stale")
			return a.ok("") && a.header.Get("X-Consul-KnownLeader") == "false", a
		})
		if a := n.get("/v1/snapshot"); a.status != 500 || !strings.Contains(a.body, "No cluster leader") {
			t.Errorf("%s: %s", n.name, a)
		}
		if a := n.put("/v1/kv/y", "y"); a.status != 500 || !strings.Contains(a.body, "No cluster leader") {
			t.Errorf("%s: a write: %s", n.name, a)
		}
	}
	last.stop()
	eventually(t, "the client knows no server", func() (bool, any) {
		a := client.get("/v1/kv/x?stale")
		return a.status == 500 && strings.Contains(a.body, "No known Consul servers"), a
	})
}
