package agent

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whoever is asked, the whole API answers as if that agent were the cluster.
func TestAnyAgentAnswers(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1)
	leader, followers := c.leader(), c.followers()
	for _, x := range []struct {
		seat  string
		asked *node
	}{{"leader", leader}, {"follower", followers[0]}, {"client", c.named("c1")}} {
		t.Run(x.seat, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *cluster, *node){
				"keys": anyKeys, "sessions": anySessions, "transactions": anyTransactions, "catalog": anyCatalog, "queries": anyQueries,
				"registry": anyRegistry, "modes": anyModes, "blocking": anyBlocking, "events": anyEvents, "coordinates": anyStatus,
			} {
				t.Run(name, func(t *testing.T) { test(t, c, x.asked) })
			}
		})
	}
}

// A step is a request, and what is expected of its answer.
type step struct {
	method, path, body string
	status             int
	want               string
}

// steps sends requests one after the other, and compares status and a part of the body.
func (n *node) steps(t *testing.T, steps ...step) {
	t.Helper()
	for _, s := range steps {
		a := n.ask("", s.method, s.path, s.body)
		if a.err != nil || a.status != s.status || !strings.Contains(a.body, s.want) {
			t.Errorf("%s: %s %s: %s; want %d %s", n.name, s.method, s.path, a, s.status, s.want)
		}
	}
}

func anyKeys(t *testing.T, c *cluster, n *node) {
	k := "/v1/kv/keys/" + n.name
	n.steps(t,
		step{"PUT", k, "one", 200, "true"},
		step{"GET", k + "?raw", "", 200, "one"},
		step{"GET", k + "?raw&consistent", "", 200, "one"},
		step{"PUT", k + "?cas=0", "two", 200, "false"},
		step{"GET", "/v1/kv/keys/?keys", "", 200, `"keys/` + n.name + `"`},
		step{"PUT", k + "?flags=x", "two", 500, "invalid syntax"},
		step{"DELETE", k + "?cas=1", "", 200, "false"},
		step{"DELETE", k, "", 200, "true"},
		step{"GET", k, "", 404, ""},
		step{"PUT", "/v1/kv/" + n.name + "?release=00000000-0000-4000-8000-000000000000", "", 200, "false"},
		step{"PUT", "/v1/kv/keys/big", strings.Repeat("x", 512*1024+1), 413, ""},
		step{"PATCH", k, "", 405, ""},
	)
	c.equal()
}

// A session is one of the node whose agent was asked, whoever makes it.
func anySessions(t *testing.T, c *cluster, n *node) {
	id := decode[struct{ ID string }](t, n.must("", "PUT", "/v1/session/create", `{"Name":"mine","TTL":"60s","LockDelay":"0s"}`)).ID
	k := "/v1/kv/locks/" + n.name
	n.steps(t,
		step{"GET", "/v1/session/info/" + id, "", 200, fmt.Sprintf(`"Node":%q`, n.name)},
		step{"GET", "/v1/session/node/" + n.name, "", 200, id},
		step{"PUT", "/v1/session/renew/" + id, "", 200, id},
		step{"PUT", k + "?acquire=" + id, "held", 200, "true"},
		step{"GET", k, "", 200, id},
	)
	other := c.named("s1")
	if other == n {
		other = c.named("s2")
	}
	second := decode[struct{ ID string }](t, other.must("", "PUT", "/v1/session/create", `{}`)).ID
	other.steps(t,
		step{"PUT", k + "?acquire=" + second, "", 200, "false"},
		step{"PUT", k + "?release=" + second, "", 200, "false"},
	)
	n.steps(t,
		step{"PUT", k + "?release=" + id, "", 200, "true"},
		step{"PUT", "/v1/session/destroy/" + id, "", 200, "true"},
		step{"GET", "/v1/session/info/" + id, "", 200, "[]"},
		step{"PUT", "/v1/session/destroy/" + second, "", 200, "true"},
	)
}

func anyTransactions(t *testing.T, _ *cluster, n *node) {
	k := "txn/" + n.name
	n.steps(t,
		step{"PUT", "/v1/txn", fmt.Sprintf(`[{"KV":{"Verb":"set","Key":%q,"Value":"MQ=="}},{"KV":{"Verb":"get","Key":%q}}]`, k, k), 200, `"Value":"MQ=="`},
		step{"PUT", "/v1/txn", fmt.Sprintf(`[{"KV":{"Verb":"get","Key":%q}}]`, k), 200, `"Value":"MQ=="`},
		step{"PUT", "/v1/txn", fmt.Sprintf(`[{"KV":{"Verb":"delete","Key":%q}},{"KV":{"Verb":"get","Key":"absent"}}]`, k), 409, "absent"},
		step{"GET", "/v1/kv/" + k + "?raw", "", 200, "1"},
		step{"PUT", "/v1/txn", fmt.Sprintf(`[{"KV":{"Verb":"delete","Key":%q}}]`, k), 200, ""},
		step{"PUT", "/v1/txn", "{", 400, ""},
	)
}

func anyCatalog(t *testing.T, c *cluster, n *node) {
	node := "outside-" + n.name
	n.steps(t,
		step{"PUT", "/v1/catalog/register", fmt.Sprintf(`{"Node":%q,"Address":"10.0.0.9","Service":{"Service":"db","Port":1}}`, node), 200, "true"},
		step{"GET", "/v1/catalog/node/" + node, "", 200, `"db"`},
		step{"GET", "/v1/catalog/service/db", "", 200, node},
		step{"GET", "/v1/health/service/db?passing", "", 200, node},
		step{"GET", "/v1/catalog/nodes?near=_agent", "", 200, node},
		step{"PUT", "/v1/catalog/deregister", fmt.Sprintf(`{"Node":%q}`, node), 200, "true"},
		step{"GET", "/v1/catalog/node/" + node, "", 200, "null"},
		step{"GET", "/v1/catalog/datacenters", "", 200, `["dc1"]`},
	)
	for _, name := range []string{"s1", "s2", "s3", "c1"} {
		n.sees("/v1/health/node/"+name, `"Status":"passing"`)
	}
	n.sees("/v1/health/service/consul?passing", fmt.Sprint(`"Port":`, c.named("s3").serverPort))
}

// near=_agent means the agent that was asked: its node comes first.
func anyQueries(t *testing.T, _ *cluster, n *node) {
	a := n.must("", "POST", "/v1/query", fmt.Sprintf(`{"Name":"q-%s","Service":{"Service":"consul","Near":"_agent"}}`, n.name))
	id := decode[struct{ ID string }](t, a).ID
	n.steps(t,
		step{"GET", "/v1/query/" + id, "", 200, `"Near":"_agent"`},
		step{"GET", "/v1/query/q-" + n.name + "/execute?near=_agent", "", 200, `"Service":"consul"`},
		step{"GET", "/v1/query/q-" + n.name + "/explain", "", 200, `"Service":"consul"`},
		step{"DELETE", "/v1/query/" + id, "", 200, ""},
		step{"GET", "/v1/query/" + id, "", 404, "Query not found"},
	)
}

// What is registered with an agent is a matter of that agent, and comes into the catalog under its node.
func anyRegistry(t *testing.T, c *cluster, n *node) {
	service := "web-" + n.name
	n.steps(t,
		step{"PUT", "/v1/agent/service/register", fmt.Sprintf(`{"Name":%q,"Port":80,"Check":{"TTL":"10m"}}`, service), 200, ""},
		step{"GET", "/v1/agent/services", "", 200, service},
		step{"PUT", "/v1/agent/check/pass/service:" + service + "?note=fine", "", 200, ""},
		step{"GET", "/v1/agent/self", "", 200, fmt.Sprintf(`"NodeName":%q`, n.name)},
	)
	for _, x := range c.nodes {
		x.sees("/v1/health/service/"+service+"?passing", fmt.Sprintf(`"Node":%q`, n.name))
		if x != n && strings.Contains(x.get("/v1/agent/services").body, service) {
			t.Errorf("%s has a service of %s", x.name, n.name)
		}
	}
	n.steps(t, step{"PUT", "/v1/agent/service/deregister/" + service, "", 200, ""})
	eventually(t, "the service is gone", func() (bool, any) {
		a := n.get("/v1/catalog/service/" + service)
		return a.body == "[]", a
	})
}

// The headers tell who has answered, and how.
func anyModes(t *testing.T, c *cluster, n *node) {
	n.steps(t, step{"PUT", "/v1/kv/modes", "x", 200, "true"})
	for _, x := range c.nodes { // the write is everywhere, so that a stale read has it
		x.sees("/v1/kv/modes?raw&stale", "x")
	}
	leader := c.leader()
	for _, m := range []struct {
		query, effective string
		others           bool // servers that do not lead answer by themselves
	}{{"", "leader", false}, {"leader", "leader", false}, {"consistent", "consistent", false}, {"stale", "stale", true}, {"max_stale=10m", "stale", true}} {
		a := n.get("/v1/catalog/nodes?" + m.query)
		if !a.ok("") || a.header.Get("X-Consul-KnownLeader") != "true" || a.header.Get("X-Consul-Effective-Consistency") != m.effective ||
			a.header.Get("X-Consul-Index") == "" || a.header.Get("X-Consul-Index") == "0" {
			t.Errorf("%q: %s %v", m.query, a, a.header)
		}
		contact := a.header.Get("X-Consul-LastContact")
		if contact == "" || contact != "0" && (!m.others || n == leader) {
			t.Errorf("%q: last contact %q", m.query, contact)
		}
	}
	n.steps(t,
		step{"GET", "/v1/kv/modes?stale&consistent", "", 400, "Cannot specify ?stale with ?consistent, conflicting semantics."},
		step{"GET", "/v1/kv/modes?index=x", "", 400, "Invalid index"},
		step{"GET", "/v1/kv/modes?max_stale=x", "", 400, `Invalid max_stale value "x"`},
		step{"GET", "/v1/kv/modes?dc=elsewhere", "", 500, "No path to datacenter"},
		step{"GET", "/v1/nothing", "", 404, "Invalid URL path: not a recognized HTTP API endpoint"},
	)
}

// A blocking query wakes for a write that another agent was asked for.
func anyBlocking(t *testing.T, c *cluster, n *node) {
	for _, mode := range []string{"", "&stale", "&consistent"} {
		c.named("c1").must("", "PUT", "/v1/kv/block", "before")
		n.sees("/v1/kv/block?raw"+mode, "before")
		for _, writer := range c.nodes {
			first, written := n.get("/v1/kv/block?x"+mode), "by-"+writer.name+mode
			done := make(chan answer, 1)
			go func() {
				a := first
				for a.ok("") && !a.ok(written) { // a stale answer may be older than the one before
					a = n.get("/v1/kv/block?raw&wait=50s&index=" + url.QueryEscape(a.header.Get("X-Consul-Index")) + mode)
				}
				done <- a
			}()
			writer.must("", "PUT", "/v1/kv/block", written)
			began := time.Now()
			if a := <-done; !a.ok(written) || time.Since(began) > 40*time.Second {
				t.Errorf("%q: %s after %s", mode, a, time.Since(began))
			}
		}
	}
}

// An event reaches every agent, once.
func anyEvents(t *testing.T, c *cluster, n *node) {
	name := "deploy-" + n.name
	fired := decode[struct{ ID string }](t, n.must("", "PUT", "/v1/event/fire/"+name, "payload")).ID
	n.must("", "PUT", "/v1/event/fire/"+name+"?node=c1", "only for the client")
	for _, x := range c.nodes {
		want := 1
		if x.name == "c1" {
			want = 2
		}
		eventually(t, fmt.Sprintf("%s has %d events", x.name, want), func() (bool, any) {
			a := x.get("/v1/event/list?name=" + name)
			var events []struct{ ID string }
			if a.ok("") {
				events = decode[[]struct{ ID string }](t, a.body)
			}
			return len(events) == want && strings.Contains(a.body, fired), a
		})
	}
}

func anyStatus(t *testing.T, c *cluster, n *node) {
	leader := c.leader()
	n.steps(t,
		step{"GET", "/v1/status/leader", "", 200, fmt.Sprintf(`"127.0.0.1:%d"`, leader.serverPort)},
		step{"GET", "/v1/operator/raft/configuration", "", 200, `"Node":"s3"`},
		step{"GET", "/v1/operator/autopilot/configuration", "", 200, `"CleanupDeadServers"`},
		step{"GET", "/v1/agent/members", "", 200, `"Name":"c1"`},
		step{"PUT", "/v1/coordinate/update", fmt.Sprintf(`{"Node":%q,"Coord":{"Vec":[0.1,0,0,0,0,0,0,0],"Error":1.5,"Adjustment":0,"Height":0.00001}}`, n.name), 200, ""},
	)
	n.sees("/v1/coordinate/node/"+n.name, "0.1")
	if peers := decode[[]string](t, n.must("", "GET", "/v1/status/peers", "")); len(peers) != 3 {
		t.Errorf("peers: %v", peers)
	}
	eventually(t, "autopilot is content", func() (bool, any) {
		a := n.get("/v1/operator/autopilot/health")
		return a.ok(`"Healthy":true`) && strings.Count(a.body, `"SerfStatus":"alive"`) == 3, a
	})
}
