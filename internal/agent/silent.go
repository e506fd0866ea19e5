package agent

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// silentGrace is how long a connection on which nothing has been asked yet is waited for when the agent stops.
const silentGrace = 500 * time.Millisecond

// silentConns are the connections on which no request has begun. Clients open them ahead of need; a stop of the HTTP server would wait
// seconds for each.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// track follows the state of a connection; it is the server's ConnState.
func (s *silentConns) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.conns[c] = struct{}{}
	} else {
		delete(s.conns, c)
	}
}

// closeSoon closes what is still silent after the grace.
func (s *silentConns) closeSoon() {
	time.AfterFunc(silentGrace, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			c.Close()
		}
	})
}
