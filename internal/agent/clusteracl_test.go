package agent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const aclsOfCluster = `acl { enabled = true default_policy = "deny" tokens {
	initial_management = "` + managementSecret + `"
	agent = "` + managementSecret + `"
} }`

// newToken makes a token with rules through an agent, and returns its secret.
func (n *node) newToken(name, rules string) string {
	n.cluster.t.Helper()
	n.must(managementSecret, "PUT", "/v1/acl/policy", fmt.Sprintf(`{"Name":%q,"Rules":%q}`, name, rules))
	text := n.must(managementSecret, "PUT", "/v1/acl/token", fmt.Sprintf(`{"Policies":[{"Name":%q}]}`, name))
	return decode[struct{ SecretID string }](n.cluster.t, text).SecretID
}

// Every agent knows every token, and each its own default.
func TestACLsOfACluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 1, aclsOfCluster)
	leader, followers, client := c.leader(), c.followers(), c.named("c1")
	for i := range 12 { // whichever server the client asks
		token := leader.newToken(fmt.Sprint("p", i), `agent_prefix "" { policy = "read" }`)
		if a := client.ask(token, "GET", "/v1/agent/self", ""); !a.ok("") {
			t.Errorf("token %d is not known to the client at once: %s", i, a)
		}
	}
	for _, x := range []struct {
		seat  string
		asked *node
	}{{"leader", leader}, {"follower", followers[0]}, {"client", client}} {
		t.Run(x.seat, func(t *testing.T) {
			n := x.asked
			token := n.newToken("reader-of-"+n.name, fmt.Sprintf(`key_prefix "%s/" { policy = "write" } agent_prefix "" { policy = "read" }`, n.name))
			k := "/v1/kv/" + n.name + "/x"
			for _, other := range c.nodes { // at once, wherever
				for _, s := range []struct {
					name, token, method, path string
					status                    int
					want                      string
				}{
					{"a new token", token, "GET", "/v1/agent/self", 200, other.name},
					{"it writes", token, "PUT", k, 200, "true"},
					{"it reads", token, "GET", k, 200, "Value"},
					{"it reads for sure", token, "GET", k + "?consistent", 200, "Value"},
					{"in the query", "", "GET", k + "?token=" + token, 200, "Value"},
					{"it may not more", token, "PUT", "/v1/kv/elsewhere", 403, "lacks permission 'key:write' on \"elsewhere\""},
					{"nobody's", "nobody's", "GET", k, 403, "ACL not found"},
					{"nobody's, locally", "nobody's", "GET", "/v1/agent/self", 403, "ACL not found"},
					{"nobody's, stale", "nobody's", "GET", k + "?stale", 403, "ACL not found"},
					{"nobody's snapshot", "nobody's", "GET", "/v1/snapshot", 403, "ACL not found"},
					{"a snapshot", token, "GET", "/v1/snapshot", 403, "lacks permission 'acl:write'"},
					{"anonymous", "", "PUT", k, 403, "anonymous token lacks permission 'key:write'"},
					{"anonymous, locally", "", "GET", "/v1/agent/self", 403, "anonymous token lacks permission 'agent:read'"},
					{"itself", token, "GET", "/v1/acl/token/self", 200, "reader-of-" + n.name},
				} {
					if a := other.ask(s.token, s.method, s.path, ""); a.err != nil || a.status != s.status || !strings.Contains(a.body, s.want) {
						t.Errorf("%s: %s: %s; want %d %s", other.name, s.name, a, s.status, s.want)
					}
				}
			}
			defaultToken(t, c, n, token)
		})
	}
}

// defaultToken checks that an agent's default token counts for those who ask that agent, and for nobody else.
func defaultToken(t *testing.T, c *cluster, n *node, token string) {
	n.must(managementSecret, "PUT", "/v1/agent/token/default", fmt.Sprintf(`{"Token":%q}`, token))
	defer n.must(managementSecret, "PUT", "/v1/agent/token/default", `{"Token":""}`)
	k := "/v1/kv/" + n.name + "/x"
	for _, other := range c.nodes {
		want := http.StatusForbidden
		if other == n {
			want = http.StatusOK
		}
		for _, query := range []string{"", "?stale", "?consistent"} {
			if a := other.get(k + query); a.status != want {
				t.Errorf("the default token of %s: %s says %q: %s", n.name, other.name, query, a)
			}
		}
		if a := other.put(k, "y"); a.status != want {
			t.Errorf("the default token of %s: a write at %s: %s", n.name, other.name, a)
		}
	}
	if a := n.ask("nobody's", "GET", k, ""); a.status != http.StatusForbidden {
		t.Errorf("a wrong token counts as none: %s", a)
	}
}

// Without servers, a client agent goes by its down policy.
func TestDownPolicies(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 0, aclsOfCluster)
	server := c.named("s1")
	token := server.newToken("agents", `agent_prefix "" { policy = "read" }`)
	var clients []*node
	for _, down := range []string{"extend-cache", "async-cache", "allow", "deny"} {
		n := c.add(down, fmt.Sprintf(`-hcl=acl { down_policy = %q token_ttl = "1ms" tokens { agent_recovery = "recovery" } }`, down))
		n.start()
		clients = append(clients, n)
		n.seesAs(token, "/v1/agent/self", n.name)
	}
	fresh := c.add("fresh", `-hcl=acl { token_ttl = "1h" }`)
	fresh.start()
	fresh.seesAs(token, "/v1/agent/self", fresh.name)
	server.stop()
	for _, n := range append(clients, fresh) {
		eventually(t, n.name+" has no server", func() (bool, any) { return len(n.aliveServers()) == 0, nil })
	}
	for _, x := range []struct {
		down           string
		known, unknown int
	}{{"extend-cache", 200, 500}, {"async-cache", 200, 500}, {"allow", 200, 200}, {"deny", 403, 403}, {"fresh", 200, 500}} {
		n := c.named(x.down)
		for range 2 {
			if a := n.ask(token, "GET", "/v1/agent/self", ""); a.status != x.known {
				t.Errorf("%s: a token that was known: %s", x.down, a)
			}
			if a := n.ask("00000000-1111-4000-8000-000000000000", "GET", "/v1/agent/self", ""); a.status != x.unknown {
				t.Errorf("%s: a token that was not: %s", x.down, a)
			}
		}
		if a := n.ask("recovery", "GET", "/v1/agent/self", ""); n != fresh && a.status != 200 {
			t.Errorf("%s: the recovery token: %s", x.down, a)
		}
	}
	server.start()
	for _, n := range append(clients, fresh) {
		eventually(t, n.name+" asks again", func() (bool, any) {
			a := n.ask("00000000-1111-4000-8000-000000000000", "GET", "/v1/agent/self", "")
			return a.status == 403 && a.body == "ACL not found", a
		})
	}
	server.must(managementSecret, "DELETE", "/v1/acl/token/"+accessorOf(server, token), "")
	for _, n := range clients {
		eventually(t, n.name+" forgets a deleted token", func() (bool, any) {
			a := n.ask(token, "GET", "/v1/agent/self", "")
			return a.status == 403, a
		})
	}
	if a := fresh.ask(token, "GET", "/v1/agent/self", ""); a.status != 200 {
		t.Errorf("token_ttl does not hold: %s", a)
	}
}

func accessorOf(n *node, secret string) string {
	return decode[struct{ AccessorID string }](n.cluster.t, n.must(secret, "GET", "/v1/acl/token/self", "")).AccessorID
}

// The ACL system is bootstrapped through any agent, once.
func TestBootstrapThroughAClient(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, 1, `acl { enabled = true default_policy = "allow" }`)
	client := c.named("c1")
	if a := client.ask("nobody's", "GET", "/v1/kv/x", ""); a.status != 403 || !strings.Contains(a.body, "must be bootstrapped") {
		t.Errorf("before: %s", a)
	}
	secret := decode[struct{ SecretID string }](t, client.must("", "PUT", "/v1/acl/bootstrap", "")).SecretID
	client.must(secret, "GET", "/v1/acl/tokens", "")
	client.must(secret, "GET", "/v1/agent/self", "")
	for _, n := range c.nodes {
		if a := n.put("/v1/acl/bootstrap", ""); a.status != 403 || !strings.Contains(a.body, "ACL bootstrap no longer allowed (reset index: ") {
			t.Errorf("%s, again: %s", n.name, a)
		}
	}
}
