package tlsconf

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// A listener accepts TLS connections whose handshake is done.
type listener struct {
	net.Listener
	config   *tls.Config
	limit    time.Duration
	log      hclog.Logger
	accepted chan accepted
	ctx      context.Context // ends with the listener
	stop     context.CancelFunc
	working  sync.WaitGroup
	close    func() error
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// NewListener returns inner with TLS on it. Handshakes do not wait for each other; one that takes longer than limit, or that fails, is closed and
// logged, and Accept returns none of them: a limit of 0 or less is none. Accept's connections are *tls.Conn. Close waits for the handshakes
// that it breaks off.
func NewListener(inner net.Listener, config *tls.Config, limit time.Duration, log hclog.Logger) net.Listener {
	l := &listener{Listener: inner, config: config, limit: limit, log: log, accepted: make(chan accepted)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.close = sync.OnceValue(func() error {
		err := l.Listener.Close()
		l.stop()
		l.working.Wait()
		return err
	})
	l.working.Go(l.run)
	return l
}

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close closes the listener. It may be called more than once.
func (l *listener) Close() error { return l.close() }

// run accepts connections and has each shake hands on its own.
func (l *listener) run() {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			l.working.Go(func() { l.handshake(conn) })
		case errors.Is(err, net.ErrClosed) || !l.hand(accepted{err: err}):
			l.stop()
			return
		}
	}
}

// hand gives Accept what it returns. It returns false if the listener has been closed.
func (l *listener) hand(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *listener) handshake(raw net.Conn) {
	ctx, cancel := l.ctx, context.CancelFunc(func() {})
	if l.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, l.limit)
	}
	defer cancel()
	conn := tls.Server(raw, l.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		l.failed(raw, err)
		l.partFrom(raw)
		return
	}
	if !l.hand(accepted{conn: conn}) {
		conn.Close()
	}
}

// partTime is how long a client whose handshake failed may take to read why.
const partTime = time.Second

// partFrom closes a connection, but not before the client has read why: what it has sent already and nobody reads would destroy it.
func (l *listener) partFrom(raw net.Conn) {
	defer raw.Close()
	defer context.AfterFunc(l.ctx, func() { raw.Close() })()
	half, ok := raw.(interface{ CloseWrite() error })
	if !ok || raw.SetDeadline(time.Now().Add(partTime)) != nil || half.CloseWrite() != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, 64<<10))
}

// failed tells of a handshake that failed. Who has not said a word, such as a probe of the port, is no news.
func (l *listener) failed(raw net.Conn, err error) {
	if l.ctx.Err() != nil {
		return
	}
	say := l.log.Warn
	if errors.Is(err, io.EOF) {
		say = l.log.Debug
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it took longer than the limit of " + l.limit.String())
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
		err = errors.New("the client speaks plain HTTP on the HTTPS port")
		_ = plain.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	say("TLS handshake failed", "from", raw.RemoteAddr(), "error", err)
}

// looksLikeHTTP tells the beginning of a plain request from other bytes that are no TLS.
func looksLikeHTTP(start [5]byte) bool {
	switch string(start[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PATCH":
		return true
	}
	return false
}
