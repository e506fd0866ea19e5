package election

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// waitTime is for how long one read waits for a change.
const waitTime = api.DefaultLockWaitTime

// read reads the key with full consistency: it waits for a change if index is not 0. There may be no key, but no stale one.
func (c *Candidate) read(ctx context.Context, index uint64) (*api.KVPair, uint64, error) {
	patience := c.config.TTL
	options := &api.QueryOptions{RequireConsistent: true}
	if index > 0 {
		options.WaitIndex, options.WaitTime = index, waitTime
		patience += waitTime + waitTime/16
	}
	ctx, cancel := clock.WithTimeout(ctx, c.config.Clock, patience)
	defer cancel()
	pair, meta, err := c.client.KV().Get(c.config.Key, options.WithContext(ctx))
	if err == nil && (!meta.KnownLeader || meta.LastContact > 0) {
		err = errStale
	}
	if err != nil {
		return nil, 0, explain(ctx, "reading "+c.config.Key, c.keyRule(), err)
	}
	return pair, meta.LastIndex, nil
}

// acquire asks for the key. It is no error if the key is not to be had.
func (c *Candidate) acquire(ctx context.Context, s *session) (bool, error) {
	ctx, cancel := clock.WithTimeout(ctx, c.config.Clock, c.config.TTL)
	defer cancel()
	s.bid.Store(true)
	ok, _, err := c.client.KV().Acquire(c.entry(s), (&api.WriteOptions{}).WithContext(ctx))
	if sessionInvalid(err) {
		return false, errGone
	}
	return ok, explain(ctx, "acquiring "+c.config.Key, c.keyRule(), err)
}

// release gives the key back. It is no error if the session does not hold it.
func (c *Candidate) release(ctx context.Context, s *session) error {
	_, _, err := c.client.KV().Release(c.entry(s), (&api.WriteOptions{}).WithContext(ctx))
	if sessionInvalid(err) {
		return nil
	}
	return explain(ctx, "releasing "+c.config.Key, c.keyRule(), err)
}

func (c *Candidate) entry(s *session) *api.KVPair {
	return &api.KVPair{Key: c.config.Key, Value: c.config.Value, Flags: api.LockFlagValue, Session: s.id}
}

// A watch follows the key: each read after the first waits for a change.
type watch struct {
	c     *Candidate
	index uint64
}

// next returns the key when it may have changed. After an error, and after an index that went back, it starts anew. A server that
// does not wait is not asked more than about once a second.
func (w *watch) next(ctx context.Context) (*api.KVPair, error) {
	for {
		asked := w.index
		began := w.c.config.Clock.Now()
		pair, index, err := w.c.read(ctx, asked)
		w.index = index
		if err != nil || index < asked {
			w.index = 0
		}
		if err != nil {
			return nil, err
		}
		if asked != index || w.c.config.Clock.Now().Since(began) >= waitTime/2 {
			return pair, nil
		}
		if err := clock.Sleep(ctx, w.c.config.Clock, time.Second); err != nil {
			return nil, err
		}
		if index == 0 {
			return pair, nil
		}
	}
}

// free deletes the key if its session does not exist, which Consul must say in so many words. It tells whether it did.
func (c *Candidate) free(ctx context.Context, pair *api.KVPair) (bool, error) {
	ctx, cancel := clock.WithTimeout(ctx, c.config.Clock, c.config.TTL)
	defer cancel()
	step := fmt.Sprintf("looking for session %s, which holds %s", pair.Session, c.config.Key)
	entry, meta, err := c.client.Session().Info(pair.Session, (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx))
	if err != nil || entry != nil || !meta.KnownLeader {
		return false, explain(ctx, step, sessionRule, err)
	}
	// Renewing tells a session that is not there from one that must not be seen, and leaves the latter alone.
	entry, _, err = c.client.Session().Renew(pair.Session, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil || entry != nil {
		return false, nil // not ours to judge: its holder is somewhere
	}
	ok, _, err := c.client.KV().DeleteCAS(pair, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil {
		return false, explain(ctx, "freeing "+c.config.Key, c.keyRule(), err)
	}
	if ok {
		c.config.Logger.Warn("the lock was held by a session that does not exist: freed it", "key", c.config.Key, "session", pair.Session)
	}
	return ok, nil
}
