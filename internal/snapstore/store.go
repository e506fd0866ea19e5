package snapstore

import (
	"errors"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// A Store is Raft's snapshot store with what a Lictor server needs besides: readers that know what they read.
type Store struct {
	raft.SnapshotStore

	mu     sync.Mutex
	states map[string]any // by snapshot ID, what was built from an adopted file
}

// New wraps inner, which is a [Dir] or Raft's own in-memory store.
func New(inner raft.SnapshotStore) *Store {
	return &Store{SnapshotStore: inner, states: map[string]any{}}
}

// Adopted is a state.bin that is already on disk, synced, beside the state that was built from it. Given to raft.Restore as the
// reader, it becomes the new snapshot without being copied.
type Adopted struct {
	Path  string // in the same file system as the store; moved away when adopted
	Size  int64
	CRC   uint64 // CRC-64, ECMA polynomial
	State any    // handed to the state machine with the snapshot

	io.Reader // the content, for stores that keep no files
}

// adopter is a sink that can take a file over.
type adopter interface {
	adopt(path string, size int64, crc uint64) error
}

// Create starts a new snapshot.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	inner, err := s.SnapshotStore.Create(version, index, term, configuration, configurationIndex, trans)
	if err != nil {
		return nil, err
	}
	return &sink{SnapshotSink: inner, store: s}, nil
}

// sink lets an adopted file through to the store's own sink, and its state past it.
type sink struct {
	raft.SnapshotSink
	store *Store
}

// ReadFrom writes all of r.
func (k *sink) ReadFrom(r io.Reader) (int64, error) {
	a, ok := r.(*Adopted)
	if !ok {
		return io.Copy(writerOnly{k.SnapshotSink}, r)
	}
	defer k.store.keep(k.ID(), a.State)
	if inner, ok := k.SnapshotSink.(adopter); ok {
		return a.Size, inner.adopt(a.Path, a.Size, a.CRC)
	}
	return io.Copy(writerOnly{k.SnapshotSink}, a.Reader)
}

// Cancel gives the snapshot up.
func (k *sink) Cancel() error {
	k.store.take(k.ID())
	return k.SnapshotSink.Cancel()
}

// writerOnly hides ReadFrom from io.Copy.
type writerOnly struct{ io.Writer }

func (s *Store) keep(id string, state any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[id] = state
}

func (s *Store) take(id string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.states[id]
	delete(s.states, id)
	return state
}

// trusting is a store that can open a snapshot without reading it back first.
type trusting interface {
	openTrusted(id string) (*raft.SnapshotMeta, io.ReadCloser, error)
}

// Open opens a snapshot. The state of an adopted one is handed out with its first reader, who thus has no need of the bytes: they
// are compared with their checksum from the second on.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	state := s.take(id)
	open := s.SnapshotStore.Open
	if inner, ok := s.SnapshotStore.(trusting); ok && state != nil {
		open = inner.openTrusted
	}
	meta, rc, err := open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, &Reader{ReadCloser: rc, Meta: meta, State: state}, nil
}

// A Reader reads a snapshot and knows which.
type Reader struct {
	io.ReadCloser
	Meta  *raft.SnapshotMeta
	State any // what was built from the snapshot already, or nil
}

// ReaderOf finds the Reader inside what Raft hands to a state machine.
func ReaderOf(rc io.ReadCloser) (*Reader, error) {
	for {
		switch r := rc.(type) {
		case *Reader:
			return r, nil
		case raft.ReadCloserWrapper:
			rc = r.WrappedReadCloser()
		default:
			return nil, errors.New("the snapshot was not opened by this store")
		}
	}
}
