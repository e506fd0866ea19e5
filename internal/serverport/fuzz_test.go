package serverport

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// said is a connection on which somebody has said something and gone.
type said struct {
	net.Conn // of no use
	bytes.Reader
	heard bytes.Buffer
}

func (s *said) Read(b []byte) (int, error)       { return s.Reader.Read(b) }
func (s *said) Write(b []byte) (int, error)      { return s.heard.Write(b) }
func (s *said) Close() error                     { return nil }
func (s *said) SetDeadline(time.Time) error      { return nil }
func (s *said) SetReadDeadline(time.Time) error  { return nil }
func (s *said) SetWriteDeadline(time.Time) error { return nil }
func (s *said) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1} }
func (s *said) LocalAddr() net.Addr              { return s.RemoteAddr() }

// Whatever is said first, what is taken is one of the two protocols, in plaintext, where that is allowed, and nothing of it is lost.
func FuzzFirstBytes(f *testing.F) {
	ca := newAuthority(f)
	id := identity{certificate: ca.issue(serverName, time.Hour), authorities: pool(ca)}
	required := id
	required.required = true
	modes := []*identity{nil, &id, &required}
	for _, s := range []string{"", "\x01", "\x02PRI * HTTP/2.0", "\x16\x03\x01\x00\x05hello", "\x16", "GET / HTTP/1.1\r\n\r\n", "\x03"} {
		for mode := range modes {
			f.Add([]byte(s), byte(mode))
		}
	}
	f.Fuzz(func(t *testing.T, says []byte, mode byte) {
		id := modes[int(mode)%len(modes)]
		p := newPort(loopback(t), time.Minute, always(id), hclog.NewNullLogger())
		listeners := map[byte]net.Listener{1: p.Listener(Raft, nil), 2: p.Listener(Requests, nil)}
		c := &said{Reader: *bytes.NewReader(says)}
		ready, l, err := p.receive(c)
		plain := len(says) > 0 && listeners[says[0]] != nil
		if taken := plain && (id == nil || !id.required); taken != (err == nil) {
			t.Fatalf("taken is %t: %v", taken, err)
		}
		if err != nil {
			return
		}
		if l != listeners[says[0]] || !bytes.Equal(c.heard.Bytes(), []byte{byte(accepted)}) {
			t.Errorf("%v was told %x", l, c.heard.Bytes())
		}
		if rest, err := io.ReadAll(ready); err != nil || !bytes.Equal(rest, says[1:]) {
			t.Errorf("%x is left: %v", rest, err)
		}
	})
}
