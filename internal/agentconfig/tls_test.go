package agentconfig

import (
	"crypto/tls"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/tlsconf"
)

func TestTLS(t *testing.T) {
	plain := tlsconf.Protocol{MinVersion: tls.VersionTLS12}
	whole := tlsconf.Protocol{CAFile: "ca", CertFile: "c", KeyFile: "k", VerifyIncoming: true, VerifyOutgoing: true, MinVersion: tls.VersionTLS12}
	with := func(p tlsconf.Protocol, change func(*tlsconf.Protocol)) tlsconf.Protocol {
		change(&p)
		return p
	}
	hostname := func(p *tlsconf.Protocol) { p.VerifyServerHostname = true }
	tests := []struct {
		name, hcl  string
		rpc, https tlsconf.Protocol
	}{
		{"nothing", ``, plain, plain},
		{"empty", `tls {}`, plain, plain},
		{"defaults", `tls { defaults { ca_file = "ca" cert_file = "c" key_file = "k" verify_incoming = true verify_outgoing = true verify_server_hostname = true } }`,
			with(whole, hostname), whole},
		{"stanzas are first, field by field", `tls { defaults { ca_file = "ca" cert_file = "c" key_file = "k" verify_incoming = true verify_outgoing = true }
			internal_rpc { cert_file = "c2" key_file = "k2" verify_server_hostname = true } https { verify_incoming = false ca_file = "" tls_min_version = "TLS_AUTO" } }`,
			with(whole, func(p *tlsconf.Protocol) { p.CertFile, p.KeyFile, p.VerifyServerHostname = "c2", "k2", true }),
			with(whole, func(p *tlsconf.Protocol) { p.VerifyIncoming, p.CAFile, p.MinVersion = false, "", 0 })},
		{"an unset version comes from defaults", `tls { defaults { tls_min_version = "TLSv1_3" } https { tls_min_version = "TLSv1_1" } }`,
			tlsconf.Protocol{MinVersion: tls.VersionTLS13}, tlsconf.Protocol{MinVersion: tls.VersionTLS11}},
		{"suites", `tls { https { tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" } }`, plain,
			with(plain, func(p *tlsconf.Protocol) {
				p.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
			})},
		{"old names", `ca_file = "ca" cert_file = "c" key_file = "k" verify_incoming = true verify_outgoing = true tls_min_version = "tls12" verify_server_hostname = true`,
			with(whole, hostname), whole},
		{"old names of one side", `ca_path = "d" verify_incoming_rpc = true tls_min_version = "tls13"`,
			tlsconf.Protocol{CAPath: "d", VerifyIncoming: true, MinVersion: tls.VersionTLS13}, tlsconf.Protocol{CAPath: "d", MinVersion: tls.VersionTLS13}},
		{"old names of the other", `verify_incoming_https = true tls_cipher_suites = ""`, plain, with(plain, func(p *tlsconf.Protocol) { p.VerifyIncoming = true })},
		{"grpc is nobody's", `tls { grpc { ca_file = "x" verify_incoming = true tls_min_version = "TLSv1_3" } }`, plain, plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustServer(t, tt.hcl)
			if !reflect.DeepEqual(c.TLS.InternalRPC, tt.rpc) || !reflect.DeepEqual(c.TLS.HTTPS, tt.https) {
				t.Errorf("internal_rpc %+v\nhttps %+v\nwant %+v\nand %+v", c.TLS.InternalRPC, c.TLS.HTTPS, tt.rpc, tt.https)
			}
		})
	}
}

func TestNamesInTLS(t *testing.T) {
	c := mustServer(t, `datacenter = "DC2" domain = "example" server_name = "s" enable_agent_tls_for_checks = true`).TLS
	if c.Datacenter != "dc2" || c.Domain != "example" || c.ServerName != "s" || c.NodeName != "n1" || !c.UseForChecks {
		t.Errorf("%+v", c)
	}
	if c := mustServer(t, ``).TLS; c.Domain != "consul." || c.ServerName != "" || c.UseForChecks {
		t.Errorf("without configuration: %+v", c)
	}
}

func TestHTTPSListeners(t *testing.T) {
	tests := []struct {
		name, hcl string
		args      []string
		want      []Listener
	}{
		{"off", ``, nil, nil},
		{"key", `ports { https = 8501 } client_addr = "127.0.0.1 127.0.0.2"`, nil, []Listener{{"tcp", "127.0.0.1:8501"}, {"tcp", "127.0.0.2:8501"}}},
		{"flag", ``, []string{"-https-port=8443"}, []Listener{{"tcp", "127.0.0.1:8443"}}},
		{"addresses", `ports { https = 8501 } addresses { https = "[::1] unix:///tmp/s" }`, nil, []Listener{{"tcp", "[::1]:8501"}, {"unix", "/tmp/s"}}},
		{"addresses without a port", `addresses { https = "127.0.0.1" }`, nil, nil},
		{"same port, another address", `ports { https = 8500 } addresses { https = "127.0.0.2" }`, nil, []Listener{{"tcp", "127.0.0.2:8500"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c := mustServer(t, tt.hcl, tt.args...); !slices.Equal(c.HTTPSListeners, tt.want) {
				t.Errorf("listens on %v, want %v", c.HTTPSListeners, tt.want)
			}
		})
	}
}

func TestHandshakeTimeLimit(t *testing.T) {
	for hcl, want := range map[string]time.Duration{
		``: 5 * time.Second, `limits { https_handshake_timeout = "1m" }`: time.Minute, `limits { https_handshake_timeout = "0s" }`: 0,
	} {
		if got := mustServer(t, hcl).Limits.HTTPSHandshakeTimeout; got != want {
			t.Errorf("%s: %v, want %v", hcl, got, want)
		}
	}
}

func TestBannerTellsOfTLS(t *testing.T) {
	plain := "\n             HTTPS TLS: Verify Incoming: false, Verify Outgoing: false, Min Version: TLSv1_2\n" +
		"              gRPC TLS: Verify Incoming: false, Min Version: TLSv1_2\n" +
		"      Internal RPC TLS: Verify Incoming: false, Verify Outgoing: false (Verify Hostname: false), Min Version: TLSv1_2\n"
	if got := mustServer(t, `node_id = "abcdef01-2345-6789-abcd-ef0123456789"`).Banner("1.21.4"); !strings.Contains(got, plain) {
		t.Errorf("the banner of an agent without TLS:\n%s", got)
	}
	got := mustServer(t, `tls { defaults { verify_incoming = true tls_min_version = "TLSv1_3" } https { tls_min_version = "TLS_AUTO" verify_outgoing = true }
		internal_rpc { verify_server_hostname = true } } ports { https = 8501 }`).Banner("1.21.4")
	for _, line := range []string{
		"(HTTP: 8500, HTTPS: 8501, ", "\n             HTTPS TLS: Verify Incoming: true, Verify Outgoing: true, Min Version: TLS_AUTO\n",
		"\n      Internal RPC TLS: Verify Incoming: true, Verify Outgoing: true (Verify Hostname: true), Min Version: TLSv1_3\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("the banner lacks %q:\n%s", line, got)
		}
	}
}
