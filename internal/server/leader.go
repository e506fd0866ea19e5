package server

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

const (
	barrierTimeout = 2 * time.Minute
	tombstoneTTL   = 15 * time.Minute
	tombstoneTick  = 30 * time.Second
	maxPause       = 15 * time.Second // between attempts at a leader's start-up work
)

// followLeadership serves as leader whenever Raft says so, until ctx ends.
func (s *Server) followLeadership(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case leader := <-s.raft.LeaderCh():
			for leader {
				leader = s.lead(ctx)
			}
		}
	}
}

// lead is the leader's term of office. It tells whether another one has begun already: the end of this one was not seen.
func (s *Server) lead(ctx context.Context) (again bool) {
	s.log.Info("cluster leadership acquired")
	since := time.Now()
	s.leadingSince.Store(&since)
	defer func() {
		s.leading.Store(false)
		s.leadingSince.Store(nil)
		s.awaits.Store(nil)
		s.log.Info("cluster leadership lost")
	}()
	if !s.takeOffice(ctx) {
		return false
	}
	if s.config.Pool == nil {
		s.reconcile()
	} else {
		s.followMembers() // who is no member may be one soon: this server may have been started just now
	}
	term, resign := context.WithCancel(ctx)
	var duties sync.WaitGroup
	defer duties.Wait()
	defer resign()
	duties.Go(func() { s.expireSessions(term) })
	if c := s.config.ACL; c.Enabled && c.Replicate != nil {
		duties.Go(func() { c.Replicate(term, s) })
	}
	if s.pilot != nil {
		s.pilot.start(term)
		defer s.pilot.stop()
	}
	tick := time.NewTicker(tombstoneTick)
	defer tick.Stop()
	inspection := time.NewTicker(s.config.ReconcileInterval)
	defer inspection.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case again = <-s.raft.LeaderCh():
			return again
		case <-s.renewed:
			if !s.takeOffice(ctx) {
				return false
			}
		case <-s.moved:
			s.followMembers()
		case <-inspection.C:
			s.reconcile()
		case now := <-tick.C:
			s.reapTombstones(now)
			s.reapTokens(now)
		}
	}
}

// watchLeaders makes Raft tell of every leader that this server comes to know.
func (s *Server) watchLeaders() <-chan raft.Observation {
	leaders := make(chan raft.Observation, 8)
	s.raft.RegisterObserver(raft.NewObserver(leaders, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	}))
	return leaders
}

// logLeaders logs who leads, and tells whoever waits for a change of it, until ctx ends.
func (s *Server) logLeaders(ctx context.Context, leaders <-chan raft.Observation) {
	last := raft.ServerID("")
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-leaders:
			s.leader.notify()
			if id := o.Data.(raft.LeaderObservation).LeaderID; id != last {
				last = id
				if id != "" {
					s.log.Info("New leader elected", "payload", s.nameOf(id))
				}
			}
		}
	}
}

// nameOf is the name of the server with an ID, or the ID itself.
func (s *Server) nameOf(id raft.ServerID) string {
	if string(id) == s.config.NodeID && s.config.Node != nil {
		return s.config.Node.Node
	}
	if known := s.fellows.Load(); known != nil {
		return cmp.Or((*known)[id].name, string(id))
	}
	return string(id)
}

// takeOffice does the start-up work of a leader, again and again until it succeeds; it tells whether this server still leads.
func (s *Server) takeOffice(ctx context.Context) bool {
	for pause := time.Second; ; {
		err := s.startTerm(ctx)
		if err == nil {
			s.leading.Store(true)
			return true
		}
		s.log.Error("leader start-up failed, trying again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
			return false
		case leader := <-s.raft.LeaderCh():
			if !leader {
				return false
			}
		case <-time.After(pause):
		}
		if s.awaits.Load() != nil { // this may take long
			pause = min(2*pause, maxPause)
		}
	}
}

// startTerm makes sure that the state is up to date, and that everything is there which a leader has to provide.
func (s *Server) startTerm(ctx context.Context) error {
	began, term := time.Now(), s.raft.CurrentTerm()
	err := s.settle(s.raft.Barrier(barrierTimeout))
	metrics.MeasureSince(telemetry.LeaderBarrier, began)
	if err != nil {
		return fmt.Errorf("barrier: %w", err)
	}
	s.leadingTerm.Store(term)
	if s.fsm.Restoring() { // of a leader that went
		if err := s.applyInternal(fsm.AbortRestore()); err != nil {
			return fmt.Errorf("give up the restore of an earlier leader: %w", err)
		}
	}
	if err := s.correctAddress(); err != nil {
		return err
	}
	if err := s.provideFirstState(ctx, term); err != nil {
		return err
	}
	s.tombs.mark(time.Now(), s.Store())
	if err := s.provideACLs(); err != nil {
		return err
	}
	if s.Store().Autopilot() != nil {
		return nil
	}
	return s.applyInternal(fsm.SetAutopilot(&s.config.Autopilot, false))
}

// correctAddress updates this server's address in Raft's configuration after it has been started under another one.
func (s *Server) correctAddress() error {
	servers, err := s.servers()
	if err != nil {
		return err
	}
	id, address := raft.ServerID(s.config.NodeID), raft.ServerAddress(s.config.Address)
	for _, member := range servers {
		if member.ID == id && member.Address != address {
			s.log.Info("updating this server's address in the raft configuration", "old", member.Address, "new", address)
			return s.raft.AddVoter(id, address, 0, barrierTimeout).Error()
		}
	}
	return nil
}

// applyInternal applies an entry that is the leader's own.
func (s *Server) applyInternal(entry []byte) error {
	f := s.raft.Apply(entry, barrierTimeout)
	if err := s.settle(f); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return f.Response().(fsm.Result).Err
}

// settle waits for what Raft was asked for. Raft may end without an answer to what it has taken in last: that counts as its end.
func (s *Server) settle(f raft.Future) error {
	answered := make(chan error, 1)
	go func() { answered <- f.Error() }()
	select {
	case err := <-answered:
		return err
	case <-s.down:
		return raft.ErrRaftShutdown
	}
}

// reapTombstones removes tombstones that are older than their time. Ages are the leader's own measure: it marks the index that
// it has seen at a time, and reaps what is not above a mark that has become old enough.
func (s *Server) reapTombstones(now time.Time) {
	defer metrics.MeasureSince(telemetry.LeaderReapTombstones, time.Now())
	store := s.Store()
	s.tombs.mark(now, store)
	index, ok := s.tombs.due(now)
	if !ok || store.Tombstones() == 0 {
		return
	}
	if err := s.applyInternal(fsm.ReapTombstones(index)); err != nil {
		s.log.Warn("reaping tombstones failed", "error", err)
	}
}

// A graveyard remembers how far the log was at what time.
type graveyard struct {
	mu    sync.Mutex
	marks []mark
}

type mark struct {
	at    time.Time
	index uint64
}

// mark remembers that the log is now at the index of store.
func (g *graveyard) mark(now time.Time, store *state.Store) {
	g.mu.Lock()
	defer g.mu.Unlock()
	index, _ := store.Applied()
	if n := len(g.marks); n > 0 && g.marks[n-1].index == index || store.Tombstones() == 0 {
		return
	}
	g.marks = append(g.marks, mark{now, index})
}

// due returns the highest index marked long enough ago, and forgets the marks up to it.
func (g *graveyard) due(now time.Time) (index uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.marks) > 0 && now.Sub(g.marks[0].at) >= tombstoneTTL {
		index, ok = g.marks[0].index, true
		g.marks = g.marks[1:]
	}
	return index, ok
}
