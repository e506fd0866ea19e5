package testproc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ErrEnded is in the error of a wait that was in vain because the process has ended.
var ErrEnded = errors.New("the process has ended")

// A Process is a program that a test has started.
type Process struct {
	cmd   *exec.Cmd
	log   string        // path of what it prints
	done  chan struct{} // closed when it has ended
	ended atomic.Bool   // as the test wanted
}

// Start starts a program without waiting for anything; what it prints is kept. It is killed when the test ends. What it said last is
// shown if the test fails, unless Kill or Exit had ended it.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &Process{cmd: cmd, log: log.Name(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, childAttr()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the state tells how it ended
	}()
	t.Cleanup(func() {
		wanted := p.ended.Load()
		p.Kill()
		if t.Failed() && !wanted {
			t.Logf("%s, process %d, said last:\n%s", filepath.Base(cmd.Path), p.PID(), p.Tail(40))
		}
	})
	return p
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running tells whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Said is all that the process has printed.
func (p *Process) Said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Tail is the last lines that the process has printed.
func (p *Process) Tail(lines int) string {
	all := strings.Split(strings.TrimSpace(p.Said()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Kill ends the process as no process can prevent, and waits until it is gone.
func (p *Process) Kill() {
	p.ended.Store(true)
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Signal sends a signal. It fails if the process has ended.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Exit waits until the process has ended by itself, and returns its exit code.
func (p *Process) Exit(t testing.TB, limit time.Duration) int {
	t.Helper()
	p.ended.Store(true)
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-p.done:
	case <-timeout.C:
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its stacks go into the log
		<-p.done
		t.Fatalf("the process did not end within %v; it said:\n%s", limit, p.Tail(120))
	}
	return p.cmd.ProcessState.ExitCode()
}

// Await calls try until it returns nil. If limit passes before, or the process ends, which is [ErrEnded], the last error of try is in
// the error.
func (p *Process) Await(limit time.Duration, try func() error) error {
	err := eventually(p.done, limit, try)
	if errors.Is(err, ErrEnded) {
		err = fmt.Errorf("%s: %w", p.cmd.ProcessState, err)
	}
	return err
}

const pollEvery = 5 * time.Millisecond

// Eventually calls try until it returns nil. If limit passes before, its last error is in the error.
func Eventually(limit time.Duration, try func() error) error { return eventually(nil, limit, try) }

func eventually(done <-chan struct{}, limit time.Duration, try func() error) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return errors.Join(ErrEnded, err)
		case <-timeout.C:
			return errors.Join(errors.New("waited "+limit.String()+" in vain"), err)
		case <-tick.C:
		}
	}
}
