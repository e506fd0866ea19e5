package agent

import (
	"context"
	"fmt"
	"log"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/server"
	"github.com/lictor-dr/lictor/internal/serverport"
)

// A network is what lies between the agents of a test. It can be cut: then nothing comes through any more, and nobody is told. Connections
// fall silent, and are broken once the cut is healed.
type network struct {
	mu     sync.Mutex
	owner  map[string]string // by address: the name of the agent that listens there
	island map[string]int    // by name: where the agent is; agents on different islands do not reach each other
	wires  map[*wire]bool
	healed chan struct{} // closed by heal

	datacenter map[string]string // by name; nil without several
	slow       time.Duration     // how long what goes from one datacenter to another takes, one way
}

func newNetwork() *network {
	return &network{owner: map[string]string{}, island: map[string]int{}, wires: map[*wire]bool{}, healed: make(chan struct{}),
		datacenter: map[string]string{}}
}

// delay is how long what an agent sends takes to an address.
func (n *network) delay(from, address string) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.datacenter[from] == n.datacenter[n.owner[address]] {
		return 0
	}
	return n.slow
}

// slowDown makes the way between datacenters take some time.
func (n *network) slowDown(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = d
}

// isolate cuts agents off from all others, not from each other.
func (n *network) isolate(names ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		n.island[name] = 1
	}
}

// heal ends the cut for some agents, or for all.
func (n *network) heal(names ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		delete(n.island, name)
	}
	if len(names) == 0 {
		clear(n.island)
	}
	close(n.healed)
	n.healed = make(chan struct{})
	for w := range n.wires {
		if w.lost && n.island[w.from] == n.island[n.owner[w.to]] {
			w.Conn.Close()
			delete(n.wires, w)
		}
	}
}

// listens notes who is at an address.
func (n *network) listens(name string, port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owner[fmt.Sprint("127.0.0.1:", port)] = name
}

// resides notes which datacenter an agent is in.
func (n *network) resides(name, datacenter string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.datacenter[name] = datacenter
}

// cut tells whether an agent does not reach an address, and what tells when it may again.
func (n *network) cut(from, address string) (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.island[from] != n.island[n.owner[address]], n.healed
}

// connect makes a connection by dial, unless there is a cut: then it takes until ctx ends.
func (n *network) connect(ctx context.Context, from, address string, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	for {
		cut, healed := n.cut(from, address)
		if !cut {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("dial tcp %s: %w", address, ctx.Err())
		case <-healed:
		}
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c, network: n, from: from, to: address}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wires[w] = true
	return w, nil
}

// A wire is a connection that a cut of the network silences.
type wire struct {
	net.Conn
	network  *network
	from, to string
	lost     bool // guarded by network.mu: something has been
}

// silent tells whether the wire is cut at the moment, and remembers that.
func (w *wire) silent() bool {
	n := w.network
	n.mu.Lock()
	defer n.mu.Unlock()
	cut := n.island[w.from] != n.island[n.owner[w.to]]
	w.lost = w.lost || cut
	return cut
}

func (w *wire) Write(b []byte) (int, error) {
	if w.silent() {
		return len(b), nil
	}
	<-time.After(w.network.delay(w.from, w.to))
	return w.Conn.Write(b)
}

func (w *wire) Read(b []byte) (int, error) {
	for {
		count, err := w.Conn.Read(b)
		<-time.After(w.network.delay(w.from, w.to))
		if err != nil || !w.silent() {
			return count, err
		}
	}
}

// Close closes the connection; the other side does not hear of it before the cut is healed.
func (w *wire) Close() error {
	if w.silent() {
		return w.Conn.SetDeadline(time.Unix(1, 0)) // whoever reads is woken
	}
	n := w.network
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wires, w)
	return w.Conn.Close()
}

// wireUp makes an agent that has not been started yet talk to others over the network alone.
func (n *network) wireUp(t *testing.T, a *Agent) {
	name := a.config.NodeName
	n.listens(name, a.config.ServerPort)
	n.listens(name, int(a.config.SerfLAN.Port()))
	if a.config.SerfWAN.IsValid() {
		n.listens(name, int(a.config.SerfWAN.Port()))
	}
	n.resides(name, a.config.Datacenter)
	a.seams.dial = func(ctx context.Context, datacenter, address string) (net.Conn, error) {
		return n.connect(ctx, name, address, func(ctx context.Context) (net.Conn, error) {
			return serverport.Dialer{Security: a.portSecurity()}.Dial(ctx, datacenter, serverport.Requests, address)
		})
	}
	a.seams.server = func(c *server.Config) {
		c.Stream = &raftOver{c.Stream, n, name}
		c.AutopilotInterval = time.Second
	}
	a.seams.pool = func(c *gossip.Config) {
		c.Timing.LeaveDelay, c.Timing.ReclaimDelay, c.Timing.ReconnectInterval = 500*time.Millisecond, time.Millisecond, 500*time.Millisecond
		inner, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{c.Bind.Addr().String()}, BindPort: int(c.Bind.Port()),
			Logger: log.New(testWriter{}, "", 0),
		})
		if err != nil {
			return // the pool says so itself
		}
		c.Transport = &gossipOver{inner, n, name}
	}
}

type testWriter struct{}

func (testWriter) Write(b []byte) (int, error) { return len(b), nil }

// raftOver is Raft's connections over a network.
type raftOver struct {
	raft.StreamLayer
	network *network
	name    string
}

func (r *raftOver) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return r.network.connect(ctx, r.name, string(address), func(context.Context) (net.Conn, error) {
		return r.StreamLayer.Dial(address, timeout)
	})
}

// gossipOver is the pool's messages over a network.
type gossipOver struct {
	*memberlist.NetTransport
	network *network
	name    string
}

func (g *gossipOver) WriteTo(b []byte, address string) (time.Time, error) {
	return g.WriteToAddress(b, memberlist.Address{Addr: address})
}

func (g *gossipOver) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if cut, _ := g.network.cut(g.name, a.Addr); cut {
		return time.Now(), nil
	}
	if d := g.network.delay(g.name, a.Addr); d > 0 {
		b = slices.Clone(b)
		time.AfterFunc(d, func() { _, _ = g.NetTransport.WriteToAddress(b, a) }) // a message may be lost
		return time.Now(), nil
	}
	return g.NetTransport.WriteToAddress(b, a)
}

func (g *gossipOver) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return g.DialAddressTimeout(memberlist.Address{Addr: address}, timeout)
}

func (g *gossipOver) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return g.network.connect(ctx, g.name, a.Addr, func(context.Context) (net.Conn, error) {
		return g.NetTransport.DialAddressTimeout(a, timeout)
	})
}
