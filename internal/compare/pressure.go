package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A pace is how fast a server answered.
type pace struct {
	rate float64       // requests a second
	cpu  time.Duration // processor time of the server for each
}

// press sends requests over conns connections, one after the other on each, for as long as d or until request returns false.
// request sends one over the wire of the given worker.
func (t *target) press(ctx context.Context, conns int, d time.Duration, request func(w *wire, worker int) (more bool, err error)) (pace, error) {
	before, err := readCPU(t.pid)
	if err != nil {
		return pace{}, err
	}
	var count atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for worker := range conns {
		g.Go(func() error {
			n, err := t.work(ctx, start.Add(d), func(w *wire) (bool, error) { return request(w, worker) })
			count.Add(n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return pace{}, fmt.Errorf("%s: %w", t.name, err)
	}
	elapsed := time.Since(start)
	after, err := readCPU(t.pid)
	n := max(count.Load(), 1)
	return pace{float64(n) / elapsed.Seconds(), (after - before) / time.Duration(n)}, err
}

// work is one connection of press.
func (t *target) work(ctx context.Context, until time.Time, request func(*wire) (bool, error)) (n int64, err error) {
	w, err := t.dial()
	if err != nil {
		return 0, err
	}
	defer w.close()
	for ; time.Now().Before(until) && ctx.Err() == nil; n++ {
		if more, err := request(w); err != nil || !more {
			return n, err
		}
	}
	return n, ctx.Err()
}

// fill writes the whole load, key by key.
func (t *target) fill(ctx context.Context, l load, conns int) error {
	var next atomic.Int64
	values := make([][]byte, conns)
	_, err := t.press(ctx, conns, time.Hour, func(w *wire, worker int) (bool, error) {
		i := int(next.Add(1) - 1)
		if i >= l.Keys {
			return false, nil
		}
		values[worker] = l.appendValue(values[worker][:0], i, 0)
		return true, w.put(l.key(i), values[worker])
	})
	return err
}

// reads gets keys of the load at random.
func (t *target) reads(ctx context.Context, l load, conns int, d time.Duration) (pace, error) {
	sources := newSources(conns)
	return t.press(ctx, conns, d, func(w *wire, worker int) (bool, error) {
		return true, w.get(l.key(sources[worker].below(l.Keys)))
	})
}

// writes gives keys of the load, taken at random, new values.
func (t *target) writes(ctx context.Context, l load, conns int, d time.Duration) (pace, error) {
	sources := newSources(conns)
	var pool [1024][]byte // made before the clock runs
	for i := range pool {
		pool[i] = l.appendValue(nil, i, 1)
	}
	return t.press(ctx, conns, d, func(w *wire, worker int) (bool, error) {
		r := sources[worker]
		return true, w.put(l.key(r.below(l.Keys)), pool[r.below(len(pool))])
	})
}

func newSources(n int) []*random {
	sources := make([]*random, n)
	for i := range sources {
		sources[i] = newRandom(i, -1)
	}
	return sources
}
