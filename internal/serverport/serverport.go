package serverport

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultHandshakeTimeout is how long a new connection may take to become one, unless the operator decides otherwise.
const DefaultHandshakeTimeout = 5 * time.Second

// A Port accepts connections, and hands each to the listener of its protocol. A connection of a protocol that nobody listens for is
// refused.
type Port struct {
	listener  net.Listener
	security  Security
	handshake time.Duration
	log       hclog.Logger
	warnings  *warnings
	newcomers *newcomers
	closed    chan struct{}
	serving   sync.WaitGroup

	mu        sync.Mutex
	listeners map[Protocol]*listener
}

// Listen opens the port at an address of the form host:port, in plaintext.
func Listen(address string, log hclog.Logger) (*Port, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err // it says what could not be done, with the address
	}
	return Serve(l, DefaultHandshakeTimeout, Security{}, log), nil
}

// Serve makes a port of a listener, which it takes over. A connection that needs longer than handshake to say what it carries, with the
// handshake of TLS, is closed; 0 is no limit.
func Serve(l net.Listener, handshake time.Duration, security Security, log hclog.Logger) *Port {
	p := newPort(l, handshake, security, log)
	p.start()
	return p
}

func newPort(l net.Listener, handshake time.Duration, security Security, log hclog.Logger) *Port {
	return &Port{
		listener: l, security: security, handshake: handshake, log: log, warnings: newWarnings(log), newcomers: newNewcomers(maxNewcomers),
		closed: make(chan struct{}), listeners: make(map[Protocol]*listener),
	}
}

func (p *Port) start() { p.serving.Go(p.accept) }

// Addr is the address that the port listens on.
func (p *Port) Addr() net.Addr { return p.listener.Addr() }

// Close closes the port, its listeners, and connections that have not been accepted from them.
func (p *Port) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.mu.Unlock()
	p.newcomers.close()
	p.serving.Wait()
	return err
}

func (p *Port) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.log.Error("failed to accept a connection on the server port", "error", err)
			select { // such as too many open files: it may pass
			case <-p.closed:
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		ok, crowded := p.newcomers.add(c)
		if crowded != nil {
			p.warnings.warn(crowded.RemoteAddr(), "too many connections to the server port are in their handshake: closed one")
		}
		if !ok {
			c.Close()
			continue // a closed port accepts no more
		}
		p.serving.Go(func() { p.sort(c) })
	}
}

// sort finds out what a connection carries, and hands it over.
func (p *Port) sort(c net.Conn) {
	ready, l, err := p.receive(c)
	p.newcomers.remove(c)
	var refused *refusal
	switch {
	case err == nil:
		l.hand(ready)
		return
	case errors.As(err, &refused):
		p.warnings.warn(c.RemoteAddr(), refused.text, refused.details...)
	default:
		p.log.Debug("a connection to the server port did not say what it carries", "from", c.RemoteAddr(), "error", err)
	}
	if ready != nil {
		ready.Close() // it is above c
	}
	c.Close()
}

// listening returns the listener for a protocol, nil if there is none.
func (p *Port) listening(protocol Protocol) *listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listeners[protocol]
}
