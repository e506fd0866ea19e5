package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// ErrLost is returned when an acknowledged write is not there any more.
var ErrLost = errors.New("acknowledged writes are lost")

// A write is one attempt to put a key that nobody else puts. One that failed may have happened all the same.
type write struct {
	key          string
	entry        entry
	began, ended time.Time
	err          error // nil if it was acknowledged
}

// A load writes through servers, one write after the other through each, until it is stopped.
type load struct {
	servers cluster
	stop    chan struct{}
	halt    sync.Once
	writers sync.WaitGroup

	mu     sync.Mutex
	writes []write
}

// startLoad starts to write. Writes under way are aborted when ctx ends.
func startLoad(ctx context.Context, servers cluster) *load {
	l := &load{servers: servers, stop: make(chan struct{})}
	for _, p := range servers {
		l.writers.Go(func() { l.write(ctx, p) })
	}
	return l
}

// end ends the load, and returns when the writes under way are over.
func (l *load) end() {
	l.halt.Do(func() { close(l.stop) })
	l.writers.Wait()
}

// write writes through a server. After a failure it pauses for a moment.
func (l *load) write(ctx context.Context, p *process) {
	const pause = 20 * time.Millisecond
	for i := 1; ; i++ {
		err := l.put(ctx, p, i)
		wait := time.Duration(0)
		if err != nil {
			wait = pause
		}
		select {
		case <-ctx.Done():
			return
		case <-l.stop:
			return
		case <-time.After(wait):
		}
	}
}

func (l *load) put(ctx context.Context, p *process, i int) error {
	w := write{key: fmt.Sprintf("orders/%s/%06d", p.name, i), began: time.Now()}
	w.entry = entry{value: fmt.Appendf(nil, "order %d by way of %s", i, p.name), flags: uint64(i)}
	_, w.err = p.api.KV().Put(&api.KVPair{Key: w.key, Value: w.entry.value, Flags: w.entry.flags}, (&api.WriteOptions{}).WithContext(ctx))
	w.ended = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, w)
	return w.err
}

// acknowledged returns the writes that were, and began after a time.
func (l *load) acknowledged(after time.Time) (all []write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.writes {
		if w.err == nil && w.began.After(after) {
			all = append(all, w)
		}
	}
	return all
}

// flowing tells whether so many writes that began after a time were acknowledged through each server.
func (l *load) flowing(after time.Time, enough int) func(context.Context) error {
	return func(context.Context) error {
		all := l.acknowledged(after)
		for _, p := range l.servers {
			prefix := []byte("orders/" + p.name + "/")
			n := 0
			for _, w := range all {
				if bytes.HasPrefix([]byte(w.key), prefix) {
					n++
				}
			}
			if n < enough {
				return errors.Join(fmt.Errorf("only %d writes were acknowledged through %s", n, p.name), l.lastFailure())
			}
		}
		return nil
	}
}

func (l *load) lastFailure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range slices.Backward(l.writes) {
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// resumed is when the first write was acknowledged that began after a time. There must be one.
func (l *load) resumed(after time.Time) time.Time {
	all := l.acknowledged(after)
	return slices.MinFunc(all, func(x, y write) int { return x.ended.Compare(y.ended) }).ended
}

// A balance is what became of a load.
type balance struct {
	acknowledged int
	unanswered   int // writes that failed
	happened     int // of these, how many are there all the same
}

// settle checks that every acknowledged write is among the keys that are there, and adds to written what stays from now on. It is for
// a load that has ended.
func (l *load) settle(written, got map[string]entry) (b balance, err error) {
	var lost []string
	for _, w := range l.writes {
		e, there := got[w.key]
		switch {
		case w.err == nil:
			b.acknowledged++
			written[w.key] = w.entry
			if !there || !e.equal(w.entry) {
				lost = append(lost, w.key)
			}
		case there:
			b.unanswered++
			b.happened++
			written[w.key] = w.entry
		default:
			b.unanswered++
		}
	}
	if len(lost) > 0 {
		return b, fmt.Errorf("%w: %d of %d, %q among them", ErrLost, len(lost), b.acknowledged, slices.Min(lost))
	}
	return b, nil
}

func (b balance) String() string {
	if b.unanswered == 0 {
		return "every write got an answer"
	}
	return fmt.Sprintf("%d got no answer, %d of them happened", b.unanswered, b.happened)
}
