package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
)

// ErrNoLeader is returned when there is no leader, or it is not ready yet, and waiting was in vain.
var ErrNoLeader = errors.New("No cluster leader")

// A Server is one server.
type Server struct {
	config Config
	log    hclog.Logger

	fsm   *fsm.FSM
	raft  *raft.Raft
	disk  *disk
	snaps *snapstore.Store

	contacts *contacts

	restoring    sync.Mutex                // held by the one restore that may run
	leading      atomic.Bool               // leader, and ready to serve
	leadingSince atomic.Pointer[time.Time] // nil: it does not lead
	leadingTerm  atomic.Uint64             // Raft's term in which it became ready
	renewed      chan struct{}             // asks the leader to do its start-up work again, after a restore
	awaits       atomic.Pointer[error]     // why the first state is not there yet; nil unless it is awaited
	tombs        graveyard
	sessions     sessionClock
	leader       leaderWatch

	pilot   *pilot                                   // nil without a pool
	moved   chan struct{}                            // tells the leader that members have changed
	fellows atomic.Pointer[map[raft.ServerID]fellow] // the servers in the pool

	stop context.CancelFunc
	down chan struct{} // closed once Raft has ended
	end  sync.Once     // closes it
	done sync.WaitGroup
}

// New starts a server. A server without state becomes a cluster of its own, unless it awaits one.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if err := config.checkRejoinAge(time.Now()); err != nil {
		return nil, err
	}
	s := &Server{
		config:  config,
		log:     config.Logger,
		fsm:     fsm.New(),
		renewed: make(chan struct{}, 1),
		moved:   make(chan struct{}, 1),
		leader:  leaderWatch{changed: make(chan struct{})},
		down:    make(chan struct{}),

		contacts: newContacts(),
	}
	var err error
	if s.disk, err = openDisk(config.Dir, config.Logger); err != nil {
		return nil, err
	}
	s.snaps = snapstore.New(s.disk.snapshots)
	if err := s.startRaft(); err != nil {
		return nil, errors.Join(err, s.disk.close())
	}
	s.serve()
	return s, nil
}

// serve starts the server's goroutines.
func (s *Server) serve() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.done.Go(func() { s.followLeadership(ctx) })
	leaders := s.watchLeaders()
	s.done.Go(func() { s.logLeaders(ctx, leaders) })
	if s.config.Pool != nil {
		s.done.Go(func() { s.followPool(ctx) })
	}
	if s.disk.log != nil {
		s.done.Go(func() { s.keepLogShort(ctx) })
	}
	if s.config.watchesAge() {
		s.writeSeen(time.Now())
		s.done.Go(func() { s.keepSeen(ctx) })
	}
}

func (s *Server) startRaft() error {
	id, transport := raft.ServerID(s.config.NodeID), s.transport()
	if err := s.recover(id, transport); err != nil {
		return errors.Join(err, transport.Close())
	}
	if err := s.bootstrap(id, transport); err != nil {
		return errors.Join(err, transport.Close())
	}
	logs := s.disk.logs
	if s.config.disk != nil {
		logs = s.config.disk(logs)
	}
	r, err := raft.NewRaft(s.raftConfig(id), s.fsm, logs, s.disk.stable, s.snaps, transport)
	if err != nil {
		return errors.Join(fmt.Errorf("start raft: %w", err), transport.Close())
	}
	s.raft = r
	if s.config.Pool != nil {
		s.pilot = newPilot(s)
	}
	if err := s.checkMember(id); err != nil {
		return err
	}
	return s.electAtOnce(id)
}

// electAtOnce has a server that is the only voter stand for election now. There is nobody whose heartbeat it could wait for, which is
// what Raft does for one to two HeartbeatTimeouts.
func (s *Server) electAtOnce(id raft.ServerID) error {
	servers, err := s.servers()
	if err != nil {
		return err
	}
	voters := slices.DeleteFunc(servers, func(x raft.Server) bool { return x.Suffrage != raft.Voter })
	if len(voters) != 1 || voters[0].ID != id {
		return nil
	}
	configured := s.raft.ReloadableConfig()
	shorter := configured // Raft looks again whether there is a leader when the timeout gets shorter
	shorter.HeartbeatTimeout--
	if shorter.HeartbeatTimeout < s.config.LeaderLeaseTimeout {
		return nil
	}
	return errors.Join(s.raft.ReloadConfig(shorter), s.raft.ReloadConfig(configured))
}

// Raft's connections to other servers.
const (
	// raftInFlight is how many messages to a follower may be on their way at once. With more, Raft 1.8.0 can wait for itself for ever after a
	// follower has refused one under load: heartbeats go on, entries do not (hashicorp/raft, issue 612).
	raftInFlight = 1
	raftPool     = 3                // idle ones kept for each
	raftTimeout  = 10 * time.Second // for a message; one that carries a snapshot gets more, by its size
)

// transport is how Raft talks to other servers. Raft closes it.
func (s *Server) transport() interface {
	raft.Transport
	raft.WithClose
} {
	if s.config.Stream == nil {
		_, alone := raft.NewInmemTransport(raft.ServerAddress(s.config.Address))
		return alone
	}
	network := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: s.config.Stream, MaxPool: raftPool, MaxRPCsInFlight: raftInFlight, Timeout: raftTimeout, Logger: s.log.Named("raft.transport"),
		ServerAddressProvider: s.addressProvider(),
	})
	return &watched{network, s.contacts}
}

func (s *Server) raftConfig(id raft.ServerID) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = id
	c.HeartbeatTimeout = s.config.HeartbeatTimeout
	c.ElectionTimeout = s.config.ElectionTimeout
	c.LeaderLeaseTimeout = s.config.LeaderLeaseTimeout
	c.PreVoteDisabled = s.config.PreVoteDisabled
	c.SnapshotInterval = s.config.SnapshotInterval
	c.SnapshotThreshold = s.config.SnapshotThreshold
	c.TrailingLogs = s.config.TrailingLogs
	c.MaxAppendEntries = 256
	c.BatchApplyCh = true // writers in flight share a sync
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false // who has been removed may be taken in again
	c.Logger = s.log.Named("raft")
	return c
}

// bootstrap makes a server without state the only member of a new cluster.
func (s *Server) bootstrap(id raft.ServerID, transport raft.Transport) error {
	exists, err := raft.HasExistingState(s.disk.logs, s.disk.stable, s.snaps)
	if err != nil {
		return fmt.Errorf("look for existing state: %w", err)
	}
	if exists || s.config.AwaitCluster || s.config.BootstrapExpect > 1 {
		return nil
	}
	alone := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: id, Address: transport.LocalAddr()}}}
	if err := raft.BootstrapCluster(s.raftConfig(id), s.disk.logs, s.disk.stable, s.snaps, transport, alone); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// checkMember refuses to run under an ID that the cluster in the data directory does not know: it would never have a leader. With a pool
// it may be a server that has left, and comes back.
func (s *Server) checkMember(id raft.ServerID) error {
	servers, err := s.servers()
	if err != nil {
		return err
	}
	known := func(member raft.Server) bool { return member.ID == id }
	if len(servers) == 0 || slices.ContainsFunc(servers, known) {
		return nil
	}
	if s.config.Pool != nil {
		s.log.Warn("this server is not in the raft configuration of its data directory: it waits until a leader takes it in", "servers", servers)
		return nil
	}
	err = fmt.Errorf("the state in the data directory belongs to a server with another node ID (%v), not to %s: "+
		"start with that node_id, or restore a snapshot into a new data directory", servers, id)
	return errors.Join(err, s.raft.Shutdown().Error())
}

func (s *Server) servers() ([]raft.Server, error) {
	f := s.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return nil, fmt.Errorf("read raft configuration: %w", err)
	}
	return f.Configuration().Servers, nil
}

// Store is the state at this moment; a restore replaces it.
func (s *Server) Store() *state.Store { return s.fsm.Store() }

// Datacenter is the name of the server's datacenter.
func (s *Server) Datacenter() string { return s.config.Datacenter }

// Close stops the server. What has been acknowledged is on disk already.
func (s *Server) Close() error {
	s.stop()
	err := s.raft.Shutdown().Error()
	s.end.Do(func() { close(s.down) })
	s.fsm.Close()
	s.done.Wait()
	return errors.Join(err, s.disk.close())
}

// hold calls try until it returns true, for as long as a request waits for a leader. If that time runs out, or if another server is known
// to lead, it returns [ErrNoLeader], with the cause if it is known.
func (s *Server) hold(ctx context.Context, try func() bool) error {
	timeout := time.NewTimer(s.config.HoldTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !try() {
		if other, _ := s.OtherLeader(); other != "" {
			return s.noLeader()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return s.noLeader()
		case <-poll.C:
		}
	}
	return nil
}

// NoLeader is [ErrNoLeader] with the reason why there is none, as far as this server knows.
func (s *Server) NoLeader() error { return s.noLeader() }

// noLeader is [ErrNoLeader] with the reason why there is none, as far as this server knows.
func (s *Server) noLeader() error {
	if err := s.disk.failure(); err != nil {
		return fmt.Errorf("%w: the log cannot be written: %w", ErrNoLeader, err)
	}
	if err := s.awaits.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoLeader, *err)
	}
	return ErrNoLeader
}
