package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// ttlGrace is how many times its TTL a session lives without being renewed. A TTL is a lower bound.
const ttlGrace = 2

// A sessionClock knows when sessions with a TTL are over. It is the leader's own memory: a new leader, and a restored state, start all
// times anew.
type sessionClock struct {
	mu        sync.Mutex
	deadlines map[string]time.Time // by session ID
}

// reset forgets all times.
func (c *sessionClock) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadlines = map[string]time.Time{}
}

// follow takes in which sessions there are: the time of new ones begins, and that of those that are gone is forgotten. It returns the
// sessions that are over, and when the next one will be, zero if none will.
func (c *sessionClock) follow(sessions []*record.Session, now time.Time) (over []string, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.deadlines
	c.deadlines = map[string]time.Time{}
	for _, s := range sessions {
		ttl := ttlOf(s)
		if ttl <= 0 {
			continue
		}
		deadline, ok := known[s.ID]
		if !ok {
			deadline = now.Add(ttlGrace * ttl)
		}
		c.deadlines[s.ID] = deadline
		switch {
		case !deadline.After(now):
			over = append(over, s.ID)
		case next.IsZero() || deadline.Before(next):
			next = deadline
		}
	}
	return over, next
}

// renew starts the time of a session anew, if it has one.
func (c *sessionClock) renew(s *record.Session, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ttl := ttlOf(s); ttl > 0 && c.deadlines != nil {
		c.deadlines[s.ID] = now.Add(ttlGrace * ttl)
	}
}

// active is how many sessions have a time.
func (c *sessionClock) active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.deadlines)
}

func ttlOf(s *record.Session) time.Duration {
	ttl, err := time.ParseDuration(s.TTL)
	if err != nil {
		return 0
	}
	return ttl
}

// RenewSession starts the time of a session anew, if there is a session of that ID.
func (s *Server) RenewSession(ctx context.Context, id string) error {
	defer metrics.MeasureSince(telemetry.SessionRenew, time.Now())
	if err := s.WaitLeader(ctx); err != nil {
		return err
	}
	if _, x := s.Store().Session(nil, id); x != nil {
		s.sessions.renew(x, time.Now())
	}
	return nil
}

// retryExpiry is how long the end of a session waits that could not be applied.
const retryExpiry = time.Second

// expireSessions ends sessions whose time is over, until ctx ends.
func (s *Server) expireSessions(ctx context.Context) {
	s.sessions.reset()
	var store *state.Store
	for ctx.Err() == nil {
		if current := s.Store(); current != store {
			if store != nil {
				s.sessions.reset()
			}
			store = current
		}
		s.expireOnce(ctx, store)
	}
}

// expireOnce ends what is over in store, and waits until sessions change, the next one is over, or the store is replaced.
func (s *Server) expireOnce(ctx context.Context, store *state.Store) {
	w := state.NewWatch()
	defer w.Close()
	_, sessions := store.Sessions(w)
	now := time.Now()
	over, next := s.sessions.follow(sessions, now)
	for _, id := range over {
		s.log.Debug("session TTL expired", "session", id)
		began := time.Now()
		err := s.applyInternal(fsm.DestroySession(id))
		metrics.MeasureSince(telemetry.SessionInvalidate, began)
		if err != nil {
			s.log.Error("session TTL expired, but ending the session failed", "session", id, "error", err)
			next = now.Add(retryExpiry)
		}
	}
	if len(over) > 0 && next.IsZero() {
		return // look again: the sessions have changed
	}
	wait, cancel := context.WithCancel(ctx)
	if !next.IsZero() {
		cancel()
		wait, cancel = context.WithDeadline(ctx, next)
	}
	defer cancel()
	go func() {
		select {
		case <-store.Abandoned():
			cancel()
		case <-wait.Done():
		}
	}()
	if err := w.Wait(wait); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.log.Error("waiting for sessions failed", "error", err)
	}
}
