//go:build heavy && unix

package soak

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
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
	serf int
}

func newSite(t testing.TB, dir string) *site {
	t.Helper()
	ports := testproc.FreePorts(t, 3)
	return &site{dir: dir, http: ports[0], rpc: ports[1], serf: ports[2]}
}

func (s *site) scratch() string   { return filepath.Join(s.dir, "scratch") }
func (s *site) wal() string       { return filepath.Join(s.dir, "raft", "wal") }
func (s *site) snapshots() string { return filepath.Join(s.dir, "raft", "snapshots") }

// quick are settings that keep elections, and waiting for them, short.
const quick = `performance { raft_multiplier = 1 rpc_hold_timeout = "2s" }`

// arguments are those of a server of this site; each of settings is configuration text.
func (s *site) arguments(settings ...string) []string {
	args := []string{"agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-data-dir=" + s.dir,
		fmt.Sprint("-http-port=", s.http), fmt.Sprint("-server-port=", s.rpc), fmt.Sprint("-serf-lan-port=", s.serf), "-serf-wan-port=-1", "-hcl", quick}
	for _, text := range settings {
		args = append(args, "-hcl", text)
	}
	return args
}

// A process is one run of the program.
type process struct {
	*testproc.Process
	*client
	site *site
}

// start starts a server, without waiting for anything.
func (s *site) start(t testing.TB, settings ...string) *process {
	t.Helper()
	return s.run(t, s.arguments(settings...)...)
}

// run starts the program with any arguments.
func (s *site) run(t testing.TB, args ...string) *process {
	t.Helper()
	return &process{testproc.Start(t, exec.Command(program, args...)), newClient(s.http), s}
}

// kill ends the process, and the connections to it.
func (p *process) kill() {
	p.Kill()
	p.client.close()
}

// stop sends a signal and returns the exit code.
func (p *process) stop(t testing.TB, s os.Signal) int {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
	return p.exit(t)
}

// exit waits until the process has ended by itself, and returns its exit code.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	code := p.Exit(t, exitLimit)
	p.client.close()
	return code
}

// serves waits until the server leads and answers, and returns why if it does not.
func (p *process) serves(limit time.Duration) error {
	return p.Await(limit, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_, err := p.get(ctx, "/v1/kv/?keys&consistent")
		return err
	})
}

// ready waits until the server serves; the test ends if it does not.
func (p *process) ready(t testing.TB) *process {
	t.Helper()
	if err := p.serves(readyLimit); err != nil {
		t.Fatalf("the server does not serve: %v; it said:\n%s", err, p.Tail(40))
	}
	return p
}

// spools are the files in the scratch directory that the process has open, removed ones included; only Linux tells.
func (p *process) spools() (open []string) {
	dir := fmt.Sprintf("/proc/%d/fd", p.PID())
	for _, fd := range names(dir) {
		if path, err := os.Readlink(filepath.Join(dir, fd)); err == nil && strings.HasPrefix(path, p.site.scratch()) {
			open = append(open, path)
		}
	}
	return open
}
