//go:build heavy && linux

package walkthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// commandLimit is for one run of a command; exitLimit for an agent that is told to stop.
const (
	commandLimit = 60 * time.Second
	exitLimit    = 30 * time.Second
)

// A machine is one of those that the document names: a directory, an address, and the agent.
type machine struct {
	t       testing.TB
	name    string
	root    string
	address string
	agent   *testproc.Process
	journal []*testproc.Process // all that ran, the last one included
}

// program is the path of the binary under test, in a directory where it is called lictor; TestMain sets it.
var program string

func newMachine(t testing.TB, dir, name, address string) *machine {
	t.Helper()
	m := &machine{t: t, name: name, root: filepath.Join(dir, name), address: address}
	m.makeDirectories()
	t.Cleanup(m.reap)
	return m
}

// reap ends what commands have left running in the background: a document writes their numbers into files that end in .pid.
func (m *machine) reap() {
	files, err := filepath.Glob(filepath.Join(m.root, "home", "*.pid"))
	if err != nil {
		m.t.Error(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		var pid int
		if _, scanned := fmt.Sscan(string(text), &pid); err != nil || scanned != nil || pid <= 1 {
			continue
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == program {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by now
		}
	}
}

// single makes the machine a server by itself, and waits until that takes writes.
func (m *machine) single() error {
	config := fmt.Sprintf("node_name = %q\nbind_addr = %q\ndata_dir = %q\nserver = true\nbootstrap_expect = 1\n"+
		"performance { raft_multiplier = 1 }\n", m.name, m.address, filepath.Join(m.root, "var/lib/lictor"))
	if err := os.WriteFile(filepath.Join(m.root, "run", "single.hcl"), []byte(config), 0o600); err != nil {
		return err
	}
	if err := m.control("start"); err != nil {
		return err
	}
	return m.agent.Await(exitLimit, func() error {
		if out, code := m.run("lictor kv get -keys"); code != 0 {
			return errors.New(out)
		}
		return nil
	})
}

func (m *machine) makeDirectories() {
	m.t.Helper()
	for _, dir := range []string{"etc/lictor/tls", "var/lib/lictor", "home", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o700); err != nil {
			m.t.Fatal(err)
		}
	}
}

// run runs a command in the machine's shell, which keeps its variables, and returns what was printed and the exit code.
func (m *machine) run(command string) (printed string, code int) {
	m.t.Helper()
	m.writeJournal()
	ctx, cancel := context.WithTimeout(m.t.Context(), commandLimit)
	defer cancel()
	script := `. "$MACHINE/env"; cd "$MACHINE/home"
` + command + `
status=$?; export -p > "$MACHINE/env"; exit $status`
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = []string{"MACHINE=" + m.root, "HOME=" + filepath.Join(m.root, "home"), "TMPDIR=" + filepath.Join(m.root, "tmp"),
		"CONSUL_HTTP_ADDR=http://" + m.address + ":8500", "PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH")}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %s: %v", m.name, command, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func (m *machine) writeJournal() {
	m.t.Helper()
	var b strings.Builder
	for _, p := range m.journal {
		b.WriteString(p.Said())
	}
	if err := os.WriteFile(filepath.Join(m.root, "journal"), []byte(b.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
	env, err := os.OpenFile(filepath.Join(m.root, "env"), os.O_CREATE, 0o600) // the first command finds an empty one
	if err != nil {
		m.t.Fatal(err)
	}
	env.Close()
}

var systemctl = regexp.MustCompile(`^systemctl (start|stop|restart|reload) lictor$`)

// control does what systemctl is asked for.
func (m *machine) control(what string) error {
	switch what {
	case "start":
		if m.agent != nil && m.agent.Running() {
			return nil
		}
		m.agent = testproc.Start(m.t, exec.Command(program, "agent", "-config-dir="+filepath.Join(m.root, "run"), "-client="+m.address))
		m.journal = append(m.journal, m.agent)
		return nil
	case "reload":
		return m.signal(syscall.SIGHUP)
	}
	if err := m.signal(syscall.SIGTERM); err != nil {
		return err
	}
	m.agent.Exit(m.t, exitLimit)
	if what == "restart" {
		return m.control("start")
	}
	return nil
}

func (m *machine) signal(s syscall.Signal) error {
	if m.agent == nil {
		return fmt.Errorf("no agent runs on %s", m.name)
	}
	return m.agent.Signal(s)
}

// destroy is the end of the machine: the agent is killed and nothing is left. What comes in its place has the same name and address.
func (m *machine) destroy() {
	m.t.Helper()
	if m.agent != nil {
		m.agent.Kill()
	}
	if err := os.RemoveAll(m.root); err != nil {
		m.t.Fatal(err)
	}
	m.agent, m.journal = nil, nil
	m.makeDirectories()
}
