package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
)

// snapshotRestore checks a snapshot and sends it.
type snapshotRestore struct {
	*program
	connection
	keyFlags
	options  restore.Options
	dryRun   bool
	format   string
	warnings []string
}

func newSnapshotRestore(p *program) cli.Command {
	c := &snapshotRestore{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Restores a snapshot of server state",
			usage:    "snapshot restore [options] FILE",
			about: `
Replaces the whole state of a datacenter by that of a snapshot. It does not
ask.

The snapshot is verified and decoded to its last record first. What is
damaged, or would kill a Consul 1.21.4 server, is refused before anything is
sent. What is sent is what was verified: if the file changes in between, the
upload breaks off and nothing is restored. With "-" as FILE the snapshot is
read from standard input. A file that is encrypted is decrypted to its end
first, to a private temporary file.

A cluster does not keep all of it: nodes that had an agent and are no members
of this cluster are removed within a minute, with their sessions and locks.
What that will be is told on standard error after the restore. -dry-run tells
it before, with what is in the snapshot and what it would replace, and sends
nothing.

With ACLs enabled the token needs acl:write.`,
			examples: `
    $ {program} snapshot restore -dry-run backup.snap
    $ {program} snapshot restore backup.snap
    $ {program} snapshot restore -identity=key.txt backup.snap.age

A snapshot of a Consul before 1.4 with ACLs, into one of today:

    $ {program} snapshot restore -drop-legacy-acl old.snap

A snapshot with records that only the target knows:

    $ {program} snapshot restore -allow-types=64,70 backup.snap`,
			status: []exitStatus{
				{0, "the snapshot is restored; with -dry-run: it could be sent"},
				{1, "wrong arguments, the snapshot is refused, or it was not restored"},
			},
		},
		groups: []optionGroup{
			c.serverOptions(), options("Command Options", c.define), options("Decryption Options", c.keyFlags.define),
		},
		execute: c.run,
	}
}

func (c *snapshotRestore) define(fs *flag.FlagSet) {
	fs.Var((*typeList)(&c.options.AllowTypes), "allow-types",
		"Send records of these types although a Consul 1.21.4 Community Edition server dies of them; a comma-separated `list` of numbers. "+
			"For a target that knows them. The list is sent along, for a Lictor server to honour.")
	fs.BoolVar(&c.options.DropLegacyACL, "drop-legacy-acl", false,
		"Leave out the records of the ACL system of Consul 1.3 and before (types 4 and 11), which no Consul since 1.15 restores. "+
			"Tokens of that system are gone afterwards.")
	fs.BoolVar(&c.dryRun, "dry-run", false, "Send nothing, but tell what a restore would do.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

// typeList is a flag that lists record types by number.
type typeList []record.Type

// String gives the list as it is written on a command line.
func (l *typeList) String() string {
	var numbers []string
	for _, t := range *l {
		numbers = append(numbers, fmt.Sprint(uint8(t)))
	}
	return strings.Join(numbers, ",")
}

// Set adds types to the list.
func (l *typeList) Set(value string) error {
	for number := range strings.SplitSeq(value, ",") {
		t, err := record.ParseType(strings.TrimSpace(number))
		if err != nil {
			return err
		}
		if !slices.Contains(*l, t) {
			*l = append(*l, t)
		}
	}
	return nil
}

func (c *snapshotRestore) run(args []string) int {
	if err := oneFile(args); err != nil {
		return c.fail("%s", err)
	}
	if c.format != "pretty" && c.format != "json" {
		return c.fail("Error restoring snapshot: Unknown format: %s", c.format)
	}
	c.warnStaleWrite(c.program)
	target, err := c.target()
	if err != nil {
		return c.fail("Error connecting to Consul agent: %s", err)
	}
	snapshot, err := c.open(args[0])
	var sealed *sealedError
	switch {
	case errors.As(err, &sealed):
		return c.fail("Error decrypting snapshot: %s", sealed)
	case err != nil:
		return c.fail("Error opening snapshot file: %s", err)
	}
	defer snapshot.Close()
	ctx, stop := interruptible()
	defer stop()
	began := time.Now()
	plan, err := restore.Prepare(ctx, snapshot, c.options, progress.New(c.err))
	if err != nil {
		return c.refuse(err)
	}
	defer plan.Close()
	c.announce(plan)
	if c.dryRun {
		return c.preview(ctx, plan, target)
	}
	checked := time.Now()
	live, err := target.Live(ctx) // before the token that asks is replaced, too
	if err != nil && context.Cause(ctx) != nil {
		return c.refuse(context.Cause(ctx))
	}
	if err := plan.Send(ctx, target, progress.New(c.err)); err != nil {
		return c.refuse(err)
	}
	return c.report(plan, live, began, checked)
}

// open opens the file. Signals are not caught yet: reading a pipe may take its
// time, and there is nothing to clean up.
func (c *snapshotRestore) open(path string) (*restore.Snapshot, error) {
	if path == "-" {
		return c.spool(c.in)
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode().IsRegular() && !isEncryptedFile(path) {
		return restore.Open(context.Background(), path, progress.New(c.err))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := c.spool(f)
	return s, errors.Join(err, f.Close())
}

// spool copies a snapshot to a private temporary file, and decrypts it if it is encrypted: to its end, before anything is sent.
func (c *snapshotRestore) spool(from io.Reader) (*restore.Snapshot, error) {
	encrypted, in := encryption.Sniff(from)
	if !encrypted {
		return restore.Spool(context.Background(), in, progress.New(c.err))
	}
	keys, err := c.keys(c.program)
	if err != nil {
		return nil, &sealedError{err}
	}
	plain, err := keys.Decrypt(in)
	if err != nil {
		return nil, &sealedError{err}
	}
	s, err := restore.Spool(context.Background(), plain, progress.New(c.err))
	if err != nil {
		return nil, &sealedError{err}
	}
	return s, nil
}

// target is the cluster that flags and environment point at.
func (c *snapshotRestore) target() (*restore.Cluster, error) {
	client, config, err := c.clientAndConfig(c.program)
	if err != nil {
		return nil, err
	}
	return &restore.Cluster{Client: client, Config: config}, nil
}

// refuse prints an error and the advice that comes with it.
func (c *snapshotRestore) refuse(err error) int {
	c.fail("Error restoring snapshot: %s", err)
	var hint *restore.HintError
	if errors.As(err, &hint) {
		for _, text := range hint.Hints {
			c.tell("Hint: %s", text)
		}
	}
	return 1
}

// note warns, and keeps the warning for the result.
func (c *snapshotRestore) note(format string, args ...any) {
	warning := fmt.Sprintf(format, args...)
	c.warnings = append(c.warnings, warning)
	c.warn("%s", warning)
}

// announce says aloud what is let through and what is left out.
func (c *snapshotRestore) announce(p *restore.Plan) {
	if len(p.Allowed) > 0 {
		c.note("-allow-types lets through records that kill a Consul 1.21.4 Community Edition server (%s); the target must know them",
			backup.TypeCounts(p.Allowed))
	}
	idle := slices.DeleteFunc(slices.Clone(c.options.AllowTypes), func(t record.Type) bool { return p.Allowed[t] > 0 })
	if len(idle) > 0 {
		list := typeList(idle)
		c.note("-allow-types=%s has no effect: the snapshot holds no records that need it", &list)
	}
	switch {
	case len(p.Dropped) > 0:
		c.note("-drop-legacy-acl leaves out records of the ACL system of Consul 1.3 and before (%s); tokens and rules in them are not restored",
			backup.TypeCounts(p.Dropped))
	case c.options.DropLegacyACL:
		c.note("-drop-legacy-acl has no effect: the snapshot holds no records of the ACL system of Consul 1.3 and before")
	}
}

// restoredSnapshot is the result as JSON. Durations are in seconds.
type restoredSnapshot struct {
	Restored     bool
	ID           string
	Index        uint64 // of the snapshot
	Term         uint64
	Size         int64  // of the records that were sent
	Bytes        int64  // that were sent
	SHA256       string // of what was sent
	Records      map[string]int64
	AllowedTypes map[record.Type]int64 // records let through, by type
	DroppedTypes map[record.Type]int64 // records left out, by type
	Aftermath    *restore.Aftermath
	Warnings     []string
	Durations    struct{ Check, Send, Total float64 }
}

// report tells the result: on standard output in Consul's words, and what of it will not last, for people, beside it.
func (c *snapshotRestore) report(p *restore.Plan, live []string, began, checked time.Time) int {
	aftermath := p.Aftermath(live)
	if c.format != "json" {
		c.say("Restored snapshot")
		if aftermath.Loses() {
			writeAftermath(c.err, aftermath)
		}
		return 0
	}
	r, m := p.Report, p.Report.Meta
	result := &restoredSnapshot{
		Restored: true, ID: m.ID, Index: m.Index, Term: m.Term, Size: r.StateSize, Bytes: r.Bytes,
		SHA256: hex.EncodeToString(r.SHA256[:]), Records: r.Records(),
		AllowedTypes: counts(p.Allowed), DroppedTypes: counts(p.Dropped), Aftermath: aftermath, Warnings: append([]string{}, c.warnings...),
	}
	now := time.Now()
	result.Durations.Check = seconds(checked.Sub(began))
	result.Durations.Send = seconds(now.Sub(checked))
	result.Durations.Total = seconds(now.Sub(began))
	return c.sayJSON(c.say, result)
}

// counts is never null in JSON.
func counts(m map[record.Type]int64) map[record.Type]int64 {
	out := map[record.Type]int64{}
	maps.Copy(out, m)
	return out
}
