//go:build heavy && unix

package soak

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestAgentsLeaderKilled(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	agents := size.rounds(3, 2)
	f := newFleet(t, agents)
	for range size.rounds(5, 1) {
		shown := f.sound(agents)
		leader := f.leader()
		after(between(rng, 0, f.interval))(leader.Done())
		killed := time.Now()
		leader.Kill()
		f.next(killed, leader)
		f.shows("the dead agent's check critical", time.Minute, func(all []instance) bool {
			for _, i := range all {
				if i.id == shown.id {
					return i.alive == "critical"
				}
			}
			return false
		})
		f.join()
	}
	f.end()
}

// A stop is a moment at which a leader is stopped.
type stop struct {
	name string
	at   string // the request during which it is, empty for between two backups, "drill" for while the drill runs
	full bool   // only in full
}

func TestAgentsLeaderStopped(t *testing.T) {
	t.Parallel()
	for _, s := range []stop{
		{"resting", "", true},
		{"while it uploads", "put archive", true},
		{"while it reads back", "get archive", true},
		{"while it drills", "drill", false},
		{"between its look at the lock and the commit", "list", false},
		{"while it commits", "put entry", true},
		{"while it deletes", "delete archive", false},
	} {
		if s.full && size.short {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testStopped(t, s)
		})
	}
}

func testStopped(t *testing.T, s stop) {
	f := newFleet(t, 2)
	if s.at == "delete archive" {
		f.depot.after(t, f.next(time.Now(), nil).at, nil, lateness)
	}
	leader := f.leader()
	open := f.reach(s, leader)
	stopped := time.Now()
	if err := leader.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	open()
	f.next(stopped.Add(time.Second), leader) // a second for what was on its way when the process was stopped
	if err := leader.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	leader.says(t, "Lost leadership", 1, exitLimit)
	f.sound(2)
	leader.healthy(t, http.StatusOK, exitLimit)
	f.end()
}

// reach waits until a leader is where it is to be stopped. The function that it returns lets the request go on.
func (f *fleet) reach(s stop, leader *member) (open func()) {
	f.t.Helper()
	switch s.at {
	case "":
		f.next(time.Now(), nil)
		after(time.Second)(leader.Done())
		return func() {}
	case "drill":
		if runtime.GOOS != "linux" {
			f.t.Skip("SKIPPED: only Linux tells which processes another has started")
		}
		err := leader.Await(lateness, func() error {
			if len(children(leader.PID())) == 0 {
				return errNoDrill
			}
			return nil
		})
		if err != nil {
			f.t.Fatal(err)
		}
		return func() {}
	}
	var uploaded time.Time // the listing of interest is that before the commit
	g := f.depot.shut(func(by *member, what string) bool {
		if by != leader {
			return false
		}
		if what == "get archive" {
			uploaded = time.Now()
		}
		if s.at == "list" {
			return what == "list" && !uploaded.IsZero() && by.lastHeld().After(uploaded)
		}
		return what == s.at
	})
	select {
	case <-g.hit:
	case <-time.After(lateness):
		f.t.Fatalf("the agent does not %s", s.at)
	}
	return func() { close(g.open) }
}

func TestAgentsLockTakenAway(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newFleet(t, 2)
	held, err := f.server.save(ctx) // with the lock, its session alive
	if err != nil {
		t.Fatal(err)
	}
	without := populate(t, "old", 100, 100).archive
	do := func(name string, act func() error) {
		t.Helper()
		t.Log(name)
		before := time.Now()
		if err := act(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.next(before.Add(time.Second), nil)
		f.sound(2)
	}
	restore := func(archive []byte) func() error {
		return func() error { _, err := f.server.restore(ctx, archive); return err }
	}
	do("a restore with the lock as it is", restore(held))
	do("the key is deleted by hand", func() error {
		_, err := f.server.do(ctx, http.MethodDelete, "/v1/kv/"+lockKey, nil)
		return err
	})
	do("the session is destroyed by hand", func() error {
		list, _, err := f.server.list(ctx, lockKey)
		if err != nil || len(list) != 1 {
			return errNoLock
		}
		_, err = f.server.do(ctx, http.MethodPut, "/v1/session/destroy/"+list[0].Session, nil)
		return err
	})
	do("a restore with the lock of a session that was ended since", restore(held))
	do("a restore without the lock", restore(without))
	f.end()
}

func TestAgentsLoseConsul(t *testing.T) {
	t.Parallel()
	t.Run("it hangs", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, 2)
		if err := f.server.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		f.unhealthy()
		if err := f.server.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		f.recovers()
	})
	t.Run("it is killed", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, 2)
		f.server.kill()
		f.unhealthy()
		f.server = f.site.start(t).ready(t)
		f.recovers()
	})
}

// unhealthy waits until all agents tell that backups are overdue, and a while longer.
func (f *fleet) unhealthy() {
	f.t.Helper()
	for _, m := range f.members {
		text := m.healthy(f.t, http.StatusServiceUnavailable, f.interval+lateness+20*time.Second)
		f.t.Logf("/health: %s", text)
		if v := m.metric(f.t, "lictor_healthy"); v != 0 {
			f.t.Errorf("lictor_healthy is %v", v)
		}
	}
	if f.leader().metric(f.t, "lictor_consecutive_failures") == 0 {
		f.t.Error("the leader counts no failure")
	}
	after(time.Duration(size.rounds(120, 1)) * time.Second)(f.members[0].Done())
}

// recovers checks that agents go on after Consul is back.
func (f *fleet) recovers() {
	f.t.Helper()
	f.next(time.Now(), nil)
	for _, m := range f.members {
		m.healthy(f.t, http.StatusOK, exitLimit)
	}
	f.sound(len(f.members))
	f.end()
}

var (
	errNoDrill  = errors.New("no drill runs")
	errNoLock   = errors.New("nobody holds the lock")
	errNoBackup = errors.New("no backup yet")
)
