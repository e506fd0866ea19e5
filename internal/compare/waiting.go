package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// wakes is how many of the waiting queries are woken to see how long that takes.
const wakes = 200

// waits measures blocking queries on keys of their own: what they need while they wait, what they cost writes of other keys, and how soon
// they are answered.
func (c *comparison) waits(ctx context.Context) error {
	if c.waiting == 0 || c.load.Keys == 0 {
		return nil
	}
	return c.each(func(i int, t *target) error {
		before, err := readMemory(t.pid)
		if err != nil {
			return err
		}
		crowd, err := t.crowd(ctx, c.waiting)
		if err != nil {
			return err
		}
		defer crowd.close()
		during, err := readMemory(t.pid)
		if err != nil {
			return err
		}
		c.report.add(memoryWaiting, i, megabytes(during.now-before.now))
		x := newTraffic(c.load)
		for range max(1, c.runs/2) {
			p, err := t.exchanges(ctx, x, (*traffic).write, c.conns, c.span/2)
			if err != nil {
				return err
			}
			c.report.add(writesWaiting, i, p.rate)
		}
		took, err := crowd.wake(min(wakes, c.waiting))
		if err != nil {
			return err
		}
		c.report.add(wakeMedian, i, milliseconds(percentile(took, 50)))
		c.report.add(wakeLate, i, milliseconds(percentile(took, 99)))
		crowd.close()
		for range max(1, c.runs/2) {
			p, err := t.exchanges(ctx, x, (*traffic).write, c.conns, c.span/2)
			if err != nil {
				return err
			}
			c.report.add(writesAlone, i, p.rate)
		}
		return nil
	})
}

// A crowd is a number of blocking queries that wait, each over a connection of its own and for a key of its own, which no load has.
type crowd struct {
	t     *target
	wires []*wire
	once  sync.Once
}

func crowdKey(i int) string { return fmt.Sprintf(keyPrefix+"waiting/key-%07d", i) }

// crowd makes n queries wait.
func (t *target) crowd(ctx context.Context, n int) (_ *crowd, err error) {
	w, err := t.dial()
	if err != nil {
		return nil, err
	}
	defer w.close()
	for i := range n {
		if err := w.put(kvPath+crowdKey(i), []byte("0")); err != nil {
			return nil, err
		}
	}
	index, err := t.index(ctx, kvPath+crowdKey(n-1))
	if err != nil {
		return nil, err
	}
	c := &crowd{t: t, wires: make([]*wire, n)}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	g, _ := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range n {
		g.Go(func() (err error) {
			if c.wires[i], err = t.dial(); err != nil {
				return fmt.Errorf("%s: connection %d of those that wait (limits.http_max_conns_per_client of the server must allow them): %w", t.name, i, err)
			}
			return c.wires[i].ask(fmt.Sprintf("%s%s?wait=10m&index=%d", kvPath, crowdKey(i), index))
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return c, c.settle(ctx)
}

// settle waits until the server has taken all queries in: until its memory stays as it is.
func (c *crowd) settle(ctx context.Context) error {
	last := int64(-1)
	for {
		m, err := readMemory(c.t.pid)
		if err != nil || m.now == last {
			return err
		}
		last = m.now
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// wake writes the keys of n of the queries, one after the other, and returns how long it took from the start of each write until the query
// was answered.
func (c *crowd) wake(n int) (took []time.Duration, err error) {
	w, err := c.t.dial()
	if err != nil {
		return nil, err
	}
	defer w.close()
	for k := range n {
		i := k * len(c.wires) / n
		began := time.Now()
		answered := make(chan error, 1)
		go func() {
			waiting := c.wires[i]
			err := waiting.conn.SetDeadline(began.Add(patience))
			if err == nil {
				err = discardResponse(waiting.in)
			}
			took = append(took, time.Since(began))
			answered <- err
		}()
		if err := w.put(kvPath+crowdKey(i), strconv.AppendInt(nil, int64(k+1), 10)); err != nil {
			return nil, err
		}
		if err := <-answered; err != nil {
			return nil, fmt.Errorf("%s: a blocking query: %w", c.t.name, err)
		}
	}
	return took, nil
}

func (c *crowd) close() {
	c.once.Do(func() {
		for _, w := range c.wires {
			if w != nil {
				_ = w.close() // nothing more is wanted of it
			}
		}
	})
}

// index is the index of an answer.
func (t *target) index(ctx context.Context, path string) (uint64, error) {
	resp, err := t.do(ctx, http.MethodGet, path, nil, 0, http.StatusOK)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	return strconv.ParseUint(resp.Header.Get("X-Consul-Index"), 10, 64)
}
