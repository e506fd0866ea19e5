//go:build clients && unix

package interop

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for something that takes less than a second on an idle machine.
const patience = 30 * time.Second

// A process is a program that a test has started.
type process struct {
	cmd  *exec.Cmd
	log  string        // path of what it prints
	done chan struct{} // closed when it has ended
}

// start starts a program. It is killed when the test ends, and what it said last is shown if that fails.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &process{cmd: cmd, log: log.Name(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, childAttr()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the state tells how it ended
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-p.done
		if t.Failed() {
			t.Logf("%s said last:\n%s", filepath.Base(cmd.Path), p.tail(20))
		}
	})
	return p
}

// said is all that the process has printed.
func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tail is the last lines that the process has printed.
func (p *process) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(p.said()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// await calls try until it returns nil. The error is the last one of try if the time has passed, or the process has ended, before.
func (p *process) await(try func() error) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.Join(errors.New("the process has ended: "+p.cmd.ProcessState.String()), err)
		case <-timeout.C:
			return errors.Join(errors.New("waited "+patience.String()+" in vain"), err)
		case <-tick.C:
		}
	}
}
