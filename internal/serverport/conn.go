package serverport

import (
	"io"
	"net"
	"time"
)

// closeTimeout is how long the end of a connection with TLS may take to be told; it may not fit into what the other side does not read.
const closeTimeout = 250 * time.Millisecond

// secured is a connection with TLS that looks like one without: net/http takes it for HTTP/2 in plaintext.
type secured struct {
	net.Conn          // the TLS
	raw      net.Conn // beneath it
}

// Close tells the other side if that is quickly done, and closes the connection.
func (s *secured) Close() error {
	t := time.AfterFunc(closeTimeout, func() { s.raw.Close() })
	defer t.Stop()
	return s.Conn.Close()
}

// replayed is a connection whose first byte has been read, and is read once more.
type replayed struct {
	net.Conn
	first []byte
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.first) == 0 || len(b) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.first)
	r.first = r.first[n:]
	return n, nil
}

// linger reads away what is on its way from the other side, so that closing does not destroy what it has been told: a connection closed
// with input unread is reset.
func linger(c net.Conn) {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(closeTimeout)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 64<<10)) // it is refused, whatever it says
}
