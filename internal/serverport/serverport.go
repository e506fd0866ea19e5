package serverport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// A Protocol is what a connection carries: its first byte.
type Protocol byte

// The protocols.
const (
	Raft     Protocol = 1 // Raft's messages between servers
	Requests Protocol = 2 // HTTP/2: requests of other agents
)

// String is the protocol's name.
func (p Protocol) String() string {
	switch p {
	case Raft:
		return "Raft"
	case Requests:
		return "requests"
	}
	return fmt.Sprintf("protocol %d", byte(p))
}

// DefaultHandshakeTimeout is how long a new connection may take to say what it carries, unless the operator decides otherwise.
const DefaultHandshakeTimeout = 5 * time.Second

// A Port accepts connections, and hands each to the listener of its protocol. A connection of a protocol that nobody listens for is closed.
type Port struct {
	listener  net.Listener
	log       hclog.Logger
	firstByte time.Duration
	closed    chan struct{}
	serving   sync.WaitGroup

	mu        sync.Mutex
	listeners map[Protocol]*listener
	new       map[net.Conn]struct{} // that have not said what they carry
}

// Listen opens the port at an address of the form host:port.
func Listen(address string, log hclog.Logger) (*Port, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err // it says what could not be done, with the address
	}
	return Serve(l, DefaultHandshakeTimeout, log), nil
}

// Serve makes a port of a listener, which it takes over. A connection that does not say within firstByte what it carries is closed; 0 is
// no limit.
func Serve(l net.Listener, firstByte time.Duration, log hclog.Logger) *Port {
	p := &Port{
		listener: l, log: log, firstByte: firstByte, closed: make(chan struct{}),
		listeners: make(map[Protocol]*listener), new: make(map[net.Conn]struct{}),
	}
	p.serving.Go(p.accept)
	return p
}

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
	for c := range p.new {
		c.Close() // nobody has read from it or written to it
	}
	p.mu.Unlock()
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
		if !p.track(c) {
			c.Close()
			return
		}
		p.serving.Go(func() { p.sort(c) })
	}
}

// track remembers a connection that has not said yet what it carries; it returns false if the port is closed.
func (p *Port) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return false
	default:
		p.new[c] = struct{}{}
		return true
	}
}

// sort reads what a connection carries, and hands it over.
func (p *Port) sort(c net.Conn) {
	protocol, err := p.read(c)
	if err != nil {
		if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			p.log.Debug("a connection to the server port did not say what it carries", "from", c.RemoteAddr(), "error", err)
		}
		c.Close()
		return
	}
	p.mu.Lock()
	l := p.listeners[protocol]
	p.mu.Unlock()
	if l == nil {
		p.log.Warn("unrecognized connection to the server port", "from", c.RemoteAddr(), "first_byte", byte(protocol))
		c.Close()
		return
	}
	l.hand(c)
}

func (p *Port) read(c net.Conn) (Protocol, error) {
	defer func() {
		p.mu.Lock()
		delete(p.new, c)
		p.mu.Unlock()
	}()
	var first [1]byte
	if p.firstByte > 0 {
		if err := c.SetReadDeadline(time.Now().Add(p.firstByte)); err != nil {
			return 0, err
		}
	}
	if _, err := io.ReadFull(c, first[:]); err != nil {
		return 0, err
	}
	return Protocol(first[0]), c.SetReadDeadline(time.Time{})
}

// Listener returns the listener for one protocol, which must not have one yet. Its address is advertise, the one that others reach it by;
// nil means the port's own.
func (p *Port) Listener(protocol Protocol, advertise net.Addr) net.Listener {
	return p.listen(protocol, advertise)
}

func (p *Port) listen(protocol Protocol, advertise net.Addr) *listener {
	if advertise == nil {
		advertise = p.Addr()
	}
	l := &listener{address: advertise, port: p, protocol: protocol, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners[protocol] != nil {
		panic("serverport: there is a listener for " + protocol.String() + " already")
	}
	p.listeners[protocol] = l
	return l
}

// listener is the port as one protocol sees it.
type listener struct {
	address  net.Addr
	port     *Port
	protocol Protocol
	conns    chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// hand gives a connection to whoever accepts next, or closes it with the listener.
func (l *listener) hand(c net.Conn) {
	select {
	case l.conns <- c:
	case <-l.closed:
		c.Close()
	case <-l.port.closed:
		c.Close()
	}
}

// Accept waits for a connection of the protocol; its first byte has been read.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
	case <-l.port.closed:
	}
	return nil, net.ErrClosed
}

// Close ends the listener; the port goes on, and has none for the protocol.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.port.mu.Lock()
		defer l.port.mu.Unlock()
		delete(l.port.listeners, l.protocol)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.address }

// Dial connects to the port of another server.
func Dial(ctx context.Context, protocol Protocol, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte{byte(protocol)}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// RaftStream is what Raft's transport runs on: connections of the protocol [Raft]. Others know this server by the address advertise.
func (p *Port) RaftStream(advertise net.Addr) raft.StreamLayer {
	return raftStream{p.listen(Raft, advertise)}
}

type raftStream struct{ *listener }

// Dial connects to another server's Raft.
func (raftStream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return Dial(ctx, Raft, string(address))
}
