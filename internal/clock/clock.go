package clock

import (
	"context"
	"time"
)

// A Clock tells the time and waits.
type Clock interface {
	// Now is the current moment.
	Now() Moment
	// After returns a channel that receives once, when d has passed.
	After(d time.Duration) <-chan time.Time
}

// A Moment is one reading of both clocks of a machine.
type Moment struct {
	Running time.Duration // of the monotonic clock, from an arbitrary beginning
	Wall    time.Time     // of the wall clock
}

// Since is the time from earlier to m: by the clock that says more, and never less than nothing.
func (m Moment) Since(earlier Moment) time.Duration {
	return max(0, m.Running-earlier.Running, m.Wall.Round(0).Sub(earlier.Wall.Round(0)))
}

// beginning is where the monotonic readings of [Real] start.
var beginning = time.Now()

// Real is the machine's clock.
type Real struct{}

// Now is the current moment.
func (Real) Now() Moment {
	now := time.Now()
	return Moment{Running: now.Sub(beginning), Wall: now.Round(0)}
}

// After is time.After.
func (Real) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Sleep waits for d, or until the context ends, whose error it returns then.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.After(d):
		return nil
	}
}

// WithTimeout is context.WithTimeout by a clock. The function must be called once the context is no longer needed; it waits for nothing.
func WithTimeout(ctx context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	over := c.After(d)
	go func() {
		select {
		case <-over:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
