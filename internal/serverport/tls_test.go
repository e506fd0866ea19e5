package serverport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What clients get from servers: a connection, or an error that says what is wrong.
func TestCombinations(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server, client := ca.issue(serverName, time.Hour), ca.issue(clientName, time.Hour)
	const ok, closed = "", "the server closed the connection: probably it has no certificate"
	clients := []struct {
		name       string
		id         *identity
		datacenter string
		// What the error has in it, of a server with optional TLS and one with required TLS, to Raft and to requests.
		optionalRaft, optional, requiredRaft, required string
	}{
		{"plaintext", nil, "dc1", ok, ok, "the server requires TLS", "the server requires TLS"},
		{"server", &identity{certificate: server, authorities: pool(ca)}, "dc1", ok, ok, ok, ok},
		{"client agent", &identity{certificate: client, authorities: pool(ca)}, "dc1",
			"does not take Raft from this agent", ok, "does not take Raft from this agent", ok},
		{"no certificate", &identity{authorities: pool(ca)}, "dc1",
			"does not take Raft from this agent", ok, "the server requires a certificate", "the server requires a certificate"},
		{"certificate of another authority", &identity{certificate: other.issue(serverName, time.Hour), authorities: pool(ca)}, "dc1",
			"does not know the authority", "does not know the authority", "does not know the authority", "does not know the authority"},
		{"expired certificate", &identity{certificate: ca.issue(serverName, -time.Minute), authorities: pool(ca)}, "dc1",
			"for expired", "for expired", "for expired", "for expired"},
		{"trusts another authority", &identity{certificate: server, authorities: pool(other)}, "dc1",
			"not from an authority", "not from an authority", "not from an authority", "not from an authority"},
		{"expects another datacenter", &identity{certificate: server, authorities: pool(ca)}, "dc2",
			"not for server.dc2.consul", "not for server.dc2.consul", "not for server.dc2.consul", "not for server.dc2.consul"},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		optional := &identity{certificate: server, authorities: pool(ca), maxVersion: version}
		required := &identity{certificate: server, authorities: pool(ca), maxVersion: version, required: true}
		for _, c := range clients {
			none := [2]string{closed, closed}
			if c.id == nil {
				none = [2]string{ok, ok}
			}
			for _, s := range []struct {
				name string
				id   *identity
				want [2]string
			}{
				{"no TLS", nil, none},
				{"TLS optional", optional, [2]string{c.optionalRaft, c.optional}},
				{"TLS required", required, [2]string{c.requiredRaft, c.required}},
			} {
				t.Run(fmt.Sprintf("%s/%s to %s", tls.VersionName(version), c.name, s.name), func(t *testing.T) {
					p := open(t, time.Minute, always(s.id))
					for i, protocol := range []Protocol{Raft, Requests} {
						l := p.Listener(protocol, nil)
						conn, err := Dialer{always(c.id)}.Dial(t.Context(), c.datacenter, protocol, p.Addr().String())
						expect(t, protocol, conn, err, l, s.want[i])
					}
				})
			}
		}
	}
}

// expect fails the test unless a dial has ended as wanted: with a connection to what the listener accepts, or an error with a part.
func expect(t *testing.T, protocol Protocol, c net.Conn, err error, l net.Listener, want string) {
	t.Helper()
	switch {
	case err == nil && want == "":
		defer c.Close()
		passes(t, c, l)
	case err == nil:
		c.Close()
		t.Errorf("%s: connected, want %q", protocol, want)
	case want == "" || !strings.Contains(err.Error(), want):
		t.Errorf("%s: want %q: %v", protocol, want, err)
	}
}

// An expired server, and others than servers, are told from each other; none of them holds a client up for longer than it wants.
func TestDialSaysWhatIsWrong(t *testing.T) {
	ca := newAuthority(t)
	trusting := always(&identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca)})
	web := func(t *testing.T, protocols ...string) string {
		l := tls.NewListener(loopback(t), &tls.Config{Certificates: []tls.Certificate{*ca.issue(serverName, time.Hour)}, NextProtos: protocols})
		serveWeb(t, l)
		return l.Addr().String()
	}
	for _, c := range []struct {
		name     string
		security Security
		address  func(t *testing.T) string
		want     string
	}{
		{"expired", trusting, func(t *testing.T) string {
			p := open(t, time.Minute, always(&identity{certificate: ca.issue(serverName, -time.Minute), authorities: pool(ca)}))
			p.Listener(Requests, nil)
			return p.Addr().String()
		}, "the server's certificate has expired or is not valid yet"},
		{"HTTP", Security{}, func(t *testing.T) string {
			l := loopback(t)
			serveWeb(t, l)
			return l.Addr().String()
		}, "did not answer in time"},
		{"TLS to HTTP", trusting, func(t *testing.T) string {
			l := loopback(t)
			serveWeb(t, l)
			return l.Addr().String()
		}, "does not speak TLS"},
		{"HTTPS without ALPN", trusting, func(t *testing.T) string { return web(t) }, "no server port of Lictor"},
		{"HTTPS with HTTP/2", trusting, func(t *testing.T) string { return web(t, "h2") }, "no server port of Lictor"},
		{"silence", Security{}, func(t *testing.T) string { return loopback(t).Addr().String() }, "did not answer in time"},
		{"silence, TLS", trusting, func(t *testing.T) string { return loopback(t).Addr().String() }, "did not answer in time"},
		{"nobody", trusting, func(t *testing.T) string {
			l := loopback(t)
			l.Close()
			return l.Addr().String()
		}, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := 20 * time.Second
			if strings.Contains(c.want, "in time") {
				timeout = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			address := c.address(t)
			conn, err := Dialer{c.security}.Dial(ctx, "dc1", Requests, address)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address) || strings.Contains(err.Error(), "\n") {
				t.Errorf("want %q: %v", c.want, err)
			}
		})
	}
}

func serveWeb(t *testing.T, l net.Listener) {
	t.Helper()
	s := &http.Server{ErrorLog: quietLog()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

// Whatever is not a good handshake is closed, in time, and the port lives on.
func TestGarbageIsClosed(t *testing.T) {
	ca := newAuthority(t)
	id := &identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca), required: true}
	p := open(t, time.Minute, always(id))
	l := p.Listener(Raft, nil)
	for _, says := range []string{
		"\x00", "\x01", "\x02", "\x15\x03\x01\x00\x02\x02\x28", "\x17\x03\x03\x00\x01x", "\x80\x2e\x01\x00\x02",
		"GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\x16garbage that goes on", "\x16\x03\x01\x00\x05hello",
		"\x16\x03\x01\xff\xff" + strings.Repeat("x", 70000), "\x16\x02\x00\x00\x00",
	} {
		c, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(says)) // it may be closed before the end
		ends(t, c)
		c.Close()
	}
	passes(t, dial(t, p, always(id), Raft), l)
}

// Who is still speaking when its handshake fails gets to hear why: the connection is not reset.
func TestFailureIsHeard(t *testing.T) {
	ca := newAuthority(t)
	p := open(t, time.Minute, always(&identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca)}))
	c := silent(t, p, append([]byte("\x16\x03\x01\x00\x05hello"), make([]byte, 30000)...)...)
	if heard, err := io.ReadAll(c); err != nil || len(heard) != 7 { // an alert
		t.Errorf("%x %v", heard, err)
	}
}

// A refusal does not wait for whom it concerns.
func TestRefusalIsAtOnce(t *testing.T) {
	ca := newAuthority(t)
	certificate := ca.issue(serverName, time.Hour)
	for name, c := range map[string]struct {
		id   *identity
		says []byte
	}{
		"plaintext where TLS is required": {&identity{certificate: certificate, authorities: pool(ca), required: true}, []byte{2}},
		"TLS where there is none":         {nil, []byte{startTLS}},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, 0, always(c.id)) // there is no other limit
			p.Listener(Requests, nil)
			ends(t, silent(t, p, c.says...))
		})
	}
}

// What is reloaded holds for connections made from then on; no connection fails while both sides know the old and the new authority.
func TestReload(t *testing.T) {
	old, young := newAuthority(t), newAuthority(t)
	both := pool(old, young)
	ids := []*identity{
		{certificate: old.issue(serverName, time.Hour), authorities: both, required: true},
		{certificate: young.issue(serverName, time.Hour), authorities: both, required: true},
	}
	var here, there atomic.Pointer[identity]
	here.Store(ids[0])
	there.Store(ids[0])
	p := open(t, time.Minute, security(here.Load))
	l := p.Listener(Requests, nil)
	var serving, dialing sync.WaitGroup
	serving.Go(func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	})
	reloaded := make(chan struct{})
	for range 4 {
		dialing.Go(func() {
			for done := false; !done; {
				select {
				case <-reloaded:
					done = true // once more
				default:
				}
				c, err := Dialer{security(there.Load)}.Dial(t.Context(), "dc1", Requests, p.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
			}
		})
	}
	for i := range 50 {
		here.Store(ids[(i+1)%2])
		c, err := Dialer{security(there.Load)}.Dial(t.Context(), "dc1", Requests, p.Addr().String())
		if err != nil {
			t.Error(err)
			break
		}
		c.Close()
		there.Store(ids[i/2%2])
	}
	close(reloaded)
	dialing.Wait()
	p.Close()
	serving.Wait()
}

// Each setting of a server counts from the next connection on.
func TestReloadOfWhatIsRequired(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	id := identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca)}
	var here atomic.Pointer[identity]
	p := open(t, time.Minute, security(here.Load))
	l := p.Listener(Requests, nil)
	try := func(security Security) error {
		c, err := Dialer{security}.Dial(t.Context(), "dc1", Requests, p.Addr().String())
		if err == nil {
			passes(t, c, l)
			c.Close()
		}
		return err
	}
	required, renewed := id, id
	required.required, renewed.authorities = true, pool(other)
	for i, step := range []struct {
		here               *identity
		plain, with, other bool
	}{
		{nil, true, false, false}, {&id, true, true, false}, {&required, false, true, false}, {&renewed, true, false, true},
		{nil, true, false, false},
	} {
		here.Store(step.here)
		for name, c := range map[string]struct {
			err  error
			want bool
		}{
			"plaintext":         {try(Security{}), step.plain},
			"TLS":               {try(always(&identity{certificate: id.certificate, authorities: pool(ca)})), step.with},
			"another authority": {try(always(&identity{certificate: other.issue(clientName, time.Hour), authorities: pool(ca)})), step.other},
		} {
			if (c.err == nil) != c.want {
				t.Errorf("step %d, %s: %v", i, name, c.err)
			}
		}
	}
}

// A connection whose other side does not read is closed all the same.
func TestCloseDoesNotWait(t *testing.T) {
	ca := newAuthority(t)
	s := always(&identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca)})
	near, far := net.Pipe() // it holds nothing
	defer far.Close()
	config := s.server()
	config.SessionTicketsDisabled = true
	theirs := tls.Server(far, config)
	shaken := make(chan error, 1)
	go func() { shaken <- theirs.Handshake() }()
	ours := tls.Client(near, s.client("dc1", Raft))
	if err := errors.Join(ours.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	(&secured{ours, near}).Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}
