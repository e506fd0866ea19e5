package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/cli"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/retrieval"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// snapshotVerify checks archives, in files and in stores.
type snapshotVerify struct {
	*program
	storeFlags
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

-drill rebuilds it in a throw-away engine, by a child process, and compares
what that holds and answers with what is in the archive. The outcome goes into
the entry: that is how a snapshot that was adopted, or whose drill was
skipped, becomes proven, and how one that has been damaged since is unproven
again. A drill that could not be carried out takes no proof away.`,
			examples: `
    $ {program} snapshot verify -drill backup.snap
    $ {program} snapshot verify -store=/srv/snapshots latest
    $ {program} snapshot verify -drill -config-file=snapshot.json all`,
			status: []exitStatus{
				{0, "every snapshot is sound; with -drill: proven"},
				{1, "one is not, or cannot be had, or, with -drill, is not proven"},
			},
		},
		groups:  []optionGroup{options("Store Options", c.storeFlags.define), options("Command Options", c.define)},
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
	Name    string // the file, or the location in a store
	ID      string `json:",omitempty"` // of a snapshot in a store
	Sound   bool
	Proof   string   // proven, unproven or bad; empty without a drill
	Reason  string   `json:",omitempty"` // why it is not sound, or not proven
	Index   uint64   `json:",omitempty"`
	Bytes   int64    `json:",omitempty"`
	SHA256  string   `json:",omitempty"`
	Records int64    `json:",omitempty"`
	Warn    []string `json:"Warnings,omitempty"`
}

func (v *verified) good() bool { return v.Sound && (v.Proof == "" || v.Proof == string(drill.Proven)) }

func (c *snapshotVerify) run(args []string) int {
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
	case v.Proof == "":
		c.say("sound     %s: %d records, index %d", v.Name, v.Records, v.Index)
	case v.Reason != "":
		c.say("%-9s %s: %s", v.Proof, v.Name, v.Reason)
	default:
		c.say("%-9s %s: %d records, index %d, rebuilt and compared", v.Proof, v.Name, v.Records, v.Index)
	}
}

func (c *snapshotVerify) verify(ctx context.Context, what string) ([]*verified, error) {
	if !c.given() {
		source := &fileSource{path: what, in: c.in}
		v, err := c.one(ctx, source, what)
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

// inStore verifies backups in a store.
func (c *snapshotVerify) inStore(ctx context.Context, store blobstore.Store, what string) ([]*verified, error) {
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
	v, err := c.one(ctx, &retrieval.Source{Store: store, Backup: b}, store.Location(b.Name))
	if err != nil {
		return nil, err
	}
	v.ID = b.ID
	verdict := inventory.Verdict{Proof: inventory.Proof(v.Proof), Reason: v.Reason, At: time.Now(), SHA256: v.SHA256}
	switch {
	case !c.drill || b.Entry == nil:
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

// one verifies an archive. The error says that it could not be had.
func (c *snapshotVerify) one(ctx context.Context, source backup.Source, name string) (*verified, error) {
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
	defer stream.Body.Close()
	v := &verified{Name: name}
	bar := progress.New(c.err).Start("Verifying", -1)
	report, err := backup.Verify(ctx, io.TeeReader(stream.Body, io.MultiWriter(bar, file)), backup.Options{})
	bar.Close()
	if err == nil {
		_, err = io.Copy(io.Discard, stream.Body) // to its end, where it is compared
	}
	if err != nil {
		if ctx.Err() != nil || !isDamage(err) {
			return nil, cmp.Or(ctx.Err(), err)
		}
		v.Reason = err.Error()
		return v, nil
	}
	v.Sound, v.Index, v.Bytes, v.SHA256 = true, report.Meta.Index, report.Bytes, hex.EncodeToString(report.SHA256[:])
	v.Warn = report.Findings.Warnings()
	for _, n := range report.Records() {
		v.Records += n
	}
	if c.drill {
		return v, c.rebuild(ctx, v, file.Name())
	}
	return v, nil
}

// isDamage tells whether an error is about the archive, and not about having it: a full disk, a store that is down.
func isDamage(err error) bool {
	for _, damage := range []error{archive.ErrCorrupt, archive.ErrNotRestorable, record.ErrCorrupt, retrieval.ErrChanged} {
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

// fileSource is an archive in a file, or on standard input.
type fileSource struct {
	path string
	in   io.Reader
}

// Snapshot opens it.
func (s *fileSource) Snapshot(context.Context) (*backup.Stream, error) {
	if s.path == "-" {
		return &backup.Stream{Body: io.NopCloser(s.in)}, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return &backup.Stream{Body: f}, nil
}
