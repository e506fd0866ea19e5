package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/rekey"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// snapshotRekey encrypts snapshots anew.
type snapshotRekey struct {
	*program
	storeFlags
	keyFlags
	recipientFlags
	formatFlag
	newPassphraseFile string
	dryRun            bool
	all               []rekeyed
}

// What may become of a snapshot.
const (
	rekeyDone    = "encrypted"
	rekeyAlready = "already"
	rekeyPlanned = "planned" // by a dry run
	rekeyFailed  = "failed"
)

// rekeyed is what became of a snapshot.
type rekeyed struct {
	ID          string `json:",omitempty"` // of one in a store
	Destination string `json:",omitempty"` // the store
	Outcome     string
	OldName     string // of the archive in the store, or the file
	NewName     string `json:",omitempty"` // if there is one that the recipients can decrypt
	Was         string `json:",omitempty"` // whom it was encrypted for, as its entry says
	For         string // whom it is to be encrypted for
	Reason      string `json:",omitempty"` // why that failed

	location string // in the store, under its name now
}

func newSnapshotRekey(p *program) cli.Command {
	c := &snapshotRekey{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Encrypts snapshots anew, for other keys",
			usage:    "snapshot rekey [options] FILE|ID|latest|all",
			about: `
Decrypts snapshots and encrypts them for other recipients, because a key was
lost, stolen or retired; or encrypts them for the first time. Without a store
the argument is a file. With -store or -config-file it is the ID of a snapshot
in the store, "latest", or "all".

One after the other is decrypted to its end, read to its last record, compared
with its entry, encrypted, stored beside the old one, and read back. Then the
entry is rewritten, and the old one deleted. If anything fails, or the command
is killed, each snapshot is the old one or the new one; the same command
again goes on. What is encrypted for the recipients already is left. What is
decrypted is in a file without a name, in TMPDIR.

Give the agent the new recipients first: until then it encrypts for the old.
What else has a copy of the old archives, such as a bucket that keeps
versions, must be told to forget them.

With -format=json a list is printed in the end: what became of each snapshot
("encrypted", "already", "planned" with -dry-run, or "failed" and why), and
its name before and after.`,
			examples: `
    $ {program} snapshot rekey -store=/srv/snapshots -identity=old.txt \
        -recipients-file=new.pub all
    $ {program} snapshot rekey -recipient=age1… backup.snap.age`,
			status: []exitStatus{
				{0, "all that was asked for is encrypted for the recipients"},
				{1, "wrong arguments, or one is not, and why"},
			},
		},
		groups: []optionGroup{
			options("Store Options", c.storeFlags.define), options("Command Options", c.define),
			options("Decryption Options", c.keyFlags.define), options("Encryption Options", c.defineTo),
		},
		execute: c.run,
	}
}

func (c *snapshotRekey) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.dryRun, "dry-run", false, "Change nothing, but look whether a key decrypts each snapshot, and tell what would be done.")
	c.formatFlag.define(fs)
}

func (c *snapshotRekey) defineTo(fs *flag.FlagSet) {
	c.recipientFlags.define(fs)
	fs.StringVar(&c.newPassphraseFile, "new-passphrase-file", "",
		"Encrypt with the passphrase in this `file`, instead of for public keys.")
}

func (c *snapshotRekey) run(args []string) int {
	if len(args) != 1 || args[0] == "" {
		return c.fail("Error rekeying snapshots: one argument is needed, a file or, with a store, an ID, latest or all (got %d)", len(args))
	}
	if !c.known(c.program) {
		return 1
	}
	to, err := c.recipients()
	if err != nil {
		return c.fail("Error rekeying snapshots: %s", err)
	}
	keys, err := c.keys(c.program)
	if err != nil {
		return c.fail("Error rekeying snapshots: %s", err)
	}
	ctx, stop := interruptible()
	defer stop()
	c.all = []rekeyed{}
	if !c.storeFlags.given() {
		err = c.file(ctx, args[0], keys, to)
	} else {
		err = c.stores(ctx, args[0], keys, to)
	}
	code := 0
	if err != nil {
		code = c.fail("Error rekeying snapshots: %s", err)
	}
	if c.json() && (err == nil || len(c.all) > 0) {
		return max(code, c.sayJSON(c.say, c.all))
	}
	return code
}

// recipients are those to encrypt for.
func (c *snapshotRekey) recipients() (*encryption.Recipients, error) {
	switch {
	case c.newPassphraseFile != "" && c.recipientFlags.given():
		return nil, errors.New("-new-passphrase-file and recipients are two ways to encrypt: use one of them")
	case c.newPassphraseFile == "" && !c.recipientFlags.given():
		return nil, errors.New("whom to encrypt for is not said: use -recipient, -recipients-file or -new-passphrase-file")
	case c.recipientFlags.given():
		return c.recipientFlags.open()
	}
	secret, warning, err := encryption.ReadPassphrase(c.newPassphraseFile)
	if err != nil {
		return nil, err
	}
	warnOf(c.program, warning)
	return encryption.Passphrase(secret)
}

// file encrypts a file anew, in its place.
func (c *snapshotRekey) file(ctx context.Context, path string, keys *encryption.Keys, to *encryption.Recipients) error {
	if path == "-" {
		return errors.New("a file is replaced, and - is none: name one")
	}
	source := &backup.Decrypted{Source: &fileSource{path: path, in: c.in}, Keys: keys}
	one := rekeyed{Outcome: rekeyPlanned, OldName: path, For: to.String(), location: path}
	if c.dryRun {
		stream, err := source.Snapshot(ctx)
		if err != nil {
			return c.failed(one, err)
		}
		c.add(one)
		return stream.Body.Close()
	}
	place := &backup.Encrypted{Place: &backup.File{Path: path, Warn: func(err error) { c.warn("%s", err) }}, To: to}
	_, err := backup.Save(ctx, source, place, progress.New(c.err))
	var step *backup.StepError
	if errors.As(err, &step) {
		err = fmt.Errorf("%s: %w; the file is as it was", path, step.Err)
	}
	if err != nil {
		return c.failed(one, err)
	}
	one.Outcome, one.NewName = rekeyDone, path
	c.add(one)
	return nil
}

// failed notes that a file could not be encrypted because of err, which it returns.
func (c *snapshotRekey) failed(one rekeyed, err error) error {
	one.Outcome, one.Reason = rekeyFailed, err.Error()
	c.all = append(c.all, one)
	return err
}

// stores encrypts backups in stores anew. One that fails holds up none of the others.
func (c *snapshotRekey) stores(ctx context.Context, what string, keys *encryption.Keys, to *encryption.Recipients) error {
	stores, err := c.storeFlags.open(ctx, c.program)
	if err != nil {
		return err
	}
	defer closeStores(c.program, stores)
	job := &rekey.Job{Keys: keys, To: to, DryRun: c.dryRun}
	var errs []error
	for _, store := range stores {
		if err := c.inStore(ctx, store, what, job); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", store, err))
		}
	}
	return errors.Join(errs...)
}

func (c *snapshotRekey) inStore(ctx context.Context, store blobstore.Store, what string, job *rekey.Job) error {
	inv, err := inventory.List(ctx, store, nil)
	if err != nil {
		return err
	}
	chosen, err := c.choose(inv, what)
	if err != nil {
		return err
	}
	left := 0
	for _, b := range chosen {
		r, err := job.Backup(ctx, store, b)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		one := c.outcome(store, b, r, err)
		one.For = job.To.String()
		if one.Outcome == rekeyFailed {
			left++
		}
		c.add(one)
	}
	switch {
	case left > 0 && c.json():
		return fmt.Errorf("%d of %d snapshots are not encrypted for %s", left, len(chosen), job.To)
	case left > 0:
		return fmt.Errorf("%d of %d snapshots are not encrypted for %s, see above", left, len(chosen), job.To)
	}
	return nil
}

// choose returns the backups that are meant; with all of them also those that were set aside.
func (c *snapshotRekey) choose(inv *inventory.Inventory, what string) (chosen []*inventory.Backup, err error) {
	if what != "all" {
		b, err := retrieval.Find(inv, what, c.cluster)
		return []*inventory.Backup{b}, err
	}
	for _, list := range [][]inventory.Backup{inv.Backups, inv.Bad} {
		for i := range list {
			if b := &list[i]; c.cluster == "" || b.Entry != nil && b.Entry.Cluster == c.cluster {
				chosen = append(chosen, b)
			}
		}
	}
	return chosen, nil
}

// outcome describes what became of a backup.
func (c *snapshotRekey) outcome(store blobstore.Store, b *inventory.Backup, r *rekey.Result, err error) rekeyed {
	one := rekeyed{ID: b.ID, Destination: store.String(), OldName: b.Name, location: store.Location(b.Name)}
	if b.Entry != nil {
		one.Was = b.Entry.Encryption.String()
	}
	switch {
	case err != nil:
		one.Outcome, one.Reason = rekeyFailed, err.Error()
	case r.Already:
		one.Outcome, one.NewName = rekeyAlready, r.Name
	case c.dryRun:
		one.Outcome = rekeyPlanned
	default:
		one.Outcome, one.NewName, one.location = rekeyDone, r.Name, store.Location(r.Name)
	}
	return one
}

// add notes what became of a snapshot, and tells people.
func (c *snapshotRekey) add(one rekeyed) {
	c.all = append(c.all, one)
	if c.json() {
		return
	}
	is, was := "", ""
	if one.Was != "" {
		is, was = "; it is "+one.Was, "; it was "+one.Was
	}
	switch one.Outcome {
	case rekeyFailed:
		c.tell("Left %s: %s", one.location, one.Reason)
	case rekeyAlready:
		c.say("Left %s: it is encrypted for %s already", one.location, one.For)
	case rekeyPlanned:
		c.say("Would encrypt %s for %s%s", one.location, one.For, is)
	default:
		c.say("Encrypted %s for %s%s", one.location, one.For, was)
	}
}
