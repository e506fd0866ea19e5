package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// replace copies files over others.
func replace(t *testing.T, files map[string]string) {
	t.Helper()
	for to, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A certificate that is replaced on disk is shown by the next request, an authority believed by it; what does not fit is not taken.
func TestRenewer(t *testing.T) {
	old, next := tlstest.NewCA(t), tlstest.NewCA(t)
	pool := old.Pool()
	pool.AddCert(next.Cert)
	shown := ""
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		shown = req.TLS.PeerCertificates[0].Subject.CommonName
		w.Write([]byte(`"127.0.0.1:8300"`))
	}))
	serving := old.Issue(t, tlstest.Options{})
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, Certificates: []tls.Certificate{serving.TLS}}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)

	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	one := old.Issue(t, tlstest.Options{CommonName: "one"})
	replace(t, map[string]string{ca: old.File, cert: one.CertFile, key: one.KeyFile})
	client, config, err := (&connection{clientFlags: clientFlags{addr: s.URL, caFile: ca, clientCert: cert, clientKey: key}}).
		clientAndConfig(&program{})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	renew(config, hclog.New(&hclog.LoggerOptions{Output: &said}))
	asks := func(when, want string) {
		t.Helper()
		_, err := client.Status().Leader()
		if want == "" && err == nil || want != "" && (err != nil || shown != want) {
			t.Errorf("%s: %v, shown %s; want %q", when, err, shown, want)
		}
	}
	asks("at first", "one")
	two := next.Issue(t, tlstest.Options{CommonName: "number two"})
	replace(t, map[string]string{cert: two.CertFile})
	asks("with the key of before", "one")
	if !strings.Contains(said.String(), "cannot be used") {
		t.Errorf("the log: %s", said.String())
	}
	replace(t, map[string]string{key: two.KeyFile})
	asks("with the new certificate", "number two")
	serving = next.Issue(t, tlstest.Options{})
	s.CloseClientConnections()
	asks("another authority's server", "")
	replace(t, map[string]string{ca: next.File})
	asks("the other authority", "number two")
	if strings.Contains(said.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

// A client without TLS is left as it is.
func TestRenewerWithoutFiles(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`"here"`)) }))
	t.Cleanup(s.Close)
	client, config, err := (&connection{clientFlags: clientFlags{addr: s.URL}}).clientAndConfig(&program{})
	if err != nil {
		t.Fatal(err)
	}
	renew(config, hclog.NewNullLogger())
	if leader, err := client.Status().Leader(); err != nil || leader != "here" {
		t.Errorf("%q, %v", leader, err)
	}
	renew(&api.Config{HttpClient: &http.Client{}}, hclog.NewNullLogger())
}
