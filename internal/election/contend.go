package election

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// contend waits until the session holds the key. Trouble it sits out; it ends with the context or the session.
func (c *Candidate) contend(ctx context.Context, s *session) (*Term, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })()
	key, holder, failed := watch{c: c}, holder{}, backoff{}
	for {
		pair, err := key.next(ctx)
		if err == nil {
			if pair != nil && pair.Session == s.id {
				return c.begins(s, pair)
			}
			err = c.judge(ctx, s, pair, &holder, &key)
		}
		if s.ctx.Err() != nil || err == errGone {
			return nil, fmt.Errorf("election: waiting for %s: %w", c.config.Key, errGone)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.report(err)
		if err == nil {
			failed.reset()
			continue
		}
		key.index = 0
		_ = clock.Sleep(ctx, c.config.Clock, failed.next()) // the next read tells of an end
	}
}

// judge looks at a key that the session does not hold, and tries to get it if it is free.
func (c *Candidate) judge(ctx context.Context, s *session, pair *api.KVPair, h *holder, key *watch) error {
	if pair != nil && pair.Flags != api.LockFlagValue {
		return fmt.Errorf("election: %s has flags %d: %w: choose another lock key, or delete this one", c.config.Key, pair.Flags, ErrConflict)
	}
	if pair != nil && pair.Session != "" {
		if !h.tarries(c, pair) {
			return nil
		}
		_, err := c.free(ctx, pair)
		return err
	}
	*h = holder{}
	key.index = 0
	ok, err := c.acquire(ctx, s)
	if err != nil || ok {
		return err // the next read shows the session's lock
	}
	return c.refused(ctx)
}

// refused waits after a key was not to be had: not at all if somebody was faster, else for the lock-delay.
func (c *Candidate) refused(ctx context.Context) error {
	pair, _, err := c.read(ctx, 0)
	if err != nil || pair != nil && pair.Session != "" {
		return err
	}
	return clock.Sleep(ctx, c.config.Clock, api.DefaultLockRetryTime)
}

// A holder is who has had the key, and since when we know.
type holder struct {
	session string
	seen    clock.Moment
}

// tarries tells, each time a holder has had the key for twice the TTL, that it is time to ask whether its session exists.
func (h *holder) tarries(c *Candidate, pair *api.KVPair) bool {
	now := c.config.Clock.Now()
	if h.session != pair.Session {
		*h = holder{pair.Session, now}
		return false
	}
	if now.Since(h.seen) < 2*c.config.TTL {
		return false
	}
	h.seen = now
	return true
}

// begins starts a term.
func (c *Candidate) begins(s *session, pair *api.KVPair) (*Term, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	c.term = newTerm(c, s, pair)
	c.trouble = nil
	return c.term, nil
}
