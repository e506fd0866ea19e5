//go:build heavy && unix

package tlsmatrix

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/serverport"
	"github.com/lictor-dr/lictor/internal/tlsconf"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// A setting is what tls.internal_rpc of an agent says, but for the files.
type setting struct {
	name                     string
	ca, cert, in, out, named bool
}

var (
	plain       = setting{name: "no TLS"}
	certOnly    = setting{name: "a certificate alone", ca: true, cert: true}
	outgoing    = setting{name: "`verify_outgoing`", ca: true, cert: true, out: true}
	both        = setting{name: "`verify_incoming`, `verify_outgoing`", ca: true, cert: true, in: true, out: true}
	all         = setting{name: "all three", ca: true, cert: true, in: true, out: true, named: true}
	principal   = []setting{plain, certOnly, outgoing, both, all}
	allSettings = []setting{
		plain, {name: "out, no certificate", ca: true, out: true}, {name: "named, no certificate", ca: true, named: true},
		certOnly, outgoing, {name: "named", ca: true, cert: true, named: true},
		{name: "out, named", ca: true, cert: true, out: true, named: true},
		{name: "in", ca: true, cert: true, in: true}, both, {name: "in, named", ca: true, cert: true, in: true, named: true}, all,
	}
)

// protocol is the setting with files. Without a certificate it does without what needs one.
func (s setting) protocol(c certificates, shown *tlstest.Certificate) (p tlsconf.Protocol) {
	p = tlsconf.Protocol{VerifyIncoming: s.in && shown != nil, VerifyOutgoing: s.out, VerifyServerHostname: s.named}
	if s.ca {
		p.CAFile = c.ca.File
	}
	if s.cert && shown != nil {
		p.CertFile, p.KeyFile = shown.CertFile, shown.KeyFile
	}
	return p
}

func (s setting) hcl(c certificates, shown *tlstest.Certificate) string {
	p := s.protocol(c, shown)
	return fmt.Sprintf("tls { internal_rpc { ca_file = %q cert_file = %q key_file = %q\n"+
		"verify_incoming = %v verify_outgoing = %v verify_server_hostname = %v } }",
		p.CAFile, p.CertFile, p.KeyFile, p.VerifyIncoming, p.VerifyOutgoing, p.VerifyServerHostname)
}

// reasons are why a connection between agents does not come about: what who dials says, what who serves says, and the table's words.
var reasons = []struct{ dialing, serving, short string }{
	{"the server requires TLS", "refused a connection in plaintext", "TLS required"},
	{"probably it has no certificate", "refused a connection with TLS, for there is no certificate here", "no TLS there"},
	{"the server requires a certificate", "client didn't provide a certificate", "no certificate"},
	{"the server does not know the authority that this agent's certificate is from", "certificate signed by unknown authority",
		"another authority"},
	{"the server takes this agent's certificate for expired", "certificate has expired", "expired"},
	{"the server does not take Raft from this agent", "refused Raft", "no server's name"},
	{"the server's certificate is not from an authority", "remote error: tls: ", "the server is of another authority"},
	{"the server's certificate has expired", "remote error: tls: ", "the server's has expired"},
	{"the server's certificate is not for server.dc1.consul", "remote error: tls: ", "the server has no server's name"},
}

const warned = "an agent speaks plaintext, although TLS is configured here"

// why finds the reason in what who dials says: the table's words, and what who serves has to say. It returns "" if there is none.
func why(said string) (short, serving string) {
	for _, r := range reasons {
		if strings.Contains(said, r.dialing) {
			return r.short, r.serving
		}
	}
	return "", ""
}

// outcome is the table's word for a way from one agent to the server port of another. both have to say why it is not open.
func outcome(t *testing.T, dialing setting, said string, serving *agent) string {
	t.Helper()
	short, said := why(said)
	if short != "" {
		if err := serving.says(said); err != nil {
			t.Errorf("who serves does not tell: %v", err)
		}
		return "refused: " + short
	}
	if dialing.out || dialing.named {
		return "yes"
	}
	if strings.Contains(serving.Said(), warned) {
		return "in plaintext, warned"
	}
	return "in plaintext"
}

// asClient joins a client agent to a leader, and returns whether its requests are answered.
func asClient(t *testing.T, c certificates, leader *agent, s setting, k kind) string {
	t.Helper()
	a := launch(t, "client", s.hcl(c, c.of(t, k, "client")), "-data-dir="+t.TempDir(), "-retry-join="+leader.gossip())
	defer a.Kill()
	var answered string
	err := a.Await(patience, func() error {
		status, body, err := a.get("/v1/kv/probe?raw")
		if err != nil {
			return err
		}
		if answered = body; status == http.StatusOK && body == "there" {
			return nil
		}
		if short, _ := why(body); short == "" {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	if err != nil {
		t.Errorf("a client agent with %s (%s): %v\n%s", s.name, k, err, a.Tail(20))
	}
	return outcome(t, s, answered, leader)
}

// asServer joins a server to a leader, and returns whether it gets the log. leads is the leader's setting.
func asServer(t *testing.T, c certificates, leader *agent, leads, s setting, k kind) string {
	t.Helper()
	a := launch(t, "server", s.hcl(c, c.of(t, k, "server")), "-server", "-data-dir="+t.TempDir(), "-retry-join="+leader.gossip())
	defer a.Kill()
	failed := fmt.Sprintf("%s}\" error=\"", a.port())
	var said string
	err := a.Await(patience, func() error {
		if _, body, err := a.get("/v1/kv/probe?raw&stale"); err == nil && body == "there" {
			return nil
		}
		for line := range strings.Lines(leader.Said()) {
			if short, _ := why(line); short != "" && strings.Contains(line, "failed to appendEntries") && strings.Contains(line, failed) {
				said = line
				return nil
			}
		}
		return fmt.Errorf("%s has neither the log nor a reason", a.name)
	})
	if err != nil {
		t.Errorf("a server with %s (%s): %v\n%s", s.name, k, err, a.Tail(20))
	}
	return outcome(t, leads, said, a)
}

// dial tries a way into a leader with what an agent with a setting has.
func dial(t *testing.T, c certificates, leader *agent, s setting, shown *tlstest.Certificate, protocol serverport.Protocol) string {
	t.Helper()
	material, err := tlsconf.Load(tlsconf.Config{InternalRPC: s.protocol(c, shown), Datacenter: "dc1", Domain: "consul."})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := serverport.Dialer{Security: serverport.Security{Client: material.InternalClient}}.Dial(ctx, "dc1", protocol, leader.port())
	if err == nil {
		conn.Close()
		return outcome(t, s, "", leader)
	}
	if short, _ := why(err.Error()); short == "" {
		t.Errorf("%s: %v", s.name, err)
	}
	return outcome(t, s, err.Error(), leader)
}

// leading starts a server with a setting and waits until it leads.
func leading(t *testing.T, c certificates, s setting) *agent {
	t.Helper()
	a := launch(t, "leader", s.hcl(c, c.of(t, right, "server"))+noVoters, "-dev")
	a.leads(t)
	return a
}
