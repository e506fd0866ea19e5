package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/version"
)

// agentCommand runs a server or a client agent until a signal stops it.
type agentCommand struct{ *program }

func newAgent(p *program) cli.Command { return &agentCommand{p} }

func (c *agentCommand) Synopsis() string {
	return "Runs a Lictor agent: a server, or a client of servers"
}

func (c *agentCommand) Help() string {
	m := manual{
		usage: "agent [options]",
		about: `
With -server it runs a server that holds a Consul datacenter's state (keys,
catalog, sessions, prepared queries, ACLs) behind Consul's HTTP API, together
with the other servers of the datacenter: three survive the loss of one, five
that of two. Without it the agent is a client: it keeps its own services and
checks, and sends to servers what they alone can answer. With -dev everything
is kept in memory; else -data-dir names the directory that survives restarts.

The configuration is Consul's, flags and files. What this release does not
serve is accepted with a warning, so that an existing file starts; what would
protect and is not served (auto_encrypt, audit logs) is refused. TLS is
configured in files alone, under tls.

SIGHUP and PUT /v1/agent/reload read the files again, and with
-auto-reload-config a change of them does: log level, connection limit,
certificates and their verification, services and checks, snapshot timing and
the filter of metrics.`,
		examples: `
    $ {program} agent -dev
    $ {program} agent -server -bootstrap-expect=1 -data-dir=/var/lib/lictor
    $ {program} agent -server -bootstrap-expect=3 \
          -retry-join=10.0.0.1 -retry-join=10.0.0.2 -data-dir=/var/lib/lictor
    $ {program} agent -retry-join=10.0.0.1 -data-dir=/var/lib/lictor
    $ {program} agent -config-dir=/etc/consul.d`,
	}
	status := exitStatusText([]exitStatus{
		{0, "a graceful leave: leave_on_terminate, skip_leave_on_interrupt = false\n       (both are the default of clients), or PUT /v1/agent/leave"},
		{1, "stopped by a signal, as Consul's servers; failed to start, to join\n       (retry_max) or to leave in time"},
	})
	served, rest := agentconfig.Describe()
	return strings.Join([]string{
		m.opening(c.name),
		optionGroup{"Agent Options", served}.text(),
		optionGroup{"Options of Features that This Release Does Not Serve", rest}.text(),
		status,
	}, "\n\n")
}

// Run runs the agent. Files that it makes are the owner's alone.
func (c *agentCommand) Run(args []string) int {
	syscall.Umask(0o077)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE)

	flags, err := agentconfig.ParseFlags(args, c.err)
	if errors.Is(err, flag.ErrHelp) {
		c.say("%s", c.Help())
		return 0
	}
	if err != nil {
		return c.fail("==> %s", err)
	}
	config, warnings, err := agentconfig.Load(flags)
	if err != nil {
		return c.fail("==> %s", err)
	}
	a, err := agent.Open(config)
	if err != nil {
		return c.fail("==> %s", err)
	}
	log, closer, err := logging.New(config.Log, c.out)
	if err != nil {
		return c.fail("==> %s", errors.Join(err, a.Close()))
	}
	defer closer.Close()
	fmt.Fprint(c.out, config.Banner(version.Full))
	p := &process{agent: a, config: config, log: log.Named("agent"), root: log, signals: signals}
	return p.run(warnings)
}

// process is an agent between its start and its end.
type process struct {
	agent   *agent.Agent
	config  *agentconfig.Config
	log     hclog.Logger
	root    hclog.InterceptLogger
	signals <-chan os.Signal
}

func (p *process) run(warnings []string) int {
	for _, w := range warnings {
		p.log.Warn(w)
	}
	code := 1
	serving()
	if err := p.agent.Start(p.root); err != nil {
		p.log.Error("Error starting agent", "error", err)
	} else {
		code = p.wait()
		p.log.Info("Requesting shutdown")
		if err := p.agent.Close(); err != nil {
			p.log.Error("shutdown failed", "error", err)
			code = 1
		}
		p.log.Info("shutdown complete")
		p.log.Info("Endpoints down")
	}
	p.log.Info("Exit code", "code", code)
	return code
}

// wait returns the exit code once a signal, or a failure, ends the agent.
func (p *process) wait() int {
	for {
		select {
		case err := <-p.agent.Failed():
			p.log.Error("the agent cannot go on", "error", err)
			return 1
		case <-p.agent.Leaving():
			return p.leave()
		case s := <-p.signals:
			p.log.Info("Caught", "signal", s)
			if s != syscall.SIGHUP {
				return p.stop(s)
			}
			if err := p.agent.Reread(); err != nil {
				p.log.Error("Reload config failed", "error", err)
			}
		}
	}
}

// stop tells how the agent ends after a signal.
func (p *process) stop(s os.Signal) int {
	leave := s == syscall.SIGTERM && p.config.LeaveOnTerminate || s == syscall.SIGINT && !p.config.SkipLeaveOnInterrupt
	if !leave {
		p.log.Info("Graceful shutdown disabled. Exiting")
		return 1
	}
	return p.leave()
}

// leaveTimeout is how long a graceful leave may take.
const leaveTimeout = 15 * time.Second

// leave leaves the cluster, unless another signal or too long a time comes in between.
func (p *process) leave() int {
	p.log.Info("Gracefully shutting down agent...")
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- p.agent.Depart(ctx) }()
	for {
		select {
		case s := <-p.signals:
			if s == syscall.SIGHUP {
				continue
			}
			p.log.Info("Caught second signal, Exiting", "signal", s)
			return 1
		case <-ctx.Done():
			p.log.Info("Timeout on graceful leave. Exiting")
			return 1
		case err := <-left:
			if err != nil {
				p.log.Error("Error on leave", "error", err)
				return 1
			}
			p.log.Info("Graceful exit completed")
			return 0
		}
	}
}
