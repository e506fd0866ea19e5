package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// DefaultMaxConnsPerClient is how many connections one client may have open unless the operator decides otherwise.
const DefaultMaxConnsPerClient = 200

// A ConnLimiter limits how many connections the clients of one IP address may have open, over all its listeners. It is safe for
// concurrent use.
type ConnLimiter struct {
	mu       sync.Mutex // guards max and open
	max      int
	open     map[netip.Addr]int
	refusing chan struct{} // holds a token for each client that is being told
}

const (
	maxRefusing   = 64 // clients that are told at the same time; others are cut off
	refuseTimeout = time.Second
)

// NewConnLimiter returns a limiter that allows max connections per address, any number if max is 0 or less.
func NewConnLimiter(max int) *ConnLimiter {
	return &ConnLimiter{max: max, open: map[netip.Addr]int{}, refusing: make(chan struct{}, maxRefusing)}
}

// SetMax changes the limit. Connections that are open stay open.
func (l *ConnLimiter) SetMax(max int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = max
}

// Listener returns inner with the limit applied. A connection above it is told so with HTTP status 429, or, where secure says that
// TLS is spoken on it, closed without a word. Clients without an address, those of a Unix socket, are not limited.
func (l *ConnLimiter) Listener(inner net.Listener, secure bool) net.Listener {
	return &limitedListener{inner, l, secure}
}

// acquire counts a connection from addr unless there are too many.
func (l *ConnLimiter) acquire(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.max > 0 && l.open[addr] >= l.max {
		return false
	}
	l.open[addr]++
	return true
}

func (l *ConnLimiter) release(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr]--; l.open[addr] <= 0 {
		delete(l.open, addr)
	}
}

type limitedListener struct {
	net.Listener
	limiter *ConnLimiter
	secure  bool
}

// Accept returns the next connection that is within the limit.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
		if !ok {
			return conn, nil
		}
		addr := tcp.AddrPort().Addr().Unmap()
		if l.limiter.acquire(addr) {
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { l.limiter.release(addr) })}, nil
		}
		l.limiter.refuse(conn, l.secure)
	}
}

// refuse closes a connection without holding up the listener.
func (l *ConnLimiter) refuse(conn net.Conn, secure bool) {
	if secure {
		_ = conn.Close()
		return
	}
	select {
	case l.refusing <- struct{}{}:
		go func() {
			tellTooMany(conn)
			<-l.refusing
		}()
	default:
		_ = conn.Close()
	}
}

const tooMany = "too many connections are open from this IP address: close some, or raise limits.http_max_conns_per_client\n"

// tellTooMany answers 429 and closes. It waits for the request to begin, since clients distrust an answer to none, and reads away
// what the client sends: to close with input unread would destroy the answer.
func tellTooMany(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(refuseTimeout)); err != nil {
		return
	}
	if _, err := conn.Read(make([]byte, 4<<10)); err != nil {
		return
	}
	_, err := fmt.Fprintf(conn, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n%s", len(tooMany), tooMany)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, half.CloseWrite())
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	}
}

// A limitedConn counts until it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// ReadFrom leaves it to the connection how to send from r: a file goes out without passing through this process.
func (c *limitedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite closes the sending half, which keeps an answer from being lost when the client is still sending.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection and counts it no more.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
