package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/gossip"
)

// A FirstState is the state that a new cluster begins with.
type FirstState struct {
	// Archive is read once, to its end, and closed. One that is not whole, or not the one that it should be, must end in an error.
	Archive io.ReadCloser
	// Origin is what the cluster's record of it says; not empty.
	Origin string
	// Judge, if it is not nil, makes of an error of reading or checking the archive what an operator should be told.
	Judge func(error) error
}

// provideFirstState gives a new cluster the state that it is to begin with, if there is one. It does nothing in a cluster in which something
// has been written: not even if that has happened since this server has looked, for the entry that commits the state says so, too.
func (s *Server) provideFirstState(ctx context.Context, term uint64) error {
	if s.config.FirstState == nil {
		return nil
	}
	if !s.fsm.Pristine() {
		s.awaits.Store(nil)
		s.log.Info("this cluster has a state: it begins with no backup", "begun_with", s.origin())
		return nil
	}
	ctx, stop := s.whileLeading(ctx, term)
	defer stop()
	err := s.beginWithFirstState(ctx)
	switch {
	case errors.Is(err, fsm.ErrNotPristine): // an earlier leader's came after all
		err = nil
	case err != nil && context.Cause(ctx) == raft.ErrLeadershipLost:
		err = raft.ErrLeadershipLost
	}
	if err != nil {
		err = fmt.Errorf("this cluster is to begin with a backup, and does not have it: %w", err)
		s.awaits.Store(&err)
		return err
	}
	s.awaits.Store(nil)
	return nil
}

func (s *Server) beginWithFirstState(ctx context.Context) error {
	if err := s.alone(ctx); err != nil {
		return err
	}
	first, err := s.config.FirstState(ctx)
	if err != nil {
		return err
	}
	st, err := stage(ctx, s.config.Scratch, first.Archive, nil)
	if err != nil {
		if first.Judge != nil {
			err = first.Judge(err)
		}
		return errors.Join(err, first.Archive.Close())
	}
	defer st.discard()
	if err := first.Archive.Close(); err != nil {
		return err
	}
	size, err := st.file.Seek(0, io.SeekEnd)
	if err := errors.Join(err, s.disk.checkSpace(size)); err != nil {
		return err
	}
	err = s.replace(ctx, st, func(id string, _ *staged) error { return s.applyInternal(fsm.CommitFirstState(id, first.Origin)) })
	if err != nil {
		return err
	}
	s.log.Info("this new cluster begins with the state of a backup", "index", st.meta.Index, "origin", first.Origin)
	s.announceStale()
	return nil
}

// origin is the cluster's record of what it has begun with.
func (s *Server) origin() string {
	if m := s.Store().Origin(); m != nil {
		return m.Value
	}
	return "nothing"
}

// alone refuses to begin with a backup while there is another cluster in the pool: this server should be taken in there.
func (s *Server) alone(ctx context.Context) error {
	if s.config.Pool == nil || s.config.FetchPeers == nil {
		return nil
	}
	members, err := s.servers()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	for _, m := range s.config.Pool.Members() {
		if !m.Server || m.Status != gossip.StatusAlive || m.ID == s.config.NodeID {
			continue
		}
		peers, err := s.config.FetchPeers(ctx, string(addressOf(&m)))
		if err != nil {
			return fmt.Errorf("ask %s whether it is in another cluster: %w", m.Name, err)
		}
		for _, peer := range peers {
			if !slices.ContainsFunc(members, func(x raft.Server) bool { return string(x.Address) == peer }) {
				return fmt.Errorf("%s is in another cluster already (%s): this server must be taken in there, and not begin a cluster of its own; "+
					"start it with -bootstrap-expect as the others, with an empty data directory", m.Name, strings.Join(peers, ", "))
			}
		}
	}
	return nil
}

// leaseTick is how often it is looked whether this server still leads while it does something long.
const leaseTick = 100 * time.Millisecond

// whileLeading ends a context, with the cause [raft.ErrLeadershipLost], once this server does not lead in a term any more.
func (s *Server) whileLeading(ctx context.Context, term uint64) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(leaseTick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s.raft.State() != raft.Leader || s.raft.CurrentTerm() != term {
					cancel(raft.ErrLeadershipLost)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}
