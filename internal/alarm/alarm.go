package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// An Action is what a hook does. Errors hold no secrets.
type Action interface {
	Do(ctx context.Context, e *Event) error
}

// A Hook is an action with what it is for.
type Hook struct {
	Name    string        // in logs and metrics, without secrets
	On      []Kind        // what it is told
	Timeout time.Duration // of one try; above 0
	Action  Action
}

// Tries is how often a hook is tried for one event.
const Tries = 4

// pauses are those between the tries.
var pauses = [Tries - 1]time.Duration{time.Second, 5 * time.Second, 25 * time.Second}

// queueLength is how many events may wait for one hook.
const queueLength = 32

// A Count is what became of the events for a hook.
type Count struct {
	Delivered int64
	Retried   int64 // tries that failed and were followed by another
	Failed    int64 // events that were given up after their last try
	Dropped   int64 // events that were never tried: the queue was full, or the process ended
}

// An Alarm tells hooks of events. It is safe for concurrent use.
type Alarm struct {
	clock clock.Clock
	log   hclog.Logger
	ctx   context.Context
	stop  context.CancelFunc
	busy  sync.WaitGroup // the workers

	mu      sync.Mutex // guards what follows
	workers []*worker
	counts  map[string]*Count // by the hook's name
}

// worker works off the queue of a hook.
type worker struct {
	Hook
	*Alarm
	queue chan *Event
}

// New returns an alarm without hooks. It must be closed.
func New(c clock.Clock, log hclog.Logger) *Alarm {
	ctx, stop := context.WithCancel(context.Background())
	return &Alarm{clock: c, log: log, ctx: ctx, stop: stop, counts: map[string]*Count{}}
}

// Use replaces the hooks. Those before get what they were told of already; counts go on under the same names.
func (a *Alarm) Use(hooks []Hook) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.retire()
	for _, h := range hooks {
		if a.counts[h.Name] == nil {
			a.counts[h.Name] = &Count{}
		}
		w := &worker{Hook: h, Alarm: a, queue: make(chan *Event, queueLength)}
		a.workers = append(a.workers, w)
		a.busy.Go(w.work)
	}
}

// retire lets the workers end once their queues are empty. The caller holds the lock.
func (a *Alarm) retire() {
	for _, w := range a.workers {
		close(w.queue)
	}
	a.workers = nil
}

// Tell tells each hook of an event, as the first of the kinds that the hook is for, if any. It waits for nothing.
func (a *Alarm) Tell(e Event, kinds ...Kind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		i := slices.IndexFunc(kinds, func(k Kind) bool { return slices.Contains(w.On, k) })
		if i < 0 {
			continue
		}
		told := e
		told.Event = kinds[i]
		w.enqueue(&told)
	}
}

// enqueue puts an event at the end of the queue; the oldest makes room. The caller holds the lock.
func (w *worker) enqueue(e *Event) {
	for {
		select {
		case w.queue <- e:
			return
		default:
		}
		select {
		case <-w.queue:
			w.counts[w.Name].Dropped++
			w.log.Error("a hook does not keep up: its oldest event is dropped", "hook", w.Name)
		default: // the worker was faster
		}
	}
}

// Counts are those of all hooks there ever were, by name.
func (a *Alarm) Counts() map[string]Count {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make(map[string]Count, len(a.counts))
	for name, c := range a.counts {
		all[name] = *c
	}
	return all
}

// Close lets the hooks finish what they were told, for as long as grace by the clock of the machine; then it ends them, and waits for that.
// No event may be told afterwards.
func (a *Alarm) Close(grace time.Duration) {
	a.mu.Lock()
	a.retire()
	a.mu.Unlock()
	timer := time.AfterFunc(grace, a.stop)
	a.busy.Wait()
	timer.Stop()
	a.stop()
	client.CloseIdleConnections()
}

func (w *worker) work() {
	for e := range w.queue {
		w.deliver(e)
	}
}

// deliver does the action until it succeeds, or has failed too often.
func (w *worker) deliver(e *Event) {
	for try := 1; ; try++ {
		if w.ctx.Err() != nil {
			w.count(func(c *Count) { c.Dropped++ })
			w.log.Warn("a hook was not told: the process ends", "hook", w.Name, "event", e.Event)
			return
		}
		err := w.once(e)
		if err == nil {
			w.count(func(c *Count) { c.Delivered++ })
			w.log.Debug("told a hook", "hook", w.Name, "event", e.Event)
			return
		}
		var final *refusal
		if try == Tries || errors.As(err, &final) {
			w.count(func(c *Count) { c.Failed++ })
			w.log.Error("a hook failed, and is given up for this event", "hook", w.Name, "event", e.Event, "tries", try, "error", err)
			return
		}
		w.count(func(c *Count) { c.Retried++ })
		w.log.Warn("a hook failed, and is tried again", "hook", w.Name, "event", e.Event, "try", try, "error", err)
		_ = clock.Sleep(w.ctx, w.clock, pauses[try-1]) // its end is seen above
	}
}

// once does the action within its timeout.
func (w *worker) once(e *Event) error {
	ctx, cancel := clock.WithTimeout(w.ctx, w.clock, w.Timeout)
	defer cancel()
	err := w.Action.Do(ctx, e)
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fmt.Errorf("it was ended after %s", w.Timeout)
	}
	return err
}

func (w *worker) count(change func(*Count)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.counts[w.Name])
}

// refusal is a failure that another try does not mend.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }
