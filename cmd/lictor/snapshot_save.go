package main

import (
	"context"
	"encoding/hex"
	"flag"
	"strings"
	"time"

	"github.com/hashicorp/cli"
	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/progress"
)

// snapshotSave fetches a snapshot and keeps it if it is proven.
type snapshotSave struct {
	*program
	connection
	recipientFlags
	encrypted      *backup.Encrypted // where it goes, if it is encrypted
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
the datacenter. With -recipient or -recipients-file it is encrypted, in the
format of age, once it has been verified: then nothing plain is in a file that
has a name, and only who has the private key of a recipient can read it.`,
			examples: `
    $ {program} snapshot save backup.snap

Without a leader, from the state of the server that is asked:

    $ {program} snapshot save -stale backup.snap

Into a file named like backup-1.21.4-dc1.snap:

    $ {program} snapshot save -append-filename=version,dc backup.snap

Encrypted, for who has the private key:

    $ {program} snapshot save -recipients-file=key.pub backup.snap.age`,
			status: []exitStatus{
				{0, "the snapshot is saved and verified"},
				{1, "wrong arguments, or the snapshot could not be had, or is bad"},
			},
		},
		groups: []optionGroup{
			c.serverOptions(), options("Command Options", c.define), options("Encryption Options", c.recipientFlags.define),
		},
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
	sparing()
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
	to, err := c.recipientFlags.open()
	if err != nil {
		return c.fail("Error saving snapshot: %s", err)
	}
	client := c.dial(c.program)
	if client == nil {
		return 1
	}
	ctx, stop := interruptible()
	defer stop()
	path, err := c.name(ctx, client, args[0], words)
	if err != nil {
		return c.fail("Error %s", err)
	}
	result, err := backup.Save(ctx, &backup.Cluster{Client: client, Stale: c.stale}, c.place(path, to), progress.New(c.err))
	if err != nil {
		return c.fail("Error %s", err)
	}
	return c.report(path, result)
}

// name is the name of the file with what was asked for in it. An .age at the end stays there, and the extension before it in its place.
func (c *snapshotSave) name(ctx context.Context, client *api.Client, path string, words []string) (string, error) {
	stem, age := strings.CutSuffix(path, ageExtension)
	if !c.recipientFlags.given() || !age {
		return (&backup.Labeler{Client: client}).Name(ctx, path, words)
	}
	name, err := (&backup.Labeler{Client: client}).Name(ctx, stem, words)
	return name + ageExtension, err
}

// ageExtension is how the names of encrypted files end, by custom.
const ageExtension = ".age"

// place is where the snapshot goes.
func (c *snapshotSave) place(path string, to *encryption.Recipients) (place backup.Place) {
	place = &backup.Pipe{Out: c.out}
	if path != "-" {
		place = &backup.File{Path: path, Warn: func(err error) { c.note(err.Error()) }}
	}
	if to == nil {
		return place
	}
	if path != "-" && !strings.HasSuffix(path, ageExtension) {
		c.note("the snapshot is encrypted, and " + path + " does not end in .age: Lictor reads it all the same, " +
			"other tools may not see why they cannot")
	}
	c.encrypted = &backup.Encrypted{Place: place, To: to}
	return c.encrypted
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
	if c.encrypted != nil {
		say("Saved and verified snapshot to index %d, encrypted for %s", index, c.encrypted.To)
		return 0
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
	LastContact   float64  // in seconds
	Size          int64    // of the records
	Bytes         int64    // of the file
	SHA256        string   // of the file
	Recipients    []string `json:",omitempty"` // fingerprints of those that the file is encrypted for
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
	if e := c.encrypted; e != nil {
		s.Bytes, s.SHA256, s.Recipients = e.Size, hex.EncodeToString(e.SHA256[:]), e.To.Fingerprints()
	}
	s.Durations.Fetch = seconds(r.Fetched.Sub(r.Began))
	s.Durations.Verify = seconds(r.Committed.Sub(r.Fetched))
	s.Durations.Total = seconds(r.Committed.Sub(r.Began))
	return s
}

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
