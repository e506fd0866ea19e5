package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/retrieval"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// snapshotVerify checks archives, in files and in stores.
type snapshotVerify struct {
	*program
	storeFlags
	keyFlags
	drill        bool
	consulBinary string
	format       string
}

func newSnapshotVerify(p *program) cli.Command {
	c := &snapshotVerify{program: p}
	return &leaf{
		program: p,
		manual: manual{
			synopsis: "Verifies snapshots, and rebuilds them on request",
			usage:    "snapshot verify [options] FILE|ID|latest|all",
			about: `
Reads a snapshot to its last record, and says whether it is sound. Without a
store the argument is a file, or "-" for standard input. With -store or
-config-file it is the ID of a snapshot in the store, "latest", or "all", and
the archive must also be the one that its entry is about. Of several stores
each one's is verified.

What is encrypted is decrypted with -identity or -passphrase-file. Without,
a snapshot in a store is compared with its entry, byte for byte, and no more
is said of it.

An archive of consul-snapshot is compared with its checksums, and every entry
is read. It cannot prove more: what that leaves open is said. In a store it is
named as "snapshot list" does; "all" does not mean these.

-drill rebuilds it in a throw-away engine, by a child process, and compares
what that holds and answers with what is in the archive. The outcome goes into
the entry: that is how a snapshot that was adopted, or whose drill was
skipped, becomes proven, and how one that has been damaged since is unproven
again. A drill that could not be carried out takes no proof away.`,
			examples: `
    $ {program} snapshot verify -drill backup.snap
    $ {program} snapshot verify -store=/srv/snapshots latest
    $ {program} snapshot verify -store=/srv/snapshots -identity=key.txt all
    $ {program} snapshot verify consul-1.consul.snapshot.1795246816.tar.gz
    $ {program} snapshot verify -drill -config-file=snapshot.json all`,
			status: []exitStatus{
				{0, "every snapshot is sound; with -drill: proven"},
				{1, "one is not, or cannot be had, or, with -drill, is not proven"},
			},
		},
		groups: []optionGroup{
			options("Store Options", c.storeFlags.define), options("Command Options", c.define),
			options("Decryption Options", c.keyFlags.defineOld),
		},
		execute: c.run,
	}
}

func (c *snapshotVerify) define(fs *flag.FlagSet) {
	fs.BoolVar(&c.drill, "drill", false, "Rebuild what is sound, and compare.")
	fs.StringVar(&c.consulBinary, "drill-consul-binary", "", "With -drill: the `path` of a consul binary to rebuild with as well.")
	fs.StringVar(&c.format, "format", "pretty", "The output `format`: pretty or json.")
}

// verified is the outcome of one check.
type verified struct {
	Name  string // the file, or the location in a store
	ID    string `json:",omitempty"` // of a snapshot in a store
	Sound bool
	// Encrypted tells that it is encrypted, and Closed that it was not decrypted: sound is then that it is what its entry is about.
	Encrypted bool     `json:",omitempty"`
	Closed    bool     `json:",omitempty"`
	Proof     string   // proven, unproven or bad; empty without a drill
	Reason    string   `json:",omitempty"` // why it is not sound, or not proven
	Index     uint64   `json:",omitempty"`
	Bytes     int64    `json:",omitempty"`
	SHA256    string   `json:",omitempty"`
	Records   int64    `json:",omitempty"`
	Warn      []string `json:"Warnings,omitempty"`

	// Of an archive of consul-snapshot:
	Format     string     `json:",omitempty"` // consul-snapshot
	Version    string     `json:",omitempty"`
	Started    *time.Time `json:",omitempty"`
	Contents   string     `json:",omitempty"`
	Unprovable []string   `json:",omitempty"` // what such an archive cannot prove
}

func (v *verified) good() bool { return v.Sound && (v.Proof == "" || v.Proof == string(drill.Proven)) }

func (c *snapshotVerify) run(args []string) int {
	sparing()
	switch {
	case len(args) != 1:
		return c.fail("Error verifying snapshot: one argument is needed, a file or, with a store, an ID, latest or all (got %d)", len(args))
	case c.format != "pretty" && c.format != "json":
		return c.fail("Error verifying snapshot: Unknown format: %s", c.format)
	case c.consulBinary != "" && !c.drill:
		return c.fail("Error verifying snapshot: -drill-consul-binary needs -drill")
	}
	ctx, stop := interruptible()
	defer stop()
	all, err := c.verify(ctx, args[0])
	if ctx.Err() != nil {
		return c.fail("Error verifying snapshot: %s", context.Cause(ctx))
	}
	code := 0
	if err == nil || len(all) > 0 {
		code = c.report(all)
	}
	if err != nil {
		code = c.fail("Error verifying snapshot: %s", err)
	}
	return code
}

func (c *snapshotVerify) report(all []*verified) int {
	code := 0
	for _, v := range all {
		if !v.good() {
			code = 1
		}
		if c.format == "pretty" {
			c.tellOne(v)
		}
	}
	if c.format == "json" {
		return max(code, c.sayJSON(c.say, all))
	}
	return code
}

func (c *snapshotVerify) tellOne(v *verified) {
	for _, warning := range v.Warn {
		c.warn("%s", warning)
	}
	switch {
	case !v.Sound:
		c.say("BAD       %s: %s", v.Name, v.Reason)
	case v.Closed && v.Proof == "":
		c.say("encrypted %s: as it was committed, but not decrypted: %s", v.Name, v.Reason)
	case v.Format != "":
		c.tellOld(v)
	case v.Proof == "":
		c.say("sound     %s: %d records, index %d", v.Name, v.Records, v.Index)
	case v.Reason != "":
		c.say("%-9s %s: %s", v.Proof, v.Name, v.Reason)
	default:
		c.say("%-9s %s: %d records, index %d, rebuilt and compared", v.Proof, v.Name, v.Records, v.Index)
	}
}

func (c *snapshotVerify) verify(ctx context.Context, what string) ([]*verified, error) {
	if !c.storeFlags.given() {
		v, err := c.inFile(ctx, what)
		if err != nil {
			return nil, err
		}
		return []*verified{v}, nil
	}
	stores, err := c.open(ctx, c.program)
	if err != nil {
		return nil, err
	}
	defer closeStores(c.program, stores)
	var all []*verified
	var errs []error
	for _, store := range stores { // one that is down hides none of the others
		found, err := c.inStore(ctx, store, what)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", store, err))
		}
		all = append(all, found...)
	}
	return all, errors.Join(errs...)
}

// inFile verifies a file, or standard input.
func (c *snapshotVerify) inFile(ctx context.Context, name string) (*verified, error) {
	v, looks, err := c.oldInFile(ctx, name)
	if v != nil || err != nil {
		return v, err
	}
	v, err = c.one(ctx, &fileSource{path: name, in: c.in}, name, nil)
	if v != nil && looks != "" && !v.Sound {
		v.Reason = unreadable(errors.New(v.Reason), looks).Error()
	}
	return v, err
}

// inStore verifies backups in a store.
func (c *snapshotVerify) inStore(ctx context.Context, store blobstore.Store, what string) ([]*verified, error) {
	if isOldName(what) {
		v, err := c.oldInStore(ctx, store, what)
		if err != nil {
			return nil, err
		}
		return []*verified{v}, nil
	}
	inv, err := inventory.List(ctx, store, nil)
	if err != nil {
		return nil, err
	}
	var chosen []*inventory.Backup
	if what == "all" {
		for i := range inv.Backups {
			if b := &inv.Backups[i]; c.cluster == "" || b.Entry != nil && b.Entry.Cluster == c.cluster {
				chosen = append(chosen, b)
			}
		}
	} else {
		b, err := retrieval.Find(inv, what, c.cluster)
		if err != nil {
			return nil, err
		}
		chosen = []*inventory.Backup{b}
	}
	var all []*verified
	var errs []error
	for _, b := range chosen {
		v, err := c.stored(ctx, store, b)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", b.ID, err))
			continue
		}
		all = append(all, v)
	}
	return all, errors.Join(errs...)
}

// stored verifies one backup, and records the outcome of a drill.
func (c *snapshotVerify) stored(ctx context.Context, store blobstore.Store, b *inventory.Backup) (*verified, error) {
	if shown := show(store, b); !b.Archive || b.EntryError != nil {
		return &verified{Name: shown.Location, ID: b.ID, Reason: shown.Reason}, nil
	}
	v, err := c.one(ctx, &retrieval.Source{Store: store, Backup: b}, store.Location(b.Name), b)
	if err != nil {
		return nil, err
	}
	v.ID = b.ID
	verdict := inventory.Verdict{Proof: inventory.Proof(v.Proof), Reason: v.Reason, At: time.Now(), SHA256: v.SHA256}
	switch {
	case !c.drill || b.Entry == nil || v.Closed:
		return v, nil
	case !v.Sound: // not bad, for which retention keeps the last three only: it may be the way to the store that damages
		verdict.Proof, verdict.Reason = inventory.Unproven, "verification failed: "+v.Reason
	case verdict.Proof == inventory.Unproven && b.Entry.Proof == inventory.Proven:
		v.Warn = append(v.Warn, "the drill says nothing about the snapshot: its entry stays proven")
		return v, nil
	}
	if verdict.Proof == inventory.Unproven && b.Entry.Proof == inventory.Bad {
		return v, nil
	}
	if _, err := inventory.MarkProof(ctx, store, b.Name, verdict); err != nil {
		v.Warn = append(v.Warn, fmt.Sprintf("the outcome could not be written into the entry: %v", err))
	}
	return v, nil
}

// one verifies an archive; b is the backup that it is, nil for a file. The error says that it could not be had.
func (c *snapshotVerify) one(ctx context.Context, source backup.Source, name string, b *inventory.Backup) (*verified, error) {
	keys, err := c.keys(c.program)
	if err != nil {
		return nil, err
	}
	dir, err := scratch.Open("")
	if err != nil {
		return nil, err
	}
	file, err := dir.Create()
	if err != nil {
		return nil, err
	}
	defer file.Discard()
	stream, err := source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func(body io.Closer) { _ = body.Close() }(stream.Body) // it was only read
	v := &verified{Name: name}
	stored := &digested{Reader: stream.Body, sum: sha256.New()}
	stream.Body = readCloser{stored, stream.Body}
	report, err := c.read(ctx, v, stream, keys, file, b)
	if err == nil {
		_, err = io.Copy(io.Discard, stored) // to its end, where it is compared
	}
	if err != nil {
		if ctx.Err() != nil || !isDamage(err) {
			return nil, cmp.Or(ctx.Err(), err)
		}
		v.Reason = err.Error()
		return v, nil
	}
	v.Sound, v.Bytes, v.SHA256 = true, stored.size, hex.EncodeToString(stored.sum.Sum(nil))
	switch {
	case v.Closed && c.drill:
		v.Proof = string(drill.Unproven)
	case !v.Closed:
		v.tell(report)
		if c.drill {
			return v, c.rebuild(ctx, v, file.Name())
		}
	}
	return v, nil
}

// tell takes over what a report says.
func (v *verified) tell(report *backup.Report) {
	v.Index, v.Warn = report.Meta.Index, report.Findings.Warnings()
	for _, n := range report.Records() {
		v.Records += n
	}
}

// read reads an archive to its last record, and copies it to a file. Of a backup that is encrypted, and that nothing was given to decrypt
// with, there is no report.
func (c *snapshotVerify) read(
	ctx context.Context, v *verified, stream *backup.Stream, keys *encryption.Keys, to io.Writer, b *inventory.Backup,
) (report *backup.Report, err error) {
	if b != nil && b.Entry != nil && !c.keyFlags.given() {
		keys = nil // a passphrase is not asked for in the middle of a list
	}
	v.Encrypted, err = stream.Decrypt(keys)
	var locked *encryption.LockedError
	if errors.As(err, &locked) {
		if b == nil || b.Entry == nil || locked.Tried {
			return nil, encryption.For(err, recipientsOf(b))
		}
		v.Closed, v.Reason = true, encryption.For(err, recipientsOf(b)).Error()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bar := progress.New(c.err).Start("Verifying", -1)
	defer bar.Close()
	report, err = backup.Verify(ctx, io.TeeReader(stream.Body, io.MultiWriter(bar, to)), backup.Options{})
	if err == nil {
		_, err = io.Copy(io.Discard, stream.Body) // to its end, where it is known to be whole
	}
	return report, err
}

// isDamage tells whether an error is about the archive, and not about having it: a full disk, a store that is down.
func isDamage(err error) bool {
	for _, damage := range []error{
		archive.ErrCorrupt, archive.ErrNotRestorable, record.ErrCorrupt, retrieval.ErrChanged, encryption.ErrDamaged,
		kvarchive.ErrCorrupt, kvarchive.ErrNothingSaved,
	} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// rebuild carries out a drill.
func (c *snapshotVerify) rebuild(ctx context.Context, v *verified, path string) error {
	child := drill.Child{ConsulBinary: c.consulBinary}
	report, err := child.Run(ctx, path, nil)
	var skipped *drill.Skipped
	if errors.As(err, &skipped) {
		v.Proof, v.Reason = string(drill.Unproven), skipped.Error()
		return nil
	}
	if err != nil {
		return err
	}
	v.Proof, v.Reason = string(report.Proof), report.Reason
	return nil
}
