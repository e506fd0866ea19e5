package agent

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/serverport"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

var mutualTLS = flag.Bool("mutual-tls", false, "run all tests of clusters over mutual TLS")

// suiteCA is the authority of a cluster's certificates, nil where it speaks plaintext.
func suiteCA(t *testing.T) *tlstest.CA {
	if *mutualTLS {
		return tlstest.NewCA(t)
	}
	return nil
}

// startSecuredCluster is startCluster over mutual TLS.
func startSecuredCluster(t *testing.T, servers, clients int, hcl ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(), hcl: hcl, ca: tlstest.NewCA(t)}
	c.found(servers, clients)
	return c
}

func (c *cluster) datacenter() string {
	if c.abroad != nil {
		return "dc2"
	}
	return "dc1"
}

// certificateName is the name in the certificate of an agent as it should be.
func (n *node) certificateName() string {
	role := "client"
	if n.isServer() {
		role = "server"
	}
	return role + "." + n.cluster.datacenter() + ".consul"
}

// secure has the node show a certificate, and verify everybody.
func (n *node) secure(shown *tlstest.Certificate) {
	n.tls = fmt.Sprintf("tls { internal_rpc { ca_file = %q cert_file = %q key_file = %q\n"+
		"verify_incoming = true verify_outgoing = true verify_server_hostname = true } }", n.cluster.ca.File, shown.CertFile, shown.KeyFile)
}

// isSecured fails the test if a server of the cluster takes plaintext.
func (c *cluster) isSecured() {
	c.t.Helper()
	for _, n := range c.running() {
		conn, err := serverport.Dialer{}.Dial(c.t.Context(), c.datacenter(), serverport.Requests, fmt.Sprint("127.0.0.1:", n.serverPort))
		if err == nil {
			conn.Close()
			c.t.Errorf("%s takes plaintext", n.name)
		}
	}
}

// What works without TLS works with it: requests and snapshots through every agent, and an election.
func TestClusterOverMutualTLS(t *testing.T) {
	t.Parallel()
	c := startSecuredCluster(t, 3, 1, `autopilot { cleanup_dead_servers = false }`)
	c.isSecured()
	archives := map[string]string{}
	for _, n := range c.nodes {
		n.must("", "PUT", "/v1/kv/by/"+n.name, n.name)
	}
	for _, n := range c.nodes {
		for _, by := range c.nodes {
			n.sees("/v1/kv/by/"+by.name+"?raw&consistent", by.name)
		}
		archives[n.name] = n.save("")
	}
	for _, n := range c.nodes {
		c.leader().must("", "DELETE", "/v1/kv/by?recurse", "")
		n.must("", "PUT", "/v1/snapshot", archives[n.name])
		for _, asked := range c.nodes {
			asked.sees("/v1/kv/by/c1?raw", "c1")
		}
	}
	c.equal()

	old := c.leader()
	old.crash()
	leader := c.leader()
	for _, n := range []*node{leader, c.followers()[0], c.named("c1")} {
		n.must("", "PUT", "/v1/kv/without/"+n.name, n.name)
		n.sees("/v1/kv/by/"+old.name+"?raw&consistent", old.name)
	}
	old.start()
	c.settled()
	old.sees("/v1/kv/without/c1?raw", "c1")
	c.equal()
}

// Datacenters with certificates of one authority answer for each other, and take no server of the other for one of their own.
func TestFederationOverMutualTLS(t *testing.T) {
	t.Parallel()
	dc1, dc2 := startFederationOver(t, tlstest.NewCA(t))
	dc1.isSecured()
	dc2.isSecured()
	there, client := dc2.named("s4"), dc1.named("c1")
	for _, x := range []struct {
		asked, in  *node
		datacenter string
	}{{client, there, "dc2"}, {dc1.leader(), there, "dc2"}, {dc1.followers()[0], there, "dc2"}, {there, client, "dc1"}} {
		query := "?dc=" + x.datacenter
		x.asked.must("", "PUT", "/v1/kv/x"+query, "saved by "+x.asked.name)
		archive := x.asked.save(query)
		x.in.must("", "PUT", "/v1/kv/x", "later")
		x.asked.must("", "PUT", "/v1/snapshot"+query, archive)
		x.in.sees("/v1/kv/x?raw&consistent", "saved by "+x.asked.name)
		x.asked.sees("/v1/kv/x"+query+"&raw", "saved by "+x.asked.name)
	}
	takesNoServerOfAnother(t, dc2)
}

// takesNoServerOfAnother has a server with a certificate of dc1 join dc2: it is a member, but gets nothing of the state, and its Raft
// reaches nobody.
func takesNoServerOfAnother(t *testing.T, dc2 *cluster) {
	t.Helper()
	there := dc2.named("s4")
	there.must("", "PUT", "/v1/kv/secret", "of dc2")
	foreign := dc2.add("s5", "-server", "-retry-join="+there.gossipAddr())
	shown := dc2.ca.Issue(t, tlstest.Options{DNSNames: []string{"server.dc1.consul"}})
	foreign.secure(shown)
	foreign.start()
	there.member("s5", gossip.StatusAlive)
	theirs, ours := fmt.Sprint("127.0.0.1:", foreign.serverPort), fmt.Sprint("127.0.0.1:", there.serverPort)
	there.sees("/v1/operator/raft/configuration", theirs) // it has been asked to take part
	for _, d := range []struct {
		by       *node
		protocol serverport.Protocol
		address  string
		want     string // in the error; empty for none
	}{
		{foreign, serverport.Raft, ours, "is not that of a server of the datacenter"},
		{foreign, serverport.Requests, ours, ""}, // as every agent with a certificate of the authority
		{there, serverport.Raft, theirs, "the server's certificate is not for server.dc2.consul"},
		{there, serverport.Requests, theirs, "the server's certificate is not for server.dc2.consul"},
	} {
		err := dial(t, d.by, d.protocol, d.address)
		if d.want == "" && err != nil || d.want != "" && (err == nil || !strings.Contains(err.Error(), d.want)) {
			t.Errorf("%s to %s: %v, want %q", d.protocol, d.address, err, d.want)
		}
	}
	if a := foreign.get("/v1/kv/secret?stale&raw"); a.ok("of dc2") {
		t.Errorf("it has what dc2 holds: %s", a)
	}
	if index := foreign.server.Stats().LastIndex; index != 0 {
		t.Errorf("it has the log of dc2 up to %d", index)
	}
	there.steps(t, step{"PUT", "/v1/kv/on", "1", 200, "true"})
	client := dc2.add("c2")
	client.start()
	client.member("s5", gossip.StatusAlive)
	client.sees("/v1/kv/on?raw", "1")
	for range 20 { // it turns from the server that it must not trust to the other
		client.steps(t, step{"PUT", "/v1/kv/on", "2", 200, "true"}, step{"GET", "/v1/kv/on?raw", "", 200, "2"})
	}
}

// dial connects to a server port of dc2 as an agent does, and closes the connection.
func dial(t *testing.T, by *node, protocol serverport.Protocol, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := serverport.Dialer{Security: by.portSecurity()}.Dial(ctx, "dc2", protocol, address)
	if err == nil {
		conn.Close()
	}
	return err
}
