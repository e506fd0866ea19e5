package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"path"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// snapshotGet gets a backup out of a store.
type snapshotGet struct {
	*program
	storeFlags
	keyFlags
	format string
}

func newSnapshotGet(p *program) cli.Command {
	c := &snapshotGet{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Gets a snapshot out of a store",
			usage:    "snapshot get [options] ID|latest [FILE]",
			about: `
Copies a snapshot from a store into FILE, or into consul-ID.snap in the
current directory. What comes is compared with the entry beside the archive,
verified and decoded to its last record before it becomes FILE, with mode
0600. With "-" as FILE it goes to standard output. "latest" is the newest one
that is not bad in any of the stores. Of several stores that have it the
first that can give it does.

A snapshot that is encrypted is copied as it is, and compared with its entry;
FILE is consul-ID.snap.age then. With -identity or -passphrase-file it is
decrypted, and verified as any other.

An archive of consul-snapshot is got by its name, as "snapshot list" shows it.
It is copied as it is, into a file of that name, and verified; if it is
encrypted, with the passphrase in -passphrase-file or CRYPTO_PASSWORD.

What was got is restored with "snapshot restore".`,
			examples: `
    $ {program} snapshot get -store=/srv/snapshots latest backup.snap
    $ {program} snapshot get -config-file=snapshot.json 1479360073448728784
    $ {program} snapshot get -store=/srv/snapshots -identity=key.txt latest
    $ {program} snapshot get -store=gs://b latest - | {program} snapshot restore -`,
			status: []exitStatus{
				{0, "the snapshot is in FILE"},
				{1, "wrong arguments, or the snapshot could not be had, or is bad"},
			},
		},
		groups: []optionGroup{
			options("Store Options", c.storeFlags.define), options("Command Options", c.define),
			options("Decryption Options", c.keyFlags.defineOld),
		},
		execute: c.run,
	}
}

func (c *snapshotGet) define(fs *flag.FlagSet) {
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

func (c *snapshotGet) run(args []string) int {
	switch {
	case len(args) == 0:
		return c.fail("Missing ID argument: an ID, or latest")
	case len(args) > 2:
		return c.fail("Too many arguments (expected 1 or 2, got %d)", len(args))
	case c.format != "pretty" && c.format != "json":
		return c.fail("Error getting snapshot: Unknown format: %s", c.format)
	}
	ctx, stop := interruptible()
	defer stop()
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return c.fail("Error getting snapshot: %s", err)
	}
	defer closeStores(c.program, stores)
	got, err := c.get(ctx, stores, args)
	if err != nil {
		return c.fail("Error getting snapshot: %s", err)
	}
	say := c.say
	if got.Path == "-" {
		say = c.tell
	}
	if c.format == "json" {
		return c.sayJSON(say, got)
	}
	if got.Proof == oldProof && !got.Encrypted {
		say("Got and verified archive of consul-snapshot %s: %s", got.ID, got.Path)
		return 0
	}
	if got.Encrypted {
		say("Got encrypted snapshot %s, %s: %s", got.ID, got.Proof, got.Path)
		return 0
	}
	say("Got and verified snapshot %s, index %d, %s: %s", got.ID, got.Index, got.Proof, got.Path)
	return 0
}

// gotSnapshot is the result as JSON.
type gotSnapshot struct {
	Path     string
	ID       string
	Index    uint64
	Bytes    int64 // of the file
	SHA256   string
	Proof    string // as the entry has it
	Location string
	// Encrypted tells that it was copied as it is stored, and not looked into.
	Encrypted bool `json:",omitempty"`
}

// get copies a backup from the first store that can give it.
func (c *snapshotGet) get(ctx context.Context, stores []blobstore.Store, args []string) (*gotSnapshot, error) {
	if name := args[0]; isOldName(name) {
		return c.getOld(ctx, stores, name, append(args, path.Base(name))[1])
	}
	copies, err := retrieval.FindCopies(ctx, stores, args[0], c.cluster)
	if err != nil {
		return nil, err
	}
	for _, err := range copies.Unlisted {
		c.warn("%s", err)
	}
	to := c.path(copies.Sources[0].Backup)
	if len(args) == 2 {
		to = args[1]
	}
	var errs []error
	for _, source := range copies.Sources {
		got, err := c.copy(ctx, source, to)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		errs = append(errs, fmt.Errorf("%s: %w", source.Store, err))
		if len(errs) < len(copies.Sources) {
			c.warn("%s; the next store is tried", errs[len(errs)-1])
		}
	}
	return nil, errors.Join(errs...)
}

// path is the file that a snapshot goes to if none is named.
func (c *snapshotGet) path(b *inventory.Backup) string {
	id, ok := inventory.ParseArchiveName(b.Name)
	switch {
	case !ok:
		return b.Name
	case c.keyFlags.given() || b.Name == inventory.ArchiveName(id):
		return inventory.ArchiveName(id)
	}
	return inventory.EncryptedName(id, 0)
}

// place is where a snapshot goes.
func (c *snapshotGet) place(path string) backup.Place {
	if path == "-" {
		return &backup.Pipe{Out: c.out}
	}
	return &backup.File{Path: path, Warn: func(err error) { c.warn("%s", err) }}
}

// copy copies one archive to path.
func (c *snapshotGet) copy(ctx context.Context, source *retrieval.Source, path string) (*gotSnapshot, error) {
	b := source.Backup
	var from backup.Source = source
	place := c.place(path)
	if !c.keyFlags.given() {
		encrypted, err := isEncrypted(ctx, source)
		switch {
		case err != nil:
			return nil, err
		case encrypted:
			return c.copyEncrypted(ctx, source, place, path)
		}
	} else {
		var err error
		if from, err = c.keyFlags.source(c.program, source, recipientsOf(b)); err != nil {
			return nil, err
		}
	}
	r, err := backup.Save(ctx, from, place, progress.New(c.err))
	var step *backup.StepError
	if errors.As(err, &step) {
		return nil, fmt.Errorf("%s: %w", b.ID, step.Err)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range r.Report.Findings.Warnings() {
		c.warn("%s", warning)
	}
	return &gotSnapshot{
		Path: path, ID: b.ID, Index: r.Report.Meta.Index, Bytes: r.Report.Bytes, SHA256: hex.EncodeToString(r.Report.SHA256[:]),
		Proof: show(source.Store, b).Proof, Location: source.Store.Location(b.Name),
	}, nil
}

// isEncrypted looks at the start of a backup: names can lie.
func isEncrypted(ctx context.Context, source *retrieval.Source) (bool, error) {
	r, err := source.Store.Get(ctx, source.Backup.Name)
	if err != nil {
		return false, err
	}
	encrypted, _ := encryption.Sniff(r)
	return encrypted, r.Close()
}

// recipientsOf are the fingerprints of those that a backup is encrypted for, as far as its entry tells.
func recipientsOf(b *inventory.Backup) []string {
	if b == nil || b.Entry == nil || b.Entry.Encryption == nil {
		return nil
	}
	return b.Entry.Encryption.Recipients
}

// copyEncrypted copies a backup as it is stored.
func (c *snapshotGet) copyEncrypted(ctx context.Context, source *retrieval.Source, to backup.Place, path string) (*gotSnapshot, error) {
	b := source.Backup
	copied, err := retrieval.Copy(ctx, source, to, progress.New(c.err))
	var step *backup.StepError
	if errors.As(err, &step) {
		return nil, fmt.Errorf("%s: %w", b.ID, step.Err)
	}
	if err != nil {
		return nil, err
	}
	got := &gotSnapshot{
		Path: path, ID: b.ID, Bytes: copied.Size, SHA256: hex.EncodeToString(copied.SHA256[:]), Encrypted: true,
		Proof: show(source.Store, b).Proof, Location: source.Store.Location(b.Name),
	}
	if b.Entry == nil {
		c.warn("%s is encrypted and has no entry: there is nothing to compare it with", got.Location)
		return got, nil
	}
	got.Index = b.Entry.Index
	return got, nil
}
