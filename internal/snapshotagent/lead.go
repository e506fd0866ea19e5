package snapshotagent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
)

// Run takes backups until ctx ends: whenever it leads.
func (a *Agent) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching.Go(func() { a.watch(ctx) })
	watching.Go(func() { a.vigil(ctx) })
	if a.config.Registrar != nil {
		watching.Go(func() {
			if err := a.config.Registrar.Run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("the agent is not registered any more", "error", err)
			}
		})
	}
	for ctx.Err() == nil {
		a.log.Info("Waiting to obtain leadership...")
		term, err := a.config.Elector.Campaign(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("election: %w", err)
		}
		a.log.Info("Obtained leadership")
		a.lead(ctx, term)
	}
	return nil
}

// pauseAfterResigning keeps an agent that keeps failing from being the first at the lock again.
const pauseAfterResigning = 30 * time.Second

// lead takes backups while the term lasts.
func (a *Agent) lead(ctx context.Context, term Term) {
	a.setLeading(true)
	defer a.setLeading(false)
	defer a.forgive()
	outer := ctx
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-term.Lost():
			end()
		case <-ctx.Done():
		}
	}()
	a.look(ctx) // what the leader before has left: its clock may be ahead, and IDs grow
	if last := a.failedRun; last != nil && a.clock.Now().Since(*last) < a.current.Load().Interval {
		a.rest(ctx, term, *last) // it is not tried more often because the lock has changed hands
	}
	for failures := 0; ctx.Err() == nil; {
		began := a.clock.Now()
		err := a.run(ctx, term)
		if failures++; err == nil {
			failures, a.failedRun = 0, nil
		} else if ctx.Err() == nil {
			a.failedRun = &began
		}
		if a.givesUp(failures) {
			a.log.Error("giving up leadership after too many failures in a row", "failures", failures)
			a.resign(outer, term)
			_ = clock.Sleep(outer, a.clock, pauseAfterResigning) // only its end matters
			return
		}
		a.rest(ctx, term, began)
	}
	if outer.Err() != nil {
		a.tidy(context.WithoutCancel(outer), term)
		a.resign(context.WithoutCancel(outer), term)
		return
	}
	a.log.Warn("Lost leadership")
}

// tidy deletes what a run that was cut short has uploaded.
func (a *Agent) tidy(ctx context.Context, term Term) {
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	for _, d := range a.current.Load().destinations {
		if err := d.clear(ctx, guard(d.Store, term)); err != nil {
			a.log.Warn("an archive without an entry stays behind", "destination", d.name, "error", err)
		}
	}
}

// givesUp tells whether so many runs of a term have failed that another agent should try.
func (a *Agent) givesUp(failures int) bool {
	most := a.current.Load().MaxFailures
	return most > 0 && failures >= most
}

// resignTimeout bounds how long a lock that is given up is waited for.
const resignTimeout = 10 * time.Second

func (a *Agent) resign(ctx context.Context, term Term) {
	ctx, cancel := context.WithTimeout(ctx, resignTimeout)
	defer cancel()
	if err := term.Resign(ctx); err != nil {
		a.log.Warn("the lock could not be released; it ends with its session", "error", err)
	}
}

func (a *Agent) setLeading(leading bool) {
	a.board.change(func(s *Status) {
		s.Leading = leading
		if !leading {
			s.NextRun = time.Time{}
		}
	})
	switch r := a.config.Registrar; {
	case r == nil:
	case leading:
		r.Lead()
	default:
		r.Follow()
	}
}

// delay is the time to the next run, jitter included: up to a twentieth, at most half a minute, is added.
func (a *Agent) delay() time.Duration {
	interval := a.current.Load().Interval
	return interval + rand.N(min(interval/20, 30*time.Second)+1)
}

// catchUpInterval is how often destinations that are behind are tried.
const catchUpInterval = 30 * time.Second

// rest waits for the next run after one that began at a moment; meanwhile it brings destinations up to date that are behind.
func (a *Agent) rest(ctx context.Context, term Term, began clock.Moment) {
	wait := a.delay()
	for {
		left := wait - a.clock.Now().Since(began)
		a.board.change(func(s *Status) { s.NextRun = a.now().Add(max(left, 0)) })
		if left <= 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-a.reloaded:
			wait = a.delay()
		case <-a.clock.After(min(left, catchUpInterval)):
			if left = wait - a.clock.Now().Since(began); left > 0 {
				a.catchUpWithin(ctx, term, left)
			}
		}
	}
}

// catchUpWithin is catchUp until the next run is due.
func (a *Agent) catchUpWithin(ctx context.Context, term Term, left time.Duration) {
	ctx, cancel := clock.WithTimeout(ctx, a.clock, left)
	defer cancel()
	a.catchUp(ctx, term)
}
