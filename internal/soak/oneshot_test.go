//go:build heavy && unix

package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// An agent that takes one backup is killed at any moment: what it leaves is never taken for a backup, and is swept.
func TestAgentOneShotKilled(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	server := backedUp(t, 2000, 2000)
	s := newShelf(t, filepath.Join(t.TempDir(), "store"), 3).watched(t)
	scratch, tmp := t.TempDir(), t.TempDir()
	start := func() *testproc.Process {
		return testproc.Start(t, tool(tmp, "snapshot", "agent", "-interval=0", "-retain=3", "-http-addr="+server.base, "-local-path="+s.dir,
			"-local-scratch-path="+scratch))
	}
	finish := func(round int) time.Duration {
		t.Helper()
		began := time.Now()
		p := start()
		if code := p.Exit(t, time.Minute); code != 0 {
			t.Fatalf("round %d, a run that nobody kills: code %d:\n%s", round, code, p.Tail(20))
		}
		if left := append(files(scratch), files(tmp)...); len(left) > 0 {
			t.Errorf("round %d: left behind: %q", round, left)
		}
		return time.Since(began)
	}
	finish(0)
	usual := finish(0)
	rounds, uncommitted, scratched, committed := size.rounds(60, 20), 0, 0, 0
	for round := range rounds {
		before := s.newest()
		p := start()
		after(between(rng, time.Millisecond, usual*11/10))(p.Done())
		p.Kill()
		orphans(t, tmp)
		if len(files(scratch)) > 0 {
			scratched++
		}
		s.look()
		if s.newest() != before {
			committed++
		}
		if round%5 == 4 {
			finish(round)
		}
	}
	finish(rounds)
	for _, name := range names(s.dir) {
		if strings.HasSuffix(name, ".snap") && !strings.Contains(strings.Join(s.backups(), " "), name) && name != foreignName {
			uncommitted++
		}
	}
	s.verify(t)
	if n := len(s.backups()); n != 3 {
		t.Errorf("%d backups at the end, want 3", n)
	}
	if scratched == 0 {
		t.Error("no run was killed with a scratch file: the test tests nothing")
	}
	t.Logf("%d kills within %v: %d with a scratch file, %d after the commit; %d archives without an entry are left", rounds, usual, scratched, committed,
		uncommitted)
}

// orphans waits until no process is left that a dead one has started, which it knows by their directory for temporary files.
func orphans(t *testing.T, tmp string) {
	t.Helper()
	err := testproc.Eventually(exitLimit, func() error {
		for _, pid := range names("/proc") {
			b, err := os.ReadFile(filepath.Join("/proc", pid, "environ"))
			if err == nil && bytes.Contains(b, []byte("TMPDIR="+tmp+"\x00")) {
				return fmt.Errorf("process %s still runs", pid)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
