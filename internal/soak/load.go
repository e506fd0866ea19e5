//go:build heavy && unix

package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

const loadPrefix = "load/"

// A counter is a key that one writer counts up, and what is known of it.
type counter struct {
	key string

	mu    sync.Mutex
	sure  uint64 // acknowledged, or read: it must never be less again
	tried uint64 // sent: it cannot be more
}

func (c *counter) next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	return c.tried
}

func (c *counter) raise(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sure = max(c.sure, n)
}

func (c *counter) bounds() (sure, tried uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sure, c.tried
}

// check compares a value that was read, nil if there was none, with what it may be.
func (c *counter) check(value []byte, sure uint64) (n uint64, err error) {
	if value != nil {
		if n, err = decodeValue(c.key, value); err != nil {
			return 0, err
		}
	}
	_, tried := c.bounds()
	if n < sure {
		return n, fmt.Errorf("LOST: %s is %d, and %d was acknowledged or read before", c.key, n, sure)
	}
	if n > tried {
		return n, fmt.Errorf("%s is %d, and no more than %d was ever sent", c.key, n, tried)
	}
	return n, nil
}

// encodeValue is the value of version n of a key: n, and size bytes that follow from n and the key.
func encodeValue(key string, n uint64, size int) []byte {
	b := fmt.Appendf(nil, "%d %d:", n, size)
	filler := rand.New(rand.NewPCG(hash(key), n))
	for end := len(b) + size; ; {
		b = binary.LittleEndian.AppendUint64(b, filler.Uint64())
		if len(b) >= end {
			return b[:end]
		}
	}
}

// decodeValue returns the version of a value, every byte of which must be right.
func decodeValue(key string, value []byte) (n uint64, err error) {
	var size int
	if _, err := fmt.Sscanf(string(value[:min(len(value), 40)]), "%d %d:", &n, &size); err != nil {
		return 0, fmt.Errorf("DAMAGED: %s is %.40q: %w", key, value, err)
	}
	if string(encodeValue(key, n, size)) != string(value) {
		return 0, fmt.Errorf("DAMAGED: version %d of %s is not what was written", n, key)
	}
	return n, nil
}

// A load writes and reads, and remembers what must be there.
type load struct {
	writers [][]*counter
	all     map[string]*counter
	acked   atomic.Int64 // writes

	ending atomic.Bool // the process is about to be killed

	mu     sync.Mutex
	index  uint64 // the highest that was seen
	faults []error
}

// newLoad makes a load of so many writers, each with so many keys of its own.
func newLoad(writers, keys int) *load {
	l := &load{all: map[string]*counter{}}
	for w := range writers {
		var own []*counter
		for k := range keys {
			c := &counter{key: fmt.Sprintf("%sw%02d/k%02d", loadPrefix, w, k)}
			own = append(own, c)
			l.all[c.key] = c
		}
		l.writers = append(l.writers, own)
	}
	return l
}

// sizes are the limits of a value's size.
type sizes struct{ low, high int }

func (s sizes) draw(rng *rand.Rand) int { return s.low + rng.IntN(s.high-s.low+1) }

// run starts the writers and a reader against a server that serves. The function that it returns must be called just before the
// server is killed: errors of connections are faults until then. It returns a function that waits for the end of it all.
func (l *load) run(api *client, rng *rand.Rand, s sizes) (ending func() (wait func() error)) {
	ctx, cancel := context.WithCancel(context.Background())
	l.ending.Store(false)
	var running sync.WaitGroup
	for _, own := range l.writers {
		own, rng := own, rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
		running.Go(func() { l.report(l.write(ctx, api, own, rng, s)) })
	}
	reads := rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
	running.Go(func() { l.report(l.read(ctx, api, reads)) })
	return func() func() error {
		l.ending.Store(true)
		return func() error {
			cancel()
			running.Wait()
			return l.found()
		}
	}
}

func (l *load) report(err error) {
	if err == nil || errors.As(err, new(noAnswer)) && l.ending.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, err)
}

// found returns the faults of the load so far.
func (l *load) found() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.faults...)
}

// noAnswer is the error of a request without an answer.
type noAnswer struct{ error }

func (e noAnswer) Unwrap() error { return e.error }

// unanswered marks the error of a request that was not answered; a refusal is an answer.
func unanswered(err error) error {
	if refused(err) != nil {
		return err
	}
	return noAnswer{err}
}

// write counts up one writer's keys in turn until a request fails.
func (l *load) write(ctx context.Context, api *client, own []*counter, rng *rand.Rand, s sizes) error {
	for i := rng.IntN(len(own)); ; i++ {
		if err := l.writeOne(ctx, api, own[i%len(own)], s.draw(rng)); err != nil {
			return err
		}
	}
}

func (l *load) writeOne(ctx context.Context, api *client, c *counter, size int) error {
	n := c.next()
	if err := api.put(ctx, c.key, encodeValue(c.key, n, size)); err != nil {
		return fmt.Errorf("write version %d of %s: %w", n, c.key, unanswered(err))
	}
	c.raise(n)
	l.acked.Add(1)
	return nil
}

// read reads random keys, and indexes, until a request fails.
func (l *load) read(ctx context.Context, api *client, rng *rand.Rand) error {
	for i := 0; ; i++ {
		own := l.writers[rng.IntN(len(l.writers))]
		if err := readOne(ctx, api, own[rng.IntN(len(own))]); err != nil {
			return err
		}
		if i%8 == 0 {
			if err := l.readIndex(ctx, api); err != nil {
				return err
			}
		}
	}
}

func readOne(ctx context.Context, api *client, c *counter) error {
	sure, _ := c.bounds()
	value, err := api.value(ctx, c.key)
	if err != nil {
		return unanswered(err)
	}
	n, err := c.check(value, sure)
	if err != nil {
		return fmt.Errorf("read under load: %w", err)
	}
	c.raise(n)
	return nil
}

func (l *load) readIndex(ctx context.Context, api *client) error {
	a, err := api.get(ctx, "/v1/kv/"+loadPrefix+"?keys")
	if r := refused(err); r != nil && r.status == 404 {
		return nil
	}
	if err != nil {
		return unanswered(err)
	}
	return l.advance(a.index())
}

// advance takes note of an index, which must not be below the last.
func (l *load) advance(index uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < l.index {
		return fmt.Errorf("X-Consul-Index went back from %d to %d", l.index, index)
	}
	l.index = index
	return nil
}

// verify compares all keys, on a server on which nothing writes, with what must be there. What is there now is sure from now on, and
// nothing that was sent before may come later.
func (l *load) verify(ctx context.Context, api *client) error {
	entries, index, err := api.list(ctx, loadPrefix)
	if err != nil {
		return err
	}
	var wrong []error
	if len(entries) > 0 {
		wrong = append(wrong, l.advance(index))
	}
	values := map[string][]byte{}
	for _, e := range entries {
		values[e.Key] = e.Value
		if l.all[e.Key] == nil {
			wrong = append(wrong, fmt.Errorf("%s is there, and was never written", e.Key))
		}
	}
	for key, c := range l.all {
		sure, _ := c.bounds()
		n, err := c.check(values[key], sure)
		wrong = append(wrong, err)
		c.mu.Lock()
		c.sure, c.tried = max(c.sure, n), max(c.sure, n)
		c.mu.Unlock()
	}
	return errors.Join(wrong...)
}
