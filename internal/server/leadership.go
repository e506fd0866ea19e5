package server

import (
	"sync"
)

// A leaderWatch tells of every change of what this server knows about who leads.
type leaderWatch struct {
	mu      sync.Mutex
	changed chan struct{}
}

func (w *leaderWatch) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// OtherLeader is the address of the leader if that is another server, empty if there is none or it is this one. The channel is closed
// when what this server knows of it changes.
func (s *Server) OtherLeader() (address string, changed <-chan struct{}) {
	s.leader.mu.Lock()
	changed = s.leader.changed // before the look, so that no change is missed
	s.leader.mu.Unlock()
	found, id := s.raft.LeaderWithID()
	if string(id) == s.config.NodeID {
		return "", changed
	}
	return string(found), changed
}
