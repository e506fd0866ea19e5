package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A depot gives first states.
type depot struct {
	mu      sync.Mutex
	content []byte
	err     error // in place of an archive
	asked   int
	hold    chan struct{} // the archive's second half is read when it is closed; nil: at once
	held    chan struct{} // gets one for each reader that waits
}

func newDepot(t *testing.T) *depot {
	return &depot{content: fixture(t, "consul-1.21.4/kv.snap"), held: make(chan struct{}, 10)}
}

func (d *depot) give(ctx context.Context) (*FirstState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.err != nil {
		return nil, d.err
	}
	half := len(d.content) / 2
	second := &gate{ctx: ctx, depot: d, Reader: bytes.NewReader(d.content[half:])}
	return &FirstState{Archive: io.NopCloser(io.MultiReader(bytes.NewReader(d.content[:half]), second)), Origin: "the depot"}, nil
}

func (d *depot) set(change func(*depot)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *depot) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// A gate holds its reader up for as long as its depot wants.
type gate struct {
	io.Reader
	ctx   context.Context
	depot *depot
}

func (g *gate) Read(p []byte) (int, error) {
	g.depot.mu.Lock()
	hold := g.depot.hold
	g.depot.mu.Unlock()
	if hold != nil {
		g.depot.held <- struct{}{}
		select {
		case <-hold:
		case <-g.ctx.Done():
			return 0, context.Cause(g.ctx)
		}
	}
	return g.Reader.Read(p)
}

// begun waits until servers have the first state, the record of it, and nothing that was written before.
func begun(t *testing.T, residents ...*resident) {
	t.Helper()
	for _, r := range residents {
		eventually(t, r.gossip.Name+" to have the first state", func() bool {
			_, e := r.Store().KVGet(nil, firstKey)
			return e != nil && r.Store().Origin() != nil
		})
		if o := r.Store().Origin(); o.Value != "the depot" {
			t.Errorf("%s: the record is %q", r.gossip.Name, o.Value)
		}
	}
}

const firstKey = "abc" // in kv.snap

// A new cluster begins with the archive; a server of it that is replaced, with an empty disk, changes nothing, and nor does a cluster that
// starts again.
func TestClusterBeginsWithFirstState(t *testing.T) {
	d := newDepot(t)
	dc := found(t, 3, func(r *resident) { r.config.FirstState = d.give })
	begun(t, dc.all...)
	if n := d.times(); n != 1 {
		t.Errorf("the archive was asked for %d times", n)
	}
	put(t, dc.leader().Server, "later", "1")
	dc.agree("later", "1")

	lost := dc.leader()
	lost.kill()
	put(t, dc.leader().Server, "later", "2")
	fresh := dc.add(3)
	fresh.config.FirstState, fresh.config.NodeID = d.give, lost.config.NodeID
	fresh.gossip.NodeID, fresh.gossip.Name, fresh.config.Node = lost.config.NodeID, lost.gossip.Name, lost.config.Node
	fresh.config.Address = lost.config.Address
	dc.keep(append(dc.running(), fresh)...)
	fresh.run()
	dc.agree("later", "2")

	for _, r := range dc.all {
		r.kill()
	}
	for _, r := range dc.all {
		r.run()
	}
	dc.agree("later", "2")
	put(t, dc.leader().Server, "later", "3")
	if n := d.times(); n != 1 {
		t.Errorf("the archive was asked for again: %d times", n)
	}
}

// As long as the first state is not there, nothing is written, and who asks is told why.
func TestClusterWaitsForFirstState(t *testing.T) {
	d := newDepot(t)
	unreachable := errors.New("the store cannot be reached")
	d.err = unreachable
	c := testConfig(t.TempDir())
	c.HoldTimeout, c.FirstState = 50*time.Millisecond, d.give
	s := launch(t, c)
	defer closeServer(t, s)
	var err error
	eventually(t, "a request to be told why", func() bool {
		_, err = s.ApplyKV(t.Context(), state.KVSet, &record.KVEntry{Key: "k"})
		return errors.Is(err, unreachable)
	})
	if !errors.Is(err, ErrNoLeader) || !strings.HasPrefix(err.Error(), "No cluster leader") {
		t.Errorf("the error is %v", err)
	}
	d.set(func(d *depot) { d.err, d.content = nil, []byte("no archive") })
	eventually(t, "the archive to be refused", func() bool {
		_, err = s.ApplyKV(t.Context(), state.KVSet, &record.KVEntry{Key: "k"})
		return err != nil && !errors.Is(err, unreachable) && strings.Contains(err.Error(), "gzip")
	})
	if !s.Store().Pristine() {
		t.Error("something was written")
	}
	d.set(func(d *depot) { d.content = fixture(t, "consul-1.21.4/kv.snap") })
	eventually(t, "the first state", s.Leading)
	if _, e := s.Store().KVGet(nil, firstKey); e == nil {
		t.Error("it is not there")
	}
	put(t, s, "k", "v")
	noScratchLeft(t, c)
}

// A leader that dies while it reads the archive leaves a cluster in which nothing has happened; the next one does it.
func TestFirstStateSurvivesItsLeader(t *testing.T) {
	d := newDepot(t)
	d.hold = make(chan struct{})
	dc := newDatacenter(t)
	for range 3 {
		dc.add(3).config.FirstState = d.give
	}
	for _, r := range dc.all {
		r.run()
	}
	<-d.held
	var first *resident
	eventually(t, "a leader in Raft", func() bool {
		for _, r := range dc.running() {
			if r.awaitsFirstState() {
				first = r
			}
		}
		return first != nil
	})
	if first.Leading() {
		t.Error("it serves before it has its state")
	}
	first.kill()
	d.set(func(d *depot) { close(d.hold); d.hold = nil })
	begun(t, dc.running()...)
	put(t, dc.leader().Server, "later", "1")
	first.run()
	dc.agree("later", "1")
	begun(t, first)
}

// awaitsFirstState tells whether a server leads in Raft.
func (r *resident) awaitsFirstState() bool { return !r.LeadingSince().IsZero() }

// A cluster that has a state does not ask for another one, whoever gives it.
func TestClusterWithStateNeedsNoFirst(t *testing.T) {
	d := newDepot(t)
	c := testConfig(t.TempDir())
	s := start(t, c)
	put(t, s, "k", "v")
	closeServer(t, s)
	c.FirstState = d.give
	s = start(t, c)
	defer closeServer(t, s)
	put(t, s, "k2", "v")
	wantValue(t, s, "k", "v")
	if d.times() > 0 || s.Store().Origin() != nil {
		t.Error("it was asked for")
	}
}

// Beside another cluster in the pool none begins with a backup, nor while it is not known whether there is one.
func TestNoFirstStateBesideAnotherCluster(t *testing.T) {
	s := found(t, 2, nil).leader().Server
	if err := s.alone(t.Context()); err != nil {
		t.Errorf("among its own: %v", err)
	}
	for name, c := range map[string]struct {
		fetch func(context.Context, string) ([]string, error)
		want  string
	}{
		"another cluster": {func(context.Context, string) ([]string, error) { return []string{"10.9.9.9:8300"}, nil }, "is in another cluster already (10.9.9.9:8300)"},
		"not known":       {func(context.Context, string) ([]string, error) { return nil, errors.New("no answer") }, "whether it is in another cluster: no answer"},
	} {
		asking := &Server{config: s.config, raft: s.raft}
		asking.config.FetchPeers = c.fetch
		if err := asking.alone(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
