package serverport

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

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

// Accept waits for a connection of the protocol, which carries nothing else any more; one with TLS looks like one without.
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

// RaftStream is what Raft's transport runs on: connections of the protocol [Raft] between servers of a datacenter. Others know this server
// by the address advertise.
func (p *Port) RaftStream(datacenter string, advertise net.Addr) raft.StreamLayer {
	return raftStream{p.listen(Raft, advertise), Dialer{p.security}, datacenter}
}

type raftStream struct {
	*listener
	dialer     Dialer
	datacenter string
}

// Dial connects to another server's Raft.
func (s raftStream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.dialer.Dial(ctx, s.datacenter, Raft, string(address))
}
