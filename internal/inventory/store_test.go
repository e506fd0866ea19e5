package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// errCrashed is what a store says after it has stopped working.
var errCrashed = errors.New("the store has stopped working")

// A shelfStore keeps objects in memory. It can stop working, and lie.
type shelfStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	times   map[string]time.Time
	now     time.Time // of the next change
	trace   []string  // the operations, in order

	left    int  // operations until it stops; negative: it never does
	applied bool // whether the operation at which it stops takes effect
	hidden  string
	lose    string           // a Put under this name succeeds without effect
	broken  map[string]error // by name: what Get returns
}

func newStore() *shelfStore {
	return &shelfStore{
		objects: map[string][]byte{}, times: map[string]time.Time{}, left: -1, broken: map[string]error{},
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// clone copies the objects into a store that works.
func (s *shelfStore) clone() *shelfStore {
	c := newStore()
	c.objects, c.times, c.now = maps.Clone(s.objects), maps.Clone(s.times), s.now
	return c
}

// begin counts an operation and tells whether it takes effect.
func (s *shelfStore) begin(ctx context.Context, what string) (apply bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.trace = append(s.trace, what)
	if s.left == 0 {
		apply, s.applied = s.applied, false
		return apply, errCrashed
	}
	s.left--
	return true, nil
}

func (s *shelfStore) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if int64(len(data)) != size {
		return fmt.Errorf("%d bytes, not %d", len(data), size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	apply, err := s.begin(ctx, "put "+name)
	if apply && name != s.lose {
		s.objects[name], s.times[name] = data, s.now
		s.now = s.now.Add(time.Second)
	}
	return err
}

func (s *shelfStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "get "+name); err != nil {
		return nil, err
	}
	if err := s.broken[name]; err != nil {
		return nil, err
	}
	data, ok := s.objects[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, blobstore.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *shelfStore) List(ctx context.Context) ([]blobstore.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin(ctx, "list"); err != nil {
		return nil, err
	}
	var all []blobstore.Object
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if name != s.hidden {
			all = append(all, blobstore.Object{Name: name, Size: int64(len(s.objects[name])), Modified: s.times[name]})
		}
	}
	return all, nil
}

func (s *shelfStore) Delete(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	apply, err := s.begin(ctx, "delete "+name)
	if apply {
		delete(s.objects, name)
	}
	return err
}

func (s *shelfStore) Location(name string) string { return "memory/" + name }
func (s *shelfStore) String() string              { return "Memory" }
func (s *shelfStore) Close() error                { return nil }

// names are those of all objects.
func (s *shelfStore) names() []string { return slices.Sorted(maps.Keys(s.objects)) }

// put stores an object, without counting it as an operation.
func (s *shelfStore) put(name string, data []byte) {
	s.objects[name], s.times[name] = data, s.now
	s.now = s.now.Add(time.Second)
}

// reads counts how often an entry was read.
func (s *shelfStore) reads() (n int) {
	for _, op := range s.trace {
		if len(op) > 4 && op[:4] == "get " {
			n++
		}
	}
	return n
}
