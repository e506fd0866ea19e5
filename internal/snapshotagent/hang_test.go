package snapshotagent

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// hanging is a store that answers nothing while it hangs.
type hanging struct {
	*memory
	freed chan struct{} // closed when it answers again
}

func (h *hanging) wait(ctx context.Context) error {
	select {
	case <-h.freed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hanging) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return errors.Join(h.wait(ctx), h.memory.Put(context.WithoutCancel(ctx), name, io.MultiReader(r), size))
}

func (h *hanging) List(ctx context.Context) ([]blobstore.Object, error) {
	if err := h.wait(ctx); err != nil {
		return nil, err
	}
	return h.memory.List(ctx)
}

// A destination that accepts and does not answer holds up neither the others nor the next run; once it answers it gets what it lacks.
func TestDestinationThatHangs(t *testing.T) {
	for _, first := range []bool{true, false} {
		late, good := &hanging{newMemory("late"), make(chan struct{})}, newMemory("good")
		r := startRunning(t, func(c *Config) {
			c.Destinations = []Destination{{Store: late, Retain: 2}, {Store: good, Retain: 2}}
			if !first {
				c.Destinations[0], c.Destinations[1] = c.Destinations[1], c.Destinations[0]
			}
		})
		r.ballot.terms <- newTerm()
		r.advanceUntil(t, "saved", func(s Status) bool { return !s.LastSuccess.IsZero() })
		s := r.Status()
		if len(r.entries(t, good)) != 1 || !s.Behind["late"] || s.Behind["good"] || s.LastProven.IsZero() || s.Failing != 0 {
			t.Errorf("%+v", s)
		}
		last := s.LastSuccess
		r.advanceUntil(t, "saved again", func(s Status) bool { return s.LastSuccess.After(last) })
		close(late.freed)
		r.advanceUntil(t, "brought up to date", func(s Status) bool { return !s.Behind["late"] })
		if all := r.entries(t, late.memory); len(all) == 0 || all[0].Proof != inventory.Proven {
			t.Errorf("%+v", all)
		}
		r.end()
		<-r.ended
		r.ended = nil
	}
}

// A lock that changes hands is no reason to try what has just failed again before it is due.
func TestFailedRunIsNotRepeatedAtOnce(t *testing.T) {
	r := startRunning(t, func(c *Config) { c.MaxFailures = 1 })
	r.cluster.err = errors.New("no leader")
	r.ballot.terms <- newTerm()
	began := r.now()
	r.advanceUntil(t, "given up", func(s Status) bool { return s.Failing == 1 && !s.Leading })
	r.advanceUntil(t, "leading again", func(s Status) bool {
		select {
		case r.ballot.terms <- newTerm():
		default:
		}
		return s.Leading
	})
	r.advanceUntil(t, "failed again", func(s Status) bool { return s.Failing == 2 })
	if wait := r.now().Sub(began); wait < time.Hour {
		t.Errorf("tried again after %s", wait)
	}
}

// A short interval is kept although a destination hangs: it costs a run the grace of an upload, not the time that listing or catching up may take.
func TestDestinationThatHangsKeepsTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, good := &hanging{newMemory("late"), make(chan struct{})}, newMemory("good")
		const interval = 20 * time.Second
		r := startRunning(t, func(c *Config) {
			c.Clock, c.Interval, c.Destinations = clock.Real{}, interval, []Destination{{Store: good, Retain: 9}, {Store: late, Retain: 9}}
		})
		r.ballot.terms <- newTerm()
		for last, n := time.Now(), 0; n < 4; n++ {
			for !r.Status().LastSuccess.After(last) {
				time.Sleep(time.Second / 4)
			}
			now := r.Status().LastSuccess
			if took := now.Sub(last); n > 0 && took > interval+interval/10 {
				t.Errorf("%s between two backups with an interval of %s", took, interval)
			}
			last = now
		}
	})
}
