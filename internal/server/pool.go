package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// A Pool is the agents of the datacenter that know each other: a [gossip.Pool].
type Pool interface {
	// Members lists everybody who is known, this server included.
	Members() []gossip.Member
	// Changed receives after the members have changed.
	Changed() <-chan struct{}
}

// foundingRetry is how often a server that expects others looks again whether they can be a cluster now.
const foundingRetry = time.Second

// followPool takes in who is there, until ctx ends: it keeps the servers' addresses, founds the cluster that is expected, and tells the
// leader of changes.
func (s *Server) followPool(ctx context.Context) {
	f := founding{Server: s, waiting: s.config.BootstrapExpect > 1}
	for {
		s.learnServers()
		f.attempt(ctx)
		select {
		case s.moved <- struct{}{}:
		default: // the leader knows already
		}
		var again <-chan time.Time
		if f.waiting {
			again = time.After(foundingRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.config.Pool.Changed():
		case <-again:
		}
	}
}

// A fellow is a server in the pool that has not left.
type fellow struct {
	name    string
	address raft.ServerAddress
	alive   bool
}

// learnServers keeps where the servers are, and logs which came and went.
func (s *Server) learnServers() {
	now := map[raft.ServerID]fellow{}
	for _, m := range s.config.Pool.Members() {
		id := raft.ServerID(m.ID)
		if m.Server && m.ID != "" && m.Status != gossip.StatusLeft && !now[id].alive {
			now[id] = fellow{m.Name, addressOf(&m), m.Status == gossip.StatusAlive}
		}
	}
	before := map[raft.ServerID]fellow{}
	if p := s.fellows.Swap(&now); p != nil {
		before = *p
	}
	s.logServers("Adding LAN server", now, before)
	s.logServers("Removing LAN server", before, now)
}

// logServers logs the servers that are alive in one map and not, or somewhere else, in another.
func (s *Server) logServers(message string, in, notIn map[raft.ServerID]fellow) {
	for _, id := range slices.Sorted(maps.Keys(in)) {
		f := in[id]
		if f.alive && f != notIn[id] {
			s.log.Info(message, "server", fmt.Sprintf("%s (Addr: tcp/%s) (DC: %s)", f.name, f.address, s.config.Datacenter))
		}
	}
}

// addressOf is where a server in the pool has its port.
func addressOf(m *gossip.Member) raft.ServerAddress {
	return raft.ServerAddress(m.ServerAddr().String())
}

// addressProvider tells Raft where servers are at the moment: one that came back under another address is found before the
// configuration has been corrected, which needs a leader.
func (s *Server) addressProvider() raft.ServerAddressProvider {
	if s.config.Pool == nil {
		return nil
	}
	return addressProvider{s}
}

type addressProvider struct{ *Server }

// ServerAddr is the address of the server with that ID: as gossip knows it, or as Raft's configuration has it.
func (p addressProvider) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if string(id) == p.config.NodeID {
		return raft.ServerAddress(p.config.Address), nil
	}
	if known := p.fellows.Load(); known != nil {
		if f, ok := (*known)[id]; ok {
			return f.address, nil
		}
	}
	return "", fmt.Errorf("server %s is not in the pool", id)
}

// roll lists the members beside this server, one for each name and none without an ID. Of two with names that the catalog takes for the
// same, it is the one that is alive.
func (s *Server) roll() []gossip.Member {
	if s.config.Pool == nil {
		return nil
	}
	byName := map[string]gossip.Member{}
	for _, m := range s.config.Pool.Members() {
		name := strings.ToLower(m.Name)
		if m.ID == "" || s.isSelf(&m) || byName[name].Status == gossip.StatusAlive {
			continue
		}
		byName[name] = m
	}
	var all []gossip.Member
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}

// isSelf tells whether a member is this server, also under the name that it had before.
func (s *Server) isSelf(m *gossip.Member) bool {
	return strings.EqualFold(m.ID, s.config.NodeID) || s.config.Node != nil && strings.EqualFold(m.Name, s.config.Node.Node)
}
