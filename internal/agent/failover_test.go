package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
)

// startDatacenter starts the only server of a datacenter, s1, or with a client flag among args an agent of it.
func startDatacenter(t *testing.T, name string, wan []string, args ...string) *node {
	t.Helper()
	n := &node{cluster: &cluster{t: t, network: newNetwork()}, name: "s1", dir: t.TempDir(),
		client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	n.newPorts()
	all := []string{
		"-node=s1", "-server", "-bootstrap-expect=1", "-datacenter=" + name, "-data-dir=" + n.dir, fmt.Sprint("-http-port=", n.httpPort),
		fmt.Sprint("-server-port=", n.serverPort), fmt.Sprint("-serf-lan-port=", n.serfPort), fmt.Sprint("-serf-wan-port=", stablePort(t)),
		"-retry-interval-wan=200ms",
		`-hcl=gossip_wan { gossip_interval = "20ms" probe_interval = "300ms" probe_timeout = "200ms" suspicion_mult = 2 }`,
		`-hcl=gossip_lan { gossip_interval = "20ms" } performance { leave_drain_time = "50ms" }`,
	}
	for _, address := range wan {
		all = append(all, "-retry-join-wan="+address)
	}
	a, err := Open(load(t, append(all, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	n.Agent = a
	t.Cleanup(func() {
		if n.Agent != nil {
			n.stop()
		}
	})
	return n
}

func (n *node) wanAddr() string { return n.config.SerfWAN.String() }

// startDatacenters starts dc1, dc2, …, each of one server, and waits until all know all.
func startDatacenters(t *testing.T, count int, args ...string) (all []*node) {
	t.Helper()
	var wan []string
	for i := range count {
		n := startDatacenter(t, fmt.Sprint("dc", i+1), wan, args...)
		all, wan = append(all, n), append(wan, n.wanAddr())
	}
	for _, n := range all {
		eventually(t, n.config.Datacenter+" knows all others", func() (bool, any) {
			known := n.get("/v1/catalog/datacenters")
			return strings.Count(known.body, `"dc`) == count, known
		})
		n.sees("/v1/status/leader", ":")
		<-n.local.Synced()
	}
	return all
}

// executes tells what an execution of a prepared query has found, and where.
func (n *node) executes(query, params string) string {
	n.cluster.t.Helper()
	got := decode[struct {
		Nodes []struct {
			Node    struct{ Node, Address string }
			Service struct{ Address string }
		}
		Datacenter string
		Failovers  int
	}](n.cluster.t, n.must("", "GET", "/v1/query/"+query+"/execute"+params, ""))
	text := fmt.Sprint(got.Datacenter, " after ", got.Failovers, ":")
	for _, x := range got.Nodes {
		text += fmt.Sprint(" ", x.Node.Node, " ", x.Node.Address, x.Service.Address)
	}
	return text
}

const webThere = `{"Datacenter":"dc2","Node":"n","Address":"10.0.0.1","TaggedAddresses":{"wan":"192.0.2.1"},"Service":{"Service":"web"}}`

// Three datacenters are one to whoever asks any of them: queries fail over, keys change everywhere, usage is summed up.
func TestDatacentersTogether(t *testing.T) {
	t.Parallel()
	first, second := gossipKey("a"), gossipKey("b")
	dcs := startDatacenters(t, 3, fmt.Sprintf("-hcl=encrypt = %q", first))
	one, two, three := dcs[0], dcs[1], dcs[2]
	one.must("", "PUT", "/v1/catalog/register", webThere)
	for name, failover := range map[string]string{"near": `"NearestN":2`, "named": `"Datacenters":["dc9","dc2"]`} {
		one.must("", "POST", "/v1/query", fmt.Sprintf(`{"Name":%q,"Service":{"Service":"web","Failover":{%s}}}`, name, failover))
	}
	if got := one.executes("named", ""); got != "dc2 after 2: n 10.0.0.1" {
		t.Errorf("the query finds %s", got)
	}
	if got := one.executes("near", "?stale"); !strings.HasPrefix(got, "dc2 after ") {
		t.Errorf("the query finds %s", got)
	}
	three.sees("/v1/operator/usage?global", `"dc2":{"Services":2,"ServiceInstances":2,`)
	for _, s := range []struct{ method, key, want string }{{"POST", second, "ab"}, {"PUT", second, "ab"}, {"DELETE", first, "b"}} {
		three.keyring(s.method, s.key)
		list := decode[[]struct {
			WAN        bool
			Datacenter string
			Keys       map[string]int
			NumNodes   int
		}](t, two.keyring("GET", ""))
		var pools []string
		for _, p := range list {
			pools = append(pools, fmt.Sprint(p.WAN, " ", p.Datacenter, " ", letters(t, p.Keys)))
			if p.WAN != (p.NumNodes == 3) {
				t.Errorf("%+v", p)
			}
		}
		want := map[string]string{"ab": "true dc2 a3 b3,false dc2 a1 b1,false dc1 a1 b1,false dc3 a1 b1", "b": "true dc2 b3,false dc2 b1,false dc1 b1,false dc3 b1"}[s.want]
		if got := strings.Join(pools, ","); got != want {
			t.Errorf("after %s: %s; want %s", s.method, got, want)
		}
	}
	one.steps(t,
		step{"GET", "/v1/agent/members?wan=1", "", 200, `"Name":"s1.dc3"`},
		step{"GET", "/v1/agent/members", "", 200, `"Name":"s1",`},
		step{"GET", "/v1/agent/self", "", 200, `"known_datacenters":"3"`},
		step{"GET", "/v1/agent/self", "", 200, `"serf_wan":{`},
		step{"GET", "/v1/coordinate/datacenters", "", 200, `[{"Datacenter":"dc1","AreaID":"wan","Coordinates":[{"Node":"s1.dc1"`},
		step{"GET", "/v1/operator/keyring?local-only&dc=dc2", "", 200, `[{"WAN":false,"Datacenter":"dc2"`},
	)
	if a := one.put("/v1/agent/join/"+two.gossipAddr(), ""); a.status != 500 || !strings.Contains(a.body, `is of datacenter "dc2", and this pool of "dc1"`) {
		t.Errorf("joining another datacenter's own pool: %s", a)
	}
}

// A datacenter that dies is a failed try, is named by what needs all of them, and is forgotten once the operator says so.
func TestQueryWhileADatacenterIsLost(t *testing.T) {
	t.Parallel()
	dcs := startDatacenters(t, 3, fmt.Sprintf("-hcl=encrypt = %q", gossipKey("a")), "-hcl=translate_wan_addrs = true")
	one, two, three := dcs[0], dcs[1], dcs[2]
	one.must("", "PUT", "/v1/catalog/register", webThere)
	one.must("", "POST", "/v1/query", `{"Name":"q","Service":{"Service":"web","Failover":{"Datacenters":["dc3","dc2"]}}}`)
	three.stop()
	began := time.Now()
	if got := one.executes("q", ""); got != "dc2 after 2: n 192.0.2.1" || time.Since(began) > 20*time.Second {
		t.Errorf("after %s the query finds %s", time.Since(began), got)
	}
	second := gossipKey("b")
	for _, a := range []answer{one.get("/v1/operator/usage?global"), one.ask("", "POST", "/v1/operator/keyring", fmt.Sprintf(`{"Key":%q}`, second))} {
		if a.status != 500 || !strings.Contains(a.body, "datacenter dc3: No path to datacenter") {
			t.Errorf("%s", a)
		}
	}
	for _, n := range []*node{one, two} {
		if a := n.get("/v1/operator/keyring?local-only"); !a.ok(second) {
			t.Errorf("%s has not got the key: %s", n.config.Datacenter, a)
		}
	}
	one.sees("/v1/agent/members?wan=1&filter=Status==4", "s1.dc3")
	one.must("", "PUT", "/v1/agent/force-leave/s1.dc3?wan=1", "")
	two.sees("/v1/catalog/datacenters", `["dc2","dc1"]`)
	one.keyring("POST", second)
	one.must("", "GET", "/v1/operator/usage?global", "")
	two.leave()
	one.sees("/v1/agent/members?wan=1&filter=Status==3", "s1.dc2")
	one.sees("/v1/catalog/datacenters", `["dc1"]`)
	if got := one.executes("q", ""); got != "dc1 after 2:" {
		t.Errorf("nobody is left, and the query finds %s", got)
	}
}

// Servers are joined over the WAN by the operator too; a client agent is in no such pool, and says so.
func TestJoiningOverTheWAN(t *testing.T) {
	t.Parallel()
	one, two := startDatacenter(t, "dc1", nil), startDatacenter(t, "dc2", nil)
	one.must("", "PUT", "/v1/agent/join/"+two.wanAddr()+"?wan=1", "")
	two.sees("/v1/catalog/datacenters", `"dc1"`)
	client := startDatacenter(t, "dc1", []string{one.wanAddr()}, "-server=false", "-bootstrap-expect=0", "-node=c1", "-retry-join="+one.gossipAddr())
	one.sees("/v1/agent/members", `"c1"`)
	const refusal = "this agent is in no WAN pool: that takes a server and ports.serf_wan"
	client.steps(t,
		step{"GET", "/v1/agent/members?wan=1", "", 400, refusal},
		step{"PUT", "/v1/agent/join/" + two.wanAddr() + "?wan=1", "", 400, refusal},
		step{"PUT", "/v1/agent/force-leave/s1.dc2?wan=1", "", 400, refusal},
	)
	client.sees("/v1/catalog/datacenters", `["dc1","dc2"]`)
	if members := one.wanMembers(); len(members) != 2 {
		t.Errorf("%+v", members)
	}
}

// fastPool makes the n-th server a member of a pool that notices failures at once.
func fastPool(t *testing.T, n int, wan bool) *gossip.Pool {
	t.Helper()
	timing := gossip.DefaultTiming()
	timing.GossipInterval, timing.ProbeInterval, timing.ProbeTimeout, timing.SuspicionMult = 10*time.Millisecond, 50*time.Millisecond, 25*time.Millisecond, 2
	p, err := gossip.Open(gossip.Config{
		WAN: wan, Name: fmt.Sprint("s", n), NodeID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n), Datacenter: "dc1",
		Bind: netip.MustParseAddrPort("127.0.0.1:0"), ServerPort: 8300, Timing: timing, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() }) // the test may have closed it
	return p
}

// A server that is declared to have left its datacenter has left the pool of all datacenters too; with wan it is that pool alone.
func TestForceLeaveReachesBothPools(t *testing.T) {
	a := &Agent{config: &agentconfig.Config{Datacenter: "dc1"}, log: quiet(), pool: fastPool(t, 1, false), wan: fastPool(t, 1, true)}
	status := func(pool *gossip.Pool, name string, want gossip.Status) {
		t.Helper()
		eventually(t, name+" is "+want.String(), func() (bool, any) {
			i := slices.IndexFunc(pool.Members(), func(m gossip.Member) bool { return m.Name == name })
			return i >= 0 && pool.Members()[i].Status == want, pool.Members()
		})
	}
	for n := 2; n <= 3; n++ {
		lan, wan := fastPool(t, n, false), fastPool(t, n, true)
		for pool, own := range map[*gossip.Pool]*gossip.Pool{lan: a.pool, wan: a.wan} {
			if _, err := pool.Join([]string{own.Self().Addr.String()}); err != nil {
				t.Fatal(err)
			}
		}
		status(a.pool, fmt.Sprint("s", n), gossip.StatusAlive)
		status(a.wan, fmt.Sprint("s", n, ".dc1"), gossip.StatusAlive)
		if err := errors.Join(lan.Close(), wan.Close()); err != nil {
			t.Fatal(err)
		}
		status(a.pool, fmt.Sprint("s", n), gossip.StatusFailed)
		status(a.wan, fmt.Sprint("s", n, ".dc1"), gossip.StatusFailed)
	}
	b := &backend{a}
	if err := errors.Join(b.ForceLeave("s2", false, false), b.ForceLeave("s3.dc1", false, true)); err != nil {
		t.Fatal(err)
	}
	status(a.pool, "s2", gossip.StatusLeft)
	status(a.wan, "s2.dc1", gossip.StatusLeft)
	status(a.pool, "s3", gossip.StatusFailed)
	status(a.wan, "s3.dc1", gossip.StatusLeft)
	for name, wan := range map[string]bool{"nobody": false, "s3": true} {
		if err := b.ForceLeave(name, false, wan); err == nil || err.Error() != "agent: No node found with name '"+name+"'" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that keeps silent is asked last from then on; one whose client has given up is none the worse for it.
func TestSilentServerIsAskedLast(t *testing.T) {
	a := &Agent{}
	a.seams.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for address, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"silent:1": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Millisecond)
		},
		"unasked:1": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		},
	} {
		ctx, cancel := end(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "/v1/status/leader", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&backend{a}).Send(req, httpapi.Target{Datacenter: "dc2", Address: address}, forward.Mark{}); err == nil {
			t.Errorf("%s has answered", address)
		}
	}
	if _, silent := a.federation.failed["silent:1"]; len(a.federation.failed) != 1 || !silent {
		t.Errorf("to be asked last: %v", a.federation.failed)
	}
}

// The nearest datacenter comes first, by the middle one of its servers; one whose distance nobody knows comes last.
func TestNearestDatacenterFirst(t *testing.T) {
	far := math.Inf(1)
	for _, c := range []struct {
		name      string
		distances map[string][]float64
		want      string
	}{
		{"alone", nil, "own"},
		{"by distance", map[string][]float64{"b": {0.3}, "a": {0.5}, "own": {0}}, "own b a"},
		{"by the middle", map[string][]float64{"a": {0.9, 0.1, 0.2}, "b": {0.01, 0.3, 0.4}}, "own a b"},
		{"own is first, whatever is measured", map[string][]float64{"a": {0}, "own": {7}}, "own a"},
		{"unknown, by name", map[string][]float64{"z": {far}, "b": {far, far}, "y": {1}}, "own y b z"},
	} {
		if got := strings.Join(nearestFirst("own", c.distances), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
