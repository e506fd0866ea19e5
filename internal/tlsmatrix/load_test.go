//go:build heavy && unix

package tlsmatrix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/tlstest"
)

// A loader asks servers over HTTPS all the time.
type loader struct {
	stop    context.CancelFunc
	working sync.WaitGroup
	shown   atomic.Pointer[tls.Certificate] // by new connections
	done    atomic.Int64

	mu     sync.Mutex
	failed []string
}

// load writes and reads through all members, on connections that are kept and on new ones.
func load(t testing.TB, members []*member, trusted *x509.CertPool, shown *tlstest.Certificate) *loader {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &loader{stop: stop}
	l.shown.Store(&shown.TLS)
	for _, m := range members {
		for _, kept := range []bool{true, false} {
			show := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return l.shown.Load(), nil }
			client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: !kept, ForceAttemptHTTP2: kept,
				TLSClientConfig: &tls.Config{RootCAs: trusted, GetClientCertificate: show}}}
			l.working.Go(func() {
				l.run(ctx, client, fmt.Sprintf("https://127.0.0.1:%d/v1/kv/load/%s-%v", m.https, m.name, kept))
			})
		}
	}
	t.Cleanup(l.end)
	return l
}

func (l *loader) end() {
	l.stop()
	l.working.Wait()
}

func (l *loader) run(ctx context.Context, client *http.Client, url string) {
	defer client.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		want := fmt.Sprint(i)
		_, err := ask(client, http.MethodPut, url, want)
		if err == nil {
			var got string
			if got, err = ask(client, http.MethodGet, url+"?raw&consistent", ""); err == nil && got != want {
				err = fmt.Errorf("read %s after %s was written", got, want)
			}
		}
		l.done.Add(2)
		if err != nil {
			l.mu.Lock()
			l.failed = append(l.failed, err.Error())
			l.mu.Unlock()
		}
	}
}

// ask sends a request. An answer other than 200 is an error.
func ask(client *http.Client, method, url, body string) (string, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, b)
	}
	return string(b), err
}

// goesOn waits until the load has come further.
func (l *loader) goesOn(t testing.TB, requests int64) {
	t.Helper()
	target := l.done.Load() + requests
	for end := time.Now().Add(patience); l.done.Load() < target; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the load stands still; failures: %q", l.failures())
		}
	}
}

func (l *loader) failures() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
