package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/restore"
)

// snapshotRestore checks a snapshot and sends it.
type snapshotRestore struct {
	*program
	connection
	storeFlags
	choiceFlags
	safetyFlags
	compareFlags
	keyFlags
	selectiveFlags
	options  restore.Options
	dryRun   bool
	format   string
	warnings []string
}

func newSnapshotRestore(p *program) cli.Command {
	c := &snapshotRestore{program: p}
	return &leaf{
		program: p,
		manual:  restoreManual,
		groups: []optionGroup{
			c.serverOptions(), options("Command Options", c.define),
			options("Selective Restore Options", c.selectiveFlags.define), options("Store Options", func(fs *flag.FlagSet) {
				c.storeFlags.define(fs)
				c.choiceFlags.define(fs)
			}),
			options("Safety Snapshot Options", c.safetyFlags.define), options("Comparison Options", c.compareFlags.define),
			options("Decryption Options", c.keyFlags.defineOld),
		},
		execute: c.run,
	}
}

var restoreManual = manual{
	synopsis: "Restores a snapshot of server state",
	usage: `snapshot restore [options] FILE
       {program} snapshot restore [options] -store=STORE ID|latest
       {program} snapshot restore [options] -store=STORE -at=TIME
       {program} snapshot restore [options] -only=KIND:NAME,… FILE`,
	about: `
Replaces the whole state of a datacenter by that of a snapshot. It does not
ask. With -only or -prefix it brings back a part into the datacenter as it is,
and asks: see below.

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

Out of a store of the snapshot agent comes a backup by its ID, the latest that
is not bad, or with -at the newest that is not bad of a state of that time or
before. It is compared with its entry. Of several stores that have it the
first that can give it does; another backup is never taken in its place. The
target is the cluster that the HTTP API options and the environment name, also
with -config-file.

Then the state of the target is saved before it is replaced, beside the
backup, unless it holds nothing but what a new cluster writes by itself;
without such a safety snapshot nothing is restored, unless -no-safety. If the
backup is encrypted, or the configuration encrypts, so is the safety snapshot.
It is restored like the others, by its name. Nobody deletes it but you.

Afterwards the target is compared with the snapshot, object by object. What
was written since the restore, and what the cluster removes by itself, is
named, and is no difference. With FILE there is a safety snapshot with
-safety-file only, and a comparison with -compare.

An archive of consul-snapshot is a part already, and brought back as one: keys
with their flags, prepared queries, and ACLs, where a legacy ACL becomes a
token with a policy. Nothing has to be named then.

With ACLs enabled the token needs acl:write, and after the restore, too, for
the comparison; -token-after names the one to use then.

BRINGING BACK A PART

-only and -prefix name what is brought back, in the words of snapshot diff:
kv:KEY is one key, kv:PREFIX/ is all below, KIND: is all of a kind, and
everything else goes by its name or ID. Keys, nodes, services, checks,
prepared queries, and ACL tokens, policies and roles can be brought back. The
datacenter is asked by the ordinary HTTP API: the token needs rights on what
is named, and no others.

The plan is printed first: what would be created, updated and deleted, what is
left alone, and what the API cannot bring back, with the reasons. Then it has
to be agreed to, at a terminal or by -yes. What is right already is not
written. What anybody has changed since the plan was made is left alone, and
named. Nothing is deleted without -delete.

Before the first change, what was there is on disk in the undo file; snapshot
undo plays it back. A restore that was broken off goes on when it is made
again, with the same undo file. Afterwards what was written is read again and
compared.`,
	examples: `
    $ {program} snapshot restore -dry-run backup.snap
    $ {program} snapshot restore backup.snap
    $ {program} snapshot restore -identity=key.txt backup.snap.age

The newest backup in a store, that of yesterday at noon, and one by its ID:

    $ {program} snapshot restore -store=/srv/snapshots latest
    $ {program} snapshot restore -store=/srv/snapshots -at=2026-11-21T12:00:00Z
    $ {program} snapshot restore -config-file=agent.json 1479360073448728784

A file, with a way back and a comparison:

    $ {program} snapshot restore -safety-file=before.snap -compare backup.snap

A snapshot of a Consul before 1.4 with ACLs, into one of today:

    $ {program} snapshot restore -drop-legacy-acl old.snap

Some keys and a policy, into the datacenter as it is; one prefix under
another name; what was added since removed:

    $ {program} snapshot restore -only=kv:app/config/,acl-policy:ops backup.snap
    $ {program} snapshot restore -only=kv:app/ -rename=app/=old/ backup.snap
    $ {program} snapshot restore -prefix=app/ -delete -yes backup.snap

A snapshot with records that only the target knows:

    $ {program} snapshot restore -allow-types=64,70 backup.snap`,
	status: []exitStatus{
		{0, "the snapshot, or what is named of it, is restored, and the target\n       equal to it if that was compared; with -dry-run: it could be sent,\n       or the plan was printed"},
		{1, "wrong arguments, the snapshot is refused, there is no safety\n       snapshot or undo file, it was not restored or was broken off, or the\n       datacenter refused a change"},
		{2, "the snapshot is restored, but the target differs from it, or could\n       not be compared; something had been changed since the plan was made\n       and was left alone"},
	},
}

func (c *snapshotRestore) define(fs *flag.FlagSet) {
	fs.Var((*typeList)(&c.options.AllowTypes), "allow-types",
		"Send records of these types although a Consul 1.21.4 Community Edition server dies of them; a comma-separated `list` of numbers. "+
			"For a target that knows them. The list is sent along, for a Lictor server to honour.")
	fs.BoolVar(&c.options.DropLegacyACL, "drop-legacy-acl", false,
		"Leave out the records of the ACL system of Consul 1.3 and before (types 4 and 11), which no Consul since 1.15 restores. "+
			"Tokens of that system are gone afterwards.")
	fs.BoolVar(&c.dryRun, "dry-run", false, "Send and write nothing, but tell what a restore would do.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

// choiceFlags say which backup of a store is meant.
type choiceFlags struct {
	at time.Time
}

func (f *choiceFlags) define(fs *flag.FlagSet) {
	fs.Func("at", "Instead of an ID: the newest backup that is not bad whose state had been saved at this `time` or before; "+
		"RFC 3339, such as 2026-11-21T17:00:00Z.", func(value string) (err error) {
		if f.at, err = time.Parse(time.RFC3339, value); err != nil {
			return errors.New("it must be a time as RFC 3339 has it, such as 2026-11-21T17:00:00Z")
		}
		if f.at.IsZero() {
			return errors.New("there are no backups of the year 1")
		}
		return nil
	})
}

// compareFlags say whether the target is compared with what was restored, and who asks for its state then.
type compareFlags struct {
	compare        *bool // nil: as is usual
	tokenAfter     string
	tokenAfterFile string
}

func (f *compareFlags) define(fs *flag.FlagSet) {
	fs.BoolFunc("compare",
		"Compare the target with the snapshot after the restore. This is the default with a store; -compare=false turns it off.",
		func(value string) error {
			on, err := strconv.ParseBool(value)
			f.compare = &on
			return err
		})
	fs.StringVar(&f.tokenAfter, "token-after", "", "The ACL token for the comparison, as a `value`, if the one that restores is not in the "+
		"snapshot. Other users of this machine can see it in the list of processes; -token-after-file keeps it from them.")
	fs.StringVar(&f.tokenAfterFile, "token-after-file", "", "A `file` that holds the ACL token for the comparison.")
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
	if !c.storeFlags.given() {
		if err := oneFile(args); err != nil {
			return c.fail("%s", err)
		}
	}
	if c.format != "pretty" && c.format != "json" {
		return c.fail("Error restoring snapshot: Unknown format: %s", c.format)
	}
	if err := c.checkFlags(args); err != nil {
		return c.fail("Error restoring snapshot: %s", err)
	}
	c.warnStaleWrite(c.program)
	target, err := c.target()
	if err != nil {
		return c.fail("Error connecting to Consul agent: %s", err)
	}
	if c.selectiveFlags.given() {
		return c.selective(args, target)
	}
	if c.storeFlags.given() {
		return c.fromStores(args, target)
	}
	return c.fromFile(args[0], target)
}

// fromFile restores a file.
func (c *snapshotRestore) fromFile(path string, target *restore.Cluster) int {
	old, looks, err := c.openOld(context.Background(), c.program, path)
	if old != nil {
		defer old.Close()
		ctx, stop := interruptible()
		defer stop()
		return c.fromOld(ctx, oldSide(ctx, path, old), undoBase(path), target)
	}
	if err := c.checkWhole(); err != nil {
		return c.refuse(err)
	}
	var snapshot *restore.Snapshot
	if err == nil {
		snapshot, err = c.open(path)
	}
	var sealed *sealedError
	switch {
	case errors.As(err, &sealed):
		return c.fail("Error decrypting snapshot: %s", sealed)
	case errors.Is(err, kvarchive.ErrCorrupt), errors.Is(err, kvarchive.ErrNothingSaved):
		return c.refuse(err)
	case err != nil:
		return c.fail("Error opening snapshot file: %s", err)
	}
	defer snapshot.Close()
	ctx, stop := interruptible()
	defer stop()
	began := time.Now()
	plan, err := restore.Prepare(ctx, snapshot, c.options, progress.New(c.err))
	if err != nil {
		return c.refuse(unreadable(err, looks))
	}
	defer plan.Close()
	return c.carryOut(ctx, &restoring{plan: plan, target: target, began: began})
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
	c.hint(err)
	return 1
}

// hint prints the advice that comes with an error.
func (c *snapshotRestore) hint(err error) {
	var hint *restore.HintError
	if errors.As(err, &hint) {
		for _, text := range hint.Hints {
			c.tell("Hint: %s", text)
		}
	}
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
