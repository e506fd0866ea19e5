package aclreplicate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// live is a primary whose changes can be waited for.
type live struct {
	*site
	asked chan string // what was asked for
	token chan error  // what the next question is answered with
}

func (l *live) fetch(t testing.TB) func(ctx context.Context, path string, answer any) error {
	return func(ctx context.Context, path string, answer any) error {
		select {
		case l.asked <- path:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-l.token:
			if err != nil {
				return err
			}
			return answerOf(t, l.site, path, answer)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// expect answers the next question, which must be this one.
func (l *live) expect(t *testing.T, path string, err error) {
	t.Helper()
	select {
	case asked := <-l.asked:
		if !strings.HasPrefix(asked, path) {
			t.Fatalf("asked for %s, want %s", asked, path)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nobody asks for %s", path)
	}
	if !errors.Is(err, errBlocked) {
		l.token <- err
	}
}

var errBlocked = errors.New("no answer yet")

// The order of questions, and what makes everything be asked for again.
func TestTurns(t *testing.T) {
	primary := &live{newPrimary(t), make(chan string), make(chan error)}
	secondary := newSecondary()
	r := New(Config{Fetch: primary.fetch(t), Tokens: true, Logger: hclog.NewNullLogger(), pause: func(int) time.Duration { return 0 }})
	r.limiter.SetLimit(1000)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx, secondary)
	}()
	everything := func() {
		t.Helper()
		for _, kind := range []Kind{Policies, Roles, Tokens} {
			primary.expect(t, Path+string(kind), nil)
		}
	}
	everything()
	primary.expect(t, ChangedPath+"?policies=2&roles=0&tokens=3", errBlocked)
	if s := r.Status(); !s.Running || s.Indexes != (Indexes{2, 0, 3}) || s.LastSuccess.IsZero() || s.LastErrorMessage != "" {
		t.Errorf("level: %+v", s)
	}
	primary.do(t, fsm.SetRole(&record.ACLRole{ID: "r", Name: "r"}))
	primary.token <- nil
	primary.expect(t, Path+"roles", nil) // alone
	primary.expect(t, ChangedPath+"?policies=2&roles=4&tokens=3", errBlocked)

	r.Wake()
	everything()
	primary.expect(t, ChangedPath, errBlocked)

	primary.site.store, primary.index = newPrimary(t).store, 3 // restored: indexes go back
	primary.token <- nil
	primary.expect(t, Path+"roles", nil)
	primary.expect(t, ChangedPath+"?policies=2&roles=0&tokens=3", errBlocked)

	primary.token <- errors.New("unplugged")
	everything()
	if s := r.Status(); s.LastErrorMessage != "unplugged" || s.LastError.IsZero() {
		t.Errorf("after an error: %+v", s)
	}
	primary.expect(t, ChangedPath, errBlocked)
	stop()
	<-ended
	if r.Status().Running {
		t.Error("it runs on")
	}
}

// A restored secondary asks for everything at once, though the primary is still silent.
func TestRestoredSecondary(t *testing.T) {
	primary := &live{newPrimary(t), make(chan string), make(chan error)}
	secondary := newSecondary()
	r := New(Config{Fetch: primary.fetch(t), Logger: hclog.NewNullLogger()})
	first := make(chan error)
	go func() { first <- r.turn(t.Context(), secondary) }()
	primary.expect(t, Path+"policies", nil)
	primary.expect(t, Path+"roles", nil)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	go func() { first <- r.turn(t.Context(), secondary) }()
	primary.expect(t, ChangedPath, errBlocked)
	old := secondary.store
	secondary.store = state.New()
	old.Abandon()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	go func() { first <- r.turn(t.Context(), secondary) }()
	primary.expect(t, Path+"policies", nil)
	primary.expect(t, Path+"roles", nil)
	if err := <-first; err != nil || dump(secondary.store, false) == "" {
		t.Error("the secondary is not level", err)
	}
	secondary.store = state.New() // between two rounds
	go func() { first <- r.turn(t.Context(), secondary) }()
	primary.expect(t, Path+"policies", nil)
	primary.expect(t, Path+"roles", nil)
	if err := <-first; err != nil || dump(secondary.store, false) == "" {
		t.Error("the secondary is not level", err)
	}
}

// A state that is replaced in the middle of a round is no error: the next round begins anew.
func TestReplacedWhileItIsCompared(t *testing.T) {
	primary, secondary := newPrimary(t), newSecondary()
	calls := 0
	r := New(Config{Tokens: true, Logger: hclog.NewNullLogger(), Fetch: func(_ context.Context, path string, answer any) error {
		return answerOf(t, primary, path, answer)
	}})
	target := &swapping{secondary, func() {
		if calls++; calls == 2 { // it is being compared
			secondary.store = state.New()
		}
	}}
	for _, want := range []string{"", dump(primary.store, false)} {
		if err := r.turn(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if got := dump(secondary.store, false); got != want {
			t.Errorf("the secondary has %q, want %q", got, want)
		}
	}
}

// swapping does something each time that it has told its state.
type swapping struct {
	*site
	then func()
}

func (s *swapping) Store() *state.Store {
	store := s.store
	s.then()
	return store
}

func TestBackOff(t *testing.T) {
	for failures := range 100 {
		if d := backOff(failures); d < firstPause/2 || d > maxPause || failures > 10 && d < maxPause/2 {
			t.Errorf("after %d failures: %s", failures, d)
		}
	}
}
