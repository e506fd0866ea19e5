//go:build heavy && unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// A segment of the log is given its whole size, 64 MiB, when it is made; the sizes of the disks below count with that. Writes
// into a segment that is there already need no space.
const (
	fullText   = "no space left on device"
	megabyte   = 1 << 20
	healLimit  = 6 * time.Second // for a server to serve again once there is space
	largeValue = 400 << 10
)

func diskSite(t *testing.T, d *disk) *site { return newSite(t, filepath.Join(d.path, "data")) }

// checkFull checks that err is a refusal that names the cause.
func checkFull(t *testing.T, step string, err error) {
	t.Helper()
	r := refused(err)
	if r == nil || r.status < 500 || !strings.Contains(string(r.body), fullText) {
		t.Errorf("%s on a full disk: %v; want a status of 5xx and %q", step, err, fullText)
		return
	}
	t.Logf("%s on a full disk: %v", step, r)
}

// writeUntilRefused writes large values until the server refuses one.
func (l *load) writeUntilRefused(t *testing.T, p *process) *refusal {
	t.Helper()
	own := l.writers[0]
	for i := range 1000 {
		err := l.writeOne(context.Background(), p.client, own[i%len(own)], largeValue)
		if r := refused(err); r != nil {
			return r
		}
		if err != nil {
			t.Fatalf("no answer from a server with a full disk: %v; it said:\n%s", err, p.Tail(20))
		}
	}
	t.Fatal("the disk does not get full")
	return nil
}

func TestFullDiskUnderWrites(t *testing.T) {
	d := newDisk(t, 100)
	s := diskSite(t, d)
	l := newLoad(1, 16)
	p := s.start(t).ready(t)
	r := l.writeUntilRefused(t, p)
	if r.status < 500 || len(r.body) == 0 {
		t.Errorf("the answer of a full disk is %v; want a status of 5xx and a text", r)
	}
	t.Logf("after %d writes: %v", l.acked.Load(), r)
	if !strings.Contains(p.Said(), fullText) {
		t.Errorf("the log does not say %q", fullText)
	}
	_, err := p.get(context.Background(), "/v1/kv/?keys&stale")
	t.Logf("process running: %v; stale read: %v", p.Running(), err)

	d.grow(t, 400)
	p.heals(t)
	checkLoad(t, l, p)
	p.kill()
	checkLoad(t, l, s.start(t).ready(t))
}

// heals checks that a server whose disk was full goes on once it has space again.
func (p *process) heals(t *testing.T) {
	t.Helper()
	if err := p.serves(healLimit); err != nil {
		t.Errorf("with space again: %v; want a server that goes on; it said:\n%s", err, p.Tail(20))
	}
}

// A server whose disk is full can be restarted, and has everything.
func TestRestartOnFullDisk(t *testing.T) {
	d := newDisk(t, 100)
	s := diskSite(t, d)
	l := newLoad(1, 16)
	p := s.start(t).ready(t)
	l.writeUntilRefused(t, p)
	p.kill()
	d.fill(t, 0)
	p = s.start(t)
	err := p.serves(healLimit)
	t.Logf("started on a full disk: %v", err)
	if err == nil {
		err = l.verify(context.Background(), p.client)
	} else if strings.Contains(p.Said(), fullText) {
		err = nil
	}
	if err != nil {
		t.Errorf("on the full disk: %v; the log must say %q", err, fullText)
	}
	d.free(t)
	d.grow(t, 400)
	p.heals(t)
	p.kill()
	checkLoad(t, l, s.start(t).ready(t))
}

func checkLoad(t *testing.T, l *load, p *process) {
	t.Helper()
	if err := l.verify(context.Background(), p.client); err != nil {
		t.Error(err)
	}
	p.takesWrite(t, "probe", "v")
}

func TestFirstStartOnFullDisk(t *testing.T) {
	p := diskSite(t, newDisk(t, 32)).start(t)
	code := p.exit(t)
	if code != 1 || !strings.Contains(p.Said(), fullText) {
		t.Errorf("exit code %d, said:\n%s\nwant code 1 and %q", code, p.Tail(3), fullText)
	}
	t.Logf("exit code %d: %s", code, p.Tail(2))
}

func TestRestoreDoesNotFit(t *testing.T) {
	d := newDisk(t, 300)
	s := diskSite(t, d)
	p := s.start(t).ready(t)
	kept, large := populate(t, "kept", 300, 100), populate(t, "large", 15000, 2000)
	kept.learn(t, p)
	for _, leave := range []int64{0, megabyte, 20 * megabyte} {
		d.fill(t, leave)
		_, err := p.restore(context.Background(), large.archive)
		checkFull(t, fmt.Sprintf("restore with %d bytes free", leave), err)
		s.nothingSpooled(t, p)
		d.free(t)
		if p.fingerprint(t) != kept.is {
			t.Errorf("the state has changed: %s", mixture(p, kept, large))
		}
	}
	d.fill(t, 0)
	p.takesWrite(t, "probe", "v")
	d.free(t)
	large.learn(t, p)
}

func (s *site) nothingSpooled(t *testing.T, p *process) {
	t.Helper()
	if left := append(files(s.scratch()), p.spools()...); len(left) > 0 {
		t.Errorf("left in scratch: %q", left)
	}
}

func TestSaveDoesNotFit(t *testing.T) {
	d := newDisk(t, 300)
	s := diskSite(t, d)
	p := s.start(t).ready(t)
	large := populate(t, "large", 15000, 2000)
	large.learn(t, p)
	for _, leave := range []int64{0, megabyte, 10 * megabyte} {
		d.fill(t, leave)
		_, err := p.save(context.Background())
		checkFull(t, fmt.Sprintf("save with %d bytes free", leave), err)
		s.nothingSpooled(t, p)
		d.free(t)
	}
	if p.fingerprint(t) != large.is {
		t.Error("the state has changed")
	}
	d.fill(t, 0)
	p.takesWrite(t, "probe", "v")
}

// Raft's own snapshots fail on a full disk; the server goes on, and makes up for it.
func TestCompactionDoesNotFit(t *testing.T) {
	d := newDisk(t, 200)
	s := diskSite(t, d)
	l := newLoad(1, 32)
	p := s.start(t, `raft_snapshot_threshold = 60 raft_snapshot_interval = "20ms" raft_trailing_logs = 10`).ready(t)
	write := func(n, size int) {
		for i := range n {
			if err := l.writeOne(context.Background(), p.client, l.writers[0][i%32], size); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(32, largeValue) // 12 MB of state, too few entries for a snapshot
	d.fill(t, megabyte)
	const failure = "failed to take snapshot"
	err := testproc.Eventually(exitLimit, func() error {
		write(8, 1000)
		if !strings.Contains(p.Said(), failure) {
			return fmt.Errorf("the log does not say %q", failure)
		}
		write(32, largeValue/100)
		return nil
	})
	if err != nil || !strings.Contains(p.Said(), fullText) {
		t.Errorf("%v; the log has %q: %v", err, fullText, strings.Contains(p.Said(), fullText))
	}
	write(32, 1000)
	d.free(t)
	done := strings.Count(p.Said(), "snapshot complete")
	err = testproc.Eventually(exitLimit, func() error {
		write(8, 1000)
		if strings.Count(p.Said(), "snapshot complete") == done {
			return errors.New("no snapshot is taken")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	p.kill()
	p = s.start(t).ready(t)
	s.clean(t)
	checkLoad(t, l, p)
}

// A restore whose state fits while the new segment of the log, which comes after it, does not.
func TestLogAfterRestoreDoesNotFit(t *testing.T) {
	d := newDisk(t, 130)
	s := diskSite(t, d)
	p := s.start(t).ready(t)
	old, large := populate(t, "old", 10, 10), populate(t, "large", 15000, 2000)
	if _, err := p.restore(context.Background(), old.archive); err != nil {
		t.Fatal(err)
	}
	_, restored := p.restore(context.Background(), large.archive)
	t.Logf("the restore is answered: %v", restored)
	if restored != nil && (refused(restored) == nil || refused(restored).status < 500) {
		t.Errorf("want a status of 5xx")
	}
	d.grow(t, 400)
	p.heals(t)
	p.kill()

	p = s.start(t).ready(t)
	s.clean(t)
	entries, _, err := p.list(context.Background(), "")
	switch {
	case err != nil:
		t.Fatal(err)
	case len(entries) == len(large.entries):
		large.compare(t, p)
		if restored != nil {
			t.Errorf("the state is that of the restore, which was answered: %v", restored)
		}
	case restored == nil:
		t.Fatalf("LOST: the restore was acknowledged: %s", mixture(p, old, large))
	default:
		old.compare(t, p)
	}
	p.takesWrite(t, "probe", "v")
}
