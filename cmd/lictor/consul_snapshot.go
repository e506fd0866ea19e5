package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/consulsnapshot"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/version"
)

// consulSnapshotName is the group of commands that stands in for another tool, and the name of that: a link of this name is the tool.
const consulSnapshotName = "consul-snapshot"

// consulSnapshot is the group. It is that tool's frame, and not like other groups: without a known command its help goes to standard
// output, and the exit code is 127.
type consulSnapshot struct{ *program }

var _ cli.CommandHelpTemplate = consulSnapshot{}

func newConsulSnapshot(p *program) cli.Command { return consulSnapshot{p} }

// Synopsis returns the line shown in the list of the group above.
func (c consulSnapshot) Synopsis() string { return consulSnapshotManual.synopsis }

// HelpTemplate says that Help is all there is to say.
func (c consulSnapshot) HelpTemplate() string { return "{{.Help}}" }

// Help returns the whole help text.
func (c consulSnapshot) Help() string {
	return consulSnapshotManual.opening(c.name) + "\n\n" + exitStatusText(consulSnapshotManual.status)
}

// Run is called for what is no known command.
func (c consulSnapshot) Run(args []string) int {
	if asksVersion(args) {
		return c.sayToolVersion()
	}
	c.say("%s", c.Help())
	return 127
}

var consulSnapshotManual = manual{
	synopsis: "Does what consul-snapshot does, in its place",
	usage:    "consul-snapshot <command> [options]",
	about: `
Backs up keys, prepared queries and ACLs into the archives of consul-snapshot
(github.com/pshima/consul-snapshot), under its names, told what to do by its
environment variables, and restores such archives. Called through a link named
consul-snapshot, the program is that tool.

Commands

  backup     Backs up by an interval, or once
  restore    Restores an archive
  version    Prints the version; so do -v, -version and --version anywhere

Environment: where archives are kept

  S3BUCKET, S3REGION    a bucket of S3
  S3ENDPOINT            the URL of another S3; the bucket is put in the path
  GCSBUCKET             a bucket of Google Cloud Storage; besides S3, if both
                        are set
  LOCAL_DIR             a directory; nothing is uploaded then
  LOCAL_BACKUP_FILE     the file in LOCAL_DIR to restore
  CONSUL_SNAPSHOT_UPLOAD_PREFIX
                        the first part of the names of objects (backups)
  CONSUL_SNAPSHOT_S3_SSE
                        AES256 or aws:kms: how S3 is to encrypt
  CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID
                        the key for that; it means aws:kms by itself

Environment: how

  BACKUPINTERVAL        seconds from one backup to the next (60)
  CRYPTO_PASSWORD       encrypts archives, and decrypts them
  SNAPSHOT_TMP_DIR      where scratch files are (/tmp)
  CONSUL_SNAPSHOT_HEALTH_ADDR
                        where /health and /metrics are served (127.0.0.1:5001)
  CONSUL_SNAPSHOT_ALLOW_EMPTY
                        true: a backup without any key is right
  LOCAL_DRY_RUN         true: a restore only checks the archive
  ACCEPTANCE_TEST       set: the archive is acceptancetest.tar.gz in
                        SNAPSHOT_TMP_DIR, and no marker is written

Consul is found, and asked, as its own client does it: CONSUL_HTTP_ADDR,
CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_SSL, CONSUL_CACERT and
the others. Credentials of S3 and Google Cloud Storage are found as their own
tools find them.`,
	examples: `
    $ {program} consul-snapshot backup -once
    $ {program} consul-snapshot restore \
        backups/2026/11/21/host.consul.snapshot.1795246814.tar.gz`,
	status: []exitStatus{
		{0, "the command succeeded, or help or the version was asked for"},
		{1, "the command failed; the last line on standard error says why"},
		{127, "no command, or an unknown one, was given"},
	},
}

// consulSnapshotLeaf is a command of the group: the version may be asked for anywhere.
type consulSnapshotLeaf struct{ *leaf }

// Run prints the version, or runs the command.
func (l consulSnapshotLeaf) Run(args []string) int {
	if asksVersion(args) {
		return l.program.sayToolVersion()
	}
	return l.leaf.Run(args)
}

func asksVersion(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "-v" || a == "-version" || a == "--version" })
}

func (p *program) sayToolVersion() int {
	p.say("[INFO] %s (Lictor; archives are those of consul-snapshot %s)", version.Lictor, kvarchive.FormatVersion)
	return 0
}

func newConsulSnapshotVersion(p *program) cli.Command {
	return consulSnapshotLeaf{&leaf{
		program: p,
		manual: manual{
			synopsis: "Prints the version",
			usage:    "consul-snapshot version",
			about: `
Prints Lictor's version, and that of the consul-snapshot whose archives it
writes.`,
			examples: `
    $ {program} consul-snapshot version`,
			status: []exitStatus{{0, "always"}},
		},
		execute: func(args []string) int {
			p.ignoreArguments(args)
			return p.sayToolVersion()
		},
	}}
}

// toolJob is what backup and restore begin with.
type toolJob struct {
	config *consulsnapshot.Config
	client *api.Client
	target *api.Config // that the client was made of
	log    *consulsnapshot.Log
}

// begin reads the environment. It has told of an error if it returns nil.
func (p *program) beginTool() *toolJob {
	p.say("[INFO] v%s: Starting Consul Snapshot", version.Lictor)
	log := consulsnapshot.NewLog(p.err)
	config, err := consulsnapshot.Environment(os.Getenv)
	if err != nil {
		log.Err("%s", oneLine(err))
		return nil
	}
	client, connected, err := new(connection).clientAndConfig(p)
	if err != nil {
		log.Err("Unable to make a client for Consul: %s", err)
		return nil
	}
	renew(connected, log.Named("consul"))
	return &toolJob{config: config, client: client, target: connected, log: log}
}

// oneLine is an error that may be several.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// fail tells why a command failed, and returns its exit code.
func (j *toolJob) fail(format string, args ...any) int {
	j.log.Err("%s", strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))
	return 1
}

// endable is a context that ends with a signal.
func endable() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), signals...)
}
