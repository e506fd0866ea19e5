package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Times of connections between agents.
const (
	dialTimeout = 5 * time.Second
	pingAfter   = 3 * time.Second // of silence
	pingTimeout = 3 * time.Second // until a silent connection is given up
	idleTimeout = 5 * time.Minute
	// maxStreams is how many requests share a connection. Blocking queries are many; beyond it there is another connection.
	maxStreams = 1000
)

// A Transport sends requests to servers. It is safe for concurrent use.
type Transport struct{ http *http.Transport }

// NewTransport returns a transport. dial opens a connection to a server's port that carries requests.
func NewTransport(dial func(ctx context.Context, address string) (net.Conn, error)) *Transport {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &Transport{&http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return dial(ctx, address)
		},
		HTTP2:              &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		IdleConnTimeout:    idleTimeout,
		DisableCompression: true,
	}}
}

// An UnsentError is the failure of a request that has not reached the server: it has done nothing.
type UnsentError struct{ error }

// Unwrap returns the cause.
func (e UnsentError) Unwrap() error { return e.error }

// Unsent tells whether a request that failed with err has certainly done nothing.
func Unsent(err error) bool {
	var unsent UnsentError
	return errors.As(err, &unsent)
}

// Send sends a request, with its mark, to the server whose port has that address. The error is an
// [UnsentError] if nothing has reached the server; after any other one it may have done what was asked. The answer's body must be closed.
func (t *Transport) Send(req *http.Request, address string, m Mark) (*http.Response, error) {
	var sent atomic.Bool
	// Before the first byte leaves: what is called unsent is certainly so.
	trace := &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { sent.Store(true) }}
	out := req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	u := *req.URL
	u.Scheme, u.Host = "http", address
	out.URL, out.Host = &u, address
	m.sign(out.Header)
	resp, err := t.http.RoundTrip(out)
	switch {
	case err == nil:
		return resp, nil
	case !sent.Load():
		return nil, UnsentError{fmt.Errorf("reach server %s: %w", address, err)}
	}
	return nil, fmt.Errorf("request to server %s: %w", address, err)
}

// Close closes connections that are not in use.
func (t *Transport) Close() { t.http.CloseIdleConnections() }

// NewServer returns the server of what comes in over the server port. Close or Shutdown ends it.
func NewServer(handler http.Handler, maxHeaderBytes int, log hclog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           marked(handler),
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}
