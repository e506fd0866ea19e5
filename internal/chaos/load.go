//go:build heavy && linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
)

const (
	writers  = 10
	readers  = 6
	lockers  = 3
	keys     = 4
	locks    = 2
	perKeys  = 2000 // operations until the clients go on to other keys: judging short histories is quicker
	prefix   = "r/"
	lockNode = "lockers" // of the sessions: no server that dies takes them along
)

// A load is clients that never stop asking, each at random servers.
type load struct {
	recorder  *history.Recorder
	servers   []history.Server
	transport func() http.RoundTripper
	done      chan struct{}
	running   sync.WaitGroup
	sent      atomic.Int64
	acked     atomic.Int64 // writes that were acknowledged
}

// newLoad starts clients at the servers of a cluster, so many of them for locks.
func newLoad(c *cluster, rng *rand.Rand, lockers int) *load {
	l := &load{recorder: history.NewRecorder(), done: make(chan struct{})}
	for _, s := range c.all() {
		l.servers = append(l.servers, s.Server)
	}
	l.transport = c.transport
	for i := range writers + readers + lockers {
		w := l.client(i, split(rng))
		switch {
		case i < writers:
			l.running.Go(w.write)
		case i < writers+readers:
			l.running.Go(w.read)
		default:
			l.running.Go(func() { w.lock(i) })
		}
	}
	return l
}

// stop lets the clients end what they do, and waits for them.
func (l *load) stop() {
	close(l.done)
	l.running.Wait()
}

func (l *load) stopped() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// A worker is one client.
type worker struct {
	*history.Client
	load *load
	rng  *rand.Rand
	home history.Server
	seen map[string]uint64 // the index of each key that it has read last
	n    int               // values written
}

func (l *load) client(id int, rng *rand.Rand) *worker {
	timeout := between(rng, 1500*time.Millisecond, 4*time.Second) // more or less than a server waits for a leader
	return &worker{
		Client: &history.Client{ID: id, Recorder: l.recorder, HTTP: &http.Client{Timeout: timeout, Transport: l.transport()}},
		load:   l, rng: rng, home: l.servers[id%len(l.servers)], seen: map[string]uint64{},
	}
}

// server is where the next request goes: mostly where the last one went.
func (w *worker) server() history.Server {
	if w.rng.IntN(4) == 0 {
		w.home = w.load.servers[w.rng.IntN(len(w.load.servers))]
	}
	return w.home
}

// key is one of those that are in use now.
func (w *worker) key() string {
	return fmt.Sprintf("%s%d/%d", prefix, w.load.sent.Load()/perKeys, w.rng.IntN(keys))
}

// write works on keys until the load is stopped.
func (w *worker) write() {
	defer w.HTTP.CloseIdleConnections()
	for !w.load.stopped() {
		o := w.one(context.Background(), w.key())
		if o.Outcome == history.OK && o.Kind == history.Read {
			w.seen[o.Key] = o.Index
		}
		w.settle(o)
	}
}

const (
	patience    = 10 * time.Second // longer than a leader is held: what it is asked meanwhile it answers as soon as it goes on
	outstanding = 64               // reads of one reader that are not answered yet
)

// read reads, consistently or as the leader has it, until the load is stopped. It stays with one server, and does not wait for an
// answer before it asks again: so a leader that is none any more, and does not know it yet, is asked what others know better.
func (w *worker) read() {
	defer w.HTTP.CloseIdleConnections()
	w.HTTP.Timeout = patience
	free := make(chan struct{}, outstanding)
	var running sync.WaitGroup
	defer running.Wait()
	for !w.load.stopped() {
		select {
		case <-w.load.done:
			return
		case free <- struct{}{}:
		}
		w.load.sent.Add(1)
		key, read := w.key(), w.Read
		if w.rng.IntN(3) > 0 {
			read = w.DefaultRead
		}
		running.Go(func() {
			read(context.Background(), w.home, key)
			<-free
		})
		pause(w.load.done, between(w.rng, 20*time.Millisecond, 60*time.Millisecond))
	}
}

func (w *worker) one(ctx context.Context, key string) history.Operation {
	switch w.rng.IntN(8) {
	case 0, 1:
		return w.Put(ctx, w.server(), key, w.value())
	case 2, 3:
		return w.CAS(ctx, w.server(), key, w.value(), w.seen[key])
	case 4:
		return w.DefaultRead(ctx, w.server(), key)
	default:
		return w.Read(ctx, w.server(), key)
	}
}

// value is one that nobody else writes.
func (w *worker) value() string {
	w.n++
	return fmt.Sprintf("%d.%d", w.ID, w.n)
}

// settle counts an operation, and waits a little before the next, longer after one that failed.
func (w *worker) settle(o history.Operation) {
	w.load.sent.Add(1)
	wait := between(w.rng, time.Millisecond, 16*time.Millisecond)
	if o.Outcome != history.OK {
		wait *= 5
		w.home = w.load.servers[w.rng.IntN(len(w.load.servers))]
	} else if o.Done && o.Kind != history.Read {
		w.load.acked.Add(1)
	}
	pause(w.load.done, wait)
}

// lock takes locks and gives them back until the load is stopped. Each turn has a session of its own, which is certain to have
// ended before the next.
func (w *worker) lock(i int) {
	defer w.HTTP.CloseIdleConnections()
	ctx := context.Background()
	for turn := 0; !w.load.stopped(); turn++ {
		key := fmt.Sprintf("lock/%d/%d", w.load.sent.Load()/perKeys, (i+turn/20)%locks)
		session, err := w.Session(ctx, w.server(), lockNode)
		if err != nil {
			pause(w.load.done, 50*time.Millisecond)
			continue
		}
		w.hold(ctx, key, session)
		for end := (history.Operation{}); end.Outcome != history.OK && !w.load.stopped(); w.settle(end) {
			end = w.End(ctx, w.server(), key, session)
		}
	}
}

// hold tries to get a lock a few times, and keeps it a little.
func (w *worker) hold(ctx context.Context, key, session string) {
	for range 5 {
		o := w.Acquire(ctx, w.server(), key, session)
		w.settle(o)
		if o.Outcome == history.OK && o.Done {
			pause(w.load.done, between(w.rng, time.Millisecond, 50*time.Millisecond))
			w.settle(w.Release(ctx, w.server(), key, session))
			return
		}
		if w.load.stopped() {
			return
		}
	}
}
