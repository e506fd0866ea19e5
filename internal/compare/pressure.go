package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A pace is how fast a server answered.
type pace struct {
	rate float64       // requests a second
	cpu  time.Duration // processor time of the server for each
	late time.Duration // what 99 of 100 answers did not take longer than
}

// press sends requests over conns connections, one after the other on each, for as long as d or until request returns false.
// request sends one over the wire of the given worker.
func (t *target) press(ctx context.Context, conns int, d time.Duration, request func(w *wire, worker int) (more bool, err error)) (pace, error) {
	before, err := readCPU(t.pid)
	if err != nil {
		return pace{}, err
	}
	took := make([][]time.Duration, conns)
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for worker := range conns {
		g.Go(func() (err error) {
			took[worker], err = t.work(ctx, start.Add(d), func(w *wire) (bool, error) { return request(w, worker) })
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return pace{}, fmt.Errorf("%s: %w", t.name, err)
	}
	elapsed := time.Since(start)
	after, err := readCPU(t.pid)
	all := slices.Concat(took...)
	n := max(len(all), 1)
	return pace{float64(n) / elapsed.Seconds(), (after - before) / time.Duration(n), percentile(all, 99)}, err
}

// work is one connection of press. It returns how long each answer took.
func (t *target) work(ctx context.Context, until time.Time, request func(*wire) (bool, error)) (took []time.Duration, err error) {
	w, err := t.dial()
	if err != nil {
		return nil, err
	}
	defer w.close()
	for now := time.Now(); now.Before(until) && ctx.Err() == nil; {
		if more, err := request(w); err != nil || !more {
			return took, err
		}
		then := now
		now = time.Now()
		took = append(took, now.Sub(then))
	}
	return took, ctx.Err()
}

// percentile is what p of a hundred do not exceed, 0 of none.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*p/100)]
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
		return true, w.put(kvPath+l.key(i), values[worker])
	})
	return err
}

func newSources(n int) []*random {
	sources := make([]*random, n)
	for i := range sources {
		sources[i] = newRandom(i, -1)
	}
	return sources
}

// exchange is one request of a traffic: its read or its write.
type exchange func(*traffic, *wire, *random) error

// exchanges sends requests of one kind over conns connections.
func (t *target) exchanges(ctx context.Context, x *traffic, do exchange, conns int, d time.Duration) (pace, error) {
	sources := newSources(conns)
	return t.press(ctx, conns, d, func(w *wire, worker int) (bool, error) { return true, do(x, w, sources[worker]) })
}
