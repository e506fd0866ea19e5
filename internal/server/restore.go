package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
)

// restoreTimeout bounds how long Raft may take to accept a restore, and a majority to have it.
const restoreTimeout = 10 * time.Minute

// errBusy is returned while another restore runs.
var errBusy = errors.New("another restore is running; wait for it to end and look at its outcome before trying again")

// Restore replaces the whole state by that of the archive. allow names record types that Consul does not know and that are let
// through nevertheless. On any error before Raft has taken the new state, the server is as it was.
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
	if err := errors.Join(ctx.Err(), s.disk.checkSpace()); err != nil {
		return err
	}
	return s.install(staged)
}

// install hands a staged state to Raft, and waits until the leader's start-up work has been done on it.
func (s *Server) install(staged *staged) error {
	adopted, err := staged.adopt()
	if err != nil {
		return err
	}
	meta := &raft.SnapshotMeta{Version: 1, ID: staged.meta.ID, Index: staged.meta.Index, Term: staged.meta.Term, Size: staged.size}
	s.leading.Store(false)
	if err := s.raft.Restore(meta, adopted, restoreTimeout); err != nil {
		s.leading.Store(s.raft.State() == raft.Leader)
		if s.Store() == adopted.State {
			return fmt.Errorf("Raft error when restoring snapshot: %w; the snapshot IS restored and stays so, but the server cannot go on "+
				"from it yet: look at its log, and do not restore again before it has a leader", err)
		}
		return fmt.Errorf("Raft error when restoring snapshot: %w; nothing was changed", err)
	}
	s.renewed <- struct{}{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !s.Leading() {
		if err := s.hold(ctx, s.Leading); err != nil && ctx.Err() != nil {
			return errors.New("timed out waiting for re-run of leader actions: the snapshot is restored; look at the server's log")
		}
	}
	s.announceStale()
	return nil
}

// staged is an archive that has been spooled and walked, beside the state that was built from it.
type staged struct {
	meta  archive.Meta
	size  int64 // of state.bin
	file  *os.File
	sum   uint64
	store *state.Builder
}

// stage reads an archive to its end: state.bin goes into a file in scratch, every record is checked, and the new state is built.
func stage(ctx context.Context, scratch string, body io.Reader, allow []record.Type) (_ *staged, err error) {
	file, err := os.CreateTemp(scratch, "restore-*.state") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("failed to create temp snapshot file: %w", err)
	}
	st := &staged{file: file}
	if scratch == "" {
		os.Remove(file.Name()) // nobody sweeps the system's directory, and nothing will rename the file
	}
	defer func() {
		if err != nil {
			st.discard()
		}
	}()
	result, err := archive.Read(contextReader{ctx, body}, func(_ *archive.Meta, r io.Reader) error {
		return st.build(r, allow)
	})
	if err != nil {
		return nil, wording(err)
	}
	if err := result.Meta.CheckRestorable(result.StateSize); err != nil {
		return nil, err
	}
	st.meta, st.size = result.Meta, result.StateSize
	return st, nil
}

// build spools and builds the stream r.
func (st *staged) build(r io.Reader, allow []record.Type) error {
	sum := crc64.New(snapstore.CRCTable)
	spool := bufio.NewWriterSize(st.file, 1<<20)
	records, err := record.NewReader(io.TeeReader(r, io.MultiWriter(spool, sum)))
	if err != nil {
		return err
	}
	st.store = state.NewBuilder(records.Header())
	checker := preflight.Checker{Allow: allow}
	err = records.Each(func(raw record.Raw) error {
		v, err := checker.Check(raw)
		if err != nil {
			return err
		}
		if err := st.store.Add(raw.Type, v); err != nil {
			return raw.Fault(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	st.sum = sum.Sum64()
	if err := spool.Flush(); err != nil {
		return fmt.Errorf("write snapshot to scratch file: %w", err)
	}
	return nil
}

// adopt returns the staged state in the form that Raft's snapshot store takes over.
func (st *staged) adopt() (*snapstore.Adopted, error) {
	store, err := st.store.Store(0, 0) // index and term come with Raft's metadata
	if err != nil {
		return nil, fmt.Errorf("build state: %w", err)
	}
	if _, err := st.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &snapstore.Adopted{Path: st.file.Name(), Size: st.size, CRC: st.sum, State: store, Reader: st.file}, nil
}

// discard removes the scratch file, unless it has been taken over.
func (st *staged) discard() {
	st.file.Close()
	os.Remove(st.file.Name())
}

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
