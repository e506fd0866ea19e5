//go:build heavy

package soak

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAgentFullDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		stage string
		full  func(s *setup, d *disk) // puts the disk where it is full
		leave int64
	}{
		{"scratch", "fetch", func(s *setup, d *disk) { s.scratch = d.path }, 512 << 10},
		{"store", "upload", func(s *setup, d *disk) { s.local = []string{filepath.Join(d.path, "store")} }, 512 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, 64)
			server := backedUp(t, 2000, 2000)
			s := &setup{interval: 2 * time.Second, retain: 3, local: []string{t.TempDir()}, scratch: t.TempDir()}
			tt.full(s, d)
			store := newShelf(t, s.local[0], 3)
			k := keep(t, server.base, s)
			t.Cleanup(k.Kill) // before the disk is unmounted
			k.says(t, "Saved snapshot", 4, lateness)
			store.look()
			checkDisk(t, k, d, store, tt.stage, tt.leave)
			if code := endOf(t, k); code != 0 {
				t.Errorf("exit code %d", code)
			}
			store.look()
			for _, w := range store.wrong {
				t.Error(w)
			}
			store.verify(t)
			if left := append(files(s.scratch), files(k.tmp)...); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// checkDisk fills the disk below an agent until /health tells, and frees it again.
func checkDisk(t *testing.T, k *keeper, d *disk, store *shelf, stage string, leave int64) {
	t.Helper()
	metric := `lictor_failures_total{stage="` + stage + `"}`
	failures := k.metric(t, metric)
	d.crowd(t, k, leave, "Snapshot failed")
	text := k.healthy(t, http.StatusServiceUnavailable, 2*lateness)
	if !strings.Contains(text, fullText) {
		t.Errorf("/health says %q; want %q in it", text, fullText)
	}
	t.Logf("/health: %s", text)
	if k.metric(t, metric) <= failures {
		t.Errorf("%s is %v, as before", metric, failures)
	}
	store.look()
	for _, name := range names(store.dir) {
		if strings.HasSuffix(name, ".snap") && name != foreignName && !slices.Contains(store.backups(), name+".json") {
			t.Errorf("half of a backup is left: %s", name)
		}
	}
	saved := strings.Count(k.Said(), "Saved snapshot")
	freed := time.Now()
	d.free(t)
	k.says(t, "Saved snapshot", saved+1, 2*time.Second+lateness)
	k.healthy(t, http.StatusOK, exitLimit)
	t.Logf("a backup %v after there was space again", time.Since(freed).Round(100*time.Millisecond))
}

// crowd fills a disk that an agent uses at the same time, until it says that something failed.
func (d *disk) crowd(t *testing.T, k *keeper, leave int64, failure string) {
	t.Helper()
	before := strings.Count(k.Said(), failure)
	err := k.Await(lateness, func() error {
		err := d.topUp(d.space(t) - leave) // fails when the agent was faster
		if strings.Count(k.Said(), failure) > before {
			return nil
		}
		return errors.Join(errors.New("nothing fails"), err)
	})
	if err != nil {
		t.Fatalf("%v; the agent said:\n%s", err, k.Tail(20))
	}
}

// topUp takes so many bytes more.
func (d *disk) topUp(take int64) error {
	if take <= 0 {
		return nil
	}
	f, err := os.OpenFile(d.ballast, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return syscall.Fallocate(int(f.Fd()), 0, info.Size(), take)
}

// A store that is full does not hold up the other, and is brought up to date when there is space again.
func TestAgentOneOfTwoStoresFull(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 64)
	server := backedUp(t, 2000, 2000)
	sound, full := newShelf(t, t.TempDir(), 3), newShelf(t, filepath.Join(d.path, "store"), 3)
	k := keep(t, server.base, &setup{interval: 2 * time.Second, retain: 3, local: []string{full.dir, sound.dir}, scratch: t.TempDir()})
	t.Cleanup(k.Kill) // before the disk is unmounted
	behind := fmt.Sprintf("lictor_behind{destination=%q}", fmt.Sprintf("Local -> Path: %q", full.dir))
	k.says(t, "Saved snapshot", 2, lateness)
	d.crowd(t, k, 512<<10, "a destination failed")
	k.says(t, "Saved snapshot", strings.Count(k.Said(), "Saved snapshot")+3, lateness)
	if v := k.metric(t, behind); v != 1 {
		t.Errorf("%s is %v while it is full", behind, v)
	}
	if strings.Contains(k.Said(), "Snapshot failed") {
		t.Errorf("a run failed:\n%s", k.Tail(20))
	}
	k.healthy(t, http.StatusOK, time.Second)
	full.look()
	d.free(t)
	err := k.Await(lateness, func() error {
		if v := k.metric(t, behind); v != 0 {
			return fmt.Errorf("%s is %v", behind, v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if code := endOf(t, k); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range []*shelf{sound, full} {
		s.look()
		for _, w := range s.wrong {
			t.Error(w)
		}
		s.verify(t)
	}
	if a, b := sound.backups(), full.backups(); a[len(a)-1] != b[len(b)-1] {
		t.Errorf("the stores end with %s and %s", a[len(a)-1], b[len(b)-1])
	}
}

func endOf(t *testing.T, k *keeper) int {
	t.Helper()
	_ = k.Signal(syscall.SIGTERM)
	return k.Exit(t, exitLimit)
}

// The agent holds a snapshot in a file, not in memory: what it needs does not depend on how large the state is.
func TestAgentMemory(t *testing.T) {
	t.Parallel()
	small := peakWith(t, 4, 256<<10)
	large := peakWith(t, size.rounds(4096, 256), 256<<10)
	if over := large - small; over > 64<<20 {
		t.Errorf("the agent has taken %d MiB more with the larger state, at most 64 are allowed", over>>20)
	}
}

// peakWith is the largest resident size of an agent that backs up so many keys.
func peakWith(t *testing.T, keys, size int) int64 {
	t.Helper()
	server := backedUp(t, keys, size)
	k := keep(t, server.base, &setup{interval: 2 * time.Second, retain: 2, local: []string{t.TempDir()}, scratch: t.TempDir()})
	var drill int64
	err := k.Await(10*time.Minute, func() error {
		for _, child := range children(k.PID()) {
			drill = max(drill, peak(child))
		}
		if strings.Count(k.Said(), "Saved snapshot") < 2 {
			return errNoBackup
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v; the agent said:\n%s", err, k.Tail(20))
	}
	own, bytes, took := peak(k.PID()), k.metric(t, "lictor_size_bytes"), k.metric(t, "lictor_duration_seconds")
	if strings.Contains(k.Said(), "unproven") {
		t.Errorf("a backup is unproven:\n%s", k.Tail(10))
	}
	t.Logf("%d MiB of values, archive of %.0f MiB, a backup takes %.1fs: the agent has taken at most %d MiB, its drill %d MiB",
		keys*size>>20, bytes/(1<<20), took, own>>20, drill>>20)
	if code := endOf(t, k); code != 0 {
		t.Errorf("exit code %d", code)
	}
	server.stop(t, syscall.SIGTERM)
	return own
}

func TestAgentReload(t *testing.T) {
	t.Parallel()
	server := backedUp(t, 200, 100)
	first, second := newShelf(t, filepath.Join(t.TempDir(), "first"), 3), newShelf(t, filepath.Join(t.TempDir(), "second"), 2)
	first.watched(t)
	second.watched(t)
	s := &setup{interval: time.Hour, retain: 3, local: []string{first.dir}, scratch: t.TempDir()}
	k := keep(t, server.base, s)
	k.says(t, "Saved snapshot", 1, lateness)
	hup := func() {
		t.Helper()
		if err := k.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	s.interval, s.local, s.retain = 2*time.Second, []string{first.dir, second.dir}, 2
	first.mu.Lock()
	first.retain = 2
	first.mu.Unlock()
	s.write(t, k.config, k.listen)
	hup()
	k.says(t, "Configuration reloaded", 1, exitLimit)
	k.says(t, "Saved snapshot", 4, lateness)
	if len(first.backups()) < 2 || len(second.backups()) < 2 {
		t.Errorf("after the change of interval and destinations: %q and %q", first.backups(), second.backups())
	}

	s.interval = -time.Second
	s.write(t, k.config, k.listen)
	hup()
	k.says(t, "Reload config failed", 1, exitLimit)
	saved := strings.Count(k.Said(), "Saved snapshot")
	k.says(t, "Saved snapshot", saved+2, lateness)

	s.interval, s.local = 2*time.Second, []string{second.dir}
	s.write(t, k.config, k.listen)
	hup()
	k.says(t, "Configuration reloaded", 2, exitLimit)
	saved = strings.Count(k.Said(), "Saved snapshot")
	k.says(t, "Saved snapshot", saved+2, lateness) // one may have been under way
	before := first.backups()
	k.says(t, "Saved snapshot", saved+4, lateness)
	if strings.Join(before, " ") != strings.Join(first.backups(), " ") {
		t.Errorf("the directory that is no longer a destination changes: %q, then %q", before, first.backups())
	}
	if code := endOf(t, k); code != 0 {
		t.Errorf("exit code %d", code)
	}
	second.verify(t)
}

// An agent whose Consul hangs heeds signals.
func TestAgentSignalsWhileConsulHangs(t *testing.T) {
	t.Parallel()
	for _, leads := range []bool{false, true} {
		t.Run(fmt.Sprintf("leads=%t", leads), func(t *testing.T) {
			t.Parallel()
			server := backedUp(t, 10, 10)
			k := &keeper{}
			start := func() {
				k = keep(t, server.base, &setup{interval: time.Hour, retain: 3, local: []string{t.TempDir()}, scratch: t.TempDir()})
				k.says(t, "Snapshot agent running", 1, readyLimit)
			}
			if leads {
				start()
				k.says(t, "Saved snapshot", 1, lateness)
			}
			if err := server.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			if !leads {
				start()
			}
			if err := k.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			k.says(t, "Configuration reloaded", 1, exitLimit)
			began := time.Now()
			if code := endOf(t, k); code != 0 {
				t.Errorf("exit code %d:\n%s", code, k.Tail(10))
			}
			t.Logf("it took %v to end", time.Since(began).Round(100*time.Millisecond))
		})
	}
}
