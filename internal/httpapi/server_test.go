package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve starts a server of h on loopback and returns it with its address.
func serve(t *testing.T, h *Handler, limit *ConnLimiter) (*http.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := h.NewServer()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(limit.Listener(l, false)) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return srv, l.Addr().String()
}

func TestShutdownEndsBlockedQueries(t *testing.T) {
	f := newFake()
	f.put(t, "a=1")
	srv, addr := serve(t, newHandler(f, Config{}), NewConnLimiter(0))
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + addr + "/v1/kv/a?index=11&wait=10m")
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	<-f.fetched
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	_, addr := serve(t, newHandler(newFake(), Config{MaxHeaderBytes: 1000}), NewConnLimiter(0))
	req, err := http.NewRequest("GET", "http://"+addr+"/v1/status/leader", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 10000))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestSlowHeadersAreNotWaitedFor(t *testing.T) {
	srv := newHandler(newFake(), Config{}).NewServer()
	if srv.ReadHeaderTimeout <= 0 || srv.IdleTimeout <= 90*time.Second || srv.WriteTimeout != 0 || srv.ReadTimeout != 0 {
		t.Errorf("timeouts %v, %v, %v, %v", srv.ReadHeaderTimeout, srv.IdleTimeout, srv.WriteTimeout, srv.ReadTimeout)
	}
}

// dial opens a connection on which one request has been answered, and returns the answer's status line with it.
func dial(t *testing.T, addr string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b[:n]), "\r\n")
	return conn, line
}

const ok, refused = "HTTP/1.1 200 OK", "HTTP/1.1 429 Too Many Requests"

func TestConnLimit(t *testing.T) {
	limit := NewConnLimiter(2)
	_, addr := serve(t, newHandler(newFake(), Config{}), limit)
	first, line := dial(t, addr)
	if line != ok {
		t.Fatalf("first: %s", line)
	}
	if _, line := dial(t, addr); line != ok {
		t.Fatalf("second: %s", line)
	}
	if _, line := dial(t, addr); line != refused {
		t.Fatalf("third: %s", line)
	}
	limit.SetMax(3)
	if _, line := dial(t, addr); line != ok {
		t.Fatalf("third, with a higher limit: %s", line)
	}
	first.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, line := dial(t, addr)
		if line == ok {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("a closed connection is still counted")
		}
	}
}

func TestConnLimitTellsWhy(t *testing.T) {
	limit := NewConnLimiter(1)
	_, addr := serve(t, newHandler(newFake(), Config{}), limit)
	dial(t, addr)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + addr + "/v1/status/leader")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 429 || string(text) != tooMany || !resp.Close {
		t.Errorf("%d %q (%v)", resp.StatusCode, text, err)
	}
}

func TestConnLimitOnTLSIsSilent(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewConnLimiter(1).Listener(inner, true)
	defer l.Close()
	accepted := make(chan net.Conn, 10)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	first, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	server := <-accepted
	defer server.Close()
	second, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n, err := second.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestConnLimitCountsACloseOnce(t *testing.T) {
	limit := NewConnLimiter(1)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit.Listener(inner, false)
	defer l.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	conn.Close()
	if len(limit.open) != 0 {
		t.Errorf("still open: %v", limit.open)
	}
}

func TestUnixSocketsAreNotLimited(t *testing.T) {
	path := t.TempDir() + "/s"
	inner, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l := NewConnLimiter(1).Listener(inner, false)
	defer l.Close()
	for range 3 {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
}
