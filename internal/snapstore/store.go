package snapstore

import (
	"errors"
	"io"

	"github.com/hashicorp/raft"
)

// A Store is Raft's snapshot store with what a Lictor server needs besides: readers that know what they read.
type Store struct {
	raft.SnapshotStore
}

// New wraps inner, which is a [Dir] or Raft's own in-memory store.
func New(inner raft.SnapshotStore) *Store { return &Store{inner} }

// Open opens a snapshot. Nobody reads one that is damaged to its end.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, rc, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, &Reader{ReadCloser: rc, Meta: meta}, nil
}

// A Reader reads a snapshot and knows which.
type Reader struct {
	io.ReadCloser
	Meta *raft.SnapshotMeta
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
