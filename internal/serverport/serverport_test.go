package serverport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func open(t *testing.T, handshake time.Duration, security Security) *Port {
	t.Helper()
	return openLogged(t, handshake, security, hclog.NewNullLogger())
}

func openLogged(t *testing.T, handshake time.Duration, security Security, log hclog.Logger) *Port {
	t.Helper()
	p := Serve(loopback(t), handshake, security, log)
	t.Cleanup(func() { p.Close() }) // tests may have closed it
	return p
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, p *Port, security Security, protocol Protocol) net.Conn {
	t.Helper()
	c, err := Dialer{security}.Dial(t.Context(), "dc1", protocol, p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ends fails the test unless the other side closes the connection, whatever it says before.
func ends(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is not closed: %v", err)
	}
}

// silent is a connection that says nothing but what is given.
func silent(t *testing.T, p *Port, says ...byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(says); err != nil {
		t.Fatal(err)
	}
	return c
}

// passes fails the test unless bytes go through a connection to what a listener accepts, both ways.
func passes(t *testing.T, c net.Conn, l net.Listener) {
	t.Helper()
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for _, way := range []struct{ from, to net.Conn }{{c, got}, {got, c}} {
		if _, err := way.from.Write([]byte("\x01\x16x")); err != nil {
			t.Fatal(err)
		}
		var b [3]byte
		if _, err := io.ReadFull(way.to, b[:]); err != nil || string(b[:]) != "\x01\x16x" {
			t.Errorf("%v %v", b, err)
		}
	}
}

// Each connection goes to the listener of its protocol, and carries nothing else; silent ones hold nobody up.
func TestConnectionsAreSorted(t *testing.T) {
	p := open(t, time.Minute, Security{})
	listeners := map[Protocol]net.Listener{Raft: p.Listener(Raft, nil), Requests: p.Listener(Requests, nil)}
	quiet := silent(t, p)
	for _, protocol := range []Protocol{Requests, Raft, Raft, Requests} {
		passes(t, dial(t, p, Security{}, protocol), listeners[protocol])
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	ends(t, quiet)
	for protocol, l := range listeners {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s accepts after the end: %v", protocol, err)
		}
	}
}

// What nobody listens for is closed: an unknown protocol, an HTTP request, silence, a connection that nobody has accepted.
func TestConnectionsAreRefused(t *testing.T) {
	p := open(t, 50*time.Millisecond, Security{})
	p.Listener(Raft, nil)
	ends(t, silent(t, p, 7))
	ends(t, silent(t, p, []byte("GET / HTTP/1.1\r\n\r\n")...))
	ends(t, silent(t, p))
	if _, err := (Dialer{}).Dial(t.Context(), "dc1", Requests, p.Addr().String()); !errors.Is(err, errUnserved) {
		t.Error(err)
	}
	waiting := dial(t, p, Security{}, Raft)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	ends(t, waiting)
}

// A listener that is closed makes place for another; the port lives on. The deadline of the handshake is not the connection's.
func TestListenerIsReplaced(t *testing.T) {
	p := open(t, 100*time.Millisecond, Security{})
	l := p.RaftStream("dc1", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 8300})
	if got := l.Addr().String(); got != "10.0.0.1:8300" {
		t.Errorf("advertised as %s", got)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepts after the end: %v", err)
	}
	ends(t, silent(t, p, byte(Raft)))
	l = p.RaftStream("dc1", nil)
	c, err := l.Dial(raft.ServerAddress(p.Addr().String()), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ends(t, silent(t, p)) // the time for a handshake is over
	passes(t, c, l)
}

// A newcomer that has had its time makes place for another one; one that has not keeps it.
func TestNewcomersAreBounded(t *testing.T) {
	clock := newClock()
	p := newPort(loopback(t), time.Hour, Security{}, hclog.NewNullLogger())
	p.newcomers.max, p.newcomers.now = 3, clock.now
	p.start()
	t.Cleanup(func() { p.Close() })
	l := p.Listener(Raft, nil)
	var slow []net.Conn
	for range p.newcomers.max {
		slow = append(slow, silent(t, p))
	}
	if _, err := (Dialer{}).Dial(t.Context(), "dc1", Raft, p.Addr().String()); !errors.Is(err, errNoVerdict) {
		t.Errorf("one more than there may be: %v", err)
	}
	clock.advance(newcomerGrace)
	passes(t, dial(t, p, Security{}, Raft), l)
	ends(t, slow[0])
	for _, c := range slow[1:] {
		if _, err := c.Write([]byte{byte(Raft)}); err != nil {
			t.Fatal(err)
		}
		if err := hear(c); err != nil {
			t.Errorf("one that nobody needed to throw out: %v", err)
		}
	}
}

// Places go from the oldest to the youngest, and those who leave make place.
func TestPlacesOfNewcomers(t *testing.T) {
	clock := newClock()
	n := newNewcomers(2)
	n.now = clock.now
	var c [5]net.Conn
	for i := range c {
		near, far := net.Pipe()
		defer far.Close()
		c[i] = near
	}
	for i, step := range []struct {
		later   time.Duration
		add     int
		ok      bool
		crowded net.Conn
	}{
		{0, 0, true, nil}, {0, 1, true, nil}, {newcomerGrace - 1, 2, false, c[2]}, {1, 2, true, c[0]}, {0, 3, true, c[1]}, {0, 4, false, c[4]},
	} {
		clock.advance(step.later)
		if ok, crowded := n.add(c[step.add]); ok != step.ok || crowded != step.crowded {
			t.Errorf("step %d: %t %v", i, ok, crowded)
		}
	}
	n.remove(c[0])
	n.remove(c[2])
	if ok, crowded := n.add(c[4]); !ok || crowded != nil {
		t.Error("there is no place", crowded)
	}
	n.close()
	n.remove(c[3])
	if ok, _ := n.add(c[3]); ok {
		t.Error("there is a place after the end")
	}
}

// A client that sends a byte at a time has no more time than others, in plaintext and in TLS.
func TestSlowHandshakeEnds(t *testing.T) {
	a := newAuthority(t)
	p := open(t, 200*time.Millisecond, always(&identity{certificate: a.issue(serverName, time.Hour), authorities: pool(a)}))
	p.Listener(Requests, nil)
	for _, begins := range [][]byte{nil, {startTLS, 3, 1, 0x40, 0}, {startTLS, 3, 1, 2, 0, 1, 0, 1, 0xfc}} {
		c := silent(t, p, begins...)
		dripping := make(chan struct{})
		go func() {
			defer close(dripping)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for len(begins) > 0 {
				if _, err := c.Write([]byte{0}); err != nil {
					return
				}
				<-tick.C
			}
		}()
		ends(t, c)
		c.Close()
		<-dripping
	}
}

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1e9, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
