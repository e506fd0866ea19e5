package snapshotagent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// A lookout looks for plain archives in the scratch directory whenever the agent does something.
type lookout struct {
	dir     string
	archive []byte

	mu   sync.Mutex     // guards what follows
	seen map[string]int // plain files that there were at most, by what the agent did
	err  error
}

func (l *lookout) look(doing string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	err := filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if bytes.Contains(content, l.archive[:64]) || bytes.Contains(content, l.archive[len(l.archive)/2:][:64]) {
			n++
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.err = err
	}
	l.seen[doing] = max(l.seen[doing], n)
}

// Prove makes it a Prover.
func (l *lookout) Prove(context.Context, string, *inventory.Description) Verdict {
	l.look("prove")
	return proven
}

// A lookedStore is a store that calls the lookout before it does anything.
type lookedStore struct {
	*memory
	l *lookout
}

func (s *lookedStore) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	s.l.look("store")
	return s.memory.Put(ctx, name, r, size)
}

func (s *lookedStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	s.l.look("store")
	return s.memory.Get(ctx, name)
}

func (s *lookedStore) List(ctx context.Context) ([]blobstore.Object, error) {
	s.l.look("store")
	return s.memory.List(ctx)
}

// With recipients a plain archive is on disk until it is proven: nothing of it is left when the first store is asked for anything, nor
// afterwards, however the run goes on.
func TestPlainOnlyUntilProven(t *testing.T) {
	to, _ := keyPair(t)
	for _, c := range []struct {
		name  string
		spoil func(*stage)
		fails bool
	}{
		{"all is well", func(*stage) {}, false},
		{"the store is down", func(s *stage) { s.stores[0].fail(errors.New("boom")) }, true},
		{"the upload is refused", func(s *stage) { s.stores[0].refuse(errors.New("boom")) }, true},
		{"the store spoils it", func(s *stage) { s.stores[0].spoil = func(b []byte) []byte { return append(b, 0) } }, true},
		{"the lock is lost", func(s *stage) { s.term.err = errors.New("boom") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &lookout{seen: map[string]int{}}
			m := newMemory("a")
			s := newStage(t, 0, func(config *Config) {
				config.Encrypt, config.Prover = to, l
				config.Destinations = []Destination{{Store: &lookedStore{m, l}, Retain: 1}}
			})
			s.stores, l.dir, l.archive = []*memory{m}, s.scratch, s.cluster.archive
			c.spoil(s)
			for range 2 {
				if err := s.run(t.Context(), s.term); (err != nil) != c.fails {
					t.Fatal(err)
				}
				l.look("rest")
				s.clock.Advance(time.Hour)
			}
			if got, want := fmt.Sprint(l.seen), "map[prove:1 rest:0 store:0]"; got != want || l.err != nil {
				t.Errorf("plain archives in the scratch directory: %s, want %s; %v", got, want, l.err)
			}
		})
	}
}
