package tlsconf

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// Certificates and the authority are exchanged, in the right order, while clients come and go: none is refused.
func TestRolloverUnderLoad(t *testing.T) {
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	old, next := tlstest.NewCA(t), tlstest.NewCA(t)
	bundle(t, caFile, old)
	p := Protocol{CAFile: caFile, VerifyIncoming: true, MinVersion: tls.VersionTLS12}
	p.CertFile, p.KeyFile = put(t, dir, old.Issue(t, tlstest.Options{}))
	config := mustLoad(t, Config{HTTPS: p})
	log, logged := logTo()
	address := echo(t, config.HTTPSServer(), 0, log)

	var client atomic.Pointer[tls.Config]
	client.Store(trusting(old, old.Issue(t, tlstest.Options{})))
	done, asked := make(chan struct{}), atomic.Int64{}
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := ask(address, client.Load().Clone()); err != nil {
					t.Errorf("a client was refused: %v", err)
					return
				}
				asked.Add(1)
			}
		})
	}
	reload := func(what string) {
		t.Helper()
		before := asked.Load()
		if err := config.Reload(Config{HTTPS: p}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		eventually(t, func() bool { return t.Failed() || asked.Load() > before+16 }) // connections of before and after it
	}
	for range 10 {
		bundle(t, caFile, old, next)
		reload("both authorities are trusted")
		both := trusting(old, old.Issue(t, tlstest.Options{}))
		both.RootCAs.AddCert(next.Cert)
		client.Store(both)
		reload("so do clients")
		put(t, dir, next.Issue(t, tlstest.Options{}))
		reload("the server shows the new certificate")
		client.Store(trusting(next, next.Issue(t, tlstest.Options{})))
		reload("clients too")
		bundle(t, caFile, next)
		reload("the old authority is gone")
		old, next = next, tlstest.NewCA(t)
	}
	close(done)
	load.Wait()
	if t.Failed() {
		t.Log(logged())
	}
}

// Neither a new handshake nor a session of before lets in who is not trusted any more.
func TestRotatedOutClientIsRefused(t *testing.T) {
	old, next := tlstest.NewCA(t), tlstest.NewCA(t)
	server := next.Issue(t, tlstest.Options{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			p := protocol(old, server)
			p.VerifyIncoming = true
			config := mustLoad(t, Config{HTTPS: p, InternalRPC: p})
			log, _ := logTo()
			addresses := []string{echo(t, config.HTTPSServer(), 0, log), echo(t, config.InternalServer(), 0, log)}
			clients := []*tls.Config{trusting(next, old.Issue(t, tlstest.Options{})), trusting(next, old.Issue(t, tlstest.Options{}))}
			for i, client := range clients {
				client.MaxVersion = version
				for range 2 {
					if state, err := ask(addresses[i], client); err != nil || state.DidResume {
						t.Errorf("before: %v, resumed %t", err, state.DidResume)
					}
				}
			}
			p.CAFile = next.File
			if err := config.Reload(Config{HTTPS: p, InternalRPC: p}); err != nil {
				t.Fatal(err)
			}
			for i, client := range clients {
				if _, err := ask(addresses[i], client); err == nil {
					t.Error("a client of the authority that is gone came in")
				}
			}
		})
	}
}

// The flags of verification are taken over; connections that are open live on.
func TestReloadOfVerification(t *testing.T) {
	ca := tlstest.NewCA(t)
	p := protocol(ca, ca.Issue(t, tlstest.Options{}))
	config := mustLoad(t, Config{HTTPS: p, InternalRPC: p})
	log, _ := logTo()
	address := echo(t, config.HTTPSServer(), 0, log)
	verified := p
	verified.VerifyIncoming = true
	for _, step := range []struct {
		p  Protocol
		ok bool
	}{{verified, false}, {p, true}, {verified, false}} {
		if err := config.Reload(Config{HTTPS: step.p, InternalRPC: step.p}); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(address, trusting(ca, nil)); (err == nil) != step.ok {
			t.Errorf("verify_incoming %t: %v", step.p.VerifyIncoming, err)
		}
		if config.RequireTLS() != step.p.VerifyIncoming {
			t.Error("the server port does not follow")
		}
	}
}

// A reload that fails changes nothing, also not the part that could be read.
func TestReloadIsWholeOrNothing(t *testing.T) {
	ca, other := tlstest.NewCA(t), tlstest.NewCA(t)
	cert := ca.Issue(t, tlstest.Options{})
	p := protocol(ca, cert)
	p.VerifyIncoming = true
	none := protocol(ca, nil)
	missing, foreign := p, protocol(other, other.Issue(t, tlstest.Options{}))
	missing.KeyFile = "/nope"
	tests := []struct {
		name     string
		from, to Config
		isSwitch bool
	}{
		{"missing file", Config{InternalRPC: p, HTTPS: p}, Config{InternalRPC: foreign, HTTPS: missing}, false},
		{"contradiction", Config{InternalRPC: p, HTTPS: p}, Config{InternalRPC: foreign, HTTPS: Protocol{VerifyIncoming: true}}, false},
		{"server port off", Config{InternalRPC: p, HTTPS: p}, Config{InternalRPC: none, HTTPS: foreign}, true},
		{"server port on", Config{InternalRPC: none, HTTPS: p}, Config{InternalRPC: foreign, HTTPS: foreign}, true},
		{"HTTPS off", Config{InternalRPC: p, HTTPS: p}, Config{InternalRPC: foreign, HTTPS: none}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := mustLoad(t, tt.from)
			log, _ := logTo()
			address := echo(t, config.HTTPSServer(), 0, log)
			err := config.Reload(tt.to)
			if err == nil || errors.Is(err, ErrSwitch) != tt.isSwitch {
				t.Errorf("error %v", err)
			}
			if got := config.Config(); got.InternalRPC.CAFile != ca.File || got.HTTPS.CAFile != ca.File {
				t.Errorf("it took over %+v", got)
			}
			if _, err := ask(address, trusting(ca, ca.Issue(t, tlstest.Options{}))); err != nil {
				t.Error(err)
			}
		})
	}
}

// HTTPS may get its first certificate while the agent runs: the port is open. The rest of the configuration counts at a start alone.
func TestReloadBringsAFirstCertificate(t *testing.T) {
	ca := tlstest.NewCA(t)
	config := mustLoad(t, Config{NodeName: "n1"})
	log, _ := logTo()
	address := echo(t, config.HTTPSServer(), 0, log)
	if _, err := ask(address, trusting(ca, nil)); err == nil {
		t.Error("a handshake without a certificate")
	}
	err := config.Reload(Config{HTTPS: protocol(nil, ca.Issue(t, tlstest.Options{})), Datacenter: "dc9", Domain: "x", NodeName: "n9", ServerName: "s9", UseForChecks: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(address, trusting(ca, nil)); err != nil {
		t.Error(err)
	}
	if c := config.Config(); c.Datacenter != "dc1" || c.Domain != "consul." || c.NodeName != "n1" || c.ServerName != "" || c.UseForChecks {
		t.Errorf("%+v", c)
	}
}

func TestExpiry(t *testing.T) {
	ca := tlstest.NewCA(t)
	now := time.Now().Truncate(time.Second)
	day := 24 * time.Hour
	issue := func(from, to time.Duration) *tlstest.Certificate {
		return ca.Issue(t, tlstest.Options{NotBefore: now.Add(from), NotAfter: now.Add(to)})
	}
	tests := []struct {
		name       string
		rpc, https *tlstest.Certificate
		expiry     time.Duration
		want       []string // parts of the warnings
	}{
		{"long", issue(-day, 31*day), nil, 31 * day, nil},
		{"soon", issue(-day, 30*day), nil, 30 * day, []string{"in 30 days"}},
		{"of two the first", issue(-day, 90*day), issue(-day, 2*day), 2 * day, []string{"in 2 days"}},
		{"expired", nil, issue(-2*day, -day), -day, []string{"expired on " + now.Add(-day).UTC().Format(time.RFC3339)}},
		{"both", issue(-day, 0), issue(-day, day), 0, []string{"expired on", "in 1 days"}},
		{"in the future", issue(day, 90*day), nil, 90 * day, []string{"is not valid before"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := mustLoad(t, Config{InternalRPC: protocol(nil, tt.rpc), HTTPS: protocol(nil, tt.https)})
			if at, ok := config.Expiry(); !ok || !at.Equal(now.Add(tt.expiry)) {
				t.Errorf("expiry %v", at)
			}
			got := config.ExpiryWarnings(now)
			if len(got) != len(tt.want) {
				t.Fatalf("warnings %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) || !strings.HasPrefix(got[i], "the certificate in /") {
					t.Errorf("warning %q, want %q in it", got[i], tt.want[i])
				}
			}
		})
	}
	one := issue(-day, day)
	if got := mustLoad(t, Config{InternalRPC: protocol(nil, one), HTTPS: protocol(nil, one)}).ExpiryWarnings(now); len(got) != 1 {
		t.Errorf("one file is told of %d times", len(got))
	}
}

// What watches the files sees each change of any of them, and nothing else.
func TestFilesAreIdentified(t *testing.T) {
	dir, cas := t.TempDir(), t.TempDir()
	ca := tlstest.NewCA(t)
	p := Protocol{CAPath: cas}
	write(t, filepath.Join(cas, "a.pem"), read(t, ca.File))
	p.CertFile, p.KeyFile = put(t, dir, ca.Issue(t, tlstest.Options{}))
	config := mustLoad(t, Config{HTTPS: p})
	changes := map[string]func(){
		"certificate and key": func() { put(t, dir, ca.Issue(t, tlstest.Options{})) },
		"another authority":   func() { write(t, filepath.Join(cas, "b.pem"), read(t, tlstest.NewCA(t).File)) },
		"a file that is gone": func() {
			if err := os.Remove(filepath.Join(cas, "b.pem")); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			write(t, filepath.Join(cas, "a.pem"), read(t, tlstest.NewCA(t).File))
		},
	}
	for name, change := range changes {
		if config.CurrentFiles() != config.LoadedFiles() {
			t.Errorf("before %s: a change is seen", name)
		}
		if change(); config.CurrentFiles() == config.LoadedFiles() {
			t.Errorf("%s: no change is seen", name)
		}
		if err := config.Reload(Config{HTTPS: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(cas); err != nil {
		t.Fatal(err)
	}
	if config.CurrentFiles() == config.LoadedFiles() {
		t.Error("a directory that is gone is not seen")
	}
}
