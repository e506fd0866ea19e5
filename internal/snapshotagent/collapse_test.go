package snapshotagent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/golden"
)

// withCollapse makes an agent notice a state that has lost more than half of what it had.
func withCollapse(c *Config) { c.MaxShrink, c.Cluster = 50, "prod" }

// news are the kinds of what was heard after the first n events.
func (e *ear) news(n int) string { return fmt.Sprint(e.heard()[n:]) }

// A state that collapses is told once: not with each backup that is as small, not after a reload, and it is not over because runs succeed.
// It is over once it has been accepted.
func TestCollapseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, withCollapse)
		large, small := w.cluster.archive, golden.Read(t, "consul-1.21.4/empty.snap")
		heard := 0
		expect := func(step string, wait time.Duration, want string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			if got := w.ear.news(heard); got != want {
				t.Fatalf("%s: told %s, want %s", step, got, want)
			}
			heard = len(w.ear.heard())
		}
		w.takeLock()
		expect("a first backup", 10*time.Minute, "[success]")
		w.cluster.becomes(small)
		expect("the collapse", time.Hour, "[success failure]")
		e := w.ear.events[heard-1]
		if e.Stage != string(StageRetention) || !strings.Contains(e.Reason, "less than backup") || !strings.Contains(e.Reason, acceptHint) ||
			!strings.Contains(e.Text, "in danger: nothing is deleted any more") || e.RPO.State != "met" || e.Next == nil || e.Failures != 0 {
			t.Errorf("told %+v", e)
		}
		if !w.healthy() || w.saving() != api.HealthPassing || len(w.deadMan.heard()) != 2 {
			t.Errorf("healthy: %t, check: %s, dead man's switch: %v", w.healthy(), w.saving(), w.deadMan.heard())
		}
		expect("two more small backups", 2*time.Hour, "[success success]")
		w.stores[0].refuse(errors.New("boom"))
		expect("a run that fails", time.Hour, "[failure]")
		w.stores[0].refuse(nil)
		expect("one that does not, after the objective was missed", time.Hour, "[failure success]")
		w.Reload(w.config.Settings)
		expect("a reload", 5*time.Minute, "[]")
		w.cluster.becomes(large)
		expect("a state that has grown again", time.Hour, "[success]")
		w.accept(t)
		expect("accepted", 5*time.Minute, "[recovery]")
		w.cluster.becomes(small)
		expect("the next collapse", time.Hour, "[success failure]")
		next := w.config.Settings
		next.MaxShrink = 100
		w.Reload(next)
		expect("any loss is accepted", 5*time.Minute, "[recovery]")
	})
}

// What a reload has not let anybody see yet is not over.
func TestCollapseOverAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, withCollapse)
		w.takeLock()
		time.Sleep(10 * time.Minute)
		w.cluster.becomes(golden.Read(t, "consul-1.21.4/empty.snap"))
		time.Sleep(time.Hour)
		w.stores[0].fail(errors.New("no route"))
		w.Reload(w.config.Settings)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if kinds := fmt.Sprint(w.ear.heard()); kinds != "[success success failure]" {
			t.Errorf("told %s", kinds)
		}
		w.stores[0].fail(nil)
		w.accept(t)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if kinds := w.ear.news(3); kinds != "[recovery]" {
			t.Errorf("then told %s", kinds)
		}
	})
}

// An agent that does not lead tells what it sees in the stores, as does one that has been started since.
func TestCollapseOfAnotherAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leader := newStage(t, 1, func(c *Config) { withCollapse(c); c.Clock = clock.Real{} })
		for _, archive := range [][]byte{leader.cluster.archive, golden.Read(t, "consul-1.21.4/empty.snap")} {
			leader.cluster.becomes(archive)
			time.Sleep(time.Minute)
			if err := leader.run(t.Context(), leader.term); err != nil {
				t.Fatal(err)
			}
		}
		w := newWatched(t, func(c *Config) {
			withCollapse(c)
			c.Destinations = []Destination{{Store: leader.stores[0], Retain: 2}}
		})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if kinds := w.ear.news(0); kinds != "[failure]" || !w.healthy() {
			t.Fatalf("told %s, healthy: %t", kinds, w.healthy())
		}
		if e := w.ear.events[0]; e.Stage != string(StageRetention) || e.Leading {
			t.Errorf("told %+v", e)
		}
		leader.accept(t)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if kinds := w.ear.news(1); kinds != "[recovery]" {
			t.Errorf("then told %s", kinds)
		}
	})
}

// Of one-shot runs the one that brings the collapse tells.
func TestOneShotTellsOfCollapse(t *testing.T) {
	store, large, small := newMemory("a"), golden.Read(t, "consul-1.21.4/kv.snap"), golden.Read(t, "consul-1.21.4/empty.snap")
	now := clock.NewFake()
	for n, c := range []struct {
		archive []byte
		accept  bool
		want    string
	}{
		{large, false, "[success]"}, {small, false, "[success failure]"}, {small, false, "[success]"}, {large, true, "[success]"},
		{small, false, "[success failure]"},
	} {
		heard := &ear{}
		s := newStage(t, 0, func(config *Config) {
			withCollapse(config)
			config.Interval, config.Clock = 0, now
			config.Destinations = []Destination{{Store: store, Retain: 2}}
			config.Hooks = []alarm.Hook{{Name: "ear", On: everything, Timeout: time.Second, Action: heard}}
		})
		s.cluster.archive, s.stores = c.archive, []*memory{store}
		now.Advance(time.Hour)
		if c.accept {
			s.accept(t)
		}
		if err := s.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.alarm.Close(10 * time.Second)
		if kinds := fmt.Sprint(heard.heard()); kinds != c.want {
			t.Errorf("run %d: told %s, want %s", n, kinds, c.want)
		}
	}
}
