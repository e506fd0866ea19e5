package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A restore is a sequence of log entries: its beginning, the archive in pieces, and its commit, which replaces the state. So it happens
// on all servers or on none, whatever fails in between. Raft's own way to take a snapshot in, on the leader first and on the others later,
// can leave a leader that dies in between with a state that no other server has.

// Types of entries, and of records in Raft's snapshots, that are Lictor's alone.
const (
	typeRestore  record.Type = 120
	typeMarks    record.Type = 121
	typeACLBatch record.Type = 122
)

type restoreOp string

const (
	restoreBegin  restoreOp = "begin"
	restorePiece  restoreOp = "piece"
	restoreCommit restoreOp = "commit"
	restoreFirst  restoreOp = "first" // a commit, of the first state of a cluster only
	restoreAbort  restoreOp = "abort"
)

type restoreCommand struct {
	Allow []uint64 // types of records that are let through, with begin
	Data  []byte   // of a piece
	ID    string   // of the restore
	Index uint64   // of the archive, with begin
	Op    string

	Origin string // what the cluster's record of its first state says, with the commit of that
}

// BeginRestore begins a restore, in place of another one that is under way. index is the archive's; allow names types of records that
// are let through nevertheless.
func BeginRestore(id string, index uint64, allow []record.Type) Entry {
	c := restoreCommand{ID: id, Op: string(restoreBegin), Index: index}
	for _, t := range allow {
		c.Allow = append(c.Allow, uint64(t))
	}
	return entry(typeRestore, c)
}

// RestorePiece carries the next piece of the archive.
func RestorePiece(id string, data []byte) Entry {
	return entry(typeRestore, restoreCommand{ID: id, Op: string(restorePiece), Data: data})
}

// CommitRestore replaces the state by that of the archive.
func CommitRestore(id string) Entry {
	return entry(typeRestore, restoreCommand{ID: id, Op: string(restoreCommit)})
}

// CommitFirstState replaces the state by that of the archive if nothing has been written before it, and else ends in [ErrNotPristine]. With the
// state the cluster gets a record of where it is from, which is origin.
func CommitFirstState(id, origin string) Entry {
	return entry(typeRestore, restoreCommand{ID: id, Op: string(restoreFirst), Origin: origin})
}

// AbortRestore ends any restore that is under way.
func AbortRestore() Entry { return entry(typeRestore, restoreCommand{Op: string(restoreAbort)}) }

// ErrNotPristine says that a cluster has a state already.
var ErrNotPristine = errors.New("something has been written in this cluster before")

var (
	errNoRestore = errors.New("this restore has been given up, or another one has begun")
	errRestoring = errors.New("a restore is under way: there is no snapshot before it is over")
)

// BuildArchive reads an archive to its end and makes a store of it, which stands for no log entry yet. Every record is checked; those of
// the types in allow are let through.
func BuildArchive(r io.Reader, allow []record.Type) (*state.Store, *archive.Result, error) {
	var b *state.Builder
	result, err := archive.Read(r, func(_ *archive.Meta, r io.Reader) error {
		records, err := record.NewReader(r)
		if err != nil {
			return err
		}
		b = state.NewBuilder(records.Header())
		checker := preflight.Checker{Allow: allow}
		return records.Each(func(raw record.Raw) error {
			v, err := checker.Check(raw)
			if err != nil {
				return err
			}
			if err := b.Add(raw.Type, v); err != nil {
				return raw.Fault(err)
			}
			return nil
		})
	})
	if err != nil {
		return nil, nil, err
	}
	store, err := b.Store(0, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("build state: %w", err)
	}
	return store, result, nil
}

// A restoring is a restore that has begun and is not committed.
type restoring struct {
	id    string
	index uint64
	feed  *io.PipeWriter // of the pieces; nil if the state is at hand
	built chan built
}

type built struct {
	store *state.Store
	err   error
}

// Prepare hands over what this server has built of the archive of a restore that it is going to begin, so that it is not built twice.
// Forget must be called.
func (f *FSM) Prepare(id string, store *state.Store) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prepared[id] = store
}

// Forget drops what was prepared for a restore, unless that has taken it.
func (f *FSM) Forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.prepared, id)
}

// Restoring tells whether a restore is under way: one that nobody goes on with must be aborted.
func (f *FSM) Restoring() bool { return f.under.Load() }

// applyRestore applies an entry of a restore. index is the state's.
func (f *FSM) applyRestore(index uint64, l *raft.Log) Result {
	var c restoreCommand
	decode(l.Index, l.Data, &c)
	switch op := restoreOp(c.Op); {
	case op == restoreAbort:
		f.abandonRestore()
		return done(nil)
	case op == restoreBegin:
		f.abandonRestore()
		f.beginRestore(&c)
		return done(nil)
	case f.restore == nil || f.restore.id != c.ID:
		return done(errNoRestore)
	case op == restorePiece:
		if f.restore.feed != nil {
			_, _ = f.restore.feed.Write(c.Data) // a fault is told at the end
		}
		return done(nil)
	case op == restoreCommit:
		return done(f.commitRestore(index, l, ""))
	case op == restoreFirst:
		if !f.Pristine() {
			f.abandonRestore()
			return done(ErrNotPristine)
		}
		return done(f.commitRestore(index, l, c.Origin))
	}
	panic(fmt.Sprintf("fsm: log entry %d: a restore's %q is not known to this version", l.Index, c.Op))
}

func (f *FSM) beginRestore(c *restoreCommand) {
	r := &restoring{id: c.ID, index: c.Index, built: make(chan built, 1)}
	f.restore = r
	f.under.Store(true)
	f.mu.Lock()
	store := f.prepared[c.ID]
	f.mu.Unlock()
	if store != nil {
		r.built <- built{store: store}
		return
	}
	var allow []record.Type
	for _, t := range c.Allow {
		allow = append(allow, record.Type(t))
	}
	pieces, feed := io.Pipe()
	r.feed = feed
	go func() {
		store, _, err := BuildArchive(pieces, allow)
		pieces.CloseWithError(errNoRestore) // who feeds it does not wait any more
		r.built <- built{store, err}
	}()
}

// commitRestore replaces the state, and notes where it is from if origin says so. Its index goes above that of everything in the archive, and
// stays ahead of Raft's by as much.
func (f *FSM) commitRestore(index uint64, l *raft.Log, origin string) error {
	r := f.restore
	if r.feed != nil {
		r.feed.Close()
	}
	b := <-r.built
	if b.err != nil { // the leader has read the same bytes to their end
		panic(fmt.Sprintf("fsm: log entry %d: this server cannot read the archive of a restore that the cluster has committed: %v", l.Index, b.err))
	}
	f.restore = nil
	f.under.Store(false)
	f.written.Store(true)
	if ahead := r.index + 1; ahead > index {
		f.offset += ahead - index
		index = ahead
	}
	b.store.SetApplied(index, l.Term)
	if origin != "" {
		err := b.store.SetSystemMetadata(index, l.Term, state.OriginKey, origin)
		if err != nil {
			return err
		}
	}
	f.store.Swap(b.store).Abandon()
	return nil
}

// abandonRestore ends a restore without an effect.
func (f *FSM) abandonRestore() {
	if f.restore == nil {
		return
	}
	if f.restore.feed != nil {
		f.restore.feed.CloseWithError(errNoRestore)
		<-f.restore.built
	}
	f.restore = nil
	f.under.Store(false)
}

// Close ends what a restore has begun. Raft must have been stopped.
func (f *FSM) Close() { f.abandonRestore() }

// A Recovery is a state machine whose Raft is given another configuration by hand. A restore that is under way is none any more then.
type Recovery struct{ *FSM }

// Snapshot gives a restore that is under way up.
func (r Recovery) Snapshot() (raft.FSMSnapshot, error) {
	r.abandonRestore()
	return r.FSM.Snapshot()
}

// marks end every snapshot of Raft's: what the records do not tell.
type marks struct {
	Offset  uint64 // how far the state's index is ahead of Raft's
	Written bool   // whether something was written that can have changed the state
}

// buildSnapshot makes a store of a snapshot of Raft's.
func buildSnapshot(src io.Reader, index, term uint64) (store *state.Store, m marks, err error) {
	var last *record.Raw
	store, err = build(src, func(b *state.Builder, raw record.Raw) error {
		if last != nil { // it is the last one that counts, others are a stranger's
			if err := addRecord(b, *last); err != nil {
				return err
			}
			last = nil
		}
		if raw.Type == typeMarks {
			kept := raw
			kept.Value = bytes.Clone(raw.Value)
			last = &kept
			return nil
		}
		return addRecord(b, raw)
	})
	if err != nil {
		return nil, marks{}, err
	}
	if last != nil {
		if err := msgpack.Unmarshal(last.Value, &m); err != nil {
			return nil, marks{}, last.Fault(err)
		}
	}
	store.SetApplied(index+m.Offset, term)
	return store, m, nil
}
