//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

func TestPlaySkips(t *testing.T) { play(t); t.Skip("not today") }

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
	if err := os.WriteFile(os.Getenv("LICTOR_PRETEND_FILE"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPlayFindsPorts does so at the second try.
func TestPlayFindsPorts(t *testing.T) {
	play(t)
	f, err := os.OpenFile(os.Getenv("LICTOR_PRETEND_FILE"), os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
		panic("freeport: cannot allocate port block")
	}
}

func TestPlayTellsItsEnvironment(t *testing.T) {
	play(t)
	fmt.Printf("address=%s path=%s\n", os.Getenv("CONSUL_HTTP_ADDR"), os.Getenv("PATH"))
}

func newPretended(t *testing.T, timeout time.Duration) *suite {
	t.Helper()
	t.Setenv(pretend, "test")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tests := map[string]bool{"TestPlayPasses": true, "TestPlayFails": true, "TestPlayPanics": true, "TestPlaySkips": true,
		"TestPlayHangs": true}
	return &suite{dir: dir, source: dir, program: program, tests: tests, path: "/under-test", timeout: timeout}
}

func TestRunTellsOutcomes(t *testing.T) {
	s := newPretended(t, time.Minute)
	tests := []test{
		{name: "TestPlayPasses"}, {name: "TestPlayFails"}, {name: "TestPlayPanics"}, {name: "TestPlaySkips"}, {name: "TestPlayAbsent"},
	}
	want := []string{"PASS 0 of 2", "FAIL 2 of 2", "FAIL 2 of 2", "SKIP 2 of 2", "MISS 1 of 1"}
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

func TestRunTriesAgainWithoutPorts(t *testing.T) {
	s := newPretended(t, time.Minute)
	s.tests["TestPlayFindsPorts"] = true
	t.Setenv("LICTOR_PRETEND_FILE", filepath.Join(t.TempDir(), "tried"))
	if r := s.repeat(t.Context(), test{name: "TestPlayFindsPorts"}, 1); r.outcome != passed || r.runs != 1 {
		t.Errorf("%s after %d runs; it said:\n%s", r.outcome, r.runs, r.output)
	}
}

func TestRunHidesTheCallersConsul(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "production:8500")
	outcome, output := newPretended(t, time.Minute).once(t.Context(), "TestPlayTellsItsEnvironment")
	if outcome != passed || !strings.Contains(output, "address= path=/under-test"+string(os.PathListSeparator)) {
		t.Errorf("got %s; it said:\n%s", outcome, output)
	}
}

func TestRunStopsWithASignal(t *testing.T) {
	s := newPretended(t, time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	for _, results := range s.run(ctx, []test{{name: "TestPlayHangs"}, {name: "TestPlayPasses"}}, 1, 1) {
		if r := <-results; r.outcome == passed {
			t.Errorf("%s: %s", r.name, r.outcome)
		}
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
	t.Setenv("LICTOR_PRETEND_FILE", file)
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
