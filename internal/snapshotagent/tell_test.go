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
	"github.com/lictor-dr/lictor/internal/inventory"
)

// A hook that hangs delays no backup, nor another hook.
func TestHangingHookDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, func(c *Config) {
			c.Hooks = append(c.Hooks, alarm.Hook{Name: "hangs", On: everything, Timeout: 10 * time.Minute, Action: deaf{}})
		})
		w.takeLock()
		time.Sleep(5*time.Hour + 5*time.Minute)
		synctest.Wait()
		if s := w.Status(); w.ear.heard()[4] != alarm.Success || s.Duration != 0 || len(w.stores[0].names()) != 4 {
			t.Errorf("%v, %+v", w.ear.heard(), s)
		}
		if n := w.alarm.Counts()["hangs"]; n.Delivered != 0 || n.Failed < 2 || n.Retried < (alarm.Tries-1)*n.Failed {
			t.Errorf("%+v", n)
		}
	})
}

// Every word about a cluster that is told to hooks is free of what URLs hide.
func TestEventsHoldNoSecrets(t *testing.T) {
	heard := &ear{}
	s := newStage(t, 1, func(c *Config) {
		c.Hooks = []alarm.Hook{{Name: "ear", On: everything, Timeout: time.Second, Action: heard}}
	})
	s.cluster.err = errors.New(`Get "https://user:s3cret@consul/v1/snapshot?token=s3cret": EOF`)
	if err := s.run(t.Context(), s.term); err == nil {
		t.Fatal("no error")
	}
	s.alarm.Close(10 * time.Second)
	if len(heard.events) != 1 {
		t.Fatalf("%+v", heard.events)
	}
	e := heard.events[0]
	if strings.Contains(e.Reason+e.Text, "s3cret") || !strings.Contains(e.Reason, "https://consul/v1/snapshot") {
		t.Errorf("%+v", e)
	}
}

// In one-shot mode the end waits for hooks, and the outcome of a run does not depend on them.
func TestOneShotTellsHooks(t *testing.T) {
	heard := &ear{}
	s := newStage(t, 1, func(c *Config) {
		c.Interval = 0
		c.Hooks = []alarm.Hook{
			{Name: "ear", On: everything, Timeout: time.Second, Action: heard},
			{Name: "bad", On: everything, Timeout: time.Second, Action: &alarm.Command{Args: []string{"/nowhere"}}},
		}
	})
	if err := s.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.alarm.Close(10 * time.Second)
	if kinds := fmt.Sprint(heard.heard()); kinds != "[success]" || heard.events[0].Next != nil || heard.events[0].ID == "" || heard.events[0].Index == 0 {
		t.Errorf("%+v", heard.events)
	}
	if n := s.alarm.Counts()["bad"]; n.Failed != 1 {
		t.Errorf("%+v", n)
	}
}

// A reload takes new hooks and a new objective over.
func TestReloadOfHooksAndObjective(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, nil)
		w.takeLock()
		time.Sleep(10 * time.Minute)
		next, other := w.config.Settings, &ear{}
		next.RPO = 11 * time.Minute
		next.Hooks = []alarm.Hook{{Name: "other", On: everything, Timeout: time.Second, Action: other}}
		w.Reload(next)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if kinds := fmt.Sprint(w.ear.heard(), other.heard()); kinds != "[success] [failure]" || w.healthy() || w.saving() != api.HealthCritical {
			t.Errorf("told %s, healthy: %t, check: %s", kinds, w.healthy(), w.saving())
		}
	})
}

// A backup without a proof counts as saved, and neither for the objective nor for the dead man's switch.
func TestUnprovenBackupsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, nil)
		w.judge.verdicts = []Verdict{proven, {inventory.Unproven, "too little memory"}}
		w.takeLock()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if kinds := fmt.Sprint(w.ear.heard()[:3]); kinds != "[success success failure]" || len(w.deadMan.heard()) != 1 || w.healthy() {
			t.Errorf("told %s, dead man %v", kinds, w.deadMan.heard())
		}
		if e := w.ear.events[1]; e.Proof != "unproven" || e.Reason != "too little memory" {
			t.Errorf("%+v", e)
		}
	})
}

// What is skipped because nothing has changed counts for both.
func TestSkippedBackups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, func(c *Config) { c.SkipUnchanged = true })
		w.takeLock()
		time.Sleep(5*time.Hour + 10*time.Minute)
		synctest.Wait()
		if n := len(w.deadMan.heard()); n != len(w.ear.heard()) || n < 5 || !w.healthy() || len(w.stores[0].names()) != 2 {
			t.Errorf("%d requests, events %v, healthy: %t, %v", n, w.ear.heard(), w.healthy(), w.stores[0].names())
		}
	})
}

// The objective holds for each destination: one that stays behind misses it, and is named.
func TestObjectiveOfEachDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := newMemory("second")
		w := newWatched(t, func(c *Config) { c.Destinations = append(c.Destinations, Destination{Store: second, Retain: 2}) })
		w.takeLock()
		time.Sleep(10 * time.Minute)
		second.refuse(errors.New("boom"))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		e, _ := w.ear.first(alarm.Failure, time.Time{})
		if e == nil || !strings.Contains(e.Reason, "the newest proven backup in second is 1h30m") || strings.Contains(e.Reason, " a ") ||
			!e.Destinations[1].Behind || e.Destinations[0].Behind || e.RPO.State != "missed" {
			t.Errorf("%+v", e)
		}
		s := w.Status()
		health := w.health(&s, w.unhealthy(&s))
		if health.RPO.State != "missed" || *health.Destinations[1].Met || !*health.Destinations[0].Met || health.Healthy {
			t.Errorf("%+v", health)
		}
		second.refuse(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !w.healthy() || w.saving() != api.HealthPassing {
			t.Errorf("not healthy after it has caught up: %+v", w.Status())
		}
	})
}
