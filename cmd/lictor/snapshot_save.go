package main

import (
	"encoding/hex"
	"flag"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/progress"
)

// snapshotSave fetches a snapshot and keeps it if it is proven.
type snapshotSave struct {
	*program
	connection
	appendFilename string
	format         string
	warnings       []string
}

func newSnapshotSave(p *program) cli.Command {
	c := &snapshotSave{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Saves a snapshot of server state",
			usage:    "snapshot save [options] FILE",
			about: `
Fetches a snapshot of a datacenter's state and stores it in FILE. The snapshot
is written beside FILE first, read back, verified, and decoded to its last
record. Only then it becomes FILE, with mode 0600, and replaces one that is
there. On any failure, an interrupt included, nothing is left of it, and an
older FILE stays as it is. With "-" as FILE the verified snapshot goes to
standard output, and messages go to standard error.

A snapshot that is sound is always kept. If it holds records that a Consul
1.21.4 server cannot restore, a warning says which, how many, and what to do.

With ACLs enabled the token needs acl:write. The file contains every secret of
the datacenter.`,
			examples: `
    $ {program} snapshot save backup.snap

Without a leader, from the state of the server that is asked:

    $ {program} snapshot save -stale backup.snap

Into a file named like backup-1.21.4-dc1.snap:

    $ {program} snapshot save -append-filename=version,dc backup.snap

Encrypted, without a plain copy on disk that has a name:

    $ {program} snapshot save - | age -R key.pub > backup.snap.age`,
			status: []exitStatus{
				{0, "the snapshot is saved and verified"},
				{1, "wrong arguments, or the snapshot could not be had, or is bad"},
			},
		},
		groups:  []optionGroup{c.serverOptions(), options("Command Options", c.define)},
		execute: c.run,
	}
}

func (c *snapshotSave) define(fs *flag.FlagSet) {
	fs.StringVar(&c.appendFilename, "append-filename", "",
		"What to put into the name of FILE, a comma-separated `list` of: version (of the leading server; needs operator:read), dc, "+
			"node and status of the agent (leader or follower; these need agent:read). They are appended in this order.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (c *snapshotSave) run(args []string) int {
	if err := oneFile(args); err != nil {
		return c.fail("%s", err)
	}
	words, unknown := backup.ParseLabels(c.appendFilename)
	switch {
	case c.format != "pretty" && c.format != "json":
		return c.fail("Error saving snapshot: Unknown format: %s", c.format)
	case args[0] == "-" && len(words) > 0:
		return c.fail("Error saving snapshot: -append-filename needs the name of a file, and - stands for standard output")
	case len(unknown) > 0:
		c.note("-append-filename knows version, dc, node and status; ignored: " + strings.Join(unknown, ", "))
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	ctx, stop := interruptible()
	defer stop()
	path, err := (&backup.Labeler{Client: client}).Name(ctx, args[0], words)
	if err != nil {
		return c.fail("Error %s", err)
	}
	result, err := backup.Save(ctx, &backup.Cluster{Client: client, Stale: c.stale}, c.place(path), progress.New(c.err))
	if err != nil {
		return c.fail("Error %s", err)
	}
	return c.report(path, result)
}

// place is where the snapshot goes.
func (c *snapshotSave) place(path string) backup.Place {
	if path == "-" {
		return &backup.Pipe{Out: c.out}
	}
	return &backup.File{Path: path, Warn: func(err error) { c.note(err.Error()) }}
}

// note warns, and keeps the warning for the result.
func (c *snapshotSave) note(warning string) {
	c.warnings = append(c.warnings, warning)
	c.warn("%s", warning)
}

// report prints the result: on standard output unless the snapshot went there.
func (c *snapshotSave) report(path string, r *backup.Result) int {
	for _, warning := range r.Report.Findings.Warnings() {
		c.note(warning)
	}
	index := r.Stream.Index
	switch inside := r.Report.Meta.Index; {
	case index == 0:
		index = inside
	case index != inside:
		c.note(indexDiffers(index, inside))
	}
	if c.stale {
		c.tell("Stale snapshot: KnownLeader %t, LastContact %s", r.Stream.KnownLeader, r.Stream.LastContact)
	}
	say := c.say
	if path == "-" {
		say = c.tell
	}
	if c.format == "json" {
		return c.sayJSON(say, c.result(path, r))
	}
	say("Saved and verified snapshot to index %d", index)
	return 0
}

// savedSnapshot is the result as JSON. Durations are in seconds.
type savedSnapshot struct {
	Path          string
	ID            string
	Index         uint64 // of the snapshot
	Term          uint64
	ResponseIndex uint64 // what the server said
	KnownLeader   bool
	LastContact   float64 // in seconds
	Size          int64   // of the records
	Bytes         int64   // of the file
	SHA256        string  // of the file
	Records       map[string]int64
	Warnings      []string
	Durations     struct{ Fetch, Verify, Total float64 }
}

func (c *snapshotSave) result(path string, r *backup.Result) *savedSnapshot {
	m := r.Report.Meta
	s := &savedSnapshot{
		Path: path, ID: m.ID, Index: m.Index, Term: m.Term, ResponseIndex: r.Stream.Index,
		KnownLeader: r.Stream.KnownLeader, LastContact: r.Stream.LastContact.Seconds(),
		Size: r.Report.StateSize, Bytes: r.Report.Bytes, SHA256: hex.EncodeToString(r.Report.SHA256[:]),
		Records: r.Report.Records(), Warnings: append([]string{}, c.warnings...),
	}
	s.Durations.Fetch = seconds(r.Fetched.Sub(r.Began))
	s.Durations.Verify = seconds(r.Committed.Sub(r.Fetched))
	s.Durations.Total = seconds(r.Committed.Sub(r.Began))
	return s
}

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
