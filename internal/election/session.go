package election

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A session is one session in Consul, which a goroutine keeps alive.
type session struct {
	c    *Candidate
	id   string
	ctx  context.Context // ends when the session is gone or given up
	stop context.CancelCauseFunc
	kept chan struct{} // closed when nobody renews it any longer
	bid  atomic.Bool   // it may hold the key

	mu      sync.Mutex
	renewed clock.Moment // when the last renewal that succeeded was sent
}

// openSession creates a session and starts to renew it. Behavior and checks are Consul's defaults.
func (c *Candidate) openSession(ctx context.Context) (*session, error) {
	ctx, cancel := clock.WithTimeout(ctx, c.config.Clock, c.config.TTL)
	defer cancel()
	sent := c.config.Clock.Now()
	entry := &api.SessionEntry{
		Name: c.config.SessionName, TTL: c.config.TTL.String(), LockDelay: c.config.LockDelay, Behavior: api.SessionBehaviorRelease,
	}
	id, _, err := c.client.Session().Create(entry, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil {
		return nil, explain(ctx, "creating a session", sessionRule, err)
	}
	s := &session{c: c, id: id, kept: make(chan struct{}), renewed: sent}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	c.all.Go(s.keep)
	return s, nil
}

// keep renews the session at half its TTL, sooner after a failure, until it is gone or given up.
func (s *session) keep() {
	defer close(s.kept)
	var failed backoff
	for wait := s.c.config.TTL / 2; clock.Sleep(s.ctx, s.c.config.Clock, wait) == nil; {
		err := s.renew(s.ctx)
		switch {
		case err == errGone:
			s.stop(errGone)
		case err != nil:
			s.c.report(err)
			wait = min(failed.next(), s.c.config.TTL/4)
		default:
			failed.reset()
			wait = s.c.config.TTL / 2
		}
	}
}

// renew renews the session once. The error is errGone if Consul does not have it.
func (s *session) renew(ctx context.Context) error {
	ctx, cancel := clock.WithTimeout(ctx, s.c.config.Clock, s.c.config.TTL/2)
	defer cancel()
	sent := s.c.config.Clock.Now()
	entry, _, err := s.c.client.Session().Renew(s.id, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil {
		return explain(ctx, "renewing session "+s.id, sessionRule, err)
	}
	if entry == nil {
		return errGone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewed = sent
	return nil
}

// lease is how long Consul surely keeps the session, or less than nothing.
func (s *session) lease() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c.config.TTL - s.c.config.Clock.Now().Since(s.renewed)
}

// giveUp stops renewing.
func (s *session) giveUp() {
	s.stop(context.Canceled)
	<-s.kept
}

// discard ends a session that nothing depends on any longer, and before it a lock that an unanswered request may have got, so that
// there is no lock-delay. If that fails, Consul ends the session in its time.
func (s *session) discard() {
	s.giveUp()
	ctx, cancel := clock.WithTimeout(context.Background(), s.c.config.Clock, s.c.config.TTL/4)
	defer cancel()
	var err error
	if s.bid.Load() {
		err = s.c.release(ctx, s)
	}
	if err := errors.Join(err, s.destroy(ctx)); err != nil {
		s.c.config.Logger.Debug("the session is left to expire", "error", err)
	}
}

func (s *session) destroy(ctx context.Context) error {
	_, err := s.c.client.Session().Destroy(s.id, (&api.WriteOptions{}).WithContext(ctx))
	return explain(ctx, "ending session "+s.id, sessionRule, err)
}
