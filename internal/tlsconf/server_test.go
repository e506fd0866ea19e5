package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// Who gets in, by verify_incoming and what it shows.
func TestClientCertificates(t *testing.T) {
	ca, other := tlstest.NewCA(t), tlstest.NewCA(t)
	server := ca.Issue(t, tlstest.Options{})
	hour := time.Hour
	clients := []struct {
		name  string
		shown *tlstest.Certificate
		fault string // in the log of a server that verifies; empty if it may come in
	}{
		{"right", ca.Issue(t, tlstest.Options{}), ""},
		{"for clients alone", ca.Issue(t, tlstest.Options{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), ""},
		{"for servers alone", ca.Issue(t, tlstest.Options{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), "incompatible key usage"},
		{"wrong CA", other.Issue(t, tlstest.Options{}), "unknown authority"},
		{"expired", ca.Issue(t, tlstest.Options{NotBefore: time.Now().Add(-2 * hour), NotAfter: time.Now().Add(-hour)}), "expired"},
		{"not valid yet", ca.Issue(t, tlstest.Options{NotBefore: time.Now().Add(hour)}), "expired or is not yet valid"},
		{"missing", nil, "client didn't provide a certificate"},
	}
	for _, verify := range []bool{true, false} {
		for _, c := range clients {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(strings.Join([]string{map[bool]string{true: "verified", false: "not verified"}[verify], c.name, tls.VersionName(version)}, ", "), func(t *testing.T) {
					p := protocol(ca, server)
					p.VerifyIncoming = verify
					config := mustLoad(t, Config{HTTPS: p, InternalRPC: p})
					for port, side := range map[string]*tls.Config{"https": config.HTTPSServer(), "internal": config.InternalServer()} {
						log, logged := logTo()
						client := trusting(ca, c.shown)
						client.MaxVersion = version
						_, err := ask(echo(t, side, 0, log), client)
						if in := c.fault == "" || !verify; (err == nil) != in {
							t.Errorf("%s: %v", port, err)
						}
						if err != nil {
							waitFor(t, logged, "TLS handshake failed: from=127.0.0.1:", c.fault)
						}
					}
				})
			}
		}
	}
}

func TestVersionsAndSuitesOfTheServer(t *testing.T) {
	ca := tlstest.NewCA(t)
	cert := ca.Issue(t, tlstest.Options{})
	gcm, chacha := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	tests := []struct {
		name     string
		min, max uint16 // the server's least, the client's most
		server   []uint16
		client   []uint16
		want     uint16 // the version agreed on, 0 for none
	}{
		{"1.2 and 1.3", tls.VersionTLS12, tls.VersionTLS13, nil, nil, tls.VersionTLS13},
		{"1.2 and 1.2", tls.VersionTLS12, tls.VersionTLS12, nil, nil, tls.VersionTLS12},
		{"1.2 and 1.1", tls.VersionTLS12, tls.VersionTLS11, nil, nil, 0},
		{"auto and 1.1", 0, tls.VersionTLS11, nil, nil, 0},
		{"auto and 1.2", 0, tls.VersionTLS12, nil, nil, tls.VersionTLS12},
		{"1.1 and 1.1", tls.VersionTLS11, tls.VersionTLS11, nil, nil, tls.VersionTLS11},
		{"1.0 and 1.0", tls.VersionTLS10, tls.VersionTLS10, nil, nil, tls.VersionTLS10},
		{"1.1 and 1.0", tls.VersionTLS11, tls.VersionTLS10, nil, nil, 0},
		{"1.3 and 1.2", tls.VersionTLS13, tls.VersionTLS12, nil, nil, 0},
		{"1.3 and 1.3", tls.VersionTLS13, tls.VersionTLS13, nil, nil, tls.VersionTLS13},
		{"same suite", tls.VersionTLS12, tls.VersionTLS12, []uint16{chacha}, []uint16{gcm, chacha}, tls.VersionTLS12},
		{"other suite", tls.VersionTLS12, tls.VersionTLS12, []uint16{chacha}, []uint16{gcm}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := protocol(nil, cert)
			p.MinVersion, p.CipherSuites = tt.min, tt.server
			log, _ := logTo()
			client := trusting(ca, nil)
			client.MinVersion, client.MaxVersion, client.CipherSuites = tls.VersionTLS10, tt.max, tt.client
			state, err := ask(echo(t, mustLoad(t, Config{HTTPS: p}).HTTPSServer(), 0, log), client)
			if state.Version != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("agreed on %x, %v; want %x", state.Version, err, tt.want)
			}
			if err == nil && tt.server != nil && state.CipherSuite != tt.server[0] {
				t.Errorf("suite %s", tls.CipherSuiteName(state.CipherSuite))
			}
		})
	}
}

func TestProtocolsOfTheServers(t *testing.T) {
	ca := tlstest.NewCA(t)
	p := protocol(ca, ca.Issue(t, tlstest.Options{}))
	config := mustLoad(t, Config{HTTPS: p, InternalRPC: p})
	for _, tt := range []struct {
		name   string
		server *tls.Config
		offer  []string
		want   string
		ok     bool
	}{
		{"HTTP/2", config.HTTPSServer(), []string{"h2", "http/1.1"}, "h2", true},
		{"HTTP/1.1", config.HTTPSServer(), []string{"http/1.1"}, "http/1.1", true},
		{"HTTP without ALPN", config.HTTPSServer(), nil, "", true},
		{"internal", config.InternalServer("a", "b"), []string{"b"}, "b", true},
		{"internal, unknown", config.InternalServer("a", "b"), []string{"c"}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, _ := logTo()
			client := trusting(ca, nil)
			client.NextProtos = tt.offer
			state, err := ask(echo(t, tt.server, 0, log), client)
			if (err == nil) != tt.ok || state.NegotiatedProtocol != tt.want {
				t.Errorf("protocol %q, %v", state.NegotiatedProtocol, err)
			}
		})
	}
}

func TestPortWithoutCertificate(t *testing.T) {
	config := mustLoad(t, Config{})
	if config.InternalServer() != nil || config.RequireTLS() || config.InternalClient("dc1", "") != nil {
		t.Error("there is TLS without a certificate")
	}
	if _, ok := config.Expiry(); ok {
		t.Error("what is not there expires")
	}
	log, logged := logTo()
	if _, err := ask(echo(t, config.HTTPSServer(), 0, log), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("a handshake without a certificate")
	}
	waitFor(t, logged, "[WARN]", "there is no certificate: set tls.https.cert_file and tls.https.key_file")
}

func TestHandshakeTakesTooLong(t *testing.T) {
	ca := tlstest.NewCA(t)
	log, logged := logTo()
	address := echo(t, mustLoad(t, Config{HTTPS: protocol(nil, ca.Issue(t, tlstest.Options{}))}).HTTPSServer(), 50*time.Millisecond, log)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a silent connection reads %d bytes", n)
	} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Error("a silent connection stays open")
	}
	waitFor(t, logged, "it took longer than the limit of 50ms")
	if _, err := ask(address, trusting(ca, nil)); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestPlainHTTPOnTheHTTPSPort(t *testing.T) {
	ca := tlstest.NewCA(t)
	log, logged := logTo()
	address := echo(t, mustLoad(t, Config{HTTPS: protocol(nil, ca.Issue(t, tlstest.Options{}))}).HTTPSServer(), 0, log)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 24)
	if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.0 400 Bad Request" {
		t.Errorf("answer %q, %v", answer, err)
	}
	waitFor(t, logged, "plain HTTP on the HTTPS port")
}

// Close breaks off what has not shaken hands, and Accept returns.
func TestCloseOfTheListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(inner, mustLoad(t, Config{}).HTTPSServer(), 0, hclog.NewNullLogger())
	conn, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := l.Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a connection stays open")
	}
}

func TestAllowRaft(t *testing.T) {
	ca := tlstest.NewCA(t)
	tests := []struct {
		name                string
		verify, hostname    bool
		names               []string
		shown, withoutChain bool
		ok                  bool
	}{
		{"own server", true, true, []string{"server.dc1.consul", "x"}, true, false, true},
		{"client of the datacenter", true, true, []string{"client.dc1.consul"}, true, false, false},
		{"server of another datacenter", true, true, []string{"server.dc2.consul"}, true, false, false},
		{"name that only begins so", true, true, []string{"server.dc1.consul.evil"}, true, false, false},
		{"nothing shown", true, true, nil, false, false, false},
		{"shown, not verified", true, true, []string{"server.dc1.consul"}, true, true, false},
		{"names are not asked for", true, false, []string{"client.dc1.consul"}, true, false, true},
		{"nobody is verified", false, true, nil, false, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := protocol(ca, ca.Issue(t, tlstest.Options{}))
			p.VerifyIncoming, p.VerifyServerHostname = tt.verify, tt.hostname
			var state tls.ConnectionState
			if tt.shown {
				leaf := ca.Issue(t, tlstest.Options{DNSNames: tt.names}).TLS.Leaf
				state.PeerCertificates = []*x509.Certificate{leaf}
				state.VerifiedChains = [][]*x509.Certificate{{leaf, ca.Cert}}
			}
			if tt.withoutChain {
				state.VerifiedChains = nil
			}
			if err := mustLoad(t, Config{InternalRPC: p}).AllowRaft(state); (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}
