package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	uuid "github.com/hashicorp/go-uuid"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/nameless"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// errBusy is returned while another restore runs.
var errBusy = errors.New("another restore is running; wait for it to end and look at its outcome before trying again")

// Restore replaces the whole state by that of the archive. allow names record types that Consul does not know and that are let
// through nevertheless. The new state is on all servers or on none: it goes through Raft's log. An error says which, or that it is not
// known yet.
func (s *Server) Restore(ctx context.Context, body io.Reader, allow []record.Type) error {
	if !s.Leading() {
		return s.noLeader()
	}
	if !s.restoring.TryLock() {
		return errBusy
	}
	defer s.restoring.Unlock()
	staged, err := stage(ctx, s.config.Scratch, body, allow)
	if err != nil {
		return err
	}
	defer staged.discard()
	size, err := staged.file.Seek(0, io.SeekEnd)
	if err := errors.Join(err, ctx.Err(), s.disk.checkSpace(size)); err != nil {
		return err
	}
	return s.install(ctx, staged)
}

// pieces of an archive in the log: their size in bytes, and how many may be on their way.
const (
	pieceSize  = 128 << 10
	pieceAhead = 64
)

// install brings a staged archive into the log, and waits until the leader's start-up work has been done on the new state.
func (s *Server) install(ctx context.Context, staged *staged) error {
	if err := s.replace(ctx, staged, s.commit); err != nil {
		return err
	}
	s.renewed <- struct{}{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !s.Leading() {
		if s.raft.State() != raft.Leader {
			return nil // the next leader does them
		}
		if err := s.hold(ctx, s.Leading); err != nil && ctx.Err() != nil {
			return errors.New("timed out waiting for re-run of leader actions: the snapshot is restored; look at the server's log")
		}
	}
	s.announceStale()
	return nil
}

// replace brings a staged archive into the log. commit brings the entry there that makes it the state.
func (s *Server) replace(ctx context.Context, staged *staged, commit func(id string, staged *staged) error) error {
	id, err := uuid.GenerateUUID()
	if err != nil {
		return fmt.Errorf("make an ID for the restore: %w", err)
	}
	s.fsm.Prepare(id, staged.store)
	defer s.fsm.Forget(id)
	if err := s.send(ctx, id, staged); err != nil {
		if s.fsm.Restoring() {
			s.raft.Apply(fsm.AbortRestore(), 0) // else the next leader does it
		}
		return fmt.Errorf("Raft error when restoring snapshot: %w; nothing was changed", err)
	}
	return commit(id, staged)
}

// commit commits a restore that a client has asked for. From then on until the leader's start-up work has been done nothing is served.
func (s *Server) commit(id string, staged *staged) error {
	s.leading.Store(false)
	switch err := s.applyInternal(fsm.CommitRestore(id)); {
	case s.Store() == staged.store:
		return nil
	case errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("Raft error when restoring snapshot: %w; all servers will have the new state or all of them the old one: "+
			"look at it before you restore again", err)
	default:
		s.leading.Store(s.raft.State() == raft.Leader)
		return fmt.Errorf("Raft error when restoring snapshot: %w; nothing was changed", err)
	}
}

// send brings the beginning of a restore and the archive into the log.
func (s *Server) send(ctx context.Context, id string, staged *staged) error {
	if err := s.applyInternal(fsm.BeginRestore(id, staged.meta.Index, staged.allow)); err != nil {
		return err
	}
	if _, err := staged.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var ahead []raft.ApplyFuture
	settle := func(upTo int) error {
		for len(ahead) > upTo {
			if err := ahead[0].Error(); err != nil {
				return err
			}
			if err := ahead[0].Response().(fsm.Result).Err; err != nil {
				return err
			}
			ahead = ahead[1:]
		}
		return ctx.Err()
	}
	for piece := make([]byte, pieceSize); ; {
		n, err := io.ReadFull(staged.file, piece)
		if n > 0 {
			ahead = append(ahead, s.raft.Apply(fsm.RestorePiece(id, piece[:n]), enqueueTimeout))
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return settle(0)
		case err != nil:
			return fmt.Errorf("read the archive from the scratch file: %w", err)
		}
		if err := settle(pieceAhead); err != nil {
			return err
		}
	}
}

// staged is an archive that has been spooled and walked, beside the state that was built from it.
type staged struct {
	meta  archive.Meta
	file  *nameless.File // what was read
	allow []record.Type
	store *state.Store
}

// stage reads an archive to its end: it goes into a file in scratch, every record is checked, and the new state is built.
func stage(ctx context.Context, scratch string, body io.Reader, allow []record.Type) (_ *staged, err error) {
	file, err := nameless.New(scratch, "restore-*.snap")
	if err != nil {
		return nil, fmt.Errorf("failed to create temp snapshot file: %w", err)
	}
	st := &staged{file: file, allow: allow}
	defer func() {
		if err != nil {
			st.discard()
		}
	}()
	spool := &spool{file: bufio.NewWriterSize(file, 1<<20)}
	store, result, err := fsm.BuildArchive(io.TeeReader(contextReader{ctx, body}, spool), allow)
	if err != nil {
		return nil, wording(err)
	}
	if err := result.Meta.CheckRestorable(result.StateSize); err != nil {
		return nil, err
	}
	if err := spool.file.Flush(); err != nil {
		return nil, fmt.Errorf("write snapshot to scratch file: %w", err)
	}
	st.meta, st.store = result.Meta, store
	return st, nil
}

// A spool says in its errors what could not be written.
type spool struct{ file *bufio.Writer }

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("write snapshot to scratch file: %w", err)
	}
	return n, err
}

// discard gives the scratch file up.
func (st *staged) discard() { _ = st.file.Close() } // nothing of it is needed any more

// wording puts Consul's words before the faults of records, of which it dies instead of answering.
func wording(err error) error {
	if errors.Is(err, preflight.ErrUnrestorable) || errors.Is(err, record.ErrCorrupt) {
		return fmt.Errorf("failed to restore snapshot: %w; nothing was changed", err)
	}
	return err
}

// contextReader fails once its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
