package server

import (
	"time"

	"github.com/hashicorp/raft"
)

// A Member is a server that takes part in Raft.
type Member struct {
	ID        string
	Address   string
	Leader    bool
	Voter     bool
	LastIndex uint64 // of the log, as far as this server knows; 0 for others
}

// Members lists the servers in Raft's configuration.
func (s *Server) Members() ([]Member, error) {
	servers, err := s.servers()
	if err != nil {
		return nil, err
	}
	_, leader := s.raft.LeaderWithID()
	var members []Member
	for _, x := range servers {
		m := Member{ID: string(x.ID), Address: string(x.Address), Leader: x.ID == leader && leader != "", Voter: x.Suffrage == raft.Voter}
		if m.ID == s.config.NodeID {
			m.LastIndex = s.raft.LastIndex()
		}
		members = append(members, m)
	}
	return members, nil
}

// LeaderAddr is the address of the leader, empty without one.
func (s *Server) LeaderAddr() string {
	address, _ := s.raft.LeaderWithID()
	return string(address)
}

// RaftStats are Raft's own figures, by the names that operators know.
func (s *Server) RaftStats() map[string]string { return s.raft.Stats() }

// Reload changes when Raft's log is compacted.
func (s *Server) Reload(threshold uint64, interval time.Duration, trailing uint64) error {
	c := s.raft.ReloadableConfig()
	c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = threshold, interval, trailing
	return s.raft.ReloadConfig(c)
}
