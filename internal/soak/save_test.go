//go:build heavy && unix

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// A saving is one run of `lictor snapshot save`, in a directory of its own.
type saving struct {
	dir    string
	before []byte // what the file held already; nil: it was not there
}

const savedName = "backup.snap"

func (v *saving) path() string { return filepath.Join(v.dir, savedName) }

// newSaving makes a directory, in which an older archive may be.
func newSaving(t *testing.T, rng *rand.Rand, older []byte) *saving {
	t.Helper()
	v := &saving{dir: t.TempDir()}
	if rng.IntN(2) == 0 {
		v.before = older
		if err := os.WriteFile(v.path(), older, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *saving) start(t *testing.T, s *site) *process {
	t.Helper()
	return s.run(t, "snapshot", "save", "-http-addr", fmt.Sprintf("127.0.0.1:%d", s.http), v.path())
}

// check compares the file with what may be there: what was there before, or the whole of the state. It tells which.
func (v *saving) check(t *testing.T, want fingerprint) (complete bool) {
	t.Helper()
	got, err := os.ReadFile(v.path())
	if os.IsNotExist(err) && v.before == nil {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if v.before != nil && string(got) == string(v.before) {
		return false
	}
	set, err := census(got)
	if err != nil {
		t.Fatalf("a file of %d bytes is there under the final name, and it is not good: %v", len(got), err)
	}
	if describe(set) != want.records {
		t.Fatalf("what was saved is\n%swant\n%s", describe(set), want.records)
	}
	return true
}

// leftovers are the files beside the final one; none may have a name that could be taken for it, nor be open to others.
func (v *saving) leftovers(t *testing.T) (left []string) {
	t.Helper()
	for _, name := range names(v.dir) {
		if name == savedName {
			continue
		}
		left = append(left, name)
		if !strings.HasPrefix(name, savedName+".unverified") || strings.HasSuffix(name, ".snap") {
			t.Errorf("left over under a name that could be taken for an archive: %s", name)
		}
		if info, err := os.Stat(filepath.Join(v.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s, left over: %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
	return left
}

// savingServer is a server with a state that takes a while to save, and the usual time of the command, which the test needs.
func savingServer(t *testing.T) (*process, *population, time.Duration) {
	t.Helper()
	help, err := exec.Command(program, "snapshot", "-h").CombinedOutput()
	if err != nil || !slices.Contains(strings.Fields(string(help)), "save") {
		t.Skipf("SKIPPED: this lictor has no command `snapshot save` (%v)", err)
	}
	p, large := largeServer(t)
	start := time.Now()
	v := &saving{dir: t.TempDir()}
	command := v.start(t, p.site)
	if code := command.exit(t); code != 0 {
		t.Fatalf("snapshot save: exit code %d: %s", code, command.Said())
	}
	usual := time.Since(start)
	if !v.check(t, large.is) {
		t.Fatal("snapshot save made no file")
	}
	return p, large, usual
}

// largeServer is a server with a state of some tens of megabytes.
func largeServer(t *testing.T) (*process, *population) {
	t.Helper()
	large := populate(t, "large", 15000, 2000)
	p := newSite(t, t.TempDir()).start(t).ready(t)
	large.learn(t, p)
	return p, large
}

func TestKillSaveCommand(t *testing.T) {
	rng := dice(t)
	p, large, usual := savingServer(t)
	older := populate(t, "older", 10, 10).archive
	rounds, complete, left := size.rounds(100, 12), 0, 0
	for range rounds {
		v := newSaving(t, rng, older)
		command := v.start(t, p.site)
		after(between(rng, 0, usual*11/10))(command.Done())
		command.kill()
		if v.check(t, large.is) {
			complete++
		}
		if len(v.leftovers(t)) > 0 {
			left++
		}
	}
	t.Logf("%d rounds, of %v each: file complete after %d, leftovers after %d", rounds, usual, complete, left)
}

func TestInterruptSaveCommand(t *testing.T) {
	rng := dice(t)
	p, large, usual := savingServer(t)
	older := populate(t, "older", 10, 10).archive
	rounds, interrupted := size.rounds(50, 8), 0
	for range rounds {
		v := newSaving(t, rng, older)
		command := v.start(t, p.site)
		after(20*time.Millisecond + between(rng, 0, usual))(command.Done())
		_ = command.Signal(syscall.SIGINT)
		code := command.exit(t)
		complete := v.check(t, large.is)
		if left := v.leftovers(t); len(left) > 0 {
			t.Errorf("left over after an interrupt: %q", left)
		}
		early := code == -1 && !complete // on a busy machine the signal may come before the program catches any; it has made no file then
		if code != 1 && !early && !(code == 0 && complete) {
			t.Errorf("exit code %d, file complete: %v; the command said: %s", code, complete, command.Said())
		}
		if code == 1 {
			interrupted++
		}
	}
	t.Logf("%d rounds, %d interrupted before the end", rounds, interrupted)
}

func TestSaveCommandOnFullDisk(t *testing.T) {
	p, _, _ := savingServer(t)
	v := &saving{dir: newDisk(t, 4).path}
	command := v.start(t, p.site)
	code := command.exit(t)
	if code != 1 || !strings.Contains(command.Said(), fullText) {
		t.Errorf("exit code %d, said %q; want code 1 and %q", code, command.Said(), fullText)
	}
	if left := names(v.dir); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	t.Logf("exit code %d: %s", code, command.Said())
}

// A client must be able to tell an archive that is not complete because the server has died.
func TestKillServerDuringSave(t *testing.T) {
	rng := dice(t)
	p, large := largeServer(t)
	start := time.Now()
	if _, err := p.save(context.Background()); err != nil {
		t.Fatal(err)
	}
	usual := time.Since(start)
	rounds, complete := size.rounds(50, 4), 0
	for range rounds {
		var snap []byte
		var err error
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			snap, err = p.save(context.Background())
		}()
		after(between(rng, 0, usual))(returned)
		p.kill()
		<-returned
		if err == nil {
			complete++
			if set, err := census(snap); err != nil || describe(set) != large.is.records {
				t.Errorf("an archive was received without an error, and is not good: %v", err)
			}
		}
		p = p.site.start(t).ready(t)
		p.site.clean(t)
	}
	if got := p.fingerprint(t); got != large.is {
		t.Error("the state has changed")
	}
	t.Logf("%d rounds, of %v each: archive complete in %d", rounds, usual, complete)
}

// A client that goes away in the middle leaves nothing behind, and changes nothing.
func TestClientGoesAway(t *testing.T) {
	rng := dice(t)
	p, large := largeServer(t)
	other := populate(t, "other", 12000, 2500)
	rounds, cut := size.rounds(100, 20), 0
	for range rounds {
		ctx, cancel := context.WithTimeout(context.Background(), between(rng, time.Millisecond, large.usual*3/4))
		var err error
		if rng.IntN(2) == 0 {
			_, err = p.do(ctx, "PUT", "/v1/snapshot", other.archive[:rng.IntN(len(other.archive))])
		} else {
			_, err = p.do(ctx, "GET", "/v1/snapshot", nil)
		}
		cancel()
		if err != nil {
			cut++
		}
	}
	err := testproc.Eventually(exitLimit, func() error {
		if left := append(files(p.site.scratch()), p.spools()...); len(left) > 0 {
			return fmt.Errorf("still there: %q", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := p.fingerprint(t); got != large.is {
		t.Errorf("the state has changed: %s", mixture(p, large, other))
	}
	p.takesWrite(t, "probe", "v")
	t.Logf("%d rounds, %d requests ended early", rounds, cut)
}
