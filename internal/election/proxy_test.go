package election

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A proxy stands between one candidate and the server.
type proxy struct {
	listener net.Listener
	target   string
	all      sync.WaitGroup

	mu    sync.Mutex
	mode  string // "", "refuse", "swallow"
	conns map[net.Conn]bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.set("refuse")
		p.all.Wait()
	})
	return p
}

// set changes what happens to connections, and cuts those that are open unless they are to be swallowed.
func (p *proxy) set(mode string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode != "swallow" {
		for conn := range p.conns {
			conn.Close()
		}
	}
}

func (p *proxy) now() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}

func (p *proxy) track(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
}

func (p *proxy) drop(conn net.Conn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.track(client)
		p.all.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.drop(client)
	if p.now() == "refuse" {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	p.track(server)
	defer p.drop(server)
	p.all.Go(func() {
		p.copy(client, server)
		client.Close()
	})
	p.copy(server, client)
}

// copy passes bytes on, or loses them.
func (p *proxy) copy(to, from net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.now() != "swallow" {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				to.Close()
			}
			return
		}
	}
}

// A hurried clock runs faster than time: what takes a candidate ten seconds is over in one.
type hurried struct{ times time.Duration }

func (h hurried) Now() clock.Moment {
	now := clock.Real{}.Now()
	running := now.Running * h.times
	return clock.Moment{Running: running, Wall: time.Unix(0, 0).Add(running)}
}

func (h hurried) After(d time.Duration) <-chan time.Time { return time.After(d / h.times) }
