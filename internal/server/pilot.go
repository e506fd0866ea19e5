package server

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// AutopilotInterval is how often autopilot promotes and removes servers.
const AutopilotInterval = 10 * time.Second

// looks is how many times autopilot looks at the servers before it acts.
const looks = 5

// Stats are a server's Raft figures, by which autopilot judges it.
type Stats struct {
	LastContact time.Duration // since it heard from the leader; negative if it never has
	LastTerm    uint64        // of the last entry in its log
	LastIndex   uint64        // of that entry
}

// Stats are this server's own figures.
func (s *Server) Stats() Stats {
	term, _ := strconv.ParseUint(s.raft.Stats()["last_log_term"], 10, 64) // Raft's own number
	return Stats{LastContact: s.LastContact(), LastTerm: term, LastIndex: s.raft.LastIndex()}
}

// LastContact is how long ago this server has heard from the leader: 0 if it is the leader, negative if it never has.
func (s *Server) LastContact() time.Duration {
	last := s.raft.LastContact()
	switch {
	case s.raft.State() == raft.Leader:
		return 0
	case last.IsZero():
		return -1
	}
	return max(time.Since(last), 0)
}

// A pilot runs autopilot while this server leads. It is how that knows the servers.
type pilot struct {
	*autopilot.Autopilot
	server   *Server
	removals sync.WaitGroup

	mu    sync.Mutex
	heard map[raft.ServerID]report
}

// report is what a server told last.
type report struct {
	stats autopilot.ServerStats
	at    time.Time
}

func newPilot(s *Server) *pilot {
	p := &pilot{server: s, heard: map[raft.ServerID]report{}}
	p.Autopilot = autopilot.New(s.raft, p, autopilot.WithLogger(s.log), autopilot.WithReconcileInterval(s.config.AutopilotInterval),
		autopilot.WithUpdateInterval(s.config.AutopilotInterval/looks), autopilot.WithPromoter(&promoter{server: s}))
	return p
}

// A promoter gives votes to servers that are stable. A leader that was started with the others may not have found all of them again: for as
// long as it reaps nobody, it does not remove servers because they are not in the pool.
type promoter struct {
	autopilot.StablePromoter
	server *Server
}

// FilterFailedServerRemovals leaves out what is not to be removed.
func (p *promoter) FilterFailedServerRemovals(
	_ *autopilot.Config, _ *autopilot.State, failed *autopilot.FailedServers) *autopilot.FailedServers {
	if time.Since(p.server.LeadingSince()) < p.server.config.ReconcileInterval {
		failed.StaleVoters, failed.StaleNonVoters = nil, nil
	}
	return failed
}

func (p *pilot) start(ctx context.Context) { p.Start(ctx) }

// stop ends autopilot, and waits for what it has begun.
func (p *pilot) stop() {
	<-p.Stop()
	p.removals.Wait()
}

// AutopilotConfig is the configuration at the moment, nil before the first leader has written one.
func (p *pilot) AutopilotConfig() *autopilot.Config {
	c := p.server.Store().Autopilot()
	if c == nil {
		return nil
	}
	return &autopilot.Config{
		CleanupDeadServers: c.CleanupDeadServers, LastContactThreshold: c.LastContactThreshold, MaxTrailingLogs: c.MaxTrailingLogs,
		MinQuorum: c.MinQuorum, ServerStabilizationTime: c.ServerStabilizationTime,
	}
}

// NotifyState records how the cluster is.
func (p *pilot) NotifyState(state *autopilot.State) {
	metrics.SetGauge(telemetry.AutopilotHealthy, truth(state.Healthy))
	metrics.SetGauge(telemetry.AutopilotFailureTolerance, float32(state.FailureTolerance))
}

// KnownServers are the servers in the pool.
func (p *pilot) KnownServers() map[raft.ServerID]*autopilot.Server {
	s, all := p.server, map[raft.ServerID]*autopilot.Server{}
	for _, m := range s.config.Pool.Members() {
		known := all[raft.ServerID(m.ID)]
		if !m.Server || m.ID == "" || known != nil && known.NodeStatus == autopilot.NodeAlive {
			continue
		}
		all[raft.ServerID(m.ID)] = knownServer(&m)
	}
	own := all[raft.ServerID(s.config.NodeID)]
	if own == nil {
		own = &autopilot.Server{ID: raft.ServerID(s.config.NodeID), Name: s.ownName()}
		own.RaftVersion, own.NodeType = raft.ProtocolVersionMax, autopilot.NodeVoter
		all[own.ID] = own
	}
	own.NodeStatus, own.IsLeader = autopilot.NodeAlive, s.raft.State() == raft.Leader
	return all
}

func knownServer(m *gossip.Member) *autopilot.Server {
	status := autopilot.NodeUnknown
	switch m.Status {
	case gossip.StatusAlive:
		status = autopilot.NodeAlive
	case gossip.StatusFailed:
		status = autopilot.NodeFailed
	case gossip.StatusLeaving, gossip.StatusLeft:
		status = autopilot.NodeLeft
	}
	return &autopilot.Server{
		ID: raft.ServerID(m.ID), Name: m.Name, Address: addressOf(m), NodeStatus: status, Version: m.Tags["build"],
		RaftVersion: raft.ProtocolVersionMax, NodeType: autopilot.NodeVoter,
	}
}

// FetchServerStats asks all servers at once how they are. Of one that does not answer the last answer counts, as old as it is: that makes
// it unhealthy.
func (p *pilot) FetchServerStats(
	ctx context.Context, servers map[raft.ServerID]*autopilot.Server) map[raft.ServerID]*autopilot.ServerStats {
	var mu sync.Mutex
	var asked sync.WaitGroup
	all := map[raft.ServerID]*autopilot.ServerStats{}
	for id, x := range servers {
		asked.Go(func() {
			stats := p.ask(ctx, x)
			mu.Lock()
			defer mu.Unlock()
			all[id] = &stats
		})
	}
	asked.Wait()
	return all
}

// ask asks one server how it is.
func (p *pilot) ask(ctx context.Context, x *autopilot.Server) autopilot.ServerStats {
	if string(x.ID) == p.server.config.NodeID {
		return autopilot.ServerStats(p.server.Stats())
	}
	stats, err := p.server.config.FetchStats(ctx, string(x.Address))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.heard[x.ID] = report{autopilot.ServerStats(*stats), time.Now()}
		return autopilot.ServerStats(*stats)
	}
	p.server.log.Warn("error getting server health from server", "server", x.Name, "error", err)
	last, ok := p.heard[x.ID]
	if !ok {
		return autopilot.ServerStats{LastContact: -1}
	}
	last.stats.LastContact = max(last.stats.LastContact, 0) + time.Since(last.at)
	return last.stats
}

// RemoveFailedServer removes a server from Raft's configuration, and makes it one that has left.
func (p *pilot) RemoveFailedServer(x *autopilot.Server) {
	s := p.server
	p.removals.Go(func() {
		s.log.Info("Attempting removal of failed server node", "id", x.ID, "name", x.Name, "address", x.Address)
		if err := p.RemoveServer(x.ID); err != nil || s.config.ForceLeave == nil {
			return // autopilot has logged it
		}
		if err := s.config.ForceLeave(x.Name); err != nil {
			s.log.Error("failed to make a failed server leave the pool", "name", x.Name, "error", err)
		}
	})
}
