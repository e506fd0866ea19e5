package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// founding is how servers without state that expect each other become a cluster. All of them come to the same configuration by
// themselves.
type founding struct {
	*Server
	waiting bool   // whether there is still something to do
	told    string // what was logged last
}

// fetchTimeout is how long another server may take to tell its peers.
const fetchTimeout = 5 * time.Second

// attempt founds the cluster if all who are expected are there, and none of them is in a cluster already.
func (f *founding) attempt(ctx context.Context) {
	if !f.waiting {
		return
	}
	if f.raft.LastIndex() > 0 { // it has state, or has been taken in
		f.waiting = false
		return
	}
	servers := f.expected()
	if len(servers) < f.config.BootstrapExpect || !f.allNew(ctx, servers) {
		return
	}
	var peers []string
	for _, x := range servers {
		peers = append(peers, string(x.Address))
	}
	f.log.Info("Found expected number of peers, attempting bootstrap", "peers", strings.Join(peers, ","))
	err := f.raft.BootstrapCluster(raft.Configuration{Servers: servers}).Error()
	switch {
	case err == nil || errors.Is(err, raft.ErrCantBootstrap): // else it has voted for one of the others, which takes it in
		f.waiting = false
	default:
		f.tell(fmt.Sprintf("failed to bootstrap cluster: %v", err))
	}
}

// expected are the servers that are there and expect as many as this one does, by ID; none if others contradict that.
func (f *founding) expected() (servers []raft.Server) {
	for _, m := range f.config.Pool.Members() {
		switch {
		case !m.Server || m.Status != gossip.StatusAlive:
			continue
		case m.Bootstrap:
			f.tell("Member has bootstrap mode. Expect disabled.", "member", m.Name)
			return nil
		case m.Expect == 0: // it joins whatever there is
			continue
		case m.Expect != f.config.BootstrapExpect:
			f.tell("Member has a conflicting expect value. All nodes should expect the same number.",
				"member", m.Name, "expect", m.Expect, "own_expect", f.config.BootstrapExpect)
			return nil
		}
		servers = append(servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(m.ID), Address: addressOf(&m)})
	}
	slices.SortFunc(servers, func(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return servers
}

// allNew tells whether none of the others is in a cluster. If one is, this server waits for that cluster's leader to take it in.
func (f *founding) allNew(ctx context.Context, servers []raft.Server) bool {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	for _, x := range servers {
		if string(x.ID) == f.config.NodeID {
			continue
		}
		peers, err := f.config.FetchPeers(ctx, string(x.Address))
		if ctx.Err() == nil && err != nil {
			f.tell("Failed to confirm peer status for server, trying again", "server", x.Address, "error", err)
		}
		if err != nil {
			return false
		}
		if len(peers) > 0 {
			f.log.Info(fmt.Sprintf("Existing Raft peers reported by %s, disabling bootstrap mode", x.Address), "peers", strings.Join(peers, ","))
			f.waiting = false
			return false
		}
	}
	return true
}

// tell logs what keeps the cluster from being founded, once.
func (f *founding) tell(message string, args ...any) {
	if text := message + fmt.Sprint(args...); text != f.told {
		f.told = text
		f.log.Error(message, args...)
	}
}
