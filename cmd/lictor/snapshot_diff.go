package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// snapshotDiff tells in what two states differ.
type snapshotDiff struct {
	*program
	stateFlags
	filterFlags
	format                 string
	stat, indexes, secrets bool
	limit                  int
}

func newSnapshotDiff(p *program) cli.Command {
	c := &snapshotDiff{program: p}
	text := diffManual
	text.about = strings.Replace(text.about, "{kinds}", kindsText(), 1)
	return &leaf{
		program: p,
		manual:  text,
		groups:  append([]optionGroup{options("Command Options", c.define)}, c.stateFlags.groups()...),
		execute: c.run,
		misuse:  2,
	}
}

var diffManual = manual{
	synopsis: "Tells in what two snapshots, or datacenters, differ",
	usage:    "snapshot diff [options] BEFORE AFTER",
	about: `
Compares two states and tells which objects were added, removed and changed:
keys, nodes, services, checks, sessions, prepared queries, ACLs, and what
Consul has beside these. Each side is one of

    FILE       a snapshot, or an archive of consul-snapshot; "-" is standard
               input, for one side
    store:ID   the snapshot of this ID in the store of -store or -config-file;
               store:latest is the newest that is not bad; the name of an
               archive of consul-snapshot is that
    dc:NAME    the datacenter of this name, as it is now, through the agent at
               -http-addr; dc: is the agent's own. It is asked for a snapshot:
               with ACLs enabled that needs a token with acl:write

A file whose name begins with store: or dc: is named with ./ before it. Both
sides are read and verified to their ends before anything is printed. A
snapshot that is encrypted is decrypted to a private temporary file first.

An archive of consul-snapshot holds keys, and maybe prepared queries and ACLs:
without -only and -prefix no more is compared. Its legacy ACLs are compared as
the tokens and policies that they become. In JSON its Index is 0.

Indexes, hashes and other things that servers derive are no differences. With
-indexes, indexes are. Secrets are not shown, but that they have changed is:
those of ACL tokens, prepared queries and auth methods. Values of keys are
shown. What Consul has beside the above, such as config entries and
certificate authorities, is told by its name, size and SHA-256.

-only and -prefix say what is compared. -only is a list of KIND:NAME with
commas between them. kv:KEY is one key, kv:PREFIX/ is all below, KIND: is all
of a kind, and everything else goes by its name or ID; a service or check also
by "ID on NODE". In a name \, is a comma and \\ a backslash. The kinds are
{kinds}

With -format=json there is one document: Before and After (Source, Index,
Objects), Equal, Counts (Family, Added, Removed, Changed), and Changes, one a
line: Family is the kind; Name; Change is added, removed or changed; Before
and After are the objects, with the field names of the HTTP API and bytes in
base64; Fields are those that differ (Path, Before, After). Unmatched are the
terms of -only that neither side has anything for.`,
	examples: `
    $ {program} snapshot diff yesterday.snap today.snap
    $ {program} snapshot diff -stat backup.snap dc:
    $ {program} snapshot diff -only=kv:app/config/,acl-policy:ops a.snap b.snap
    $ {program} snapshot diff -store=/srv/snapshots store:latest dc:east
    $ {program} snapshot diff -format=json a.snap b.snap |
        jq -r '.Changes[] | .Change + " " + .Family + ":" + .Name'`,
	status: []exitStatus{
		{0, "the two are the same, as far as they were compared"},
		{1, "they differ"},
		{2, "wrong arguments, or a side cannot be read or is damaged"},
	},
}

func (c *snapshotDiff) define(fs *flag.FlagSet) {
	c.filterFlags.define(fs, "Compare", "")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
	fs.BoolVar(&c.stat, "stat", false, "Print only how many objects of each kind were added, removed and changed.")
	fs.BoolVar(&c.indexes, "indexes", false, "Compare indexes, too: what was written again with the same content counts as changed.")
	fs.BoolVar(&c.secrets, "show-secrets", false, "Show secrets.")
	fs.IntVar(&c.limit, "limit", 200, "How many objects of a kind are listed; the others are counted, a `number`. 0 lists all, as JSON does.")
}

// trouble prints one line to standard error and returns the exit code of a comparison that was not made.
func (c *snapshotDiff) trouble(err error) int {
	c.fail("Error comparing snapshots: %s", err)
	return 2
}

func (c *snapshotDiff) run(args []string) int {
	if err := c.check(args); err != nil {
		return c.trouble(err)
	}
	filter, err := c.filter()
	if err != nil {
		return c.trouble(err)
	}
	ctx, stop := interruptible()
	defer stop()
	defer func() { closeStores(c.program, c.stores) }()
	var sides []*stateSide
	for _, arg := range args {
		side, err := c.side(ctx, c.program, arg)
		if err != nil {
			return c.trouble(interrupted(ctx, fmt.Errorf("%s: %w", arg, err)))
		}
		defer side.stop()
		sides = append(sides, side)
	}
	held, err := c.held(ctx, sides)
	if err != nil {
		return c.trouble(interrupted(ctx, err))
	}
	return c.compare(ctx, sides[0], sides[1], cmp.Or(held, filter), held != nil)
}

// held limits a comparison for which nothing else was said to what archives of consul-snapshot hold: the rest is not gone. It is nil without
// one.
func (c *snapshotDiff) held(ctx context.Context, sides []*stateSide) (*diff.Filter, error) {
	var terms []string
	for _, side := range sides {
		if side.old == nil {
			continue
		}
		if err := side.warn(ctx, c.program); err != nil {
			return nil, err
		}
		if mine := heldBy(side.old); terms == nil {
			terms = mine
		} else {
			terms = slices.DeleteFunc(terms, func(term string) bool { return !slices.Contains(mine, term) })
		}
	}
	if terms == nil || c.given() {
		return nil, nil
	}
	c.tell("Only what the archive of consul-snapshot holds is compared, as with -only=%s", strings.Join(terms, ","))
	return diff.ParseFilter(terms, nil)
}

// heldBy is what an archive of consul-snapshot holds, in the words of -only.
func heldBy(a *kvarchive.Archive) []string {
	terms := []string{"kv:"}
	if a.Holds(kvarchive.Queries) {
		terms = append(terms, "query:")
	}
	if a.Holds(kvarchive.LegacyACLs) || a.Holds(kvarchive.ACLs) {
		terms = append(terms, "acl-token:", "acl-policy:", "acl-role:")
	}
	if a.Holds(kvarchive.LegacyACLs) {
		terms = append(terms, "acl-legacy:")
	}
	return terms
}

// check refuses what contradicts itself.
func (c *snapshotDiff) check(args []string) error {
	switch {
	case len(args) != 2:
		return fmt.Errorf("two arguments are needed, BEFORE and AFTER (got %d)", len(args))
	case args[0] == "-" && args[1] == "-":
		return errors.New("standard input can be one side only")
	case c.format != "pretty" && c.format != "json":
		return fmt.Errorf("Unknown format: %s", c.format)
	case c.limit < 0:
		return fmt.Errorf("-limit is %d: it must be 0, for no limit, or more", c.limit)
	}
	return c.misused(args)
}

// interrupted is what there is to say of an error after an interrupt.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// compare compares two sides and prints what it finds. A filter that nobody gave is not told of.
func (c *snapshotDiff) compare(ctx context.Context, before, after *stateSide, filter *diff.Filter, quiet bool) int {
	result, err := diff.Compare(ctx, before.records, after.records, diff.Options{Filter: filter, Indexes: c.indexes, Scratch: scratchFile})
	if err != nil {
		return c.trouble(interrupted(ctx, err))
	}
	defer result.Close()
	if quiet {
		result.Unmatched = nil
	}
	for _, term := range result.Unmatched {
		c.warn("neither side has anything for %s", printable(term))
	}
	out := bufio.NewWriterSize(c.out, 64<<10)
	err = errors.Join(c.print(out, result, before, after), out.Flush())
	switch {
	case c.out.failed != nil:
		return c.trouble(fmt.Errorf("write to standard output: %w", c.out.failed))
	case err != nil:
		return c.trouble(err)
	case result.Len() > 0:
		return 1
	}
	return 0
}

func scratchFile() (diff.Scratch, error) {
	spool, err := backup.NewSpool()
	if err != nil {
		return nil, err
	}
	return spool, nil
}

func (c *snapshotDiff) print(out io.Writer, r *diff.Result, before, after *stateSide) error {
	view := diff.View{Secrets: c.secrets, Indexes: c.indexes}
	if c.format == "json" {
		j := diff.JSON{View: view, Stat: c.stat,
			Before: diff.Side{Source: before.name, Index: before.index}, After: diff.Side{Source: after.name, Index: after.index}}
		return j.Write(out, r)
	}
	if r.Len() == 0 {
		_, err := fmt.Fprintf(out, "No differences in %d objects\n", r.Before)
		return err
	}
	if c.stat {
		writeTable(out, statRows(r))
		return nil
	}
	_, err := fmt.Fprintf(out, "--- %s (%s, %d objects)\n+++ %s (%s, %d objects)\n", printable(before.name), before.version(), r.Before,
		printable(after.name), after.version(), r.After)
	if err != nil {
		return err
	}
	t := diff.Text{View: view, Limit: c.limit}
	return t.Write(out, r)
}

// statRows is the table of -stat.
func statRows(r *diff.Result) [][]string {
	rows := [][]string{{"Kind", "Added", "Removed", "Changed"}}
	row := func(name string, c diff.Count) {
		rows = append(rows, []string{name, strconv.FormatInt(c.Added, 10), strconv.FormatInt(c.Removed, 10), strconv.FormatInt(c.Changed, 10)})
	}
	var total diff.Count
	for _, count := range r.Counts() {
		row(diff.Plural(count.Family), count)
		total.Added += count.Added
		total.Removed += count.Removed
		total.Changed += count.Changed
	}
	row("All", total)
	return rows
}
