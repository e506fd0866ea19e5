package server

import (
	"context"
	"fmt"
	"slices"
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

// Term is Raft's current term.
func (s *Server) Term() uint64 { return s.raft.CurrentTerm() }

// LeadingSince is when this server began to lead, zero if it does not lead.
func (s *Server) LeadingSince() time.Time {
	since := s.leadingSince.Load()
	if since == nil {
		return time.Time{}
	}
	return *since
}

// RemovePeer removes a server from Raft's configuration: the one with that ID or, if that is empty, the one with that address. The error
// says if there is none.
func (s *Server) RemovePeer(ctx context.Context, id, address string) error {
	if err := s.WaitLeader(ctx); err != nil {
		return err
	}
	servers, err := s.servers()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(servers, func(x raft.Server) bool {
		if id != "" {
			return string(x.ID) == id
		}
		return string(x.Address) == address
	})
	switch {
	case i < 0 && id != "":
		return fmt.Errorf("id %q was not found in the Raft configuration", id)
	case i < 0:
		return fmt.Errorf("address %q was not found in the Raft configuration", address)
	}
	if err := s.raft.RemoveServer(servers[i].ID, 0, barrierTimeout).Error(); err != nil {
		return fmt.Errorf("remove server %s from the Raft configuration: %w", servers[i].ID, err)
	}
	s.log.Warn("removed a server from the Raft configuration at an operator's request", "id", servers[i].ID, "address", servers[i].Address)
	return nil
}

// TransferLeadership hands the leadership to the server with that ID or, if that is empty, to the one that is closest behind. The error
// is the text that clients get.
func (s *Server) TransferLeadership(ctx context.Context, id string) error {
	if err := s.WaitLeader(ctx); err != nil {
		return err
	}
	if id == "" {
		return s.raft.LeadershipTransfer().Error()
	}
	servers, err := s.servers()
	if err != nil {
		return err
	}
	for _, x := range servers {
		if string(x.ID) == id {
			return s.raft.LeadershipTransferToServer(x.ID, x.Address).Error()
		}
	}
	return fmt.Errorf("Could not find address for server id %s", id)
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
