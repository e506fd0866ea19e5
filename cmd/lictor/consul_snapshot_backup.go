package main

import (
	"errors"
	"flag"
	"strings"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/consulsnapshot"
)

// consulSnapshotBackup backs up by an interval, or once.
type consulSnapshotBackup struct {
	*program
	once     bool
	keys     textList
	prefixes textList
}

func newConsulSnapshotBackup(p *program) cli.Command {
	c := &consulSnapshotBackup{program: p}
	return consulSnapshotLeaf{&leaf{
		program: p,
		manual: manual{
			synopsis: "Backs up by an interval, or once",
			usage:    "consul-snapshot backup [options]",
			about: `
Backs up at once, and then every BACKUPINTERVAL seconds, until a signal ends
it; with -once, once. A backup that fails is told, and tried again. Any number
of daemons may run: the one that holds the lock service/consul-snapshot/lock
makes the backups. A token that may not hold a lock is told of, and backups
are made without one.

All documents of an archive come out of one native snapshot, for which the
token needs acl:write. With a lesser token keys are listed and read in
transactions of 64, and the log says what is missing. A part that cannot be
read fails the backup, and so does a store without a single key. An archive is
read to its end before it is uploaded, and compared with what the store gives
back; then its time is written to the key service/consul-snapshot/lastbackup.

The daemon serves /health on 127.0.0.1:5001: 200 while the last backup of any
daemon is no older than an hour, or twice the interval if that is more; and
/metrics for Prometheus.

With ACLs enabled the token needs:

    acl = "write"
    key_prefix "service/consul-snapshot/" { policy = "write" }
    session_prefix "" { policy = "write" }

"{program} consul-snapshot -h" lists the environment variables.`,
			examples: `
Into a bucket, every quarter of an hour:

    $ export S3BUCKET=backups S3REGION=eu-west-1 BACKUPINTERVAL=900
    $ {program} consul-snapshot backup

Into a directory, once, encrypted:

    $ export LOCAL_DIR=/srv/backups CRYPTO_PASSWORD=…
    $ {program} consul-snapshot backup -once

Two parts of the tree, and nothing else:

    $ {program} consul-snapshot backup -once -prefix=app/ -prefix=web/`,
			status: []exitStatus{
				{0, "the backup is made and proven; the daemon was ended by a signal"},
				{1, "wrong arguments or environment; with -once: the backup failed"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}}
}

func (c *consulSnapshotBackup) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.once, "once", false, "Back up once, without the lock, and without /health.")
	fs.Var(&c.keys, "key", "Back up this `key`, and nothing but what -key and -prefix name. May be given again. With -once the marker that "+
		"/health reads is left as it is.")
	fs.Var(&c.prefixes, "prefix", "Back up the keys that begin with this `prefix`, and nothing but what -key and -prefix name. "+
		"May be given again.")
}

func (c *consulSnapshotBackup) run(args []string) int {
	if len(args) > 0 {
		return c.fail("[ERR] Too many arguments (expected 0, got %d)", len(args))
	}
	j := c.beginTool()
	if j == nil {
		return 1
	}
	ctx, stop := endable()
	defer stop()
	b := &consulsnapshot.Backups{
		Config: j.config, Client: j.client, Log: j.log, Places: j.config.Places(j.log),
		Selection: consulsnapshot.Selection{Keys: c.keys, Prefixes: c.prefixes}, NoMarker: c.once && len(c.keys)+len(c.prefixes) > 0,
	}
	if !c.once {
		d, err := consulsnapshot.NewDaemon(b)
		if err == nil {
			err = d.Run(ctx)
		}
		if err != nil {
			return j.fail("%s", err)
		}
		j.log.Info("Stopped")
		return 0
	}
	result, err := b.Take(ctx, nil)
	if err != nil {
		return j.fail("Backup failed: %s", err)
	}
	j.log.Info("Backup completed successfully: %s", result)
	return 0
}

// textList is a flag that may be given again.
type textList []string

// String is the default's text, which is none.
func (l *textList) String() string { return strings.Join(*l, ", ") }

// Set adds a value.
func (l *textList) Set(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	*l = append(*l, value)
	return nil
}
