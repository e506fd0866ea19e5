//go:build heavy && unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyLimit = 30 * time.Second // for a start, an election included
	exitLimit  = 30 * time.Second // for the end after a signal
)

// program is the path of the binary under test; TestMain sets it.
var program string

// A site is where servers run, one after the other: a data directory, and ports that stay the same.
type site struct {
	dir  string
	http int
	rpc  int
	logs string
	runs int
}

func newSite(t testing.TB, dir string) *site {
	t.Helper()
	return &site{dir: dir, http: freePort(t), rpc: freePort(t), logs: t.TempDir()}
}

// freePort finds a port of the loopback interface, below those that the system hands out to clients.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(10000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

func (s *site) scratch() string   { return filepath.Join(s.dir, "scratch") }
func (s *site) wal() string       { return filepath.Join(s.dir, "raft", "wal") }
func (s *site) snapshots() string { return filepath.Join(s.dir, "raft", "snapshots") }

// quick are settings that keep elections, and waiting for them, short.
const quick = `performance { raft_multiplier = 1 rpc_hold_timeout = "2s" }`

// arguments are those of a server of this site; each of settings is configuration text.
func (s *site) arguments(settings ...string) []string {
	args := []string{"agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-data-dir=" + s.dir,
		fmt.Sprint("-http-port=", s.http), fmt.Sprint("-server-port=", s.rpc), "-hcl", quick}
	for _, text := range settings {
		args = append(args, "-hcl", text)
	}
	return args
}

// A process is one run of the program.
type process struct {
	*client
	site *site
	cmd  *exec.Cmd
	log  string        // path of what it prints
	done chan struct{} // closed when it has ended
}

// start starts a server, without waiting for anything. It is killed when the test ends, and what it said last is shown if that fails.
func (s *site) start(t testing.TB, settings ...string) *process {
	t.Helper()
	return s.run(t, s.arguments(settings...)...)
}

// run starts the program with any arguments.
func (s *site) run(t testing.TB, args ...string) *process {
	t.Helper()
	s.runs++
	log, err := os.Create(filepath.Join(s.logs, fmt.Sprintf("run-%d.log", s.runs)))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &process{client: newClient(s.http), site: s, cmd: exec.Command(program, args...), log: log.Name(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = log, log, childAttr()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state tells how it ended
	}()
	t.Cleanup(func() {
		if p.running() {
			p.kill()
			if t.Failed() {
				t.Logf("process %d said last:\n%s", p.cmd.Process.Pid, p.tail(40))
			}
		}
	})
	return p
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
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

// kill ends the process as no process can prevent, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
	p.client.close()
}

// stop sends a signal and returns the exit code.
func (p *process) stop(t testing.TB, s os.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
	return p.exit(t, exitLimit)
}

// exit waits until the process has ended by itself, and returns its exit code.
func (p *process) exit(t testing.TB, limit time.Duration) int {
	t.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-p.done:
	case <-timeout.C:
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its stacks go into the log
		<-p.done
		t.Fatalf("the process did not end within %v; it said:\n%s", limit, p.tail(120))
	}
	p.client.close()
	return p.cmd.ProcessState.ExitCode()
}

var errEnded = errors.New("the process has ended")

// serves waits until the server leads and answers, and returns why if it does not.
func (p *process) serves(limit time.Duration) error {
	ended := false
	err := eventually(limit, func() error {
		if ended = !p.running(); ended {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_, err := p.get(ctx, "/v1/kv/?keys&consistent")
		return err
	})
	if ended {
		return fmt.Errorf("%w: exit code %d", errEnded, p.cmd.ProcessState.ExitCode())
	}
	return err
}

// ready waits until the server serves; the test ends if it does not.
func (p *process) ready(t testing.TB) *process {
	t.Helper()
	if err := p.serves(readyLimit); err != nil {
		t.Fatalf("the server does not serve: %v; it said:\n%s", err, p.tail(40))
	}
	return p
}

// spools are the files in the scratch directory that the process has open, removed ones included; only Linux tells.
func (p *process) spools() (open []string) {
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	for _, fd := range names(dir) {
		if path, err := os.Readlink(filepath.Join(dir, fd)); err == nil && strings.HasPrefix(path, p.site.scratch()) {
			open = append(open, path)
		}
	}
	return open
}
