package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// removalGrace is how long a server that leaves waits until it is out of Raft's configuration. It may never hear of it.
const removalGrace = 5 * time.Second

var errNotRemoved = errors.New("not removed in time")

// Leave takes this server out of its cluster for good. A leader of several voters hands its leadership over, or removes itself if it
// cannot; announce tells the pool that this server leaves; then its removal from Raft's configuration, by the leader, is waited for.
// A server without others stays in its own configuration. The error is that of announce, or that ctx has ended.
func (s *Server) Leave(ctx context.Context, announce func() error) error {
	s.log.Info("server starting leave")
	others := s.otherVoters()
	if others {
		s.stepAside()
	}
	if err := announce(); err != nil || !others {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, removalGrace, errNotRemoved)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for s.inConfiguration() {
		select {
		case <-ctx.Done():
			if context.Cause(ctx) != errNotRemoved {
				return ctx.Err()
			}
			s.log.Warn("failed to leave raft configuration gracefully, timeout")
			return nil
		case <-poll.C:
		}
	}
	return nil
}

// stepAside gives the leadership up, if this server has it.
func (s *Server) stepAside() {
	if s.raft.State() != raft.Leader {
		return
	}
	err := s.raft.LeadershipTransfer().Error()
	if err == nil {
		s.log.Info("successfully transferred leadership")
		return
	}
	s.log.Error("failed to transfer leadership, removing the server", "error", err)
	if err := s.raft.RemoveServer(raft.ServerID(s.config.NodeID), 0, 0).Error(); err != nil {
		s.log.Error("failed to remove ourself as raft peer", "error", err)
	}
}

// otherVoters tells whether Raft's configuration has voters beside this server, and this server too.
func (s *Server) otherVoters() bool {
	servers, err := s.servers()
	return err == nil && s.inConfiguration() && slices.ContainsFunc(servers, func(x raft.Server) bool {
		return string(x.ID) != s.config.NodeID && x.Suffrage == raft.Voter
	})
}

// inConfiguration tells whether this server is in Raft's configuration, as far as it knows.
func (s *Server) inConfiguration() bool {
	servers, err := s.servers()
	return err == nil && slices.ContainsFunc(servers, func(x raft.Server) bool { return string(x.ID) == s.config.NodeID })
}
