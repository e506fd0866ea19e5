package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/record"
)

// startFederationWithACLs is startFederation with ACLs: dc1 is the primary, and dc2 takes its ACLs over, tokens too.
func startFederationWithACLs(t *testing.T) (dc1, dc2 *cluster) {
	t.Helper()
	dc1, dc2 = startFederation(t, aclsOfCluster, `primary_datacenter = "dc1" autopilot { cleanup_dead_servers = false }`, replicatesTokens)
	level(dc1.leader(), dc2.named("s4"))
	return dc1, dc2
}

// rule writes a policy that lets keys below a prefix be written, and a token with it, through one agent.
func (n *node) rule(prefix string) (secret string) {
	n.cluster.t.Helper()
	n.must(managementSecret, "PUT", "/v1/acl/policy", `{"Name":"`+prefix+`","Rules":"key_prefix \"`+prefix+`/\" { policy = \"write\" }"}`)
	return decode[record.ACLToken](n.cluster.t, n.must(managementSecret, "PUT", "/v1/acl/token", `{"Policies":[{"Name":"`+prefix+`"}]}`)).SecretID
}

// What any agent of either datacenter is told to do to policies and tokens is done in the primary, and holds in both.
func TestACLsOfDatacenters(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederationWithACLs(t)
	there := dc2.named("s4")
	for i, n := range []*node{there, dc1.named("c1"), dc1.followers()[0]} {
		prefix := string(rune('a' + i))
		secret := n.rule(prefix)
		for _, x := range []*node{there, dc1.named("c1"), dc1.leader()} {
			x.mayIn(secret, "PUT", "/v1/kv/"+prefix+"/x", 200)
			x.mayIn(secret, "PUT", "/v1/kv/"+prefix+"/x?dc=dc2", 200)
			x.mayIn(secret, "PUT", "/v1/kv/"+prefix+"/x?dc=dc1", 200)
			x.mayIn(secret, "PUT", "/v1/kv/z/x?dc=dc2", 403)
			x.mayIn(secret, "GET", "/v1/snapshot?dc=dc2", 403)
			x.mayIn(secret, "GET", "/v1/snapshot?dc=dc1", 403)
			x.mayIn("nobody's", "PUT", "/v1/kv/"+prefix+"/x?dc=dc2", 403)
		}
		if _, p := dc1.leader().server.Store().Policy(nil, "", prefix); p == nil {
			t.Errorf("%s has written the policy elsewhere", n.name)
		}
		level(dc1.leader(), there)
	}
	if a := dc1.named("s1").ask(managementSecret, "PUT", "/v1/acl/policy?dc=dc2", `{"Name":"p"}`); a.status != 400 || !strings.Contains(a.body, "?dc=dc1") {
		t.Errorf("a policy for dc2 alone: %s", a)
	}
}

// With the way to the primary cut, what has been taken over goes on to hold, and changes wait; when it is back, both are level.
func TestACLsWhileThePrimaryIsCutOff(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederationWithACLs(t)
	there := dc2.named("s4")
	secret := there.rule("a")
	level(dc1.leader(), there)
	dc1.network.isolate("s4")
	there.wanMember("s1.dc1", gossip.StatusFailed)
	there.wanMember("s2.dc1", gossip.StatusFailed)
	there.wanMember("s3.dc1", gossip.StatusFailed)
	there.mayIn(secret, "PUT", "/v1/kv/a/x", 200)
	there.mayIn(secret, "PUT", "/v1/kv/b/x", 403)
	if a := there.ask(managementSecret, "PUT", "/v1/acl/policy", `{"Name":"late"}`); a.status != 500 || !strings.HasPrefix(a.body, "No path to datacenter") {
		t.Errorf("a policy, without the primary: %s", a)
	}
	local := decode[record.ACLToken](t, there.must(managementSecret, "PUT", "/v1/acl/token", `{"Local":true,"Policies":[{"Name":"a"}]}`))
	there.mayIn(local.SecretID, "PUT", "/v1/kv/a/x", 200)
	during := dc1.named("c1").rule("during")
	dc1.network.heal("s4")
	level(dc1.leader(), there)
	there.mayIn(during, "PUT", "/v1/kv/during/x", 200)
	there.mayIn(local.SecretID, "PUT", "/v1/kv/a/x", 200)
}

// A lost leader on the primary's side, a slow way, and restores of either side: afterwards the secondary has the primary's ACLs again, and each
// datacenter its own keys.
func TestACLsAfterFaultsAndRestores(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederationWithACLs(t)
	there := dc2.named("s4")
	there.rule("first")
	level(dc1.leader(), there)
	client := dc1.named("c1")
	primary := client.must(managementSecret, "GET", "/v1/snapshot?dc=dc1", "")
	secondary := client.must(managementSecret, "GET", "/v1/snapshot?dc=dc2", "")

	lost := dc1.leader()
	lost.crash()
	dc1.leader()
	dc1.network.slowDown(50 * time.Millisecond)
	second := there.rule("second")
	level(dc1.leader(), there)
	lost.start()
	dc1.settled()

	client.must(managementSecret, "PUT", "/v1/snapshot?dc=dc2", secondary) // from before the second rule
	level(dc1.leader(), there)
	there.mayIn(second, "PUT", "/v1/kv/second/x", 200)

	there.must(managementSecret, "PUT", "/v1/snapshot?dc=dc1", primary) // from before it too, and that counts
	eventually(t, "the primary has forgotten the second rule", func() (bool, any) {
		_, p := dc1.leader().server.Store().Policy(nil, "", "second")
		return p == nil, nil
	})
	level(dc1.leader(), there)
	eventually(t, "the second rule has no effect any more", func() (bool, any) {
		a := there.ask(second, "PUT", "/v1/kv/second/x", "")
		return a.status == 403, a
	})
	third := there.rule("third")
	level(dc1.leader(), there)
	there.mayIn(third, "PUT", "/v1/kv/third/x?dc=dc1", 200)
	if _, e := dc1.leader().server.Store().KVGet(nil, "second/x"); e != nil {
		t.Error("a key of dc2 is in dc1")
	}
}
