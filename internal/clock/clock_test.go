package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestSinceTakesTheLarger(t *testing.T) {
	wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name          string
		running, wall time.Duration
		want          time.Duration
	}{
		{"both", time.Minute, time.Minute, time.Minute},
		{"machine suspended", time.Second, time.Hour, time.Hour},
		{"wall clock set back", time.Minute, -time.Hour, time.Minute},
		{"never negative", 0, -time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			later := Moment{Running: c.running, Wall: wall.Add(c.wall)}
			if got := later.Since(Moment{Wall: wall}); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestRealClockAdvances(t *testing.T) {
	first := Real{}.Now()
	<-Real{}.After(time.Millisecond)
	if got := (Real{}).Now().Since(first); got < time.Millisecond {
		t.Errorf("%s passed", got)
	}
}

func TestTimeoutByAFakeClock(t *testing.T) {
	fake := NewFake()
	ctx, cancel := WithTimeout(t.Context(), fake, time.Second)
	defer cancel()
	fake.Suspend(time.Hour)
	if ctx.Err() != nil {
		t.Error("the wall clock ended a wait")
	}
	fake.Advance(time.Second)
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	over, end := context.WithCancel(t.Context())
	end()
	if err := Sleep(over, fake, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep after the end: %v", err)
	}
	if err := Sleep(t.Context(), fake, 0); err != nil {
		t.Error(err)
	}
}
