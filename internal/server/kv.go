package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// enqueueTimeout is how long a write waits to be taken in by Raft.
const enqueueTimeout = 30 * time.Second

// Leading tells whether this server leads and is ready to serve default reads and writes.
func (s *Server) Leading() bool {
	return s.leading.Load() && s.raft.State() == raft.Leader && s.raft.CurrentTerm() == s.leadingTerm.Load()
}

// WaitLeader returns nil once this server leads and is ready, and [ErrNoLeader] if that takes longer than a request waits.
func (s *Server) WaitLeader(ctx context.Context) error { return s.hold(ctx, s.Leading) }

// ConsistentRead returns nil once this server has made sure, with a quorum, that it leads.
func (s *Server) ConsistentRead(ctx context.Context) error {
	defer metrics.MeasureSince(telemetry.RPCConsistentRead, time.Now())
	if err := s.WaitLeader(ctx); err != nil {
		return err
	}
	return s.confirmLeadership()
}

// confirmLeadership makes sure, with a quorum, that this server leads. The error is [ErrNoLeader] if it does not, or not any more.
//
// Raft's own word for it is not enough: it takes any answer that comes in meanwhile, also one to a heartbeat of before, which may have
// waited here, while this process was held, for longer than the others needed to elect another leader. And it counts servers without a vote.
func (s *Server) confirmLeadership() error {
	for began := time.Now(); ; {
		err := s.raft.VerifyLeader().Error()
		switch {
		case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost):
			return s.noLeader()
		case err != nil:
			return fmt.Errorf("confirm leadership: %w", err)
		}
		configuration := s.raft.GetConfiguration()
		if err := configuration.Error(); err != nil {
			return fmt.Errorf("confirm leadership: %w", err)
		}
		servers, heartbeat := configuration.Configuration().Servers, s.config.HeartbeatTimeout/10
		if s.contacts.await(servers, raft.ServerID(s.config.NodeID), s.raft.CurrentTerm(), began, heartbeat) {
			return nil
		} // each round has Raft send heartbeats; without a quorum it ends when the leader's lease does
	}
}

// ApplyKV applies an operation on the KV table through Raft and tells whether its condition held. It returns when the effect is
// durable and visible. If ctx ends first, the operation may still be applied. After [ErrNoLeader] it is not, and never will be.
func (s *Server) ApplyKV(ctx context.Context, op state.KVOp, e *record.KVEntry) (bool, error) {
	result, err := s.Apply(ctx, fsm.KV(op, e))
	if err == nil && result.Err != nil {
		err = fmt.Errorf("raft apply failed: %w", result.Err)
	}
	return result.OK, err
}

// Apply applies an entry through Raft. It returns what that gave once it is durable and visible; an error of the entry itself is in the
// result. If ctx ends first, the entry may still be applied. After [ErrNoLeader] it is not, and never will be.
func (s *Server) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	defer measureApply(entry, time.Now())
	if err := s.WaitLeader(ctx); err != nil {
		return fsm.Result{}, err
	}
	f := s.raft.Apply(entry, enqueueTimeout)
	switch err := f.Error(); {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress): // before it was in the log
		return fsm.Result{}, s.noLeader()
	case err != nil:
		return fsm.Result{}, fmt.Errorf("raft apply failed: %w", err)
	}
	return f.Response().(fsm.Result), nil
}
