package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/hashicorp/consul/api"
)

// A process is a server that the demo starts.
type process struct {
	name string
	addr string // of the HTTP API, host:port
	port string // that servers talk on, host:port
	serf string // that is gossiped on, host:port
	api  *api.Client

	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the process has ended
}

// bring starts servers, and waits until look finds no fault in them. A port that was free may be somebody else's by the time a server
// takes it: then they are started afresh, on others.
func (d *demo) bring(ctx context.Context, look func([]*process) func(context.Context) error, names ...string) ([]*process, error) {
	const tries = 5
	for try := 1; ; try++ {
		servers, err := d.start(names...)
		if err != nil {
			return nil, err
		}
		err = await(ctx, servers, look(servers))
		if !errors.Is(err, errPortTaken) || try == tries {
			return servers, err
		}
		kill(servers...)
		for _, name := range names {
			if err := errors.Join(os.RemoveAll(d.path(name)), os.Remove(d.path(name+".log"))); err != nil {
				return nil, err
			}
		}
	}
}

// start starts servers that expect each other. Their files are called by their names.
func (d *demo) start(names ...string) ([]*process, error) {
	ports, err := freePorts(3 * len(names))
	if err != nil {
		return nil, err
	}
	var all []*process
	var joins []string
	for i, name := range names {
		own := ports[3*i:]
		p := &process{name: name, addr: loopback(own[0]), port: loopback(own[1]), serf: loopback(own[2])}
		if p.api, err = newClient(p.addr); err != nil {
			return nil, err
		}
		all = append(all, p)
		if len(names) > 1 {
			joins = append(joins, "-retry-join="+p.serf)
		}
	}
	for _, p := range all {
		if err := d.launch(p, len(names), joins); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// tuning makes servers find each other and a leader as fast as they can. Without coordinates a state changes only if somebody changes it.
const tuning = `performance { raft_multiplier = 1 } retry_interval = "1s" disable_coordinates = true`

// launch starts one server. It does not wait for anything.
func (d *demo) launch(p *process, expect int, joins []string) error {
	log, err := os.OpenFile(d.path(p.name+".log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := d.command(append([]string{"agent", "-server", fmt.Sprintf("-bootstrap-expect=%d", expect), "-node=" + p.name, "-bind=127.0.0.1",
		"-data-dir=" + d.path(p.name), "-http-port=" + portOf(p.addr), "-server-port=" + portOf(p.port), "-serf-lan-port=" + portOf(p.serf), "-serf-wan-port=-1",
		"-hcl", tuning}, joins...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt on the terminal is the demo's alone
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	p.cmd, p.log, p.done = cmd, log, make(chan struct{})
	d.started = append(d.started, p)
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	return nil
}

// forgetSettings removes the settings for Consul clients from the environment: those here and those of commands would take them.
func forgetSettings() {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CONSUL_") {
			_ = os.Unsetenv(name)
		}
	}
}

// newClient returns a client of the API at an address.
func newClient(addr string) (*api.Client, error) {
	config := api.Config{Address: addr, Transport: api.DefaultNonPooledConfig().Transport}
	config.Transport.Proxy = nil
	return api.NewClient(&config)
}

// command prepares this program with other arguments.
func (d *demo) command(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: d.Program, Args: append([]string{d.Name}, args...)}
}

// invoke runs this program with other arguments to its end and returns what it printed: its results, and its notes on standard error.
func (d *demo) invoke(ctx context.Context, args ...string) (out, notes string, err error) {
	cmd := d.command(args...)
	var outs, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &outs, &errs
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	err = cmd.Wait()
	out, notes = strings.TrimSpace(outs.String()), strings.TrimSpace(errs.String())
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", d.Name, strings.Join(args, " "), err, notes)
	}
	return out, notes, err
}

// errPortTaken is the reason for the end of a server that could not listen.
var errPortTaken = errors.New("a port is taken")

// lastError is the last error in the log of a server that has ended.
func (p *process) lastError() error {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err
	}
	last := "its log names no error"
	for line := range strings.Lines(string(text)) {
		if _, what, found := strings.Cut(line, "[ERROR] "); found {
			last = strings.TrimSpace(what)
		}
	}
	if strings.Contains(last, "address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, last)
	}
	return errors.New(last)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends processes with SIGKILL and waits until they are gone. It does nothing to those that have ended.
func kill(all ...*process) {
	for _, p := range all {
		_ = p.cmd.Process.Kill()
	}
	for _, p := range all {
		<-p.done
		p.log.Close()
	}
}
