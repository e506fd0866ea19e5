package main

import (
	"flag"

	"github.com/hashicorp/cli"
)

// snapshotUndo takes a selective restore back.
type snapshotUndo struct {
	*program
	connection
	answerFlags
	dryRun     bool
	anyCluster bool
	format     string
}

func newSnapshotUndo(p *program) cli.Command {
	c := &snapshotUndo{program: p}
	return &leaf{
		program: p,
		manual:  undoManual,
		groups: []optionGroup{
			options("Command Options", c.define),
			options("HTTP API Options", func(fs *flag.FlagSet) {
				c.clientFlags.define(fs)
				fs.StringVar(&c.datacenter, "datacenter", "", "The `name` of the datacenter to ask. The default is the agent's own.")
			}),
		},
		execute: c.run,
	}
}

var undoManual = manual{
	synopsis: "Takes a restore of a part of a snapshot back",
	usage:    "snapshot undo [options] FILE",
	about: `
Plays back the undo file of a snapshot restore -only: what the restore
created is removed, and what it changed or removed gets back what it was.

Only what is as the restore left it is touched. What is as it was before is
left alone, and so is what anybody has changed since, which is named. The plan
is shown first, and has to be agreed to: at a terminal, or by -yes.

An undo file that is damaged is refused before anything is sent, and so is one
of another cluster. If restores were broken off and made again, the undo file
leads back to what was there before the first of them. Undo itself can be
broken off and made again.

Policies, roles and prepared queries that come back get new IDs; links to them
follow. Locks and sessions do not come back.`,
	examples: `
    $ {program} snapshot undo -dry-run backup.snap.dc1.undo
    $ {program} snapshot undo backup.snap.dc1.undo`,
	status: []exitStatus{
		{0, "everything is as it was before; with -dry-run: the plan was printed"},
		{1, "wrong arguments, the file is refused, it was broken off, or the\n       datacenter refused a change"},
		{2, "something had been changed since the restore and was left alone, or\n       differs from what it was to be"},
	},
}

func (c *snapshotUndo) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.dryRun, "dry-run", false, "Change nothing, but print the plan.")
	fs.BoolVar(&c.anyCluster, "any-cluster", false, "Undo it also in another cluster than the restore was made in.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
	c.answerFlags.define(fs)
}

func (c *snapshotUndo) run(args []string) int {
	if err := oneFile(args); err != nil {
		return c.fail("%s", err)
	}
	if c.format != "pretty" && c.format != "json" {
		return c.fail("Error undoing the restore: Unknown format: %s", c.format)
	}
	if err := c.answerFlags.check(); err != nil {
		return c.fail("Error undoing the restore: %s", err)
	}
	_, config, err := c.clientAndConfig(c.program)
	if err != nil {
		return c.fail("Error connecting to Consul agent: %s", err)
	}
	ctx, stop := interruptible()
	defer stop()
	run := &selectiveRun{program: c.program, config: config, dryRun: c.dryRun, yes: c.yes, limit: c.limit, json: c.format == "json"}
	return run.takeBack(ctx, args[0], c.anyCluster)
}
