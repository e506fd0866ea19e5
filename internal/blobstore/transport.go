package blobstore

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// stall is how long a connection may move no byte: the server of a large upload may be busy that long when it puts the parts together.
	stall = 3 * time.Minute
)

// configure gives a transport the time limits of this package. There is none on a transfer as a whole: a large backup over a thin line
// takes what it takes.
func configure(t *http.Transport) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &stallConn{conn, stall}, nil
	}
	t.TLSHandshakeTimeout = dialTimeout
	t.IdleConnTimeout = 90 * time.Second // less than stall: no idle connection is ended by it
	t.MaxIdleConnsPerHost = 4
	t.ForceAttemptHTTP2 = true
	t.DisableCompression = true // bytes come as they are stored
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	configure(t)
	return t
}

// stallConn fails reads and writes once nothing has moved in either direction for so long.
type stallConn struct {
	net.Conn
	limit time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
