package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"syscall"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/diff"
)

// snapshotExport prints the objects of a state for other tools.
type snapshotExport struct {
	*program
	stateFlags
	filterFlags
	indexes, secrets bool
}

func newSnapshotExport(p *program) cli.Command {
	c := &snapshotExport{program: p}
	text := exportManual
	text.about = strings.Replace(text.about, "{kinds}", kindsText(), 1)
	return &leaf{
		program: p,
		manual:  text,
		groups:  append([]optionGroup{options("Command Options", c.define)}, c.stateFlags.groups()...),
		execute: c.run,
	}
}

// kindsText are all kinds of objects, as a paragraph of a manual.
func kindsText() string { return strings.Join(wrap(strings.Join(diff.Words(), ", ")+".", 76), "\n") }

var exportManual = manual{
	synopsis: "Prints what is in a snapshot as JSON lines",
	usage:    "snapshot export [options] FILE|store:ID|dc:NAME",
	about: `
Prints a state for other tools, one object a line:

    {"Family":"kv","Name":"app/a","Object":{"Flags":0,"Key":"app/a",…}}

Family is the kind, Name what a person would call it, and Object has the field
names of the HTTP API, with bytes in base64: keys, nodes, services, checks,
sessions, prepared queries, ACLs, and what Consul has beside these. "snapshot
diff" compares the same objects. The state is

    FILE       a snapshot, or an archive of consul-snapshot; "-" is standard
               input
    store:ID   the snapshot of this ID in the store of -store or -config-file;
               store:latest is the newest that is not bad; the name of an
               archive of consul-snapshot is that
    dc:NAME    the datacenter of this name, as it is now, through the agent at
               -http-addr; dc: is the agent's own. It is asked for a snapshot:
               with ACLs enabled that needs a token with acl:write

Secrets are not shown, unless -show-secrets: those of ACL tokens, prepared
queries, auth methods and of the servers. Values of keys are no secrets here:
they are printed. What Consul has beside the above, such as config entries and
certificate authorities, is told by its name, size and SHA-256; "snapshot
decode" prints its bytes, and every record as it is.

The state is read and verified to its end before the first line. Lines come in
the order of the snapshot, in which keys are sorted; nothing is sorted beyond
that, so that memory does not grow with the number of keys. If the output
breaks off, the exit status is not 0, and a line on standard error says how
much was printed; it says nothing if whoever reads it has had enough.

-only and -prefix say what is printed. -only is a list of KIND:NAME with
commas between them. kv:KEY is one key, kv:PREFIX/ is all below, KIND: is all
of a kind, and everything else goes by its name or ID. The kinds are
{kinds}`,
	examples: `
    $ {program} snapshot export backup.snap > state.jsonl
    $ {program} snapshot export -only=acl-token:,acl-policy: backup.snap

The keys below app/ with their values, as text:

    $ {program} snapshot export -prefix=app/ backup.snap |
        jq -r '.Object | .Key + "=" + (.Value // "" | @base64d)'

How many objects there are of each kind, and all that is critical:

    $ {program} snapshot export dc: | jq -r .Family | sort | uniq -c
    $ {program} snapshot export -only=check: -store=/srv/snapshots store:latest |
        jq -r 'select(.Object.Status == "critical").Name'`,
	status: []exitStatus{
		{0, "every object that is meant was printed"},
		{1, "wrong arguments, the state cannot be read or is damaged, or not all\n       was printed"},
	},
}

func (c *snapshotExport) define(fs *flag.FlagSet) {
	c.filterFlags.define(fs, "Print", "")
	fs.BoolVar(&c.indexes, "indexes", false, "Print indexes, too.")
	fs.BoolVar(&c.secrets, "show-secrets", false, "Print secrets.")
}

// trouble prints one line to standard error and returns the exit code of an export that is not complete.
func (c *snapshotExport) trouble(err error) int { return c.fail("Error exporting snapshot: %s", err) }

func (c *snapshotExport) run(args []string) int {
	if len(args) != 1 {
		return c.trouble(fmt.Errorf("one argument is needed, FILE, store:ID or dc:NAME (got %d)", len(args)))
	}
	if err := c.misused(args); err != nil {
		return c.trouble(err)
	}
	filter, err := c.filter()
	if err != nil {
		return c.trouble(err)
	}
	ctx, stop := interruptible()
	defer stop()
	defer func() { closeStores(c.program, c.stores) }()
	side, err := c.side(ctx, c.program, args[0])
	if err != nil {
		return c.trouble(interrupted(ctx, fmt.Errorf("%s: %w", args[0], err)))
	}
	defer side.stop()
	return c.export(ctx, side, &diff.Lines{View: diff.View{Secrets: c.secrets, Indexes: c.indexes}, Filter: filter})
}

// export verifies a state, and prints it.
func (c *snapshotExport) export(ctx context.Context, side *stateSide, lines *diff.Lines) int {
	total, unmatched, err := lines.Check(ctx, side.records)
	if err == nil {
		err = side.warn(ctx, c.program)
	}
	if err != nil {
		return c.trouble(interrupted(ctx, err))
	}
	for _, term := range unmatched {
		c.warn("there is nothing for %s", printable(term))
	}
	out := bufio.NewWriterSize(c.out, 64<<10)
	printed, err := lines.Write(ctx, out, side.records)
	err = errors.Join(err, out.Flush())
	switch {
	case errors.Is(c.out.failed, syscall.EPIPE):
		return 1 // whoever reads has had enough
	case c.out.failed != nil:
		return c.trouble(fmt.Errorf("write to standard output: %w: the export is not complete", c.out.failed))
	case err != nil:
		return c.trouble(fmt.Errorf("%w: the export is not complete, %d of %d objects were printed", interrupted(ctx, err), printed, total))
	}
	return 0
}
