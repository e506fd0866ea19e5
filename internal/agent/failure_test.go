package agent

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// What was registered with a client agent comes back with it, and the catalog says how its node is.
func TestClientAgentComesBack(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 1, `acl { enable_token_persistence = true enabled = true default_policy = "allow" }`)
	s, n := c.named("s1"), c.named("c1")
	n.must("", "PUT", "/v1/agent/service/register", `{"Name":"web","ID":"web-1","Port":80,"Tags":["a"],"Check":{"CheckID":"alive","TTL":"1h"}}`)
	n.must("", "PUT", "/v1/agent/service/register", `{"Name":"short","Check":{"CheckID":"soon","TTL":"1s"}}`)
	n.must("", "PUT", "/v1/agent/check/register", `{"Name":"of the node","TTL":"1h"}`)
	n.must("", "PUT", "/v1/agent/token/default", `{"Token":""}`)
	n.must("", "PUT", "/v1/agent/token/agent_recovery", `{"Token":"recovery"}`)
	n.must("", "PUT", "/v1/agent/check/pass/alive?note=well", "")
	n.must("", "PUT", "/v1/agent/check/pass/soon?note=well", "")
	n.must("", "PUT", "/v1/agent/check/pass/of%20the%20node", "")
	s.sees("/v1/health/service/web?passing", `"Port":80`)
	s.sees("/v1/health/checks/short", "TTL expired")
	s.sees("/v1/health/node/c1", "of the node")

	n.stop()
	s.member("c1", gossip.StatusFailed)
	eventually(t, "the node is critical", func() (bool, any) { return serfIs(s, "c1", "critical") })
	if a := s.get("/v1/health/service/web?passing"); a.body != "[]" {
		t.Errorf("a service of a failed node passes: %s", a)
	}
	s.must("", "PUT", "/v1/catalog/deregister", `{"Node":"c1","ServiceID":"web-1"}`)
	n.newPorts() // it may be anywhere
	n.start()
	s.member("c1", gossip.StatusAlive)
	eventually(t, "the node passes again", func() (bool, any) { return serfIs(s, "c1", "passing") })
	s.sees("/v1/health/service/web?passing", `"Output":"well"`)
	s.sees("/v1/health/node/c1", "of the node")
	if a := n.ask("recovery", "GET", "/v1/agent/self", ""); !a.ok("") {
		t.Errorf("a token that was set is gone: %s", a)
	}

	n.leave()
	s.member("c1", gossip.StatusLeft)
	eventually(t, "the node is out of the catalog", func() (bool, any) {
		a := s.get("/v1/catalog/node/c1")
		return a.body == "null", a
	})
}

// serfIs tells whether a node's membership has a status in the catalog.
func serfIs(n *node, name, status string) (bool, any) {
	a := n.get("/v1/health/node/" + name)
	if !a.ok("") {
		return false, a
	}
	for _, x := range decode[[]struct{ CheckID, Status string }](n.cluster.t, a.body) {
		if x.CheckID == "serfHealth" {
			return x.Status == status, a
		}
	}
	return false, a
}

// A writer writes numbered keys through an agent until it is told to stop, and keeps which were acknowledged.
type writer struct {
	stop, done chan struct{}
	written    []string
	failures   []answer
	slowest    time.Duration
}

func (n *node) write(prefix string) *writer {
	w := &writer{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for i := 0; ; i++ {
			select {
			case <-w.stop:
				return
			default:
			}
			key, began := fmt.Sprintf("%s/%04d", prefix, i), time.Now()
			a := n.put("/v1/kv/"+key, key)
			w.slowest = max(w.slowest, time.Since(began))
			if a.ok("true") {
				w.written = append(w.written, key)
			} else {
				w.failures = append(w.failures, a)
			}
		}
	}()
	return w
}

func (w *writer) end() {
	close(w.stop)
	<-w.done
}

// lost are the acknowledged keys that an agent does not have.
func (w *writer) lost(n *node, prefix string) (lost []string) {
	n.cluster.t.Helper()
	has := map[string]bool{}
	for _, key := range decode[[]string](n.cluster.t, n.must("", "GET", "/v1/kv/"+prefix+"/?keys", "")) {
		has[key] = true
	}
	for _, key := range w.written {
		if !has[key] {
			lost = append(lost, key)
		}
	}
	return lost
}

// The leader ends while others write through a follower and a client: what was acknowledged is there, and everything is answered.
func TestLeaderEndsDuringWrites(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `autopilot { cleanup_dead_servers = false }`)
	for _, x := range []struct {
		name string
		end  func(*node)
		lost int // answers that a writer may lose
	}{{"crash", (*node).crash, 1}, {"stop", (*node).stop, 1}} {
		t.Run(x.name, func(t *testing.T) {
			leader := c.leader()
			endDuringWrites(t, c, leader, x.name, x.end, x.lost)
			leader.start()
			c.settled()
			c.equal()
		})
	}
}

func endDuringWrites(t *testing.T, c *cluster, leader *node, name string, end func(*node), lost int) {
	follower, client := c.followers()[0], c.named("c1")
	watched := "/v1/kv/watched-" + name
	leader.must("", "PUT", watched, "before")
	watch := make(chan answer, 2)
	for _, n := range []*node{follower, client} {
		n.sees(watched+"?raw&stale", "before")
		go func() {
			a := n.get(watched + "?raw")
			for cuts := 0; a.ok("before") || a.err != nil && cuts == 0; { // a leader that stops answers, or is cut short
				if a.err != nil {
					cuts++
				}
				a = n.get(watched + "?raw&wait=55s&index=" + url.QueryEscape(a.header.Get("X-Consul-Index")))
			}
			watch <- a
		}()
	}
	writers := map[string]*writer{"follower-" + name: follower.write("follower-" + name), "client-" + name: client.write("client-" + name)}
	for prefix := range writers {
		eventually(t, "writes", func() (bool, any) {
			a := follower.get("/v1/kv/" + prefix + "/?keys&stale")
			return a.ok(prefix + "/0010"), a
		})
	}
	end(leader)
	next := c.leader()
	next.must("", "PUT", watched, "after")
	for range 2 {
		if a := <-watch; !a.ok("after") {
			t.Errorf("a blocking query did not move on: %s", a)
		}
	}
	for prefix, w := range writers {
		w.end()
		if gone := w.lost(next, prefix); len(gone) > 0 {
			t.Errorf("%s: acknowledged and lost: %v", prefix, gone)
		}
		if w.slowest > 20*time.Second {
			t.Errorf("%s: a write took %s", prefix, w.slowest)
		}
		if len(w.failures) > lost {
			t.Errorf("%s: %d writes failed, the first: %s", prefix, len(w.failures), w.failures[0])
		}
		for _, a := range w.failures { // an answer that broke off after its header is cut off for the client too
			if a.err == nil && a.status != http.StatusInternalServerError {
				t.Errorf("%s: %s", prefix, a)
			}
		}
		t.Logf("%s: %d written, %d failed, slowest %s", prefix, len(w.written), len(w.failures), w.slowest)
	}
}

// A leader that is cut off from the others steps down, and never tells what is not so any more.
func TestLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `performance { rpc_hold_timeout = "2s" } autopilot { cleanup_dead_servers = false }`)
	old, client := c.leader(), c.named("c1")
	old.must("", "PUT", "/v1/kv/x", "before")
	client.sees("/v1/kv/x?raw&stale", "before")
	index := old.get("/v1/kv/x").header.Get("X-Consul-Index")
	blocked := make(chan answer, 1)
	go func() { blocked <- old.get("/v1/kv/x?raw&wait=58s&index=" + index) }()
	c.network.isolate(old.name)
	next := c.leader(old)
	next.must("", "PUT", "/v1/kv/x", "after")
	for _, query := range []string{"", "&consistent"} {
		if a := client.get("/v1/kv/x?raw" + query); !a.ok("after") {
			t.Errorf("%q through a client: %s", query, a)
		}
	}
	eventually(t, "the old leader steps down", func() (bool, any) { return !old.server.Leading(), nil })
	if a := old.get("/v1/kv/x?raw&stale"); !a.ok("before") || a.header.Get("X-Consul-KnownLeader") != "false" || a.header.Get("X-Consul-LastContact") == "0" {
		t.Errorf("a stale read of who is cut off: %s %v", a, a.header)
	}
	var asking sync.WaitGroup
	for _, x := range []struct{ method, path string }{
		{"GET", "/v1/kv/x?raw"}, {"GET", "/v1/kv/x?raw&consistent"}, {"PUT", "/v1/kv/y"}, {"DELETE", "/v1/kv/x"}, {"PUT", "/v1/session/create"}, {"GET", "/v1/catalog/nodes"},
	} {
		asking.Go(func() {
			if a := old.ask("", x.method, x.path, "{}"); a.status != 500 || !strings.Contains(a.body, "No cluster leader") {
				t.Errorf("%s %s of who is cut off: %s", x.method, x.path, a)
			}
		})
	}
	asking.Wait()
	began := time.Now()
	if a := old.get("/v1/snapshot"); a.status != 500 || time.Since(began) > 2*time.Second {
		t.Errorf("a snapshot of who is cut off after %s: %d %s", time.Since(began), a.status, a)
	}
	if a := old.get("/v1/snapshot?stale"); !a.ok("") || a.header.Get("X-Consul-KnownLeader") != "false" {
		t.Errorf("a stale snapshot of who is cut off: %d %v", a.status, a.header)
	}
	if a := client.get("/v1/snapshot"); !a.ok("") {
		t.Errorf("a snapshot of the others: %s", a)
	}
	c.network.heal()
	eventually(t, "the old leader answers again", func() (bool, any) {
		a := old.get("/v1/kv/x?raw")
		if a.ok("before") {
			t.Fatal("a value of the past")
		}
		return a.ok("after"), a
	})
	if a := <-blocked; a.err != nil || a.ok("before") {
		t.Errorf("the query that blocked: %s", a)
	}
	c.settled()
	c.equal()
}

// Each server may be the one that is cut off; the others go on, and it catches up.
func TestFollowerAndClientAreCutOff(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, `performance { rpc_hold_timeout = "1s" } autopilot { cleanup_dead_servers = false }`)
	leader, follower, client := c.leader(), c.followers()[0], c.named("c1")
	client.must("", "PUT", "/v1/kv/x", "before")
	follower.sees("/v1/kv/x?raw&stale", "before")
	c.network.isolate(follower.name, client.name)
	leader.member(follower.name, gossip.StatusFailed)
	leader.member(client.name, gossip.StatusFailed)
	leader = c.leader(follower) // on a machine that is busy it may be another one by now
	leader.must("", "PUT", "/v1/kv/x", "after")
	eventually(t, "the client is critical", func() (bool, any) { return serfIs(leader, client.name, "critical") })
	for _, n := range []*node{follower, client} {
		if a := n.get("/v1/kv/x?raw&stale"); !a.ok("before") {
			t.Errorf("%s: stale: %s", n.name, a)
		}
		if a := n.put("/v1/kv/y", "y"); a.status != 500 {
			t.Errorf("%s: a write: %s", n.name, a)
		}
	}
	if a := follower.get("/v1/kv/x?raw&max_stale=1ms"); a.ok("before") {
		t.Errorf("max_stale does not hold: %s", a)
	}
	c.network.heal()
	for _, n := range []*node{follower, client} {
		n.sees("/v1/kv/x?raw&stale", "after")
		n.sees("/v1/kv/x?raw", "after")
	}
	eventually(t, "the client passes again", func() (bool, any) { return serfIs(leader, client.name, "passing") })
	c.settled()
	c.equal()
}

// The lock of a session ends with the agent on whose node it is.
func TestLockEndsWithItsAgent(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 1)
	s, client := c.named("s1"), c.named("c1")
	id := decode[struct{ ID string }](t, client.must("", "PUT", "/v1/session/create", `{"LockDelay":"0s"}`)).ID
	client.must("", "PUT", "/v1/kv/lock?acquire="+id, "held")
	s.sees("/v1/kv/lock", id)
	client.crash()
	eventually(t, "the lock is free", func() (bool, any) {
		a := s.get("/v1/kv/lock")
		return a.ok("Value") && !a.ok(id), a
	})
	if a := s.get("/v1/session/info/" + id); a.body != "[]" {
		t.Errorf("the session is still there: %s", a)
	}
}
