package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// Whom an agent speaks to on the server port.
func TestInternalClient(t *testing.T) {
	ca, other := tlstest.NewCA(t), tlstest.NewCA(t)
	server := tlstest.Options{DNSNames: []string{"server.dc2.consul"}}
	named := func(o tlstest.Options, names ...string) tlstest.Options { o.DNSNames = names; return o }
	expired := tlstest.Options{DNSNames: server.DNSNames, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}
	clients := server
	clients.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	tests := []struct {
		name                string
		server              *tlstest.Certificate
		outgoing, onlyNamed string // why it refuses; empty if it does not
	}{
		{"server of the datacenter", ca.Issue(t, server), "", ""},
		{"agent of the datacenter", ca.Issue(t, named(server, "client.dc2.consul")), "", "not server.dc2.consul"},
		{"server of another datacenter", ca.Issue(t, named(server, "server.dc1.consul")), "", "not server.dc2.consul"},
		{"wrong CA", other.Issue(t, server), "unknown authority", "unknown authority"},
		{"expired", ca.Issue(t, expired), "expired", "expired"},
		{"for clients alone", ca.Issue(t, clients), "incompatible key usage", "incompatible key usage"},
	}
	for _, tt := range tests {
		for _, hostname := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", names verified"}[hostname], func(t *testing.T) {
				theirs := protocol(ca, tt.server)
				theirs.VerifyIncoming = true
				log, _ := logTo()
				address := echo(t, mustLoad(t, Config{InternalRPC: theirs}).InternalServer("p"), 0, log)
				ours := protocol(ca, ca.Issue(t, tlstest.Options{}))
				ours.VerifyOutgoing, ours.VerifyServerHostname = !hostname, hostname
				state, err := ask(address, mustLoad(t, Config{InternalRPC: ours}).InternalClient("dc2", "p"))
				want := tt.outgoing
				if hostname {
					want = tt.onlyNamed
				}
				switch {
				case want == "" && (err != nil || state.NegotiatedProtocol != "p"):
					t.Errorf("refused: %v, protocol %q", err, state.NegotiatedProtocol)
				case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
					t.Errorf("error %v, want %q in it", err, want)
				}
			})
		}
	}
}

func TestInternalClientIsNilWithoutVerification(t *testing.T) {
	ca := tlstest.NewCA(t)
	p := protocol(ca, ca.Issue(t, tlstest.Options{}))
	p.VerifyIncoming = true
	config := mustLoad(t, Config{InternalRPC: p})
	if config.InternalClient("dc1", "p") != nil {
		t.Error("verify_incoming makes what is dialed TLS")
	}
	if !config.RequireTLS() || config.InternalServer() == nil {
		t.Error("the server port is open to all")
	}
	p.VerifyOutgoing = true
	if err := config.Reload(Config{InternalRPC: p}); err != nil || config.InternalClient("dc1", "p") == nil {
		t.Errorf("verify_outgoing by a reload: %v", err)
	}
}

func TestChecks(t *testing.T) {
	ca := tlstest.NewCA(t)
	own := ca.Issue(t, tlstest.Options{DNSNames: []string{"n1"}})
	byName := func(names ...string) *tlstest.Certificate {
		return ca.Issue(t, tlstest.Options{DNSNames: names, IPs: []net.IP{net.IPv4(127, 0, 0, 2)}})
	}
	tests := []struct {
		name          string
		use           bool
		serverName    string // the agent's
		checked       *tlstest.Certificate
		checkName     string
		skip, demands bool // demands: the checked side verifies its clients
		want          string
	}{
		{"the system's authorities", false, "", own, "n1", false, false, "unknown authority"},
		{"not verified", false, "", own, "", true, false, ""},
		{"nothing to show", false, "", own, "", true, true, "certificate required"},
		{"agent's TLS, its node name", true, "", own, "", false, true, ""},
		{"agent's TLS, its server name", true, "s1", byName("s1"), "", false, true, ""},
		{"agent's TLS, another name", true, "", byName("s1"), "", false, true, "not n1"},
		{"agent's TLS, the check's name", true, "s1", byName("web"), "web", false, true, ""},
		{"agent's TLS, not verified", true, "", byName("web"), "", true, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checked := protocol(ca, tt.checked)
			checked.VerifyIncoming = tt.demands
			log, _ := logTo()
			address := echo(t, mustLoad(t, Config{HTTPS: checked}).HTTPSServer(), 0, log)
			agent := mustLoad(t, Config{InternalRPC: protocol(ca, own), NodeName: "n1", ServerName: tt.serverName, UseForChecks: tt.use})
			_, err := ask(address, agent.CheckClient(tt.checkName, tt.skip))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if c := mustLoad(t, Config{}).CheckClient("", false); c.MinVersion != tls.VersionTLS12 || c.ServerName != "" {
		t.Errorf("without configuration: %+v", c)
	}
}
