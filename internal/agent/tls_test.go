package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/testproc"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// secured is an agent with HTTPS and a file that configures its TLS.
type secured struct {
	*Agent
	ca     *tlstest.CA
	file   string // its configuration
	logged *syncBuffer
}

// startSecured starts an agent with HTTPS. hcl, with the files of a certificate in place of %s, is what its file says.
func startSecured(t *testing.T, hcl string, args ...string) *secured {
	t.Helper()
	s := &secured{ca: tlstest.NewCA(t), file: filepath.Join(t.TempDir(), "tls.hcl"), logged: &syncBuffer{}}
	s.configure(t, hcl, s.ca, s.ca.Issue(t, tlstest.Options{}))
	args = append([]string{"-dev", "-config-file=" + s.file, fmt.Sprint("-https-port=", testproc.FreePort(t))}, args...)
	a, err := Open(load(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: s.logged, Level: hclog.Info})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Agent = a
	do(t, a, "GET", "/v1/kv/x?consistent", nil) // waits for the election
	return s
}

// configure writes the file: hcl with files of an authority and of a certificate.
func (s *secured) configure(t *testing.T, hcl string, ca *tlstest.CA, c *tlstest.Certificate) {
	t.Helper()
	put(t, s.file, strings.ReplaceAll(hcl, "%s", fmt.Sprintf("ca_file = %q cert_file = %q key_file = %q", ca.File, c.CertFile, c.KeyFile)))
}

func (s *secured) url(path string) string {
	return "https://" + s.config.HTTPSListeners[0].Address + path
}

// client trusts an authority and shows a certificate, if there is one, on a connection for each request.
func client(ca *tlstest.CA, shown *tlstest.Certificate) *http.Client {
	c := &tls.Config{RootCAs: ca.Pool()}
	if shown != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown.TLS, nil }
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
}

func get(client *http.Client, url string) (*http.Response, []byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// syncBuffer is a buffer that a logger and a test share.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the buffer.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String is what the buffer holds.
func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const httpsOnly = `tls { https { %s } }`

func TestHTTPS(t *testing.T) {
	s := startSecured(t, httpsOnly)
	if want := "Starting server: address=" + s.config.HTTPSListeners[0].Address + " network=tcp protocol=https"; !strings.Contains(s.logged.String(), want) {
		t.Errorf("the log lacks %q: %s", want, s.logged)
	}
	archive, err := os.ReadFile(filepath.Join(testdata, "full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{1, 2} {
		c := client(s.ca, nil)
		if version == 1 {
			c.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
			c.Transport.(*http.Transport).ForceAttemptHTTP2 = false
		}
		req, err := http.NewRequest("PUT", s.url("/v1/snapshot"), bytes.NewReader(archive))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.ProtoMajor != version {
			t.Errorf("restore over HTTP/%d: %s over HTTP/%d", version, resp.Status, resp.ProtoMajor)
		}
		resp, body, err := get(c, s.url("/v1/snapshot"))
		if err != nil || resp.StatusCode != 200 || len(body) < 1000 {
			t.Errorf("save over HTTP/%d: %d bytes, %v", version, len(body), err)
		}
	}
	if _, _, err := get(client(tlstest.NewCA(t), nil), s.url("/v1/status/leader")); err == nil {
		t.Error("the certificate is taken for another authority's")
	}
}

// A blocked query over HTTP/2 does not hold up the end of the agent.
func TestStopWithABlockedQueryOverHTTP2(t *testing.T) {
	ca := tlstest.NewCA(t)
	cert := ca.Issue(t, tlstest.Options{})
	hcl := strings.ReplaceAll("-hcl="+httpsOnly, "%s", fmt.Sprintf("cert_file = %q key_file = %q", cert.CertFile, cert.KeyFile))
	a, err := Open(load(t, "-dev", fmt.Sprint("-https-port=", testproc.FreePort(t)), hcl))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	do(t, a, "PUT", "/v1/kv/a", strings.NewReader("1"))
	_, header, _ := do(t, a, "GET", "/v1/kv/a", nil)
	answered := make(chan error, 1)
	go func() {
		_, _, err := get(client(ca, nil), "https://"+a.config.HTTPSListeners[0].Address+"/v1/kv/a?wait=5m&index="+header.Get("X-Consul-Index"))
		answered <- err
	}()
	for a.handler.Traffic().Blocking == 0 {
		select {
		case err := <-answered:
			t.Fatalf("the query did not block: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	began := time.Now()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	<-answered
	if took := time.Since(began); took > drainTimeout {
		t.Errorf("the stop took %v", took)
	}
}

func TestHTTPSOnASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "lictor") // short: the name of a socket is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	s := startSecured(t, httpsOnly+` addresses { https = "unix://`+socket+`" } unix_sockets { mode = "0600" }`)
	c := client(s.ca, nil)
	c.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	if resp, _, err := get(c, "https://localhost/v1/status/leader"); err != nil || resp.StatusCode != 200 {
		t.Errorf("over the socket: %v", err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// One limit holds for connections of both kinds together.
func TestConnectionsOfBothKindsCount(t *testing.T) {
	s := startSecured(t, httpsOnly+` limits { http_max_conns_per_client = 2 https_handshake_timeout = "30s" }`)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var open []net.Conn
	for _, address := range []string{s.config.HTTPListeners[0].Address, s.config.HTTPSListeners[0].Address} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
	}
	refused := func() bool {
		_, _, err := get(client(s.ca, nil), s.url("/v1/status/leader"))
		return err != nil
	}
	for end := time.Now().Add(20 * time.Second); !refused(); { // the idle connections of the test need a moment to be gone
		if time.Now().After(end) {
			t.Fatal("a third connection is let in")
		}
	}
	for _, conn := range open {
		conn.Close()
	}
	for end := time.Now().Add(20 * time.Second); refused(); {
		if time.Now().After(end) {
			t.Fatal("closed connections count for ever")
		}
	}
}

func TestTLSInSelfAndMetrics(t *testing.T) {
	s := startSecured(t, `tls { defaults { %s verify_incoming = false } https { tls_min_version = "TLSv1_3" } internal_rpc { tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" } }
		server_name = "s" domain = "example." telemetry { disable_hostname = true prometheus_retention_time = "1m" metrics_prefix = "tlsgauge" }`)
	_, _, body := do(t, s.Agent, "GET", "/v1/agent/self", nil)
	var self struct {
		DebugConfig struct {
			HTTPSAddrs []string
			HTTPSPort  int
			TLS        map[string]any
		}
	}
	if err := json.Unmarshal(body, &self); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(self.DebugConfig.TLS)
	if err != nil {
		t.Fatal(err)
	}
	c := s.tls.Config().HTTPS
	one := func(suites, version string) string {
		return fmt.Sprintf(`{"CAFile":%q,"CAPath":"","CertFile":%q,"CipherSuites":[%s],"KeyFile":"hidden","TLSMinVersion":%q,"UseAutoCert":false,`+
			`"VerifyIncoming":false,"VerifyOutgoing":false,"VerifyServerHostname":false}`, c.CAFile, c.CertFile, suites, version)
	}
	want := `{"AutoTLS":false,"Domain":"example.","EnableAgentTLSForChecks":false,"HTTPS":` + one("", "TLSv1_3") +
		`,"InternalRPC":` + one(`"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"`, "TLSv1_2") + `,"NodeName":"test","ServerMode":true,"ServerName":"s"}`
	if string(got) != want {
		t.Errorf("self shows\n%s, want\n%s", got, want)
	}
	if strings.Contains(string(body), c.KeyFile) || self.DebugConfig.HTTPSPort != s.config.HTTPSPort ||
		strings.Join(self.DebugConfig.HTTPSAddrs, " ") != "tcp://"+s.config.HTTPSListeners[0].Address {
		t.Errorf("self: %+v", self)
	}
	s.gauges.close()
	s.recordExpiry(endOf(t, s).Add(-time.Hour))
	if _, _, body := do(t, s.Agent, "GET", "/v1/agent/metrics?format=prometheus", nil); !strings.Contains(string(body), "\ntlsgauge_agent_tls_cert_expiry 3600\n") {
		t.Errorf("the gauge is missing: %s", body)
	}
}

// endOf is when the certificate ends.
func endOf(t *testing.T, s *secured) time.Time {
	t.Helper()
	end, ok := s.tls.Expiry()
	if !ok {
		t.Fatal("there is no certificate")
	}
	return end
}

// With enable_agent_tls_for_checks a check shows the agent's certificate, here to the agent itself.
func TestChecksWithTheAgentsTLS(t *testing.T) {
	for use, want := range map[bool]string{true: "passing", false: "critical"} {
		t.Run(want, func(t *testing.T) {
			s := startSecured(t, fmt.Sprintf(`tls { defaults { %%s } https { verify_incoming = true } } server_name = "localhost" enable_agent_tls_for_checks = %t`, use))
			check := fmt.Sprintf(`{"ID":"web","Name":"web","HTTP":%q,"Interval":"1s"}`, s.url("/v1/status/leader"))
			if status, _, body := do(t, s.Agent, "PUT", "/v1/agent/check/register", strings.NewReader(check)); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			var got map[string]struct{ Status, Output string }
			for end := time.Now().Add(30 * time.Second); got["web"].Output == ""; {
				if time.Now().After(end) {
					t.Fatal("the check is not carried out")
				}
				<-time.After(10 * time.Millisecond)
				_, _, body := do(t, s.Agent, "GET", "/v1/agent/checks", nil)
				if err := json.Unmarshal(body, &got); err != nil {
					t.Fatal(err)
				}
			}
			if got["web"].Status != want {
				t.Errorf("got %+v, want %s", got["web"], want)
			}
		})
	}
}

func TestBadCertificatesFailTheStart(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(load(t, "-dev", "-data-dir="+dir, `-hcl=tls { defaults { ca_file = "/nope" } }`))
	if err == nil {
		a.Close()
	}
	if err == nil || err.Error() != "Error loading from /nope: open /nope: no such file or directory" {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the data directory: %v %v", left, err)
	}
}
