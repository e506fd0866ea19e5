package clock

import (
	"sync"
	"time"
)

// A Fake is a clock that moves only when it is told to. It starts in the year 2026.
type Fake struct {
	mu      sync.Mutex
	now     Moment
	waiters []waiter
}

type waiter struct {
	until time.Duration
	c     chan time.Time
}

// NewFake returns a clock that stands still.
func NewFake() *Fake {
	return &Fake{now: Moment{Wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
}

// Now is the current moment.
func (f *Fake) Now() Moment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// After returns a channel that receives once the monotonic clock has advanced by d.
func (f *Fake) After(d time.Duration) <-chan time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := waiter{f.now.Running + d, make(chan time.Time, 1)}
	if d <= 0 {
		w.c <- f.now.Wall
		return w.c
	}
	f.waiters = append(f.waiters, w)
	return w.c
}

// Advance moves both clocks, and wakes those whose time has come.
func (f *Fake) Advance(d time.Duration) {
	f.Suspend(d)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Running += d
	var rest []waiter
	for _, w := range f.waiters {
		if w.until > f.now.Running {
			rest = append(rest, w)
			continue
		}
		w.c <- f.now.Wall
	}
	f.waiters = rest
}

// Suspend moves the wall clock alone, as a machine that sleeps does; a negative d sets it back.
func (f *Fake) Suspend(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.Wall = f.now.Wall.Add(d)
}
