package testproc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const limit = 30 * time.Second

// play is set in processes of this test program that play the program under test.
const play = "LICTOR_TESTPROC_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(play) {
	case "fail":
		fmt.Println("one\ntwo")
		fmt.Fprintln(os.Stderr, "three")
		os.Exit(3)
	case "stay":
		stopped := make(chan os.Signal, 1)
		signal.Notify(stopped, os.Interrupt)
		fmt.Println("ready")
		<-stopped
		os.Exit(4)
	}
	os.Exit(m.Run())
}

func playing(t testing.TB, part string) *Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), play+"="+part)
	return Start(t, cmd)
}

// says waits until the process has printed text.
func (p *Process) says(text string) error {
	return p.Await(limit, func() error {
		if !strings.Contains(p.Said(), text) {
			return errors.New("not yet said: " + text)
		}
		return nil
	})
}

func TestAProcessThatEnds(t *testing.T) {
	p := playing(t, "fail")
	if code := p.Exit(t, limit); code != 3 || p.Running() {
		t.Errorf("exit code %d, running %v", code, p.Running())
	}
	<-p.Done()
	if p.Said() != "one\ntwo\nthree\n" || p.Tail(2) != "two\nthree" || p.Tail(9) != "one\ntwo\nthree" {
		t.Errorf("said %q, last %q", p.Said(), p.Tail(2))
	}
	if err := p.says("four"); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "not yet said: four") {
		t.Errorf("Await = %v", err)
	}
	if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal = %v", err)
	}
	p.Kill() // does nothing
}

func TestASignal(t *testing.T) {
	p := playing(t, "stay")
	if err := p.says("ready"); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(os.Interrupt); err != nil {
		t.Skip("this system does not send it: ", err)
	}
	if code := p.Exit(t, limit); code != 4 {
		t.Errorf("exit code %d", code)
	}
}

func TestAProcessThatStays(t *testing.T) {
	p := playing(t, "stay")
	if err := p.says("ready"); err != nil || !p.Running() {
		t.Fatal(err)
	}
	err := p.Await(time.Millisecond, func() error { return errors.New("never") })
	if err == nil || errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "never") {
		t.Errorf("Await = %v", err)
	}
	p.Kill()
	if p.Running() {
		t.Error("still running")
	}
}

// recorder is a test that has failed, and what it has logged.
type recorder struct {
	testing.TB
	log      strings.Builder
	cleanups []func()
}

func (r *recorder) Failed() bool                 { return true }
func (r *recorder) Logf(format string, a ...any) { fmt.Fprintf(&r.log, format, a...) }
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }

func (r *recorder) end() string {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.log.String()
}

func TestTheEndOfATest(t *testing.T) {
	r := &recorder{TB: t}
	p := playing(r, "stay")
	if err := p.says("ready"); err != nil {
		t.Fatal(err)
	}
	if log := r.end(); p.Running() || !strings.Contains(log, "said last:\nready") {
		t.Errorf("running %v, log %q", p.Running(), log)
	}
	r = &recorder{TB: t}
	playing(r, "stay").Kill()
	if log := r.end(); log != "" {
		t.Errorf("log %q of a process that the test has killed", log)
	}
}

func TestEventually(t *testing.T) {
	tries := 0
	err := Eventually(limit, func() error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	err = Eventually(time.Millisecond, func() error { return errors.New("never") })
	if err == nil || !strings.Contains(err.Error(), "never") {
		t.Errorf("Eventually = %v", err)
	}
}

func TestFreePorts(t *testing.T) {
	ports := FreePorts(t, 20)
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 20 || ports[0] < 10000 || ports[19] >= 30000 {
		t.Errorf("ports %v", ports)
	}
}

func TestWithLictor(t *testing.T) {
	t.Setenv("LICTOR_TEST_BINARY", "named")
	if got := WithLictor("LICTOR_TEST_BINARY", func(binary string) int { return len(binary) }); got != len("named") {
		t.Errorf("with a named binary: %d", got)
	}
	t.Setenv("LICTOR_TEST_BINARY", "")
	built := ""
	code := WithLictor("LICTOR_TEST_BINARY", func(binary string) int {
		built = binary
		out, err := exec.Command(binary, "version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "Lictor") {
			t.Errorf("%v: %s", err, out)
		}
		return 7
	})
	if _, err := os.Stat(built); code != 7 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("code %d; afterwards the binary: %v", code, err)
	}
	t.Setenv("PATH", t.TempDir()) // without a go command
	if runtime.GOOS != "windows" && WithLictor("LICTOR_TEST_BINARY", func(string) int { return 0 }) != 1 {
		t.Error("a build that fails is no failure")
	}
}
