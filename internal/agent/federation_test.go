package agent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// quickWAN lets the WAN pool see failures soon.
const quickWAN = `gossip_wan { gossip_interval = "20ms" probe_interval = "500ms" probe_timeout = "300ms" suspicion_mult = 2 }`

// startFederation starts two datacenters that know each other: dc1 with the servers s1 to s3 and the client agent c1, dc2 with the server s4.
// hcl is in the configuration of all.
func startFederation(t *testing.T, hcl ...string) (dc1, dc2 *cluster) {
	t.Helper()
	return startFederationOver(t, suiteCA(t), hcl...)
}

// startFederationOver starts a federation over mutual TLS, or over none where there is no authority.
func startFederationOver(t *testing.T, ca *tlstest.CA, hcl ...string) (dc1, dc2 *cluster) {
	t.Helper()
	network := newNetwork()
	dc1 = &cluster{t: t, network: network, ca: ca, hcl: append(slices.Clone(hcl), quickWAN)}
	dc2 = &cluster{t: t, network: network, ca: ca, hcl: append(slices.Clone(hcl), quickWAN, `datacenter = "dc2"`), abroad: dc1}
	for i := range 3 {
		dc1.add(fmt.Sprint("s", i+1), "-server", "-bootstrap-expect=3").wanPort = stablePort(t)
	}
	dc1.add("c1")
	dc2.add("s4", "-server", "-bootstrap-expect=1").wanPort = stablePort(t)
	for _, c := range []*cluster{dc1, dc2} {
		for _, n := range c.nodes {
			n.start()
		}
	}
	dc1.settled()
	dc2.settled()
	for _, n := range append(dc1.running(), dc2.running()...) {
		n.wanMember("s4.dc2", gossip.StatusAlive)
		for _, name := range []string{"s1.dc1", "s2.dc1", "s3.dc1"} { // of which s4 joins but the first
			n.wanMember(name, gossip.StatusAlive)
		}
	}
	return dc1, dc2
}

// wanMember waits until a server has seen a server of the WAN pool in a state.
func (n *node) wanMember(name string, want gossip.Status) {
	n.cluster.t.Helper()
	eventually(n.cluster.t, fmt.Sprintf("%s sees %s %s", n.name, name, want), func() (bool, any) {
		for _, m := range n.wan.Members() {
			if m.Name == name {
				return m.Status == want, m.Status
			}
		}
		return false, "nobody"
	})
}

// isLocal tells whether an endpoint is about the agent that is asked, or about all datacenters.
func isLocal(endpoint string) bool {
	_, path, _ := strings.Cut(endpoint, " ")
	return strings.HasPrefix(path, "/v1/agent/") && !strings.HasPrefix(path, "/v1/agent/connect/") || strings.HasPrefix(path, "/debug/") || path == "/" ||
		slices.Contains([]string{"/v1/catalog/datacenters", "/v1/coordinate/datacenters", "/v1/event/list", "/v1/operator/keyring"}, path)
}

func withDatacenter(path, name string) string {
	if strings.Contains(path, "?") {
		return path + "&dc=" + name
	}
	return path + "?dc=" + name
}

// Every endpoint that is not about the agent itself looks for the datacenter that it is asked for before anything else.
func TestEveryEndpointKnowsDatacenters(t *testing.T) {
	t.Parallel()
	dc1, _ := startFederation(t)
	seen := 0
	for _, p := range probes {
		if isLocal(p.endpoint) {
			continue
		}
		seen++
		method, _, _ := strings.Cut(p.endpoint, " ")
		for _, n := range []*node{dc1.leader(), dc1.followers()[0], dc1.named("c1")} {
			if a := n.ask("", method, withDatacenter(p.path, "dc9"), p.body); a.status != 500 || a.body != "No path to datacenter" {
				t.Errorf("%s: %s of a datacenter that nobody knows: %s", n.name, p.endpoint, a)
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d endpoints", seen)
	}
	n := dc1.named("s1")
	for _, p := range probes {
		if method, path, _ := strings.Cut(p.endpoint, " "); method == "GET" && isLocal(p.endpoint) && !strings.Contains(path, "monitor") &&
			!strings.Contains(path, "stream") && !strings.HasPrefix(path, "/debug/") {
			if a := n.get(withDatacenter(p.path, "dc9")); strings.Contains(a.body, "No path") {
				t.Errorf("%s is not about a datacenter: %s", p.endpoint, a)
			}
		}
	}
}

// What an agent of one datacenter answers for another one is what that one answers itself.
func TestOtherDatacenterAnswers(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	there := dc2.named("s4")
	for i, n := range []*node{dc1.leader(), dc1.followers()[0], dc1.named("c1")} {
		k := fmt.Sprint("/v1/kv/k", i)
		node := fmt.Sprint("outside", i)
		n.steps(t,
			step{"PUT", k + "?dc=dc2", "there", 200, "true"},
			step{"GET", k + "?raw&dc=dc2", "", 200, "there"},
			step{"GET", k + "?raw&dc=dc2&consistent", "", 200, "there"},
			step{"GET", k + "?raw&dc=dc2&stale", "", 200, "there"},
			step{"GET", k, "", 404, ""},
			step{"PUT", k + "?dc=dc2&cas=0", "no", 200, "false"},
			step{"PUT", "/v1/txn?dc=dc2", `[{"KV":{"Verb":"set","Key":"t","Value":"MQ=="}}]`, 200, `"Key":"t"`},
			step{"PUT", "/v1/catalog/register", fmt.Sprintf(`{"Datacenter":"dc2","Node":%q,"Address":"10.0.0.9","Service":{"Service":"db"}}`, node), 200, "true"},
			step{"GET", "/v1/catalog/node/" + node, "", 200, "null"},
			step{"GET", "/v1/health/service/db?dc=dc2&near=_agent", "", 200, node},
			step{"POST", "/v1/query?dc=dc2", fmt.Sprintf(`{"Name":"q%d","Service":{"Service":"db"}}`, i), 200, "ID"},
			step{"GET", fmt.Sprintf("/v1/query/q%d/execute?dc=dc2", i), "", 200, node},
			step{"PUT", "/v1/event/fire/deploy?dc=dc2", "x", 200, "deploy"},
			step{"GET", "/v1/operator/raft/configuration?dc=dc2", "", 200, `"Node":"s4"`},
			step{"GET", "/v1/status/leader?dc=dc2", "", 200, fmt.Sprint(there.serverPort)},
			step{"GET", "/v1/catalog/datacenters", "", 200, `["dc1","dc2"]`},
			step{"PUT", "/v1/catalog/deregister?dc=dc2", fmt.Sprintf(`{"Node":%q}`, node), 200, "true"},
			step{"GET", "/v1/catalog/node/" + node + "?dc=dc2", "", 200, "null"},
		)
		session := decode[struct{ ID string }](t, n.must("", "PUT", "/v1/session/create?dc=dc2", `{"Node":"s4"}`)).ID
		n.steps(t,
			step{"PUT", k + "?dc=dc2&acquire=" + session, "held", 200, "true"},
			step{"GET", "/v1/session/info/" + session, "", 200, "[]"},
			step{"PUT", "/v1/session/destroy/" + session + "?dc=dc2", "", 200, "true"},
		)
		there.sees("/v1/event/list?name=deploy", "deploy")
		n.steps(t, step{"GET", "/v1/event/list", "", 200, "[]"})
	}
	for _, p := range probes {
		if method, path, _ := strings.Cut(p.endpoint, " "); method != "GET" || isLocal(p.endpoint) || path == "/v1/snapshot" ||
			strings.HasPrefix(path, "/v1/operator/autopilot/") || strings.Contains(p.path, "/execute") {
			continue
		}
		path := strings.NewReplacer("{session}", "none", "{query}", "none", "{token}", "none", "{policy}", "none", "{role}", "none").Replace(p.path)
		own, asked := there.get(path), dc1.named("c1").get(withDatacenter(path, "dc2"))
		if own.status != asked.status || own.body != asked.body || own.header.Get("X-Consul-Index") != asked.header.Get("X-Consul-Index") {
			t.Errorf("%s: dc2 says %s, and dc1 that dc2 says %s", path, own, asked)
		}
	}
}

// A blocking query waits in the other datacenter, and ends there.
func TestBlockingQueryAcross(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	there := dc2.named("s4")
	there.must("", "PUT", "/v1/kv/b", "old")
	for _, n := range []*node{dc1.named("s2"), dc1.named("c1")} {
		first := n.get("/v1/kv/b?raw&dc=dc2")
		done := make(chan answer, 1)
		go func() {
			done <- n.get("/v1/kv/b?raw&dc=dc2&wait=50s&index=" + first.header.Get("X-Consul-Index"))
		}()
		there.must("", "PUT", "/v1/kv/b", "new for "+n.name)
		if a := <-done; !a.ok("new for " + n.name) {
			t.Errorf("%s: %s", n.name, a)
		}
	}
}

// A snapshot of either datacenter is saved and restored from the other, and touches only the one that is meant.
func TestSnapshotsAcross(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	there, client := dc2.named("s4"), dc1.named("c1")
	here := dc1.named("s2")
	for _, x := range []struct {
		name              string
		asked, in, not    *node
		datacenter, token string
	}{
		{"of dc2, through a client agent of dc1", client, there, here, "dc2", ""},
		{"of dc1, through dc2", there, here, there, "dc1", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			key := "/v1/kv/" + x.datacenter
			x.in.must("", "PUT", key, "saved")
			archive := x.asked.must("", "GET", "/v1/snapshot?dc="+x.datacenter, "")
			x.in.must("", "PUT", key, "later")
			x.not.must("", "PUT", "/v1/kv/untouched", "by "+x.name)
			if a := x.asked.ask("", "PUT", "/v1/snapshot?dc="+x.datacenter, "not an archive"); a.status != 500 {
				t.Errorf("what is no archive: %s", a)
			}
			x.in.sees(key+"?raw", "later")
			x.asked.must("", "PUT", "/v1/snapshot?dc="+x.datacenter, archive)
			x.in.sees(key+"?raw", "saved")
			x.not.sees("/v1/kv/untouched?raw", "by "+x.name)
			x.asked.sees(key+"?raw&dc="+x.datacenter, "saved")
		})
	}
	big := strings.Repeat("x", 300<<10)
	for i := range 8 {
		there.must("", "PUT", fmt.Sprint("/v1/kv/big/", i), big)
	}
	a := client.get("/v1/snapshot?dc=dc2")
	if b := there.get("/v1/snapshot"); !a.ok("") || len(a.body) < 1000 || a.header.Get("X-Consul-Index") != b.header.Get("X-Consul-Index") {
		t.Errorf("%d bytes, index %s; dc2 itself: %d bytes, index %s", len(a.body), a.header.Get("X-Consul-Index"), len(b.body), b.header.Get("X-Consul-Index"))
	}
	if client.ask("", http.MethodPut, "/v1/snapshot?dc=dc2", a.body); there.get("/v1/kv/big/7?raw").body != big {
		t.Error("a large value did not come back")
	}
}

// While the way between two datacenters is cut, each goes on by itself and says at once, or after a bounded time, that the other cannot be
// reached; nothing is done twice, and afterwards everything works again.
func TestCutBetweenDatacenters(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	there := dc2.named("s4")
	archive := dc1.named("s1").must("", "GET", "/v1/snapshot?dc=dc2", "")
	dc1.network.isolate("s4")
	for _, n := range []*node{dc1.leader(), dc1.followers()[0], dc1.named("c1")} {
		began := time.Now()
		if a := n.put("/v1/kv/cut?dc=dc2", n.name); a.status != 500 {
			t.Errorf("%s: a write into a datacenter that cannot be reached: %s", n.name, a)
		}
		if took := time.Since(began); took > 45*time.Second {
			t.Errorf("%s: it took %s", n.name, took)
		}
		n.steps(t, step{"PUT", "/v1/kv/own", "1", 200, "true"}, step{"GET", "/v1/kv/own?raw", "", 200, "1"})
	}
	there.steps(t, step{"PUT", "/v1/kv/own", "2", 200, "true"})
	for _, n := range dc1.running() {
		n.wanMember("s4.dc2", gossip.StatusFailed)
	}
	for _, n := range dc1.nodes {
		began := time.Now()
		for _, s := range []step{{"GET", "/v1/snapshot?dc=dc2", "", 500, "No path to datacenter"},
			{"PUT", "/v1/snapshot?dc=dc2", archive, 500, "No path to datacenter"}, {"GET", "/v1/kv/x?dc=dc2", "", 500, "No path to datacenter"}} {
			n.steps(t, s)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: a datacenter that is known to be gone takes %s", n.name, took)
		}
		n.steps(t, step{"GET", "/v1/catalog/datacenters", "", 200, `["dc1","dc2"]`})
	}
	dc1.network.heal("s4")
	for _, n := range dc1.nodes {
		n.sees("/v1/kv/own?raw&dc=dc2", "2")
	}
	there.sees("/v1/kv/own?raw&dc=dc1", "1")
	dc1.named("c1").must("", "PUT", "/v1/snapshot?dc=dc2", archive)
	if a := there.get("/v1/kv/own"); a.status != 404 {
		t.Errorf("after the restore: %s", a)
	}
}

// A slow way between datacenters makes answers late, not wrong.
func TestSlowWayBetweenDatacenters(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	dc1.network.slowDown(100 * time.Millisecond)
	there := dc2.named("s4")
	for i := range 5 {
		for _, n := range dc1.nodes {
			k := fmt.Sprintf("/v1/kv/slow/%s/%d", n.name, i)
			n.steps(t, step{"PUT", k + "?dc=dc2", "v", 200, "true"}, step{"GET", k + "?raw&dc=dc2", "", 200, "v"})
		}
	}
	archive := dc1.named("c1").must("", "GET", "/v1/snapshot?dc=dc2", "")
	there.must("", "DELETE", "/v1/kv/slow?recurse", "")
	dc1.named("c1").must("", "PUT", "/v1/snapshot?dc=dc2", archive)
	there.sees("/v1/kv/slow/s1/4?raw", "v")
	for _, n := range dc1.running() {
		n.wanMember("s4.dc2", gossip.StatusAlive)
	}
}

// A datacenter that is gone for good is forgotten once its servers are, and one that comes up again in its place is found.
func TestDatacenterIsLost(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	lost := dc2.named("s4")
	lost.must("", "PUT", "/v1/kv/a", "precious")
	archive := dc1.named("c1").must("", "GET", "/v1/snapshot?dc=dc2", "")
	lost.crash()
	for _, n := range dc1.running() {
		n.wanMember("s4.dc2", gossip.StatusFailed)
	}
	dc1.named("c1").steps(t, step{"GET", "/v1/kv/a?dc=dc2", "", 500, "No path to datacenter"})

	risen := dc2.add("s5", "-server", "-bootstrap-expect=1")
	risen.wanPort = stablePort(t)
	risen.start()
	for _, n := range dc1.running() {
		n.wanMember("s5.dc2", gossip.StatusAlive)
	}
	client := dc1.named("c1")
	eventually(t, "the new datacenter has a leader", func() (bool, any) {
		return risen.server.Leading(), client.get("/v1/status/leader?dc=dc2")
	})
	client.must("", "PUT", "/v1/snapshot?dc=dc2", archive)
	client.sees("/v1/kv/a?raw&dc=dc2", "precious")
	dc1.named("s1").must("", "PUT", "/v1/agent/force-leave/s4.dc2?wan&prune", "")
	for _, n := range dc1.running() {
		eventually(t, n.name+" forgets s4", func() (bool, any) {
			a := n.get("/v1/agent/members?wan")
			return a.ok("s5.dc2") && !strings.Contains(a.body, "s4.dc2"), a
		})
	}
	client.sees("/v1/catalog/datacenters", `["dc1","dc2"]`)
}

// A datacenter that elects a leader keeps another one's requests waiting, as its own.
func TestLeaderIsLostDuringWritesOfAnotherDatacenter(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederation(t)
	there := dc2.named("s4")
	old := dc1.leader()
	there.steps(t, step{"PUT", "/v1/kv/before?dc=dc1", "1", 200, "true"})
	old.crash()
	if a := there.put("/v1/kv/during?dc=dc1", "2"); !a.ok("true") && !strings.Contains(a.body, "may have been done") {
		t.Errorf("while the other datacenter elects a leader: %s", a)
	}
	dc1.leader()
	there.sees("/v1/kv/before?raw&dc=dc1", "1")
	there.steps(t, step{"PUT", "/v1/kv/after?dc=dc1", "3", 200, "true"}, step{"GET", "/v1/kv/after?raw&dc=dc1", "", 200, "3"})
}
