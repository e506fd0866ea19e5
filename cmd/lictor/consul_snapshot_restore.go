package main

import (
	"context"
	"flag"
	"path"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/consulsnapshot"
)

// consulSnapshotRestore restores an archive.
type consulSnapshotRestore struct {
	*program
	selectiveFlags
	dryRun bool
}

func newConsulSnapshotRestore(p *program) cli.Command {
	c := &consulSnapshotRestore{program: p}
	return consulSnapshotLeaf{&leaf{
		program: p,
		manual: manual{
			synopsis: "Restores an archive",
			usage:    "consul-snapshot restore [options] PATH",
			about: `
Restores an archive of consul-snapshot, of any version, encrypted
(CRYPTO_PASSWORD) or not. PATH is the key of the object from the root of the
bucket: of GCSBUCKET if that is set, of S3BUCKET otherwise. With LOCAL_DIR it
is a file in that directory; without PATH it is LOCAL_BACKUP_FILE.

The archive is read to its end, and compared with its checksums, before the
datacenter is asked what it has. Then the plan is printed: what would be
created and updated, what is right already, and what cannot be brought back.
It has to be agreed to, at a terminal or by -yes. Keys come back with their
flags, prepared queries under new IDs, legacy ACLs as a token with a policy,
today's ACLs as they are; locks do not. With ACLs off at the target they are
left out, and said to be.

Keys are written by check-and-set, in transactions: what anybody has changed
since the plan was made is left alone, and named. What the datacenter has
beside is left alone, too; -delete removes it, of what -key, -prefix and -only
name. Before the first change, what was there is on disk in the undo file,
which "snapshot undo" plays back. A restore that was broken off goes on when
it is made again. Afterwards what was written is read and compared.

"{program} consul-snapshot -h" lists the environment variables.`,
			examples: `
    $ {program} consul-snapshot restore \
        backups/2026/11/21/host.consul.snapshot.1795246814.tar.gz

Is it sound, and what would it change?

    $ export LOCAL_DIR=/srv/backups
    $ {program} consul-snapshot restore -dry-run \
        host.consul.snapshot.1795246814.tar.gz

One key and a prefix, without a question:

    $ {program} consul-snapshot restore -yes -key=app/url -prefix=web/ \
        host.consul.snapshot.1795246814.tar.gz`,
			status: []exitStatus{
				{0, "it is restored; in a dry run: it could be"},
				{1, "wrong arguments or environment, a bad archive, nobody said yes, it\n       was broken off, or Consul refused a change"},
				{2, "something had been changed since the plan was made and was left\n       alone, or differs from what it was to be"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}}
}

func (c *consulSnapshotRestore) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.dryRun, "dry-run", false, "Print what would be changed, and change nothing. LOCAL_DRY_RUN does not even ask Consul.")
	fs.Var(&c.single, "key", "Restore this `key`, and nothing but what -key, -prefix and -only name. May be given again.")
	c.selectiveFlags.define(fs)
}

func (c *consulSnapshotRestore) run(args []string) int {
	j := c.beginTool()
	if j == nil {
		return 1
	}
	where := ""
	switch local := j.config.LocalDir != "" || j.config.Acceptance; {
	case len(args) == 1:
		where = args[0]
	case len(args) > 1, !local:
		return j.fail("Restore takes the path of one archive (got %d)", len(args))
	}
	ctx, stop := endable()
	defer stop()
	archive, err := j.config.Fetch(ctx, where)
	if err != nil {
		return j.fail("Unable to restore: %s", err)
	}
	defer func() { _ = archive.Close() }() // it was only read
	j.log.Info("%s is sound: %s", archive.Location, archive)
	if j.config.DryRun {
		j.log.Info("Dry run: nothing is restored")
		return 0
	}
	return c.restore(ctx, j, archive, where)
}

// restore brings what the archive holds back into the datacenter.
func (c *consulSnapshotRestore) restore(ctx context.Context, j *toolJob, archive *consulsnapshot.Fetched, where string) int {
	warnings, err := oldWarnings(ctx, archive.Archive)
	if err != nil {
		return j.fail("Unable to restore: %s", err)
	}
	for _, warning := range warnings {
		j.log.Warn("%s", warning)
	}
	base := archive.File
	if base == "" {
		base = path.Base(where)
	}
	run, err := c.selectiveFlags.run(c.program, j.target, archive.Archive, base)
	if err != nil {
		return j.fail("Unable to restore: %s", err)
	}
	run.dryRun = c.dryRun
	return run.run(ctx, archive.Source(ctx), archive.Location)
}
