package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// recorder is an action that notes what it is told, and fails or hangs if it is told to.
type recorder struct {
	mu   sync.Mutex // guards what follows
	got  []string
	errs []error // of the next tries; nil once they are used up
	hang chan struct{}
}

func (r *recorder) Do(ctx context.Context, e *Event) error {
	r.mu.Lock()
	r.got = append(r.got, string(e.Event)+" "+e.ID)
	var err error
	if len(r.errs) > 0 {
		err, r.errs = r.errs[0], r.errs[1:]
	}
	hang := r.hang
	r.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

func (r *recorder) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// until waits for a condition, and lets a clock go on meanwhile.
func until(t *testing.T, fake *clock.Fake, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if fake != nil {
			fake.Advance(time.Second)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not %s", what)
		}
	}
}

func newAlarm(t *testing.T, hooks ...Hook) (*Alarm, *clock.Fake) {
	t.Helper()
	fake := clock.NewFake()
	a := New(fake, hclog.NewNullLogger())
	a.Use(hooks)
	t.Cleanup(func() { a.Close(0) })
	return a, fake
}

// A hook is told what it is for, as the first kind that fits, in the order of what happens.
func TestKinds(t *testing.T) {
	good, both, dead := &recorder{}, &recorder{}, &recorder{}
	a, _ := newAlarm(t,
		Hook{"good", []Kind{Success}, time.Second, good},
		Hook{"both", []Kind{Success, Failure, Recovery}, time.Second, both},
		Hook{"dead", []Kind{Proven}, time.Second, dead},
	)
	a.Tell(Event{ID: "1"}, Failure)
	a.Tell(Event{ID: "2"}, Recovery, Success, Proven)
	a.Tell(Event{ID: "3"}, Success, Proven)
	a.Tell(Event{ID: "4"}, Success)
	a.Close(10 * time.Second)
	for _, c := range []struct {
		hook *recorder
		want string
	}{
		{good, "success 2, success 3, success 4"},
		{both, "failure 1, recovery 2, success 3, success 4"},
		{dead, "proven 2, proven 3"},
	} {
		if got := strings.Join(c.hook.told(), ", "); got != c.want {
			t.Errorf("told %q, want %q", got, c.want)
		}
	}
	if c := a.Counts()["both"]; c != (Count{Delivered: 4}) {
		t.Errorf("%+v", c)
	}
}

// What fails is tried again with pauses, a few times; what is refused is not.
func TestRetries(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		errs  []error
		tries int
		took  time.Duration
		want  Count
	}{
		{"at once", nil, 1, 0, Count{Delivered: 1}},
		{"second try", []error{boom}, 2, time.Second, Count{Delivered: 1, Retried: 1}},
		{"last try", []error{boom, boom, boom}, 4, 31 * time.Second, Count{Delivered: 1, Retried: 3}},
		{"never", []error{boom, boom, boom, boom}, 4, 31 * time.Second, Count{Retried: 3, Failed: 1}},
		{"refused", []error{&refusal{boom}}, 1, 0, Count{Failed: 1}},
		{"refused inside", []error{fmt.Errorf("it: %w", &refusal{boom})}, 1, 0, Count{Failed: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{errs: c.errs}
			a, fake := newAlarm(t, Hook{"h", []Kind{Failure}, time.Minute, r})
			began := fake.Now()
			a.Tell(Event{}, Failure)
			until(t, fake, "done", func() bool { n := a.Counts()["h"]; return n.Delivered+n.Failed > 0 })
			if took := fake.Now().Since(began); took < c.took {
				t.Errorf("it took %s, want %s at least", took, c.took)
			}
			if n := a.Counts()["h"]; n != c.want || len(r.told()) != c.tries {
				t.Errorf("%d tries, %+v, want %d, %+v", len(r.told()), n, c.tries, c.want)
			}
		})
	}
}

// A hook that hangs holds up nobody: neither the teller nor another hook. Its tries are bounded, and its queue is.
func TestHookThatHangs(t *testing.T) {
	stuck, other := &recorder{hang: make(chan struct{})}, &recorder{}
	a, fake := newAlarm(t, Hook{"stuck", []Kind{Failure}, 10 * time.Second, stuck}, Hook{"other", []Kind{Failure}, time.Second, other})
	a.Tell(Event{ID: "0"}, Failure)
	until(t, nil, "in the hook", func() bool { return len(stuck.told()) == 1 })
	for n := 1; n <= queueLength+3; n++ {
		a.Tell(Event{ID: fmt.Sprint(n)}, Failure)
		until(t, nil, "told", func() bool { return len(other.told()) == n+1 })
	}
	if n := a.Counts()["stuck"]; n != (Count{Dropped: 3}) {
		t.Errorf("%+v", n)
	}
	until(t, fake, "given up", func() bool { return a.Counts()["stuck"].Failed == 1 })
	until(t, nil, "at the next", func() bool { return len(stuck.told()) > Tries })
	if next := stuck.told()[Tries]; next != "failure 4" { // 1 to 3 made room
		t.Errorf("after the first comes %q", next)
	}
}

// The end is bounded too: what could not be told is counted.
func TestCloseIsBounded(t *testing.T) {
	stuck := &recorder{hang: make(chan struct{})}
	a, _ := newAlarm(t, Hook{"stuck", []Kind{Failure}, time.Hour, stuck})
	a.Tell(Event{}, Failure)
	a.Tell(Event{}, Failure)
	until(t, nil, "in the hook", func() bool { return len(stuck.told()) == 1 })
	began := time.Now()
	a.Close(20 * time.Millisecond)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %s", took)
	}
	if n := a.Counts()["stuck"]; n.Delivered != 0 || n.Dropped != 2 {
		t.Errorf("%+v", n)
	}
}

// New hooks take over at once; those before get what they were told already.
func TestUse(t *testing.T) {
	old, next := &recorder{hang: make(chan struct{})}, &recorder{}
	a, _ := newAlarm(t, Hook{"h", []Kind{Success}, time.Hour, old})
	a.Tell(Event{ID: "1"}, Success)
	a.Tell(Event{ID: "2"}, Success)
	a.Use([]Hook{{"h", []Kind{Success}, time.Second, next}})
	a.Tell(Event{ID: "3"}, Success)
	until(t, nil, "told", func() bool { return len(next.told()) == 1 })
	close(old.hang)
	a.Close(10 * time.Second)
	if got := append(old.told(), next.told()...); strings.Join(got, ", ") != "success 1, success 2, success 3" {
		t.Errorf("%q", got)
	}
	if n := a.Counts()["h"]; n != (Count{Delivered: 3}) {
		t.Errorf("%+v", n)
	}
}
