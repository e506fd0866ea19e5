package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"
)

// startTimeout bounds how long a server may take to have a leader.
const startTimeout = 30 * time.Second

// A process is a server that the demo has started.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	addr string // of the HTTP API, host:port
	api  *api.Client
	done chan struct{} // closed when the process has ended
}

// startServer starts a server whose files are called name, and waits for its leader.
func (d *demo) startServer(ctx context.Context, name string) (*process, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.path(name+".log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{log: log, addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), done: make(chan struct{})}
	p.cmd = d.command("agent", "-server", "-bootstrap-expect=1", "-node="+name, "-bind=127.0.0.1", "-data-dir="+d.path(name),
		fmt.Sprintf("-http-port=%d", ports[0]), fmt.Sprintf("-server-port=%d", ports[1]), fmt.Sprintf("-serf-lan-port=%d", ports[2]), "-serf-wan-port=-1", "-hcl", "performance { raft_multiplier = 1 }")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt on the terminal is the demo's alone
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	if err := p.waitLeader(ctx); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// command prepares this program with other arguments. The environment's settings for a Consul client do not reach it.
func (d *demo) command(args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: d.Program, Args: append([]string{d.Name}, args...)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CONSUL_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// invoke runs this program with other arguments to its end and returns what it printed.
func (d *demo) invoke(ctx context.Context, args ...string) (string, error) {
	cmd := d.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", d.Name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// freePorts returns ports on which nobody listens at the moment.
func freePorts(n int) ([]int, error) {
	var ports []int
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

func (p *process) waitLeader(ctx context.Context) error {
	config := api.Config{Address: p.addr, Transport: api.DefaultNonPooledConfig().Transport}
	config.Transport.Proxy = nil
	client, err := api.NewClient(&config)
	if err != nil {
		return err
	}
	p.api = client
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, _, err := client.KV().Get("ready", (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no leader after %v: %w", startTimeout, ctx.Err())
		case <-p.done:
			return errors.New("the server ended; its log says why")
		case <-poll.C:
		}
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process with SIGKILL and waits until it is gone. It does nothing to one that has not been started, or has ended.
func (p *process) kill() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	p.log.Close()
}
