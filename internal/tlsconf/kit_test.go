package tlsconf

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// protocol is one with an authority's file and a certificate.
func protocol(ca *tlstest.CA, c *tlstest.Certificate) Protocol {
	p := Protocol{MinVersion: tls.VersionTLS12}
	if ca != nil {
		p.CAFile = ca.File
	}
	if c != nil {
		p.CertFile, p.KeyFile = c.CertFile, c.KeyFile
	}
	return p
}

func mustLoad(t *testing.T, c Config) *TLS {
	t.Helper()
	if c.Domain == "" {
		c.Domain = "consul."
	}
	if c.Datacenter == "" {
		c.Datacenter = "dc1"
	}
	l, err := Load(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// echo answers each connection with "ok" and closes it. It returns the address.
func echo(t *testing.T, config *tls.Config, limit time.Duration, log hclog.Logger) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewListener(inner, config, limit, log)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "ok")
			c.Close()
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return inner.Addr().String()
}

// ask dials, and reads what echo answers.
func ask(address string, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "ok" {
		return tls.ConnectionState{}, err
	}
	return conn.(*tls.Conn).ConnectionState(), nil
}

// trusting is a client that trusts an authority and shows a certificate, if there is one.
func trusting(ca *tlstest.CA, shown *tlstest.Certificate) *tls.Config {
	c := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if shown != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown.TLS, nil }
	}
	return c
}

// logTo is a logger, and what it has written.
func logTo() (hclog.Logger, func() string) {
	b := &lockedBuffer{}
	return hclog.New(&hclog.LoggerOptions{Output: b, Level: hclog.Debug}), b.text
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// bundle puts the certificates of authorities into one file.
func bundle(t *testing.T, into string, cas ...*tlstest.CA) string {
	t.Helper()
	var all []byte
	for _, ca := range cas {
		all = append(all, read(t, ca.File)...)
	}
	write(t, into, all)
	return into
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// put copies a certificate and its key to where a configuration expects them.
func put(t *testing.T, dir string, c *tlstest.Certificate) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	write(t, cert, read(t, c.CertFile))
	write(t, key, read(t, c.KeyFile))
	return cert, key
}

// eventually waits for a condition.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatal("it does not come about")
		}
		<-time.After(time.Millisecond)
	}
}

// waitFor waits for parts of a log.
func waitFor(t *testing.T, logged func() string, parts ...string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("want %q in the log:\n%s", parts, logged())
		}
	}()
	eventually(t, func() bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(logged(), part) })
	})
}
