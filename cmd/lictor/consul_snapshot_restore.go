package main

import (
	"context"
	"errors"
	"flag"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/consulsnapshot"
)

// consulSnapshotRestore restores an archive.
type consulSnapshotRestore struct {
	*program
	dryRun bool
	yes    bool
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

The archive is read to its end, and compared with its checksums, before
anything is changed. With -dry-run, or LOCAL_DRY_RUN=true, that is all.

"{program} consul-snapshot -h" lists the environment variables.`,
			examples: `
    $ {program} consul-snapshot restore \
        backups/2026/11/21/host.consul.snapshot.1795246814.tar.gz

Is it sound, and what is in it?

    $ export LOCAL_DIR=/srv/backups
    $ {program} consul-snapshot restore -dry-run \
        host.consul.snapshot.1795246814.tar.gz`,
			status: []exitStatus{
				{0, "it is restored; in a dry run: it can be restored"},
				{1, "wrong arguments or environment, a bad archive, or a failed restore"},
			},
		},
		groups:  []optionGroup{options("Command Options", c.define)},
		execute: c.run,
	}}
}

func (c *consulSnapshotRestore) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.dryRun, "dry-run", false, "Read and check the archive, say what is in it, and restore nothing. Environment: LOCAL_DRY_RUN.")
	fs.BoolVar(&c.yes, "yes", false, "Do not ask before anything is changed.")
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
	if c.dryRun || j.config.DryRun {
		j.log.Info("Dry run: nothing is restored")
		return 0
	}
	if err := c.restoreLive(ctx, j, archive); err != nil {
		return j.fail("Unable to restore: %s", err)
	}
	return 0
}

// restoreLive brings what the archive holds back into the datacenter: plan, prompt unless c.yes, apply.
func (c *consulSnapshotRestore) restoreLive(_ context.Context, _ *toolJob, _ *consulsnapshot.Fetched) error {
	return errors.New("restoring into a live datacenter is not part of this build; -dry-run reads and checks the archive")
}
