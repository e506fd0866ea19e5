package serverport

import (
	"container/list"
	"net"
	"sync"
	"time"
)

const (
	// maxNewcomers is how many connections may be on the way to being one at the same time.
	maxNewcomers = 512
	// newcomerGrace is how long a newcomer keeps its place when others want one. A shorter one would let a storm of good connections throw
	// each other out, before the first is done.
	newcomerGrace = time.Second
)

// newcomers are connections that the port has not handed over yet, and how many there may be. One more takes the place of the oldest,
// which is closed, if that has had its time; else it finds none.
type newcomers struct {
	max int
	now func() time.Time

	mu     sync.Mutex
	closed bool
	byAge  list.List // of *newcomer
	places map[net.Conn]*list.Element
}

type newcomer struct {
	net.Conn
	since time.Time
}

func newNewcomers(max int) *newcomers {
	return &newcomers{max: max, now: time.Now, places: make(map[net.Conn]*list.Element)}
}

// add takes a connection in, unless there is no place for it. crowded is a connection that lost its place, or found none.
func (n *newcomers) add(c net.Conn) (ok bool, crowded net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false, nil
	}
	if now := n.now(); n.byAge.Len() >= n.max {
		oldest := n.byAge.Front().Value.(*newcomer)
		if now.Sub(oldest.since) < newcomerGrace {
			return false, c
		}
		crowded = oldest.Conn
		n.drop(crowded)
		crowded.Close() // whoever reads from it sees that
	}
	n.places[c] = n.byAge.PushBack(&newcomer{c, n.now()})
	return true, crowded
}

// remove gives a connection's place to others.
func (n *newcomers) remove(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(c)
}

// drop is remove under the lock.
func (n *newcomers) drop(c net.Conn) {
	if e := n.places[c]; e != nil {
		n.byAge.Remove(e)
		delete(n.places, c)
	}
}

// close closes all, and takes no more in.
func (n *newcomers) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for c := range n.places {
		c.Close() // nothing has been handed over
	}
}
