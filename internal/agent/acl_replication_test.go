package agent

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/record"
)

// startPrimary starts the only server of dc1, which has the ACLs of all datacenters.
func startPrimary(t *testing.T) *node {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(), hcl: []string{aclsOfCluster}}
	s := c.add("s1", "-server", "-bootstrap-expect=1")
	s.args = append(s.args, fmt.Sprint("-serf-wan-port=", stablePort(t)))
	s.start()
	c.settled()
	return s
}

// addSecondary adds a datacenter with one server, not started, whose ACLs are those of dc1.
func addSecondary(primary *node, dc string, hcl ...string) *node {
	t := primary.cluster.t
	t.Helper()
	c := &cluster{t: t, network: primary.cluster.network, hcl: append([]string{
		fmt.Sprintf(`datacenter = %q primary_datacenter = "dc1"`, dc),
		`acl { enabled = true default_policy = "deny" tokens { agent = "` + managementSecret + `" } }`,
	}, hcl...)}
	return c.add("s-"+dc, "-server", "-bootstrap-expect=1", fmt.Sprint("-serf-wan-port=", stablePort(t)), "-retry-interval-wan=100ms",
		"-retry-join-wan="+primary.config.SerfWAN.String())
}

const replicatesTokens = `acl { enable_token_replication = true tokens { replication = "` + managementSecret + `" } }`

// startSecondary is addSecondary, and starts it.
func startSecondary(primary *node, dc string, hcl ...string) *node {
	primary.cluster.t.Helper()
	s := addSecondary(primary, dc, hcl...)
	s.start()
	s.cluster.settled()
	return s
}

func (n *node) replication() httpapi.ACLReplication {
	n.cluster.t.Helper()
	return decode[httpapi.ACLReplication](n.cluster.t, n.must(managementSecret, "GET", "/v1/acl/replication", ""))
}

// acls are all policies, roles and tokens that are not local, without indexes.
func (n *node) acls() string {
	var all strings.Builder
	store := n.server.Store()
	_, policies := store.Policies(nil)
	for _, p := range policies {
		fmt.Fprintf(&all, "policy %s %s %s %x %v %s\n", p.ID, p.Name, p.Description, p.Hash, p.Datacenters, p.Rules)
	}
	_, roles := store.Roles(nil)
	for _, r := range roles {
		fmt.Fprintf(&all, "role %s %s %x %v\n", r.ID, r.Name, r.Hash, r.Policies)
	}
	_, tokens := store.Tokens(nil)
	for _, x := range tokens {
		if !x.Local {
			fmt.Fprintf(&all, "token %s %s %s %x %v %v %s %v\n", x.AccessorID, x.SecretID, x.Description, x.Hash, x.Policies, x.Roles,
				x.CreateTime.UTC(), x.ExpirationTime)
		}
	}
	return all.String()
}

// level waits until a secondary has the ACLs of its primary.
func level(primary, secondary *node) {
	primary.cluster.t.Helper()
	eventually(primary.cluster.t, secondary.name+" has the ACLs of the primary", func() (bool, any) {
		return secondary.acls() == primary.acls(), secondary.replication()
	})
}

// mayIn checks the status that a token gets for a request at a node.
func (n *node) mayIn(token, method, path string, want int) {
	n.cluster.t.Helper()
	if a := n.ask(token, method, path, ""); a.status != want {
		n.cluster.t.Errorf("%s: %s %s: %s; want %d", n.name, method, path, a, want)
	}
}

// What is done to ACLs in the primary happens in the secondary too; local tokens are the secondary's own.
func TestACLReplication(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t)
	secondary := startSecondary(primary, "dc2", replicatesTokens)
	level(primary, secondary)
	put := func(path, body string) record.ACLPolicy {
		t.Helper()
		return decode[record.ACLPolicy](t, primary.must(managementSecret, "PUT", path, body))
	}
	everywhere := put("/v1/acl/policy", `{"Name":"everywhere","Rules":"key_prefix \"e/\" { policy = \"write\" }"}`)
	put("/v1/acl/policy", `{"Name":"there","Rules":"key_prefix \"t/\" { policy = \"write\" }","Datacenters":["dc2"]}`)
	put("/v1/acl/role", `{"Name":"both","Policies":[{"Name":"everywhere"},{"Name":"there"}]}`)
	token := decode[record.ACLToken](t, primary.must(managementSecret, "PUT", "/v1/acl/token",
		`{"Roles":[{"Name":"both"}],"ExpirationTTL":"1h","NodeIdentities":[{"NodeName":"n","Datacenter":"dc2"}]}`))
	secondary.mayIn(token.SecretID, "PUT", "/v1/kv/e/x", 200) // at once, though it may be on its way
	secondary.mayIn(token.SecretID, "PUT", "/v1/kv/t/x", 200)
	level(primary, secondary)
	primary.mayIn(token.SecretID, "PUT", "/v1/kv/e/x", 200)
	primary.mayIn(token.SecretID, "PUT", "/v1/kv/t/x", 403)
	secondary.mayIn(token.SecretID, "PUT", "/v1/kv/e/x", 200)
	secondary.mayIn(token.SecretID, "PUT", "/v1/kv/t/x", 200)
	if a := secondary.ask(token.SecretID, "GET", "/v1/acl/token/self", ""); !a.ok(`"both"`) {
		t.Errorf("itself: %s", a)
	}

	local := decode[record.ACLToken](t, secondary.must(managementSecret, "PUT", "/v1/acl/token",
		`{"Local":true,"Policies":[{"Name":"everywhere"}]}`))
	secondary.mayIn(local.SecretID, "PUT", "/v1/kv/e/x", 200)
	primary.mayIn(local.SecretID, "PUT", "/v1/kv/e/x", 403)
	theirs := decode[record.ACLToken](t, primary.must(managementSecret, "PUT", "/v1/acl/token",
		`{"Local":true,"Policies":[{"Name":"everywhere"}]}`))
	primary.mayIn(theirs.SecretID, "PUT", "/v1/kv/e/x", 200)
	secondary.mayIn(theirs.SecretID, "PUT", "/v1/kv/e/x", 403)
	if a := secondary.ask("nobody's", "GET", "/v1/kv/e/x", ""); a.status != 403 || a.body != "ACL not found" {
		t.Errorf("nobody's token: %s", a)
	}

	put("/v1/acl/policy/"+everywhere.ID, `{"Name":"renamed","Rules":"key_prefix \"r/\" { policy = \"write\" }"}`)
	level(primary, secondary)
	secondary.mayIn(local.SecretID, "PUT", "/v1/kv/e/x", 403)
	secondary.mayIn(local.SecretID, "PUT", "/v1/kv/r/x", 200)
	if a := secondary.ask(local.SecretID, "GET", "/v1/acl/token/self", ""); !a.ok(`"renamed"`) {
		t.Errorf("the local token's link: %s", a)
	}
	primary.must(managementSecret, "DELETE", "/v1/acl/token/"+token.AccessorID, "")
	primary.must(managementSecret, "DELETE", "/v1/acl/policy/"+everywhere.ID, "")
	level(primary, secondary)
	secondary.mayIn(token.SecretID, "PUT", "/v1/kv/r/x", 403)
	secondary.mayIn(local.SecretID, "PUT", "/v1/kv/r/x", 403)

	s := secondary.replication()
	index := func(path string) string {
		return primary.ask(managementSecret, "GET", path, "").header.Get("X-Consul-Index")
	}
	if !s.Enabled || !s.Running || s.SourceDatacenter != "dc1" || s.ReplicationType != "tokens" || s.LastSuccess.IsZero() {
		t.Errorf("%+v", s)
	}
	eventually(t, "the indexes are those of the primary", func() (bool, any) {
		s = secondary.replication()
		return fmt.Sprint(s.ReplicatedIndex, s.ReplicatedRoleIndex, s.ReplicatedTokenIndex) ==
			index("/v1/acl/policies")+" "+index("/v1/acl/roles")+" "+index("/v1/acl/tokens"), s
	})
	if p := primary.replication(); p != (httpapi.ACLReplication{}) {
		t.Errorf("the primary replicates: %+v", p)
	}
}

// Who may not read the primary's ACLs is told so, and what may be read is replicated; a right token takes effect at once.
func TestReplicationToken(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t)
	reader := primary.newToken("reader", `acl = "read"`)
	secondary := startSecondary(primary, "dc2", `acl { enable_token_replication = true tokens { replication = "nobody's" } }`)
	complains := func(of string) {
		t.Helper()
		eventually(t, "replication complains of "+of, func() (bool, any) {
			s := secondary.replication()
			return strings.Contains(s.LastErrorMessage, of) && !s.LastError.IsZero(), s
		})
	}
	set := func(secret string) {
		t.Helper()
		secondary.must(managementSecret, "PUT", "/v1/agent/token/replication", fmt.Sprintf(`{"Token":%q}`, secret))
	}
	complains("ACL not found")
	if s := secondary.replication(); !s.LastSuccess.IsZero() || s.ReplicatedIndex != 0 {
		t.Errorf("%+v", s)
	}
	set("")
	complains("anonymous token lacks permission 'acl:read'")
	set(reader)
	complains("lacks permission 'acl:write'")
	if s := secondary.replication(); s.ReplicatedIndex == 0 || s.ReplicatedTokenIndex != 0 {
		t.Errorf("with acl:read: %+v", s)
	}
	if _, tokens := secondary.server.Store().Tokens(nil); len(tokens) > 0 {
		t.Errorf("%d tokens got out with acl:read", len(tokens))
	}
	set(managementSecret)
	level(primary, secondary)
}

// A restore of either side ends with both level, and the secondary's local tokens are those of its own state.
func TestRestoresAndReplication(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t)
	secondary := startSecondary(primary, "dc2", replicatesTokens)
	first := primary.newToken("first", `key_prefix "" { policy = "read" }`)
	level(primary, secondary)
	local := decode[record.ACLToken](t, secondary.must(managementSecret, "PUT", "/v1/acl/token", `{"Local":true,"Policies":[{"Name":"first"}]}`))
	save := func(n *node) string { return n.must(managementSecret, "GET", "/v1/snapshot", "") }
	restore := func(n *node, archive string) {
		t.Helper()
		n.must(managementSecret, "PUT", "/v1/snapshot", archive)
	}
	ofPrimary, ofSecondary := save(primary), save(secondary)
	second := primary.newToken("second", `key_prefix "" { policy = "write" }`)
	level(primary, secondary)
	secondary.mayIn(second, "PUT", "/v1/kv/x", 200)

	restore(secondary, ofSecondary) // what has come since is missing
	level(primary, secondary)
	secondary.mayIn(second, "PUT", "/v1/kv/x", 200)
	secondary.mayIn(local.SecretID, "GET", "/v1/kv/x", 200)

	restore(primary, ofPrimary) // what has come since is gone
	level(primary, secondary)
	secondary.mayIn(second, "PUT", "/v1/kv/x", 403)
	secondary.mayIn(first, "GET", "/v1/kv/x", 200)
	secondary.mayIn(local.SecretID, "GET", "/v1/kv/x", 200)
	if _, policies := secondary.server.Store().Policies(nil); len(policies) != 3 {
		t.Errorf("%d policies", len(policies))
	}

	restore(secondary, ofPrimary) // its ACLs of another datacenter, without the local token
	level(primary, secondary)
	secondary.mayIn(local.SecretID, "GET", "/v1/kv/x", 403)
	primary.newToken("third", `key_prefix "" { policy = "read" }`)
	level(primary, secondary)
}

// Without token replication the primary is asked about tokens, and while it does not answer the down policy holds, on servers and on
// their clients. What tokens may do is nevertheless a matter of each datacenter.
func TestTokensOfAnUnreachablePrimary(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t)
	token := primary.newToken("writer", `key_prefix "w/" { policy = "write" } agent_prefix "" { policy = "read" }`)
	const unknown = "00000000-1111-4000-8000-000000000000"
	var all []*node
	add := func(n *node) {
		n.start()
		n.cluster.settled()
		all = append(all, n)
	}
	for _, down := range []string{"extend-cache", "async-cache", "allow", "deny"} {
		add(addSecondary(primary, "dc-"+down, fmt.Sprintf(`acl { down_policy = %q token_ttl = "1ms" tokens { agent_recovery = "recovery" replication = %q } }`,
			down, managementSecret)))
	}
	client := all[0].cluster.add("client")
	client.start()
	all[0].cluster.settled()
	for _, n := range append(all, client) {
		n.seesAs(token, "/v1/agent/self", n.name)
		n.mayIn(token, "PUT", "/v1/kv/w/x", 200)
		n.mayIn(token, "PUT", "/v1/kv/x", 403)
		n.mayIn(unknown, "GET", "/v1/kv/w/x", 403)
		n.mayIn("", "GET", "/v1/kv/w/x", 403)
	}
	for _, n := range all { // policies come, tokens do not
		eventually(t, n.name+" has the policies", func() (bool, any) {
			_, policies := n.server.Store().Policies(nil)
			return len(policies) == 3, n.replication()
		})
		if _, tokens := n.server.Store().Tokens(nil); len(tokens) > 0 {
			t.Errorf("%s has tokens", n.name)
		}
		if s := n.replication(); s.ReplicationType != "policies" || s.ReplicatedTokenIndex != 0 {
			t.Errorf("%s: %+v", n.name, s)
		}
		n.must(managementSecret, "GET", "/v1/acl/policies", "")
	}
	primary.stop()
	for i, want := range []struct{ known, unknown int }{{200, 500}, {200, 500}, {200, 200}, {403, 403}} {
		for range 2 {
			all[i].mayIn(token, "PUT", "/v1/kv/w/x", want.known)
			all[i].mayIn("11111111-1111-4000-8000-000000000000", "GET", "/v1/kv/w/x", want.unknown)
			all[i].mayIn("recovery", "GET", "/v1/agent/self", 200)
		}
	}
	client.mayIn(token, "PUT", "/v1/kv/w/x", 200)
	client.mayIn(token, "GET", "/v1/agent/self", 200)
	fresh := all[0].cluster.add("fresh")
	fresh.start()
	fresh.member(all[0].name, gossip.StatusAlive)
	fresh.seesAs(token, "/v1/agent/self", "fresh") // its server knows it
	primary.start()
	for _, n := range append(all, client) {
		eventually(t, n.name+" hears from the primary again", func() (bool, any) {
			a := n.ask(unknown, "GET", "/v1/kv/w/x", "")
			return a.status == 403 && a.body == "ACL not found", a
		})
	}
}

// A secondary does not have its own ACLs, not even before it has reached the primary, nor tokens that another state brought.
func TestSecondaryHasNoACLsOfItsOwn(t *testing.T) {
	t.Parallel()
	primary := startPrimary(t)
	s := addSecondary(primary, "dc2", `acl { tokens { initial_management = "`+managementSecret+`" } }`)
	s.args = s.args[:3] // it joins nobody
	s.start()
	eventually(t, "it leads", func() (bool, any) { return s.server.Leading(), nil })
	_, policies := s.server.Store().Policies(nil)
	if _, tokens := s.server.Store().Tokens(nil); len(tokens)+len(policies) > 0 {
		t.Errorf("%d tokens, %d policies", len(tokens), len(policies))
	}
	if a := s.ask(managementSecret, "GET", "/v1/kv/x", ""); a.status != 500 || !strings.Contains(a.body, "No path to datacenter") {
		t.Errorf("a token: %s", a)
	}
}

// Servers of the primary that do not lead have the leader answer, and nobody answers who has no ACLs to give.
func TestPrimaryOfThree(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, 0, aclsOfCluster)
	reader := c.leader().newToken("reader", `acl = "read"`)
	for _, n := range c.nodes {
		for _, x := range []struct{ path, token, want string }{
			{"policies", managementSecret, ""}, {"policies", reader, ""}, {"roles", reader, ""}, {"tokens", managementSecret, ""},
			{"changed?policies=1&roles=0", reader, ""},
			{"changed?policies=x", reader, "invalid syntax"},
			{"tokens", reader, "lacks permission 'acl:write'"}, {"tokens", "", "anonymous token lacks permission 'acl:write'"},
			{"policies", "nobody's", "ACL not found"}, {"changed", "", "lacks permission 'acl:read'"},
		} {
			var answer map[string]any
			err := c.nodes[0].askServer(t.Context(), fmt.Sprint("127.0.0.1:", n.serverPort), "/internal/acl/"+x.path, x.token, &answer)
			if x.want == "" && (err != nil || len(answer) == 0) || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
				t.Errorf("%s: %s as %q: %v; want %q", n.name, x.path, x.token, err, x.want)
			}
		}
	}
}
