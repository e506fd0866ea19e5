package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/snapshotagent"
	"github.com/lictor-dr/lictor/internal/snapshotconfig"
	"github.com/lictor-dr/lictor/internal/version"
)

// snapshotAgent takes snapshots by a schedule.
type snapshotAgent struct {
	*program
	flags *snapshotconfig.Flags
}

func newSnapshotAgent(p *program) cli.Command {
	c := &snapshotAgent{p, snapshotconfig.NewFlags()}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Periodically saves snapshots of server state, and proves them",
			usage:    "snapshot agent [options]",
			about: `
Takes snapshots of a datacenter by an interval, stores them on local disk, in
S3, Azure Blob Storage or Google Cloud Storage, in several places if you like,
and deletes old ones. Any number of agents may run: one of them holds a lock
and takes the snapshots, the others wait to take over. With -interval=0 one
snapshot is taken, without the lock.

What stays is the newest -retain, or what the rules -keep-last, -keep-hourly
and so on keep; "snapshot prune -dry-run" shows it. If the state shrinks by
more than -max-shrink at once, nothing is deleted until "snapshot prune
-accept-collapse": the log, hooks, /health and a metric say so.

A snapshot counts once it is proven: it is read to its last record, uploaded,
read back from where it is stored, and rebuilt in a throw-away engine by a
child process; what that holds is compared with what the cluster sent. Beside
each archive consul-ID.snap an entry consul-ID.snap.json says how that went.

-rpo sets an objective: how old the state that can be brought back may be.
/health, the check in Consul, metrics and "snapshot status" tell whether it is
met. The configuration file can name hooks, any number of each kind, which are
told on success, on failure and on recovery, and hold up no backup:

    hooks {
      webhook { url = "https://example.com/x" on = ["failure", "recovery"] }
      command { args = ["/usr/local/bin/notify"] on = ["success"] }
      dead_mans_switch { url = "https://hc-ping.com/UUID" }
    }

A webhook gets a JSON body, a command the same on its standard input and in
its environment (LICTOR_EVENT, LICTOR_CLUSTER, LICTOR_REASON, ...). A dead
man's switch is requested after each proven snapshot, and only then. Each
takes a timeout; url_file, secret_header and secret_file keep secrets out of
the configuration.

With -encryption-recipient archives are encrypted once they are proven, and
called consul-ID.snap.age. The agent has only public keys then: it can read
none of the backups it has made. With -encryption-passphrase-file it can.

The configuration of Consul Enterprise's snapshot agent works as it is; only
syslog and login are refused. SIGHUP reads it again.

With ACLs enabled the token needs:

    acl = "write"
    key "consul-snapshot/lock" { policy = "write" }
    session_prefix "" { policy = "write" }
    service "consul-snapshot" { policy = "write" }`,
			examples: `
Hourly, to a directory, the last 30:

    $ {program} snapshot agent -local-path=/srv/snapshots -interval=1h -retain=30

As a service, with a configuration file:

    $ {program} snapshot agent -config-file=/etc/lictor.d/snapshot.json

With an objective, and no more than 20 MiB a second on the network:

    $ {program} snapshot agent -interval=1h -rpo=90m -bandwidth-limit=20MB/s \
        -gcs-bucket=backups

Encrypted, for who has the private key of age1…:

    $ {program} snapshot agent -local-path=/srv/snapshots \
        -encryption-recipient=age1…

One snapshot, from cron:

    $ {program} snapshot agent -interval=0 -local-path=/srv/snapshots`,
			status: []exitStatus{
				{0, "stopped by a signal; in one-shot mode: the snapshot is saved"},
				{1, "refused to start; in one-shot mode: a destination lacks the snapshot"},
			},
		},
		groups:  c.groups(),
		execute: c.run,
	}
}

func (c *snapshotAgent) groups() (all []optionGroup) {
	for _, g := range c.flags.Describe() {
		all = append(all, optionGroup{g.Title, g.Flags})
	}
	return all
}

func (c *snapshotAgent) run(args []string) int {
	if len(args) > 0 {
		return c.fail("Too many arguments (expected 0, got %d)", len(args))
	}
	syscall.Umask(0o077)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	config, warnings, err := snapshotconfig.Load(c.flags)
	if err != nil {
		return c.fail("Error starting snapshot agent: %s", err)
	}
	client, connected, err := connectionOf(config).clientAndConfig(c.program)
	if err != nil {
		return c.fail("Error connecting to Consul agent: %s", err)
	}
	log, closer, err := logging.New(agentconfig.LogConfig{Level: config.LogLevel, JSON: config.LogJSON}, c.out)
	if err != nil {
		return c.fail("Error starting snapshot agent: %s", err)
	}
	defer closer.Close()
	renew(connected, log)
	a, err := snapshotagent.Open(context.Background(), config, client, log)
	if err != nil {
		return c.fail("Error starting snapshot agent: %s", err)
	}
	fmt.Fprint(c.out, config.Banner(version.Full))
	p := &snapshotProcess{agent: a, config: config, client: client, log: log, signals: signals}
	for _, w := range warnings {
		log.Warn(w)
	}
	return p.run()
}

// connectionOf is the connection that a configuration of the snapshot agent asks for.
func connectionOf(config *snapshotconfig.Config) *connection {
	from := config.Connection
	return &connection{
		clientFlags: clientFlags{
			addr: from.Address, token: string(from.Token), tokenFile: from.TokenFile, caFile: from.CAFile, caPath: from.CAPath,
			clientCert: from.CertFile, clientKey: from.KeyFile, tlsServerName: from.TLSServerName,
		},
		serverFlags: serverFlags{datacenter: from.Datacenter},
	}
}

// snapshotProcess is a snapshot agent between its start and its end.
type snapshotProcess struct {
	agent   *snapshotagent.Agent
	config  *snapshotconfig.Config
	client  *api.Client
	log     hclog.InterceptLogger
	signals <-chan os.Signal
}

func (p *snapshotProcess) run() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan error, 1)
	config := p.config // a reload replaces it
	go func() { done <- p.work(ctx, config) }()
	p.log.Info("Snapshot agent running")
	notify(daemon.SdNotifyReady)
	err := p.wait(cancel, done)
	if err := errors.Join(err, p.agent.Close()); err != nil {
		p.log.Error("Snapshot agent failed", "error", err)
		return 1
	}
	p.log.Info("Snapshot agent stopped")
	return 0
}

func (p *snapshotProcess) work(ctx context.Context, config *snapshotconfig.Config) error {
	if config.OneShot {
		if err := p.agent.Once(ctx); err != nil {
			return err
		}
		return p.incomplete()
	}
	if err := p.checkDatacenter(ctx, config); err != nil {
		return err
	}
	return p.agent.Run(ctx)
}

// incomplete is an error if something is left undone by a one-shot run that has saved its snapshot: nobody comes back to do it.
func (p *snapshotProcess) incomplete() error {
	var lacking []string
	status := p.agent.Status()
	if status.Failures[snapshotagent.StageRotate] > 0 {
		return errors.New("the snapshot is saved, but not all that are too many could be deleted, see above")
	}
	for name, lacks := range status.Behind {
		if lacks {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	slices.Sort(lacking)
	return fmt.Errorf("the snapshot is not in every destination: %s failed, see above", strings.Join(lacking, ", "))
}

// checkDatacenter refuses a daemon for another datacenter than the Consul agent's, as far as that tells.
func (p *snapshotProcess) checkDatacenter(ctx context.Context, config *snapshotconfig.Config) error {
	if config.Connection.Datacenter == "" {
		return nil
	}
	identity, err := snapshotagent.Identify(p.client, "")(ctx)
	if err != nil {
		p.log.Warn("whether the datacenter is the Consul agent's own is not known", "error", err)
		return nil
	}
	return config.CheckDatacenter(identity.Datacenter)
}

// wait handles signals until the work has ended, and returns its outcome.
func (p *snapshotProcess) wait(cancel context.CancelCauseFunc, done <-chan error) error {
	for {
		select {
		case err := <-done:
			return err
		case s := <-p.signals:
			p.log.Info("Caught", "signal", s.String())
			if s == syscall.SIGHUP {
				p.reload()
				continue
			}
			notify(daemon.SdNotifyStopping)
			cancel(fmt.Errorf("stopped by %s", s))
			return p.end(done, time.Now())
		}
	}
}

// sameSignal is the time within which a second signal is taken for the first: timeout(1), sudo and terminals deliver one twice, to the
// process and to its group.
const sameSignal = time.Second

// end waits for the work to end; a second signal, other than the one at first, ends the process at once.
func (p *snapshotProcess) end(done <-chan error, first time.Time) error {
	for {
		select {
		case err := <-done:
			if errors.Is(err, context.Canceled) && !p.config.OneShot {
				return nil
			}
			return err
		case s := <-p.signals:
			if s != syscall.SIGHUP && time.Since(first) > sameSignal {
				return fmt.Errorf("caught second signal: %s", s)
			}
		}
	}
}

// reload reads the configuration again. If it is bad, the running one stays.
func (p *snapshotProcess) reload() {
	notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	defer notify(daemon.SdNotifyReady)
	next, warnings, err := p.config.Reload()
	if err != nil {
		p.log.Error("Reload config failed", "error", err)
		return
	}
	settings, err := p.agent.Open(context.Background(), next, p.client)
	if err != nil {
		p.log.Error("Reload config failed", "error", err)
		return
	}
	for _, w := range warnings {
		p.log.Warn(w)
	}
	if level, err := logging.Level(next.LogLevel); err == nil {
		p.log.SetLevel(level)
	}
	p.config = next
	p.agent.Reload(settings)
	p.log.Info("Configuration reloaded")
}

// notify tells systemd, if that has started the process.
func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // there is nobody to tell of a failure
}
