package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// patience is how long a condition may take to come true on a machine that has other things to do.
const patience = 60 * time.Second

// A cluster is agents in this process that know each other.
type cluster struct {
	t       *testing.T
	network *network
	hcl     []string // of all agents
	nodes   []*node
	abroad  *cluster    // another datacenter; nil without
	ca      *tlstest.CA // of mutual TLS on the server port; nil without TLS
}

// A node is an agent that can be stopped and started again.
type node struct {
	*Agent  // nil while it is stopped
	cluster *cluster
	name    string
	dir     string
	args    []string // beside what all have
	client  *http.Client

	httpPort, serverPort, serfPort int
	wanPort                        int    // -1 without a WAN pool
	tls                            string // the node's stanza; empty without TLS
}

// startCluster starts servers s1, s2, … that found a cluster, and client agents c1, c2, …, and waits until all of them are in the catalog.
// hcl is in the configuration of all.
func startCluster(t *testing.T, servers, clients int, hcl ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(), hcl: hcl, ca: suiteCA(t)}
	c.found(servers, clients)
	return c
}

// found starts the agents of a new cluster, and waits until all of them are in the catalog.
func (c *cluster) found(servers, clients int) {
	c.t.Helper()
	for i := range servers {
		c.add(fmt.Sprint("s", i+1), "-server", fmt.Sprint("-bootstrap-expect=", servers))
	}
	for i := range clients {
		c.add(fmt.Sprint("c", i+1))
	}
	for _, n := range c.nodes {
		n.start()
	}
	c.settled()
}

// add makes a node that has not been started.
func (c *cluster) add(name string, args ...string) *node {
	c.t.Helper()
	n := &node{cluster: c, name: name, dir: c.t.TempDir(), args: args, client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	n.newPorts()
	n.wanPort = -1
	if c.ca != nil {
		n.secure(c.ca.Issue(c.t, tlstest.Options{DNSNames: []string{n.certificateName()}}))
	}
	c.nodes = append(c.nodes, n)
	c.t.Cleanup(func() {
		if n.Agent != nil {
			n.stop()
		}
	})
	return n
}

func (n *node) gossipAddr() string { return fmt.Sprint("127.0.0.1:", n.serfPort) }

func (n *node) newPorts() {
	n.httpPort, n.serverPort, n.serfPort = stablePort(n.cluster.t), stablePort(n.cluster.t), stablePort(n.cluster.t)
}

var nextPort = struct {
	sync.Mutex
	port int
}{port: 10000 + rand.IntN(20000)}

// stablePort is a port on which nobody listens, and which no connection takes in the meantime, as it is below the range for those.
func stablePort(t *testing.T) int {
	t.Helper()
	nextPort.Lock()
	defer nextPort.Unlock()
	for range 1000 {
		if nextPort.port++; nextPort.port > 32000 {
			nextPort.port = 10000
		}
		address := fmt.Sprint("127.0.0.1:", nextPort.port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		l.Close()
		if u, err := net.ListenPacket("udp", address); err == nil {
			u.Close()
			return nextPort.port
		}
	}
	t.Fatal("there is no free port")
	return 0
}

// open makes the agent of a node, not yet started.
func (n *node) open() *Agent {
	t := n.cluster.t
	t.Helper()
	args := []string{
		"-node=" + n.name, "-data-dir=" + n.dir, fmt.Sprint("-http-port=", n.httpPort),
		fmt.Sprint("-server-port=", n.serverPort), fmt.Sprint("-serf-lan-port=", n.serfPort), fmt.Sprint("-serf-wan-port=", n.wanPort),
		`-hcl=gossip_lan { gossip_interval = "20ms" probe_interval = "500ms" probe_timeout = "300ms" suspicion_mult = 2 }`,
		`-hcl=performance { leave_drain_time = "100ms" }`,
	}
	for _, x := range n.cluster.nodes {
		if x != n && x.isServer() {
			args = append(args, "-retry-join="+x.gossipAddr(), "-retry-interval=200ms")
		}
	}
	if n.cluster.abroad != nil && n.isServer() {
		other := n.cluster.abroad.nodes[0]
		args = append(args, fmt.Sprint("-retry-join-wan=127.0.0.1:", other.wanPort), "-retry-interval-wan=200ms")
	}
	if n.tls != "" {
		args = append(args, "-hcl="+n.tls)
	}
	for _, hcl := range n.cluster.hcl {
		args = append(args, "-hcl="+hcl)
	}
	a, err := Open(load(t, append(args, n.args...)...))
	if err != nil {
		t.Fatal(err)
	}
	n.cluster.network.wireUp(t, a)
	return a
}

// start starts the node's agent.
func (n *node) start() {
	n.cluster.t.Helper()
	a := n.open()
	if err := a.Start(quiet()); err != nil {
		n.cluster.t.Fatal(err)
	}
	n.Agent = a
}

// crash ends the node's agent such that its last word does not reach the others; their connections break.
func (n *node) crash() {
	n.cluster.t.Helper()
	n.cluster.network.isolate(n.name)
	defer n.cluster.network.heal(n.name)
	n.web.Close() // nobody waits for what is under way
	if n.internal != nil {
		n.internal.Close()
	}
	n.stop()
}

// stop ends the node's agent. It does not leave the pool.
func (n *node) stop() {
	n.cluster.t.Helper()
	n.client.CloseIdleConnections()
	if err := n.Close(); err != nil {
		n.cluster.t.Errorf("stop %s: %v", n.name, err)
	}
	n.Agent = nil
}

// leave makes the node's agent leave for good, and ends it.
func (n *node) leave() {
	n.cluster.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Depart(ctx); err != nil {
		n.cluster.t.Errorf("%s leaves: %v", n.name, err)
	}
	n.stop()
}

// An answer is what an agent has answered.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // there was none
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprint(a.status, " ", a.body)
}

// ok tells whether the answer is 200 with something in its body.
func (a answer) ok(part string) bool {
	return a.err == nil && a.status == http.StatusOK && strings.Contains(a.body, part)
}

// ask sends a request with a token, which may be empty.
func (n *node) ask(token, method, path, body string) answer {
	return n.send(context.Background(), token, method, path, strings.NewReader(body))
}

func (n *node) send(ctx context.Context, token, method, path string, body io.Reader) (a answer) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprint("http://127.0.0.1:", n.httpPort, path), body)
	if err != nil {
		return answer{err: err}
	}
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b), err}
}

func (n *node) get(path string) answer       { return n.ask("", http.MethodGet, path, "") }
func (n *node) put(path, body string) answer { return n.ask("", http.MethodPut, path, body) }

// must is what an agent has answered with 200.
func (n *node) must(token, method, path, body string) string {
	n.cluster.t.Helper()
	a := n.ask(token, method, path, body)
	if !a.ok("") {
		n.cluster.t.Fatalf("%s: %s %s: %s", n.name, method, path, a)
	}
	return a.body
}

// keyring asks all members, which answer by gossip, in a second or so. On a busy machine one may come too late: the same is asked again.
func (n *node) keyring(method, key string) string {
	n.cluster.t.Helper()
	body := ""
	if key != "" {
		body = fmt.Sprintf(`{"Key":%q}`, key)
	}
	var a answer
	eventually(n.cluster.t, "all members to answer", func() (bool, any) {
		a = n.ask("", method, "/v1/operator/keyring", body)
		return a.ok(""), a
	})
	return a.body
}

// eventually waits until a condition is true. What it returns while it is not is what the failure tells.
func eventually(t *testing.T, what string, holds func() (bool, any)) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(patience)
	for {
		ok, seen := holds()
		if ok {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s; last seen: %v", what, seen)
		}
	}
}

// sees waits until an agent answers a GET with 200 and some text.
func (n *node) sees(path, part string) {
	n.cluster.t.Helper()
	n.seesAs("", path, part)
}

func (n *node) seesAs(token, path, part string) {
	n.cluster.t.Helper()
	eventually(n.cluster.t, fmt.Sprintf("%s answers %s with %s", n.name, path, part), func() (bool, any) {
		a := n.ask(token, http.MethodGet, path, "")
		return a.ok(part), a
	})
}

func (n *node) isServer() bool { return strings.HasPrefix(n.name, "s") }

// named is the node with a name.
func (c *cluster) named(name string) *node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	c.t.Fatalf("there is no %s", name)
	return nil
}

// leader waits until one of the running servers leads, and those that are not in without all know it.
func (c *cluster) leader(without ...*node) *node {
	c.t.Helper()
	var found *node
	eventually(c.t, "a leader that all follow", func() (bool, any) {
		seen := map[string]string{}
		found = nil
		agreed := true
		for _, n := range c.running(without...) {
			leader := strings.Trim(n.get("/v1/status/leader?stale").body, "\"\n")
			seen[n.name] = leader
			for _, x := range c.running(without...) {
				if leader == fmt.Sprint("127.0.0.1:", x.serverPort) {
					agreed = agreed && (found == nil || found == x)
					found = x
				}
			}
			agreed = agreed && leader != ""
		}
		return agreed && found != nil && found.server.Leading(), seen
	})
	return found
}

// running are the servers that run.
func (c *cluster) running(without ...*node) (servers []*node) {
	for _, n := range c.nodes {
		if n.Agent != nil && n.isServer() && !contains(without, n) {
			servers = append(servers, n)
		}
	}
	return servers
}

func contains(nodes []*node, n *node) bool {
	for _, x := range nodes {
		if x == n {
			return true
		}
	}
	return false
}

// followers are the servers that run and do not lead.
func (c *cluster) followers() []*node {
	c.t.Helper()
	return c.running(c.leader())
}

// settled waits until there is a leader and all agents know each other.
func (c *cluster) settled() {
	c.t.Helper()
	var running []*node
	for _, n := range c.nodes {
		if n.Agent != nil {
			running = append(running, n)
		}
	}
	for _, n := range running {
		eventually(c.t, n.name+" knows all others", func() (bool, any) {
			var seen []string
			for _, m := range n.pool.Members() {
				seen = append(seen, m.Name+" "+m.Status.String())
			}
			return 1+len(n.aliveOthers()) >= len(running), seen
		})
	}
	leader := c.leader()
	for _, n := range running {
		eventually(c.t, n.name+" is in the catalog", func() (bool, any) {
			_, found, _ := leader.server.Store().Node(nil, n.name)
			return found != nil, nil
		})
		<-n.local.Synced()
	}
}

// member waits until an agent has seen a member in a state.
func (n *node) member(name string, want gossip.Status) {
	n.cluster.t.Helper()
	eventually(n.cluster.t, fmt.Sprintf("%s sees %s %s", n.name, name, want), func() (bool, any) {
		for _, m := range n.pool.Members() {
			if m.Name == name {
				return m.Status == want, m.Status
			}
		}
		return want == gossip.StatusNone, "nobody"
	})
}

// equal waits until all running servers have the same state.
func (c *cluster) equal() {
	c.t.Helper()
	eventually(c.t, "all servers have the same state", func() (bool, any) {
		var first string
		for i, n := range c.running() {
			text := n.stateText()
			if i == 0 {
				first = text
			} else if text != first {
				return false, n.name + " differs"
			}
		}
		return true, nil
	})
}

// stateText is what a server has of its own, without what its leader thinks of it.
func (n *node) stateText() string {
	var all []string
	for _, path := range []string{"/v1/kv/?recurse", "/v1/session/list?", "/v1/catalog/nodes?", "/v1/health/state/any?", "/v1/query?"} {
		all = append(all, n.get(path+"&stale").String())
	}
	return strings.Join(all, "\n")
}

// decode reads JSON.
func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
