package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/progress"
	"github.com/lictor-dr/lictor/internal/restore"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// fromStores restores a backup out of stores.
func (c *snapshotRestore) fromStores(args []string, target *restore.Cluster) int {
	ctx, stop := interruptible()
	defer stop()
	began := time.Now()
	stores, err := c.storeFlags.open(ctx, c.program)
	if err != nil {
		return c.fail("Error restoring snapshot: %s", err)
	}
	defer closeStores(c.program, stores)
	if name := strings.Join(args, ""); isOldName(name) {
		old, location, err := c.oldFromStores(ctx, c.program, stores, name)
		if err != nil {
			return c.refuse(err)
		}
		defer old.Close()
		return c.fromOld(ctx, oldSide(ctx, location, old), path.Base(name), target)
	}
	if err := c.checkWhole(); err != nil {
		return c.refuse(err)
	}
	copies, err := c.choose(ctx, stores, args)
	if err != nil {
		return c.refuse(err)
	}
	fetch := &restore.Fetch{
		Options: c.options, Progress: progress.New(c.err),
		Keys: func() (*encryption.Keys, error) { return c.keys(c.program) },
		Warn: func(err error) { c.note("%s; the next store is tried", err) },
	}
	got, err := fetch.First(ctx, copies)
	if err != nil {
		return c.refuse(c.advise(err, copies))
	}
	defer got.Close()
	c.introduce(got, copies)
	return c.carryOut(ctx, &restoring{plan: got.Plan, target: target, began: began, from: got})
}

// choose finds the backup that is meant.
func (c *snapshotRestore) choose(ctx context.Context, stores []blobstore.Store, args []string) (*retrieval.Copies, error) {
	which := strings.Join(args, "")
	var copies *retrieval.Copies
	var err error
	if retrieval.IsSafetyName(which) {
		copies, err = retrieval.FindSafety(ctx, stores, which)
	} else {
		copies, err = retrieval.Choose(ctx, stores, retrieval.Choice{ID: which, At: c.at, Cluster: c.cluster})
	}
	if err != nil {
		return nil, err
	}
	for _, err := range copies.Unlisted {
		newer := ""
		if which == retrieval.Latest || which == "" {
			newer = "; what is restored is the newest of the other stores"
		}
		c.note("%s%s", err, newer)
	}
	if newer := copies.Newer(); newer != nil && which == retrieval.Latest {
		c.note("%s; what is restored is the latest good one", newer)
	}
	return copies, nil
}

// advise says what else could be restored. That is for the operator to choose.
func (c *snapshotRestore) advise(err error, copies *retrieval.Copies) error {
	if !errors.Is(err, restore.ErrNoCopy) {
		return err
	}
	hints := []string{"nothing was sent to the cluster"}
	if errors.Is(err, restore.ErrBad) {
		b := copies.Sources[0].Backup
		hints = append(hints, fmt.Sprintf("to restore it all the same, get it, look at it, and restore the file: %s snapshot get %s %s %s",
			c.name, c.storeArgument(), b.ID, b.Name))
	}
	if before := copies.Before(); before != nil {
		hints = append(hints, fmt.Sprintf("the backup before it is %s of %s, %s: %s snapshot restore %s %s", before.Backup.ID,
			stampOf(retrieval.Saved(before.Backup)), before.Backup.Entry.Proof, c.name, c.storeArgument(), before.Backup.ID))
	}
	return &restore.HintError{Err: err, Hints: hints}
}

// storeArgument is how the stores were named on the command line.
func (c *snapshotRestore) storeArgument() string {
	if c.store != "" {
		return "-store=" + shellWord(c.store)
	}
	var parts []string
	for _, file := range c.files {
		parts = append(parts, "-config-file="+shellWord(file))
	}
	return strings.Join(parts, " ")
}

// shellWord quotes what a shell would take apart.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// introduce says which backup it is, and what there is to say against it.
func (c *snapshotRestore) introduce(got *restore.Fetched, copies *retrieval.Copies) {
	b := got.Source.Backup
	say := c.tell
	if c.dryRun && c.format != "json" { // this is what was asked for
		say = c.say
	}
	say("%s", printable(describeBackup(got, c.at)))
	switch e := b.Entry; {
	case e == nil && b.EntryError != nil:
		c.note("the entry of backup %s cannot be used, so that there is nothing to compare it with: %s", b.ID, b.EntryError)
	case e == nil:
		c.note("%s has no entry: there is nothing to compare it with", b.Name)
	case e.Proof == inventory.Unproven:
		c.note("backup %s is unproven: %s", b.ID, e.Reason)
	}
	if lost := copies.Collapse(c.maxShrink()); lost != nil {
		c.note("%s", lost)
	}
}

// describeBackup says in a line which backup it is, how old, and how far it is to be trusted. A time that was asked for may be zero.
func describeBackup(got *restore.Fetched, asked time.Time) string {
	b := got.Source.Backup
	where := got.Source.Store.Location(b.Name)
	if b.Entry == nil {
		return fmt.Sprintf("Backup %s: %s", b.ID, where)
	}
	saved := retrieval.Saved(b)
	age := time.Since(saved).Round(time.Second).String() + " ago"
	if !asked.IsZero() {
		age += fmt.Sprintf(", %s before the time that was asked for", asked.Sub(saved).Round(time.Second))
	}
	return fmt.Sprintf("Backup %s of cluster %s, saved %s (%s), %s: %s", b.ID, b.Entry.Cluster, stampOf(saved), age, b.Entry.Proof, where)
}

// restoredBackup says in JSON which backup it was.
type restoredBackup struct {
	ID        string
	Cluster   string // empty without an entry
	Proof     string // of the entry; foreign without one
	Saved     *time.Time
	Location  string
	Encrypted bool
}

// backupOf is nil for a file.
func backupOf(got *restore.Fetched) *restoredBackup {
	if got == nil {
		return nil
	}
	b := got.Source.Backup
	r := &restoredBackup{
		ID: b.ID, Proof: show(got.Source.Store, b).Proof, Location: got.Source.Store.Location(b.Name), Encrypted: got.Encrypted,
	}
	if b.Entry != nil {
		saved := retrieval.Saved(b)
		r.Cluster, r.Saved = b.Entry.Cluster, &saved
	}
	return r
}
