package snapshotagent

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// slow is a store whose listing takes so long that something happens meanwhile.
type slow struct {
	*memory
	meanwhile func()
}

func (s *slow) List(ctx context.Context) ([]blobstore.Object, error) {
	all, err := s.memory.List(ctx)
	s.meanwhile()
	return all, err
}

// What happens between the look at the lock and a commit or a deletion must not go unnoticed: the lock is read right before.
func TestLockIsLostWhileAStoreIsListed(t *testing.T) {
	for name, tt := range map[string]struct {
		lost             func(archives, entries int) bool // when the lock is lost
		archives, commit int                              // that there are in the end
	}{
		"before the commit":   {func(archives, entries int) bool { return archives == 2 && entries == 1 }, 2, 1},
		"before the deletion": {func(archives, entries int) bool { return entries == 2 }, 2, 2},
		"never":               {func(int, int) bool { return false }, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			store := &slow{memory: newMemory("slow")}
			s := newStage(t, 0, func(c *Config) { c.Destinations = []Destination{{Store: store, Retain: 1}} })
			count := func() (archives, entries int) {
				for _, name := range store.names() {
					if strings.HasSuffix(name, ".snap") {
						archives++
					} else {
						entries++
					}
				}
				return archives, entries
			}
			store.meanwhile = func() {
				if tt.lost(count()) {
					s.term.mu.Lock()
					defer s.term.mu.Unlock()
					s.term.err = errors.New("the lock is lost")
				}
			}
			for range 2 {
				_ = s.run(t.Context(), s.term) // what is left tells
				s.clock.Advance(time.Second)
			}
			if archives, entries := count(); archives != tt.archives || entries != tt.commit {
				t.Errorf("%d archives and %d entries, want %d and %d: %q", archives, entries, tt.archives, tt.commit, store.names())
			}
		})
	}
}

// A backup that a destination still lacks is not brought there after the end of the term: another leader's may be newer.
func TestDebtEndsWithTheTerm(t *testing.T) {
	late := newMemory("late")
	late.fail(errors.New("down"))
	r := startRunning(t, func(c *Config) { c.Destinations = append(c.Destinations, Destination{Store: late, Retain: 2}) })
	first := newTerm()
	r.ballot.terms <- first
	r.until(t, "behind", func(s Status) bool { return s.Behind["late"] && !s.NextRun.IsZero() })
	close(first.lost)
	r.until(t, "deposed", func(s Status) bool { return !s.Leading && !s.Behind["late"] })
	if left, err := os.ReadDir(r.scratch); err != nil || len(left) > 0 {
		t.Errorf("scratch files are left: %v, %v", left, err)
	}
}

// A Consul that does not say which cluster it is does not hold up a reload.
func TestReloadWhileConsulHangs(t *testing.T) {
	asked := make(chan struct{}, 1)
	r := startRunning(t, func(c *Config) {
		c.Identify = func(ctx context.Context) (Identity, error) {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-ctx.Done()
			return Identity{}, ctx.Err()
		}
	})
	<-asked
	next := r.config.Settings
	next.Destinations = []Destination{{Store: newMemory("b"), Retain: 2}}
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		r.Reload(next)
	}()
	select {
	case <-reloaded:
	case <-time.After(10 * time.Second):
		t.Fatal("the reload waits for Consul")
	}
}

// Whoever takes over looks at what the leader before has left: a clock that was ahead does not make the newest backup look older.
func TestIDsGrowFromLeaderToLeader(t *testing.T) {
	r := startRunning(t, nil)
	r.until(t, "looking", func(Status) bool { return r.current.Load().destinations[0].last() != nil })
	const ahead = "1999999999000000000"
	other := newStage(t, 1, nil)
	if err := other.run(t.Context(), other.term); err != nil {
		t.Fatal(err)
	}
	for name, content := range other.stores[0].objects {
		mine := strings.ReplaceAll(name, other.Status().LastID, ahead)
		if strings.HasSuffix(name, ".json") {
			content = bytes.ReplaceAll(content, []byte(other.Status().LastID), []byte(ahead))
		}
		if err := r.stores[0].Put(t.Context(), mine, bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	r.ballot.terms <- newTerm()
	r.until(t, "saved", func(s Status) bool { return !s.LastSuccess.IsZero() })
	if all := r.entries(t, r.stores[0]); len(all) != 2 || all[0].ID == ahead {
		t.Errorf("%d backups, the newest is %s, that of the leader before", len(all), all[0].ID)
	}
}

// A destination that a reload has taken away gets nothing any more, also if it was behind; one that stays is brought up to date.
func TestDebtAfterReload(t *testing.T) {
	for name, stays := range map[string]bool{"taken away": false, "stays": true} {
		t.Run(name, func(t *testing.T) {
			late := newMemory("late")
			late.fail(errors.New("down"))
			r := startRunning(t, func(c *Config) { c.Destinations = append(c.Destinations, Destination{Store: late, Retain: 2}) })
			r.ballot.terms <- newTerm()
			r.until(t, "behind", func(s Status) bool { return s.Behind["late"] && !s.NextRun.IsZero() })
			next := r.config.Settings
			if !stays {
				next.Destinations = next.Destinations[:1]
			}
			r.Reload(next)
			late.fail(nil)
			r.advanceUntil(t, "paid", func(s Status) bool {
				left, err := os.ReadDir(r.scratch)
				return err == nil && len(left) == 0 && !s.Behind["late"]
			})
			if got := len(late.names()) > 0; got != stays {
				t.Errorf("it has %q", late.names())
			}
		})
	}
}
