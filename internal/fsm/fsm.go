package fsm

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/priority"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/snapstore"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// FSM is the state machine that Raft drives.
type FSM struct {
	store atomic.Pointer[state.Store]
	under atomic.Bool // a restore is

	// written tells that an entry was applied that can change the state: even a state without a record is one that somebody wanted then.
	written atomic.Bool

	// since the last snapshot, or the start
	entries atomic.Uint64 // that were applied
	bytes   atomic.Int64  // of them
	spent   atomic.Int64  // nanoseconds on that

	// What follows is the business of the goroutine in which Raft calls.
	offset  uint64     // how far the state's index is ahead of Raft's, since a restore
	restore *restoring // nil unless one is under way

	mu       sync.Mutex
	prepared map[string]*state.Store // by restore
}

// New returns a state machine with an empty store.
func New() *FSM {
	f := &FSM{prepared: map[string]*state.Store{}}
	f.store.Store(state.New())
	return f
}

// Store is the state at this moment; a restore replaces it.
func (f *FSM) Store() *state.Store { return f.store.Load() }

// Apply applies a log entry and returns a [Result].
func (f *FSM) Apply(l *raft.Log) any {
	index := l.Index + f.offset
	if len(l.Data) > 0 && record.Type(l.Data[0]) == typeRestore {
		return f.applyRestore(index, l)
	}
	f.written.Store(true)
	return Apply(f.Store(), index, l.Term, l.Data)
}

// applyTimer measures entries in batches. Raft measures those that it applies one by one itself, at ten times the cost.
var applyTimer = telemetry.NewTimer(telemetry.RaftFSMApply)

// ApplyBatch applies entries and returns the [Result] of each; nil for those that are Raft's own.
func (f *FSM) ApplyBatch(logs []*raft.Log) []any {
	began, bytes := time.Now(), 0
	results := make([]any, len(logs))
	for i, l := range logs {
		bytes += len(l.Data)
		if l.Type == raft.LogCommand {
			began := time.Now()
			results[i] = f.Apply(l)
			applyTimer.MeasureSince(began)
		}
	}
	f.entries.Add(uint64(len(logs)))
	f.bytes.Add(int64(bytes))
	f.spent.Add(int64(time.Since(began)))
	return results
}

// Growth is what was applied since the last snapshot: what a start would have to apply again.
type Growth struct {
	Entries uint64
	Bytes   int64
	Time    time.Duration // it took
}

// Growth tells what was applied since the last snapshot was begun or taken in, or since the start.
func (f *FSM) Growth() Growth {
	return Growth{f.entries.Load(), f.bytes.Load(), time.Duration(f.spent.Load())}
}

func (f *FSM) resetGrowth() {
	f.entries.Store(0)
	f.bytes.Store(0)
	f.spent.Store(0)
}

// Pristine tells whether nothing has ever been written: it is the state of a cluster that has just been founded.
func (f *FSM) Pristine() bool { return !f.written.Load() && f.Store().Pristine() }

// Snapshot returns the state as it is, to be written later. It fails during a restore, whose pieces are in the log only.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) {
	if f.restore != nil {
		return nil, errRestoring
	}
	f.resetGrowth()
	return &snapshot{f.Store().Snapshot(), marks{f.offset, f.written.Load()}}, nil
}

// Restore replaces the store by what the snapshot holds. The old store is abandoned.
func (f *FSM) Restore(rc io.ReadCloser) error {
	defer rc.Close()
	r, err := snapstore.ReaderOf(rc)
	if err != nil {
		return err
	}
	next, marks, err := buildSnapshot(rc, r.Meta.Index, r.Meta.Term)
	if err != nil {
		return err
	}
	f.abandonRestore()
	f.offset = marks.Offset
	f.written.Store(marks.Written)
	f.store.Swap(next).Abandon()
	f.resetGrowth()
	return nil
}

// Build makes a store of a stream of records.
func Build(src io.Reader, index, term uint64) (*state.Store, error) {
	store, err := build(src, addRecord)
	if err != nil {
		return nil, err
	}
	store.SetApplied(index, term)
	return store, nil
}

// build makes a store of what add takes out of a stream of records.
func build(src io.Reader, add func(*state.Builder, record.Raw) error) (*state.Store, error) {
	r, err := record.NewReader(src)
	if err != nil {
		return nil, err
	}
	b := state.NewBuilder(r.Header())
	if err := r.Each(func(raw record.Raw) error { return add(b, raw) }); err != nil {
		return nil, err
	}
	return b.Store(0, 0)
}

func addRecord(b *state.Builder, raw record.Raw) error {
	v, err := record.Decode(raw)
	if err != nil {
		return err
	}
	if err := b.Add(raw.Type, v); err != nil {
		return raw.Fault(err)
	}
	return nil
}

// snapshot writes a frozen state into a sink.
type snapshot struct {
	state *state.Snapshot
	marks marks
}

// Persist writes the snapshot, with low priority: nobody waits for it.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	var err error
	priority.Run(func() {
		if err = s.state.Encode(sink); err == nil {
			_, err = sink.Write(entry(typeMarks, s.marks))
		}
	})
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release has nothing to do: the garbage collector knows when nobody reads the snapshot any more.
func (s *snapshot) Release() {}

var _ raft.BatchingFSM = (*FSM)(nil)
