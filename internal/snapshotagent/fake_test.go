package snapshotagent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// memory is a store that can be down, and can spoil what it gives back.
type memory struct {
	name  string
	spoil func([]byte) []byte // nil: nothing

	mu      sync.Mutex // guards what follows
	objects map[string][]byte
	down    error
	refused error // of uploads
	stuck   bool  // uploads do not end
}

func newMemory(name string) *memory { return &memory{name: name, objects: map[string][]byte{}} }

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// refuse makes uploads fail, and nothing else.
func (m *memory) refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = err
}

// slow makes uploads take for ever, or no longer.
func (m *memory) slow(stuck bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stuck = stuck
}

// cut cuts the newest archive short.
func (m *memory) cut(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := ""
	for name := range m.objects {
		if id, ok := inventory.ParseArchiveName(name); ok && later(newest, id) == id {
			newest = id
		}
	}
	name := inventory.ArchiveName(newest)
	if len(m.objects[name]) == 0 {
		t.Fatalf("there is no %s to cut", name)
	}
	m.objects[name] = m.objects[name][:len(m.objects[name])/2]
}

// wait waits while uploads do not end.
func (m *memory) wait(ctx context.Context) error {
	for {
		m.mu.Lock()
		stuck := m.stuck
		m.mu.Unlock()
		if !stuck {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (m *memory) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

func (m *memory) Put(ctx context.Context, name string, r io.Reader, _ int64) error {
	if err := m.wait(ctx); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(err, m.down, m.refused); err != nil {
		return err
	}
	m.objects[name] = b
	return nil
}

func (m *memory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[name]
	switch {
	case m.down != nil:
		return nil, m.down
	case !ok:
		return nil, blobstore.ErrNotFound
	case m.spoil != nil:
		b = m.spoil(bytes.Clone(b))
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (m *memory) List(context.Context) (all []blobstore.Object, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, b := range m.objects {
		all = append(all, blobstore.Object{Name: name, Size: int64(len(b))})
	}
	slices.SortFunc(all, func(a, b blobstore.Object) int { return strings.Compare(a.Name, b.Name) })
	return all, m.down
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return m.down
}

func (m *memory) Location(name string) string { return "memory:" + m.name + "/" + name }
func (m *memory) String() string              { return m.name }
func (m *memory) Close() error                { return nil }

// kvTrustDomain is the one that kv.snap names.
const kvTrustDomain = "1ef31993-c96d-1697-676e-0873b38e2de5.consul"

// cluster is a source of snapshots.
type cluster struct {
	mu      sync.Mutex // guards what follows, once an agent runs by itself
	archive []byte
	err     error
}

// becomes gives the cluster another state.
func (c *cluster) becomes(archive []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.archive = archive
}

func (c *cluster) Snapshot(context.Context) (*backup.Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	return &backup.Stream{Body: io.NopCloser(bytes.NewReader(c.archive))}, nil
}

// judge gives verdicts, one after the other; the last for good.
type judge struct {
	verdicts []Verdict
	asked    int
}

func (j *judge) Prove(_ context.Context, path string, want *inventory.Description) Verdict {
	v := j.verdicts[min(j.asked, len(j.verdicts)-1)]
	j.asked++
	return v
}

var proven = Verdict{Proof: inventory.Proven}

// term is leadership that can be taken away.
type term struct {
	lost chan struct{}

	mu       sync.Mutex // guards what follows
	err      error      // of Check
	checks   int
	resigned bool
}

func newTerm() *term { return &term{lost: make(chan struct{})} }

func (t *term) Lost() <-chan struct{} { return t.lost }
func (t *term) LockIndex() uint64     { return 7 }

func (t *term) Check(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checks++
	return t.err
}

func (t *term) Resign(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resigned = true
	return nil
}

// stage is an agent with everything around it.
type stage struct {
	*Agent
	cluster *cluster
	judge   *judge
	stores  []*memory
	term    *term
	clock   *clock.Fake
	scratch string
}

// newStage makes an agent with so many stores.
func newStage(t *testing.T, stores int, change func(*Config)) *stage {
	t.Helper()
	s := &stage{
		cluster: &cluster{archive: golden.Read(t, "consul-1.21.4/kv.snap")}, judge: &judge{verdicts: []Verdict{proven}},
		term: newTerm(), clock: clock.NewFake(), scratch: t.TempDir(),
	}
	dir, err := scratch.Open(s.scratch)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Settings: Settings{Interval: time.Hour, MaxFailures: 3, MaxAge: 2 * time.Hour, Source: s.cluster, Prover: s.judge},
		Own:      inventory.Own{LockKey: "consul-snapshot/lock", Service: "consul-snapshot"},
		Scratch:  dir, Clock: s.clock, Log: hclog.NewNullLogger(),
		Identify: func(context.Context) (Identity, error) { return Identity{"dc1", kvTrustDomain, "1.21.4"}, nil },
	}
	for i := range stores {
		m := newMemory(string(rune('a' + i)))
		s.stores = append(s.stores, m)
		c.Destinations = append(c.Destinations, Destination{Store: m, Retain: 2})
	}
	if change != nil {
		change(&c)
	}
	if s.Agent, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// entries are the entries in a store, newest first.
func (s *stage) entries(t *testing.T, of *memory) (all []*inventory.Entry) {
	t.Helper()
	inv, err := inventory.List(t.Context(), of, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range inv.Backups {
		if b.Good() {
			all = append(all, b.Entry)
		}
	}
	return all
}
