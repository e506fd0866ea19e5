package serverport

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func open(t *testing.T, firstByte time.Duration) *Port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := Serve(l, firstByte, hclog.NewNullLogger())
	t.Cleanup(func() { p.Close() }) // tests may have closed it
	return p
}

func dial(t *testing.T, p *Port, protocol Protocol) net.Conn {
	t.Helper()
	c, err := Dial(t.Context(), protocol, p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ends fails the test unless the other side closes the connection.
func ends(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is not closed: %v", err)
	}
}

// silent is a connection that says nothing.
func silent(t *testing.T, p *Port) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Each connection goes to the listener of its protocol, without its first byte; silent ones hold nobody up.
func TestConnectionsAreSorted(t *testing.T) {
	p := open(t, time.Minute)
	const other Protocol = 7
	listeners := map[Protocol]net.Listener{Raft: p.Listener(Raft, nil), other: p.Listener(other, nil)}
	quiet := silent(t, p)
	for _, protocol := range []Protocol{other, Raft, Raft, other} {
		c := dial(t, p, protocol)
		if _, err := c.Write([]byte{byte(protocol), 'x'}); err != nil {
			t.Fatal(err)
		}
		got, err := listeners[protocol].Accept()
		if err != nil {
			t.Fatal(err)
		}
		var b [2]byte
		if _, err := io.ReadFull(got, b[:]); err != nil || b != [2]byte{byte(protocol), 'x'} {
			t.Errorf("%s: %v %v", protocol, b, err)
		}
		if err := got.Close(); err != nil {
			t.Error(err)
		}
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
	p := open(t, 50*time.Millisecond)
	p.Listener(Raft, nil)
	ends(t, dial(t, p, 7))
	ends(t, dial(t, p, 'G'))
	ends(t, silent(t, p))
	waiting := dial(t, p, Raft)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	ends(t, waiting)
}

// A listener that is closed makes place for another; the port lives on. The deadline of the first byte is not the connection's.
func TestListenerIsReplaced(t *testing.T) {
	p := open(t, 100*time.Millisecond)
	l := p.RaftStream(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 8300})
	if got := l.Addr().String(); got != "10.0.0.1:8300" {
		t.Errorf("advertised as %s", got)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepts after the end: %v", err)
	}
	ends(t, dial(t, p, Raft))
	l = p.RaftStream(nil)
	c, err := l.Dial(raft.ServerAddress(p.Addr().String()), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	ends(t, silent(t, p)) // the time for a first byte is over
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := got.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
