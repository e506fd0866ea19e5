package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// followServers makes Raft's configuration agree with the servers among the members: who is alive is in it under its address, who has
// left is not. Who has failed is autopilot's business.
func (s *Server) followServers(members []gossip.Member) {
	for _, m := range members {
		if !m.Server {
			continue
		}
		var err error
		switch m.Status {
		case gossip.StatusAlive:
			err = s.admit(&m)
		case gossip.StatusLeft:
			err = s.dismiss(&m, members)
		}
		if err != nil {
			s.log.Error("failed to reconcile the raft configuration with a member", "member", m.Name, "status", m.Status, "error", err)
		}
	}
}

// admit takes a server into Raft's configuration, without a vote until autopilot finds it stable, or corrects its address.
func (s *Server) admit(m *gossip.Member) error {
	servers, err := s.servers()
	if err != nil {
		return err
	}
	id, address := raft.ServerID(m.ID), addressOf(m)
	known := func(x raft.Server) bool { return x.ID == id && x.Address == address }
	switch {
	case slices.ContainsFunc(servers, known):
		return nil
	case m.ServerPort == 0:
		return errors.New("it does not tell its server port")
	case string(address) == s.config.Address:
		return fmt.Errorf("it advertises this server's own address, %s: give each server an address of its own", address)
	}
	if other := s.otherBootstrap(m); other != "" {
		return fmt.Errorf("%q and %q are both in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer",
			m.Name, other)
	}
	s.log.Info("adding server to the raft configuration", "name", m.Name, "id", id, "address", address)
	return s.pilot.AddServer(&autopilot.Server{ID: id, Address: address, Name: m.Name})
}

// otherBootstrap names another server that is alive and has been told, like m, to be a cluster of its own; empty if there is none.
func (s *Server) otherBootstrap(m *gossip.Member) string {
	if !m.Bootstrap {
		return ""
	}
	for _, other := range s.config.Pool.Members() {
		if other.Server && other.Bootstrap && other.Status == gossip.StatusAlive && other.Name != m.Name {
			return other.Name
		}
	}
	return ""
}

// dismiss removes a server from Raft's configuration that has left. Its ID may be in use again under another name.
func (s *Server) dismiss(m *gossip.Member, members []gossip.Member) error {
	successor := func(other gossip.Member) bool { return other.ID == m.ID && other.Status != gossip.StatusLeft }
	if slices.ContainsFunc(members, successor) {
		return nil
	}
	servers, err := s.servers()
	if err != nil {
		return err
	}
	for _, x := range servers {
		if string(x.ID) == m.ID {
			s.log.Info("removing server that has left from the raft configuration", "name", m.Name, "id", x.ID, "address", x.Address)
			return s.pilot.RemoveServer(x.ID)
		}
	}
	return nil
}

// dismissVanished removes servers from Raft's configuration that are not in the pool any more: it has forgotten them after they had
// failed or left. If they are not fewer than those who are there, it is rather this server that has lost the pool.
func (s *Server) dismissVanished(members []gossip.Member) {
	servers, err := s.servers()
	if err != nil {
		s.log.Error("failed to look for servers that have vanished", "error", err)
		return
	}
	known := map[raft.ServerID]bool{raft.ServerID(s.config.NodeID): true}
	for _, m := range members {
		known[raft.ServerID(m.ID)] = true
	}
	var vanished []raft.ServerID
	for _, x := range servers {
		if !known[x.ID] {
			vanished = append(vanished, x.ID)
		}
	}
	if len(vanished) > (len(servers)-1)/2 {
		s.log.Error("most servers have vanished from the pool: none of them is removed", "vanished", vanished)
		return
	}
	for _, id := range vanished {
		s.log.Info("removing server that has vanished from the pool from the raft configuration", "id", id)
		if err := s.pilot.RemoveServer(id); err != nil {
			s.log.Error("failed to remove a server from the raft configuration", "id", id, "error", err)
		}
	}
}
