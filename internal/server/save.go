package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/priority"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
)

// A Saved is an archive that is ready to be read. Close must be called.
type Saved struct {
	*archive.Writer
	index uint64
}

// Index is the index of the last log entry that the archive covers.
func (s *Saved) Index() uint64 { return s.index }

// Save makes an archive of the state: of the leader's, confirmed with a quorum, or with stale of whatever this server has. It fails
// at once where there is no leader.
func (s *Server) Save(ctx context.Context, stale bool) (*Saved, error) {
	if !stale {
		if !s.Leading() {
			return nil, s.noLeader()
		}
		if err := s.confirmLeadership(); err != nil {
			return nil, err
		}
		if err := s.raft.Barrier(barrierTimeout).Error(); err != nil {
			return nil, fmt.Errorf("barrier: %w", err)
		}
	}
	snapshot := s.Store().Snapshot()
	index, term := snapshot.Applied()
	if index == 0 {
		return nil, errors.New("Raft error when taking snapshot: nothing new to snapshot")
	}
	meta, err := s.meta(index, term)
	if err != nil {
		return nil, err
	}
	return pack(ctx, s.config.Scratch, snapshot, meta, s.moving())
}

// moving tells, each time it is asked, whether entries have been applied since the last time. It takes no lock: who asks may be held up
// at any moment, and nobody is to wait for it.
func (s *Server) moving() func() bool {
	last := s.raft.AppliedIndex()
	return func() bool {
		now := s.raft.AppliedIndex()
		moved := now != last
		last = now
		return moved
	}
}

// pack writes a snapshot into a new archive, which is spooled in the directory scratch. While busy is true it leaves a processor free.
func pack(ctx context.Context, scratch string, snapshot *state.Snapshot, meta archive.Meta, busy func() bool) (*Saved, error) {
	w, err := archive.NewWriter(scratch)
	if err != nil {
		return nil, fmt.Errorf("failed to create snapshot file: %w", err)
	}
	w.GiveWay(busy)
	priority.Run(func() { err = snapshot.Encode(contextWriter{ctx, w}) })
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if _, err := w.Finish(meta, time.Now()); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Saved{w, meta.Index}, nil
}

// meta describes a snapshot that covers the log up to index, of the given term.
func (s *Server) meta(index, term uint64) (archive.Meta, error) {
	f := s.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return archive.Meta{}, fmt.Errorf("read raft configuration: %w", err)
	}
	m := archive.Meta{
		Version:            1,
		ID:                 fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixMilli()),
		Index:              index,
		Term:               term,
		Peers:              snapstore.EncodePeers(f.Configuration()),
		ConfigurationIndex: f.Index(),
	}
	for _, member := range f.Configuration().Servers {
		m.Configuration.Servers = append(m.Configuration.Servers,
			archive.Server{Suffrage: archive.Suffrage(member.Suffrage), ID: string(member.ID), Address: string(member.Address)})
	}
	return m, nil
}

// contextWriter fails once its context has ended.
type contextWriter struct {
	ctx context.Context
	io.Writer
}

func (w contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}
