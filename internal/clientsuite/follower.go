package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// With -follower the tests find this program under the name of consul. It starts two servers beside the one that a test asks for, and
// lets that one join them, so that it is a follower: what the test wants of it goes over the leader.

// wrapped is the name of the server under test beside the program that wraps it.
const wrapped = "lictor"

// invokedAsConsul tells whether a test has started this program in place of a server.
func invokedAsConsul() bool { return filepath.Base(os.Args[0]) == "consul" }

// follow runs the server under test, as a follower if it is an agent with a configuration file. It returns the exit code.
func follow(args []string) int {
	program := filepath.Join(filepath.Dir(os.Args[0]), wrapped)
	if !filepath.IsAbs(program) { // it was found on the PATH
		found, err := exec.LookPath(wrapped)
		if err != nil {
			fmt.Fprintln(os.Stderr, "api-suite:", err)
			return 1
		}
		program = found
	}
	file := configFile(args)
	if file == "" {
		return runWith(program, args, nil)
	}
	dir, err := os.MkdirTemp("", "follower-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	c := &companions{program: program, dir: dir}
	defer c.kill()
	if err := c.start(file); err != nil {
		fmt.Fprintln(os.Stderr, "api-suite: start the servers to follow:", err)
		return 1
	}
	extra := fmt.Sprintf(`{"bootstrap": false, "retry_join": ["127.0.0.1:%d"], "retry_interval": "200ms"}`, c.serf)
	joining := filepath.Join(dir, "zz-joining.json")
	if err := os.WriteFile(joining, []byte(extra), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
		return 1
	}
	return runWith(program, append(args, "-config-file", joining), c.kill)
}

// configFile is the configuration file of an agent's command line, empty for other commands.
func configFile(args []string) string {
	if len(args) == 0 || args[0] != "agent" {
		return ""
	}
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case name != "config-file":
		case given:
			return value
		case i+1 < len(args):
			return args[i+1]
		}
	}
	return ""
}

// runWith runs a program, passes signals on to it, and returns its exit code.
func runWith(program string, args []string, end func()) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "api-suite:", err)
		return 1
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGHUP && end != nil {
				end()
			}
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// companions are the two servers beside the one under test. The first of them leads.
type companions struct {
	program, dir string
	serf         int // port of the first one's gossip
	running      []*exec.Cmd
}

// own are the keys of a configuration that are not the companions'.
var own = []string{"node_name", "node_id", "data_dir", "ports", "addresses", "bootstrap", "service", "services", "check", "checks", "pid_file",
	"node_meta"}

// start starts the companions with the configuration of the server under test, and waits until there is a leader.
func (c *companions) start(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	for _, key := range own {
		delete(config, key)
	}
	for i := range 2 {
		ports, err := freePorts(3)
		if err != nil {
			return err
		}
		name := fmt.Sprint("companion-", i+1)
		mine := maps.Clone(config)
		maps.Copy(mine, map[string]any{
			"node_name": name, "data_dir": filepath.Join(c.dir, name), "server": true, "bootstrap": i == 0,
			"ports": map[string]int{"http": ports[0], "server": ports[1], "serf_lan": ports[2], "serf_wan": -1, "dns": -1, "grpc": -1, "grpc_tls": -1},
		})
		if i == 0 {
			c.serf = ports[2]
		} else {
			mine["retry_join"], mine["retry_interval"] = []string{fmt.Sprint("127.0.0.1:", c.serf)}, "200ms"
		}
		if err := c.run(name, mine); err != nil {
			return err
		}
		if i == 0 {
			if err := awaitLeader(ports[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *companions) run(name string, config map[string]any) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	file := filepath.Join(c.dir, name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(c.program, "agent", "-config-file", file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	c.running = append(c.running, cmd)
	return nil
}

func (c *companions) kill() {
	for _, cmd := range c.running {
		_ = cmd.Process.Kill() // it may have ended
	}
}

// awaitLeader waits until the server on a port leads.
func awaitLeader(port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/v1/status/leader", port), nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK && len(body) > 2 {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("there is no leader")
		}
	}
}

// freePorts finds TCP ports that nobody uses.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
