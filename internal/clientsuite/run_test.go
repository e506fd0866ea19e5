//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// pretend is set in processes of this test program that play the client's tests.
const pretend = "LICTOR_PRETEND"

func TestMain(m *testing.M) {
	if os.Getenv(pretend) == "server" {
		select {}
	}
	os.Exit(m.Run())
}

func play(t *testing.T) {
	if os.Getenv(pretend) == "" {
		t.Skip("played in a process of its own")
	}
}

func TestPlayPasses(t *testing.T) { play(t) }

func TestPlayFails(t *testing.T) { play(t); t.Error("no") }

func TestPlayPanics(t *testing.T) { play(t); panic("out") }

func TestPlayHangs(t *testing.T) { play(t); select {} }

// TestPlayLeaves leaves a server behind, and its process number beside it.
func TestPlayLeaves(t *testing.T) {
	play(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), pretend+"=server")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("LICTOR_PRETEND_PID"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newPretended(t *testing.T, timeout time.Duration) *suite {
	t.Helper()
	t.Setenv(pretend, "test")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &suite{dir: dir, source: dir, program: program, path: os.Getenv("PATH"), timeout: timeout}
}

func TestRunTellsOutcomes(t *testing.T) {
	s := newPretended(t, time.Minute)
	tests := list{{"TestPlayPasses", false}, {"TestPlayFails", false}, {"TestPlayPanics", false}, {"TestPlayAbsent", true}}
	want := []string{"PASS 0 of 2", "FAIL 2 of 2", "FAIL 2 of 2", "MISS 1 of 1"}
	for i, results := range s.run(t.Context(), tests, 2, 2) {
		r := <-results
		if got := fmt.Sprintf("%s %d of %d", r.outcome, r.failed, r.runs); got != want[i] || r.test != tests[i] {
			t.Errorf("%v: %s, want %s; it said:\n%s", r.test, got, want[i], r.output)
		}
	}
	if rest, err := os.ReadDir(s.dir); err != nil || len(rest) > 0 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
}

func TestRunEndsWhatHangs(t *testing.T) {
	s := newPretended(t, 50*time.Millisecond)
	outcome, output := s.once(t.Context(), "TestPlayHangs")
	if want := "panic: test timed out after 50ms"; outcome != failed || reason(output) != want {
		t.Errorf("got %s for %q, want FAIL for %q", outcome, reason(output), want)
	}
}

func TestRunEndsWhatATestLeaves(t *testing.T) {
	s := newPretended(t, time.Minute)
	file := filepath.Join(t.TempDir(), "pid")
	t.Setenv("LICTOR_PRETEND_PID", file)
	if outcome, output := s.once(t.Context(), "TestPlayLeaves"); outcome != passed {
		t.Fatalf("got %s, want PASS; it said:\n%s", outcome, output)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if !gone(pid, 10*time.Second) {
		t.Errorf("process %d still runs", pid)
	}
}

// gone waits until a process has ended.
func gone(pid int, limit time.Duration) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(limit)
	for {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		select {
		case <-timeout:
			return false
		case <-tick.C:
		}
	}
}
