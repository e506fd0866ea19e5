package agent

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

const verified = `tls { https { %s verify_incoming = true } }`

func TestReloadOfTLS(t *testing.T) {
	s := startSecured(t, httpsOnly)
	shown := s.ca.Issue(t, tlstest.Options{})
	expect := func(what string, c *http.Client, in bool) {
		t.Helper()
		if _, _, err := get(c, s.url("/v1/status/leader")); (err == nil) != in {
			t.Errorf("%s: %v", what, err)
		}
	}
	expect("before", client(s.ca, nil), true)

	s.configure(t, verified, s.ca, s.ca.Issue(t, tlstest.Options{}))
	if err := s.Reread(); err != nil {
		t.Fatal(err)
	}
	expect("nobody shown", client(s.ca, nil), false)
	expect("a certificate shown", client(s.ca, shown), true)

	next := tlstest.NewCA(t)
	s.configure(t, verified, next, next.Issue(t, tlstest.Options{}))
	if err := s.Reread(); err != nil {
		t.Fatal(err)
	}
	expect("the authority before", client(next, shown), false)
	expect("the authority now", client(next, next.Issue(t, tlstest.Options{})), true)

	s.configure(t, verified+` service { name = "web" }`, next, &tlstest.Certificate{CertFile: "/nope", KeyFile: "/nope"})
	if err := s.Reread(); err == nil || err.Error() != "Failed to load cert/key pair: open /nope: no such file or directory" {
		t.Errorf("a missing file: %v", err)
	}
	expect("after a mistake", client(next, next.Issue(t, tlstest.Options{})), true)
	if service(t, s.Agent, "web") {
		t.Error("a part of a configuration was taken over")
	}

	s.configure(t, `tls { https { ca_file = "`+next.File+`" } } service { name = "web" }`, next, shown)
	if err := s.Reread(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.logged.String(), "the configuration of TLS stays as it was: reason=") || !service(t, s.Agent, "web") {
		t.Error("TLS that is switched off: no word, or the rest was not taken over")
	}
	expect("after that", client(next, next.Issue(t, tlstest.Options{})), true)
}

// Certificates are exchanged while clients of HTTP come and go: no request fails.
func TestReloadUnderLoad(t *testing.T) {
	s := startSecured(t, verified)
	shown := s.ca.Issue(t, tlstest.Options{})
	done, asked := make(chan struct{}), atomic.Int64{}
	var load sync.WaitGroup
	for worker := range 8 {
		load.Go(func() {
			c := client(s.ca, shown)
			c.Transport.(*http.Transport).DisableKeepAlives = worker%4 != 0 // others keep theirs open
			for {
				select {
				case <-done:
					return
				default:
				}
				if resp, body, err := get(c, s.url("/v1/status/leader")); err != nil || resp.StatusCode != 200 {
					t.Errorf("a request failed: %s %v", body, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	for range 50 {
		before := asked.Load()
		s.configure(t, verified, s.ca, s.ca.Issue(t, tlstest.Options{}))
		if err := s.Reread(); err != nil {
			t.Error(err)
		}
		for asked.Load() < before+8 && !t.Failed() {
			<-time.After(time.Millisecond)
		}
	}
	close(done)
	load.Wait()
}

// auto_reload_config looks at the certificates too.
func TestCertificatesAreWatched(t *testing.T) {
	s := startSecured(t, httpsOnly)
	files := s.watchedFiles()
	cert := s.tls.Config().HTTPS
	renewed := s.ca.Issue(t, tlstest.Options{NotAfter: time.Now().Add(48 * time.Hour)})
	for from, to := range map[string]string{renewed.CertFile: cert.CertFile, renewed.KeyFile: cert.KeyFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, string(text))
	}
	for range 2 {
		s.look(&files)
	}
	if end, _ := s.tls.Expiry(); !end.Equal(renewed.TLS.Leaf.NotAfter) {
		t.Errorf("a certificate until %v is shown", end)
	}
	if !strings.Contains(s.logged.String(), "expires on") {
		t.Error("no warning of a certificate that ends in two days")
	}
}

// The end of a certificate is told of at the start, and once a day.
func TestExpiryIsToldOf(t *testing.T) {
	a := &Agent{tls: startSecured(t, httpsOnly).tls}
	logged := &syncBuffer{}
	a.log = hclog.New(&hclog.LoggerOptions{Output: logged})
	ctx, stop := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.watchExpiry(ctx, ticks)
	}()
	end, _ := a.tls.Expiry()
	for _, now := range []time.Time{end.Add(-40 * 24 * time.Hour), end.Add(-10 * 24 * time.Hour), end.Add(time.Hour)} {
		ticks <- now
	}
	stop()
	<-done
	if got := logged.String(); strings.Count(got, "[WARN]") != 2 || !strings.Contains(got, "in 10 days") || !strings.Contains(got, "expired on") {
		t.Errorf("log: %s", got)
	}
}
