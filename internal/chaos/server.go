//go:build heavy && linux

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// program is the path of the binary under test; TestMain sets it.
var program string

const exitLimit = 30 * time.Second // for the end after a signal

// A server is a place where the program runs, again and again: an address and a data directory.
type server struct {
	history.Server
	n       int
	address string
	dir     string
	network *network
	args    []string

	mu   sync.Mutex
	runs []*testproc.Process // the last may be running
	held bool                // by SIGSTOP
}

// start runs the program; nothing is waited for.
func (s *server) start(t testing.TB) {
	t.Helper()
	p := testproc.Start(t, s.network.command(s.n, program, s.args...))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs, s.held = append(s.runs, p), false
}

// process is what runs now, and which run it is; nil before the first start.
func (s *server) process() (*testproc.Process, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) == 0 {
		return nil, 0
	}
	return s.runs[len(s.runs)-1], len(s.runs)
}

// up tells whether the program runs and is not held.
func (s *server) up() bool {
	p, _ := s.process()
	s.mu.Lock()
	defer s.mu.Unlock()
	return p != nil && p.Running() && !s.held
}

// running tells whether there is a process.
func (s *server) running() bool {
	p, _ := s.process()
	return p != nil && p.Running()
}

// kill ends the program as no program can prevent.
func (s *server) kill() {
	if p, _ := s.process(); p != nil {
		p.Kill()
	}
}

// terminate ends the program with SIGTERM, and waits for its end.
func (s *server) terminate(t testing.TB) error {
	p, _ := s.process()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: SIGTERM: %w", s.Name, err)
	}
	p.Exit(t, exitLimit)
	return nil
}

// hold stops the program with SIGSTOP, or lets it go on.
func (s *server) hold(held bool) error {
	signal := syscall.SIGCONT
	if held {
		signal = syscall.SIGSTOP
	}
	p, _ := s.process()
	if err := p.Signal(signal); err != nil {
		return fmt.Errorf("%s: %v: %w", s.Name, signal, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
	return nil
}

// died tells what became of a program that has ended although nobody wanted it to.
func (s *server) died() error {
	if p, run := s.process(); p != nil && !p.Running() {
		return fmt.Errorf("%s has ended in its run %d; it said:\n%s", s.Name, run, p.Tail(40))
	}
	return nil
}

// keepLogs copies what all runs have said into a directory.
func (s *server) keepLogs(dir string) error {
	s.mu.Lock()
	runs := slices.Clone(s.runs)
	s.mu.Unlock()
	for i, p := range runs {
		path := filepath.Join(dir, fmt.Sprintf("%s.run%d.log", s.Name, i+1))
		if err := os.WriteFile(path, []byte(p.Said()), 0o600); err != nil {
			return err
		}
	}
	return nil
}
