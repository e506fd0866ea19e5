package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/alarm"
	"github.com/lictor-dr/lictor/internal/diskspace"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/registration"
)

// mode is a way in which backups stop being good.
type mode struct {
	name   string
	change func(*Config) // nil for nothing
	inject func(t *testing.T, w *watched)
	heal   func(t *testing.T, w *watched)
	// Within how many seconds each tells, 0 for never. The next run comes after an hour and at most 30 seconds, the objective is 90 minutes,
	// and without one /health would wait for two hours. The mode begins ten minutes after a backup.
	hook, warning, critical, alive, health int
	stage                                  Stage // that hooks are told of
	reason                                 string
	mute                                   bool // the agent is dead: hooks are told nothing, nor is the dead man's switch
	passes                                 bool // the next run ends it
}

// After the injection, ten minutes behind a backup: when the next run is, when the objective is missed, when two hours are over.
const (
	nextRun   = 50*60 + 30
	overdue   = 80*60 + 1
	expired   = 110*60 + 1
	atOnce    = 11
	threeWait = 3 * time.Hour
)

func failStore(err string) func(*testing.T, *watched) {
	return func(_ *testing.T, w *watched) { w.stores[0].refuse(errors.New(err)) }
}

func healStore(_ *testing.T, w *watched) { w.stores[0].refuse(nil) }

var modes = []mode{
	{name: "read-only bucket", inject: failStore("S3: AccessDenied: Access Denied"), heal: healStore,
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageUpload, reason: "AccessDenied"},
	{name: "expired credentials", inject: func(_ *testing.T, w *watched) { w.stores[0].fail(errors.New("S3: ExpiredToken")) },
		heal: func(_ *testing.T, w *watched) { w.stores[0].fail(nil) },
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageUpload, reason: "ExpiredToken"},
	{name: "wrong region", inject: failStore("S3: PermanentRedirect: the bucket is in another region"), heal: healStore,
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageUpload, reason: "another region"},
	{name: "revoked token", inject: func(_ *testing.T, w *watched) {
		w.consul.deny(true)
		w.cluster.err = errors.New("Unexpected response code: 403 (Permission denied)")
		w.loseLock(15*time.Second, "ACL not found")
	}, heal: func(_ *testing.T, w *watched) { w.consul.deny(false); w.cluster.err = nil; w.takeLock() },
		// The agent may not tell Consul anything: its TTLs do.
		hook: 15 + 60 + 11, warning: expired, critical: expired, alive: 31, health: overdue, stage: StageLock, reason: "ACL not found"},
	{name: "no leader", inject: func(_ *testing.T, w *watched) {
		w.cluster.err = errors.New("No cluster leader")
		w.loseLock(15*time.Second, "No cluster leader")
	}, heal: func(_ *testing.T, w *watched) { w.cluster.err = nil; w.takeLock() },
		// The saving check goes with the lock, and comes back when the objective is missed.
		hook: 15 + 60 + 11, warning: overdue, critical: overdue, health: overdue, stage: StageLock, reason: "No cluster leader"},
	{name: "full disk (seen before the cluster is asked)", inject: func(_ *testing.T, w *watched) { w.room.Store(1 << 20) }, heal: func(_ *testing.T, w *watched) { w.room.Store(1 << 40) },
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageFetch, reason: "no space left on device for the next backup"},
	{name: "clock set back two hours, and no good run since", inject: func(_ *testing.T, w *watched) {
		w.clock.step(-2 * time.Hour)
		w.stores[0].refuse(errors.New("boom"))
	}, heal: healStore,
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageUpload, reason: "boom"},
	{name: "clock set ahead two hours, and no good run since", inject: func(_ *testing.T, w *watched) {
		w.clock.step(2 * time.Hour)
		w.stores[0].refuse(errors.New("boom")) // the run that it brings about at once would end the alarm
	}, heal: healStore,
		hook: 31, warning: 31, critical: 31, health: 31, reason: ""},
	{name: "dead agent, the only one", inject: func(_ *testing.T, w *watched) {
		w.consul.deny(true) // no farewell
		w.end()
	}, mute: true, warning: expired, critical: expired, alive: 31},
	{name: "slow store: an upload that does not end", inject: func(_ *testing.T, w *watched) { w.stores[0].slow(true) }, heal: func(_ *testing.T, w *watched) { w.stores[0].slow(false) },
		hook: overdue, warning: overdue, critical: overdue, health: overdue, reason: "the objective of 1h30m0s is missed"},
	{name: "newest backup cut short in the store", inject: func(t *testing.T, w *watched) { w.stores[0].cut(t) },
		hook: 2*60 + 11, warning: 2*60 + 11, critical: 2*60 + 11, health: 2*60 + 11, reason: "is damaged or gone", passes: true},
	{name: "size collapse", change: withCollapse, inject: func(t *testing.T, w *watched) { w.cluster.becomes(golden.Read(t, "consul-1.21.4/empty.snap")) },
		heal: func(t *testing.T, w *watched) { w.accept(t) }, // the backups are good: /health and the check say so
		hook: nextRun, stage: StageRetention, reason: "nothing is deleted any more"},
	{name: "hook that hangs, beside one that does not", change: func(c *Config) {
		c.Hooks = append(c.Hooks, alarm.Hook{Name: "hangs", On: everything, Timeout: 10 * time.Second, Action: deaf{}})
	}, inject: failStore("boom"), heal: healStore,
		hook: nextRun, warning: nextRun, critical: overdue, health: overdue, stage: StageUpload, reason: "boom"},
}

// deaf is a hook that never ends by itself.
type deaf struct{}

func (deaf) Do(ctx context.Context, _ *alarm.Event) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Twelve ways in which backups stop being good, one of them in two forms: who tells, and when. The manual says the same.
func TestModes(t *testing.T) {
	var table strings.Builder
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			var hook, warning, critical, alive, health, recovery int
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, m.change)
				w.takeLock()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				w.checkGood(t)
				m.inject(t, w)
				began := time.Now()
				for time.Since(began) < threeWait {
					time.Sleep(time.Second)
					synctest.Wait()
					now := int(time.Since(began).Seconds())
					note(&warning, now, w.saving() == api.HealthWarning || w.saving() == api.HealthCritical)
					note(&critical, now, w.saving() == api.HealthCritical)
					note(&alive, now, w.consul.status(registration.AliveCheck) == api.HealthCritical)
					note(&health, now, !m.mute && !w.healthy())
				}
				hook = w.checkFailure(t, m, began)
				if m.heal != nil {
					m.heal(t, w)
					healed := time.Now().Add(-1) // it may be told in the same moment
					time.Sleep(70 * time.Minute)
					synctest.Wait()
					recovery = w.checkRecovery(t, healed)
				} else if m.passes {
					recovery = w.checkRecovery(t, began)
				}
				w.checkDeadMan(t, m, began)
				w.end()
				w.Agent.alarm.Close(time.Minute)
			})
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s | %s |\n", m.name, shown(hook), shown(warning), shown(critical), shown(alive),
				shown(health), shown(recovery))
			for what, c := range map[string][2]int{
				"hook": {hook, m.hook}, "warning": {warning, m.warning}, "critical": {critical, m.critical}, "alive": {alive, m.alive},
				"health": {health, m.health},
			} {
				if (c[0] == 0) != (c[1] == 0) || c[0] > c[1] {
					t.Errorf("%s: told after %d s, want at most %d (0: never)", what, c[0], c[1])
				}
			}
			checkDocumented(t, m)
		})
	}
	t.Logf("seconds until they tell:\n| mode | hook | Saving check warns | Saving check critical | Alive check critical | /health 503 | "+
		"recovery told |\n|---|--:|--:|--:|--:|--:|--:|\n%s", table.String())
}

// checkGood wants all to be well after a first backup.
func (w *watched) checkGood(t *testing.T) {
	t.Helper()
	kinds := fmt.Sprint(w.ear.heard())
	if kinds != "[success]" || !w.healthy() || w.saving() != api.HealthPassing || len(w.deadMan.heard()) != 1 {
		t.Fatalf("before: told %s, healthy: %t, check: %s", kinds, w.healthy(), w.saving())
	}
}

// note notes when something was first so.
func note(at *int, now int, so bool) {
	if so && *at == 0 {
		*at = now
	}
}

func shown(seconds int) string {
	switch {
	case seconds == 0:
		return "–"
	case seconds >= 1000:
		return fmt.Sprintf("%d,%03d", seconds/1000, seconds%1000)
	}
	return fmt.Sprint(seconds)
}

// checkDocumented compares what is said of a mode in the manual with what is expected.
func checkDocumented(t *testing.T, m mode) {
	t.Helper()
	manual, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, row, _ := strings.Cut(string(manual), "\n| "+m.name+" | ")
	row, _, _ = strings.Cut(row, " |\n")
	cells := strings.Split(row, " | ")
	limits := []int{m.hook, m.warning, m.critical, m.alive, m.health, 0}
	if m.heal != nil || m.passes {
		limits[5] = int(threeWait.Seconds())
	}
	if len(cells) != len(limits) {
		t.Fatalf("docs/reliability.md has no row for it: %q", row)
	}
	for i, cell := range cells {
		n, _ := strconv.Atoi(strings.ReplaceAll(cell, ",", ""))
		if (n == 0) != (limits[i] == 0) || n > limits[i] {
			t.Errorf("docs/reliability.md says %q in column %d, and %d is expected at most (0: never)", cell, i+1, limits[i])
		}
	}
}

// checkFailure compares what hooks were told with what is expected, and returns after how many seconds.
func (w *watched) checkFailure(t *testing.T, m mode, began time.Time) int {
	t.Helper()
	e, at := w.ear.first(alarm.Failure, began)
	if e == nil {
		return 0
	}
	if e.Stage != string(m.stage) && m.stage != "" || !strings.Contains(e.Reason, m.reason) || e.Cluster == "" || e.Node != "host1" ||
		e.Datacenter != "dc1" || e.LastGood == nil || e.RPO.Seconds != 5400 || len(e.Destinations) != 1 || e.Text == "" {
		t.Errorf("hooks were told %+v", e)
	}
	return max(1, int(at.Sub(began).Seconds()))
}

// checkRecovery wants the end of it to be told, once, and everybody to be content.
func (w *watched) checkRecovery(t *testing.T, healed time.Time) int {
	t.Helper()
	e, at := w.ear.first(alarm.Recovery, healed)
	if e == nil || !w.healthy() || w.saving() != api.HealthPassing {
		t.Fatalf("no recovery: told %v, healthy: %t, check: %s, status %+v", w.ear.heard(), w.healthy(), w.saving(), w.Status())
	}
	if again, _ := w.ear.first(alarm.Recovery, at); again != nil {
		t.Errorf("recovery was told twice: %v", w.ear.heard())
	}
	return max(1, int(at.Sub(healed).Seconds()))
}

// checkDeadMan wants the dead man's switch to have been requested for each proven backup, and for nothing else.
func (w *watched) checkDeadMan(t *testing.T, m mode, began time.Time) {
	t.Helper()
	proven := 0
	for _, kind := range w.ear.heard() {
		if kind == alarm.Success || kind == alarm.Recovery {
			proven++
		}
	}
	if m.mute && len(w.deadMan.heard()) != 1 {
		t.Errorf("a dead agent has requested: %v", w.deadMan.heard())
	}
	if got := len(w.deadMan.heard()); got > proven || got == 0 {
		t.Errorf("%d requests, and events %v", got, w.ear.heard())
	}
	for _, e := range w.deadMan.events {
		if e.Proof != string(inventory.Proven) {
			t.Errorf("requested for %+v", e)
		}
	}
}

// saving is the status of the check of saving.
func (w *watched) saving() string { return w.consul.status(registration.SavingCheck) }

// takeLock gives the agent the lock.
func (w *watched) takeLock() {
	w.ballot.say(nil)
	w.term = newTerm()
	w.ballot.terms <- w.term
}

// diskOf is a file system with so much room, for all directories.
func (w *watched) diskOf(string) (diskspace.Space, bool) {
	return diskspace.Space{Free: uint64(w.room.Load()), System: 1}, true
}
