package serverport

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(line)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLog() (hclog.Logger, *buffer) {
	out := new(buffer)
	return hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Info}), out
}

// An address is warned about once in a while, for each reason; however many there are, little is remembered of them.
func TestWarningsAreRare(t *testing.T) {
	log, out := newLog()
	clock := newClock()
	w := newWarnings(log)
	w.now = clock.now
	from := func(i int) net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, byte(i>>8), byte(i)), Port: 1 + i%7} }
	warned := func(f func()) int {
		before := strings.Count(out.String(), "\n")
		f()
		return strings.Count(out.String(), "\n") - before
	}
	for _, c := range []struct {
		name string
		do   func()
		want int
	}{
		{"the first", func() { w.warn(from(1), "a", "x", 1) }, 1},
		{"again, from another port", func() { w.warn(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 99}, "a") }, 0},
		{"another reason", func() { w.warn(from(1), "b") }, 1},
		{"another address", func() { w.warn(from(2), "a") }, 1},
		{"no port", func() { w.warn(&net.UnixAddr{Name: "s", Net: "unix"}, "a") }, 1},
		{"later", func() {
			clock.advance(warnAgain)
			w.warn(from(1), "a")
		}, 1},
		{"very many", func() {
			for i := range 5 * maxWarnings {
				w.warn(from(10+i), "a")
			}
		}, maxWarnings - 1},
		{"after them", func() {
			clock.advance(warnAgain)
			w.warn(from(1), "a")
		}, 1},
	} {
		if got := warned(c.do); got != c.want {
			t.Errorf("%s: %d warnings, want %d", c.name, got, c.want)
		}
	}
	if !strings.Contains(out.String(), "a: from="+from(1).String()+" x=1") {
		t.Errorf("%.300s", out)
	}
}

// Who speaks plaintext although there is TLS is named, once, with what to do; where there is none nobody is.
func TestPlaintextIsTold(t *testing.T) {
	a := newAuthority(t)
	certificate := a.issue(serverName, time.Hour)
	for _, c := range []struct {
		name string
		id   *identity
		want string // part of the only line
	}{
		{"no TLS", nil, ""},
		{"TLS", &identity{certificate: certificate, authorities: pool(a)}, "set verify_outgoing = true"},
		{"TLS is required", &identity{certificate: certificate, authorities: pool(a), required: true}, "refused a connection in plaintext"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, out := newLog()
			p := openLogged(t, time.Minute, always(c.id), log)
			p.Listener(Requests, nil)
			for range 5 {
				if conn, err := (Dialer{}).Dial(t.Context(), "dc1", Requests, p.Addr().String()); err == nil {
					conn.Close()
				}
			}
			if err := p.Close(); err != nil { // nothing is logged any more
				t.Error(err)
			}
			lines := strings.Count(out.String(), "\n")
			if want := min(1, len(c.want)); lines != want || !strings.Contains(out.String(), c.want) {
				t.Errorf("%d lines: %s", lines, out)
			}
			if c.want != "" && !strings.Contains(out.String(), fmt.Sprintf("from=%s", "127.0.0.1:")) {
				t.Errorf("nobody is named: %s", out)
			}
		})
	}
}
