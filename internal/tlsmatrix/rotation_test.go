//go:build heavy && unix

package tlsmatrix

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/lictor-dr/lictor/internal/serverport"
	"github.com/lictor-dr/lictor/internal/testproc"
	"github.com/lictor-dr/lictor/internal/tlstest"
)

// Certificates, and in the end their authority, are replaced while all servers are asked all the time: no request fails. Afterwards who
// has a certificate of the old authority gets in nowhere.
func TestCertificatesAreReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	old, next := tlstest.NewCA(t), tlstest.NewCA(t)
	members := found(t, old, verifyAll)
	trusted := old.Pool()
	trusted.AddCert(next.Cert)
	client := tlstest.Options{DNSNames: []string{"operator"}}
	l := load(t, members, trusted, old.Issue(t, client))
	l.goesOn(t, 200)
	everywhere := func(change func(m *member)) {
		for _, m := range members {
			change(m)
			m.reload(t)
			l.goesOn(t, 60)
		}
	}
	for range 4 {
		everywhere(func(m *member) { issue(t, old, m.dir, "server") })
	}
	everywhere(func(m *member) { trust(t, m.dir, old, next) })
	everywhere(func(m *member) { issue(t, next, m.dir, "server") })
	l.shown.Store(&next.Issue(t, client).TLS)
	l.goesOn(t, 60)
	everywhere(func(m *member) { trust(t, m.dir, next) })
	l.goesOn(t, 200)
	l.end()
	if failed := l.failures(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed: %q", len(failed), l.done.Load(), failed[:min(5, len(failed))])
	}
	t.Logf("%d requests, 21 reloads", l.done.Load())
	onlyNew(t, members, old, next)
}

// A cluster whose servers have certificates comes to verify everything, flag by flag and server by server: no request fails.
func TestTLSIsIntroducedUnderLoad(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	members := found(t, ca, "")
	dials := func(p serverport.Protocol) (taken int) {
		for _, m := range members {
			conn, err := serverport.Dialer{}.Dial(t.Context(), "dc1", p, m.port())
			if err == nil {
				conn.Close()
				taken++
			}
		}
		return taken
	}
	if n := dials(serverport.Requests); n != len(members) {
		t.Errorf("at first %d take plaintext", n)
	}
	l := load(t, members, ca.Pool(), ca.Issue(t, tlstest.Options{}))
	l.goesOn(t, 100)
	for _, flags := range []string{"verify_outgoing = true", "verify_outgoing = true verify_server_hostname = true", verifyAll} {
		for _, m := range members {
			m.configure(t, flags)
			if err := m.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			l.goesOn(t, 60)
		}
	}
	if err := testproc.Eventually(patience, func() error {
		if n := dials(serverport.Raft) + dials(serverport.Requests); n > 0 {
			return fmt.Errorf("%d ways in for plaintext", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	l.end()
	leaderMoves(t, members)
	for _, failed := range l.failures() {
		t.Errorf("of %d requests: %s", l.done.Load(), failed)
	}
}

// leaderMoves has another server lead, so that servers connect anew.
func leaderMoves(t *testing.T, members []*member) {
	t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/operator/raft/transfer-leader", members[0].http)
	if _, err := ask(http.DefaultClient, http.MethodPost, url, ""); err != nil {
		t.Error(err)
	}
	for _, m := range members {
		m.leads(t)
	}
}

// onlyNew checks that the old authority is gone, also for connections between servers that are made anew.
func onlyNew(t *testing.T, members []*member, old, next *tlstest.CA) {
	t.Helper()
	for _, ca := range []*tlstest.CA{old, next} {
		shown := ca.Issue(t, tlstest.Options{})
		show := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown.TLS, nil }
		for _, m := range members {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{RootCAs: next.Pool(), GetClientCertificate: show}}}
			_, err := ask(client, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/v1/kv/probe", m.https), "")
			if (err == nil) != (ca == next) {
				t.Errorf("%s answers a client with the new authority's certificate (%v): %v", m.name, ca == next, err)
			}
		}
	}
	leaderMoves(t, members)
	late := newMember(t, "late", verifyAll, old, old, next)
	late.args = []string{"-server", "-data-dir=" + t.TempDir(), "-retry-join=" + members[0].gossip()}
	late.again(t)
	joined(t, late.agent, members, false)
	issue(t, next, late.dir, "server")
	late.reload(t)
	joined(t, late.agent, members, true)
}

// joined checks whether a server gets in: it has the log, or the leader says why it gets none.
func joined(t *testing.T, late *agent, members []*member, want bool) {
	t.Helper()
	failed := late.port() + `}" error="`
	err := late.Await(patience, func() error {
		_, body, _ := late.get("/v1/kv/probe?raw&stale")
		switch {
		case body == "there" && !want:
			t.Errorf("%s has the log", late.name)
			return nil
		case body == "there":
			return nil
		case want:
			return errors.New("it has no log")
		}
		for _, m := range members {
			for line := range strings.Lines(m.Said()) {
				if strings.Contains(line, failed) && strings.Contains(line, "the server's certificate is not from an authority") {
					return nil
				}
			}
		}
		return errors.New("no leader says why it is refused")
	})
	if err != nil {
		t.Errorf("%s: %v", late.name, err)
	}
}
