package fsm

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
)

// FSM is the state machine that Raft drives.
type FSM struct {
	store atomic.Pointer[state.Store]
}

// New returns a state machine with an empty store.
func New() *FSM {
	f := new(FSM)
	f.store.Store(state.New())
	return f
}

// Store is the state at this moment; a restore replaces it.
func (f *FSM) Store() *state.Store { return f.store.Load() }

// Apply applies a log entry and returns a [Result].
func (f *FSM) Apply(l *raft.Log) any {
	return Apply(f.Store(), l.Index, l.Term, l.Data)
}

// Snapshot returns the state as it is, to be written later.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) {
	return &snapshot{f.Store().Snapshot()}, nil
}

// Restore replaces the store by what the snapshot holds. The old store is abandoned.
func (f *FSM) Restore(rc io.ReadCloser) error {
	defer rc.Close()
	r, err := snapstore.ReaderOf(rc)
	if err != nil {
		return err
	}
	next, built := r.State.(*state.Store)
	if built {
		next.SetApplied(r.Meta.Index, r.Meta.Term)
	} else if next, err = Build(rc, r.Meta.Index, r.Meta.Term); err != nil {
		return err
	}
	f.store.Swap(next).Abandon()
	return nil
}

// Build makes a store of a stream of records.
func Build(src io.Reader, index, term uint64) (*state.Store, error) {
	r, err := record.NewReader(src)
	if err != nil {
		return nil, err
	}
	b := state.NewBuilder(r.Header())
	err = r.Each(func(raw record.Raw) error {
		v, err := record.Decode(raw)
		if err != nil {
			return err
		}
		if err := b.Add(raw.Type, v); err != nil {
			return raw.Fault(err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Store(index, term)
}

// snapshot writes a frozen state into a sink.
type snapshot struct{ state *state.Snapshot }

// Persist writes the snapshot.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.state.Encode(sink); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release has nothing to do: the garbage collector knows when nobody reads the snapshot any more.
func (s *snapshot) Release() {}

var _ raft.FSM = (*FSM)(nil)
