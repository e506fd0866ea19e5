package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// keptBad is how many bad archives of a cluster are kept.
const keptBad = 3

// Keep says what is to stay.
type Keep struct {
	Cluster string // whose backups may be deleted
	Retain  int    // how many good ones stay; 0 for all
}

// Plan lists what a cluster's retention deletes, oldest first: the good backups beyond the newest Retain, proven or not, but for the
// newest proven one, which stays in addition; whatever else is of the cluster and older than those that stay, such as entries without
// an archive and archives of the wrong size; and bad archives beyond the newest three. It never lists what no entry gives to the
// cluster. Call it only after a backup has succeeded, with an inventory that was taken since.
func Plan(inv *Inventory, keep Keep) []Backup {
	if keep.Cluster == "" {
		return nil
	}
	doomed := append(inv.outdated(keep), inv.spoiled(keep.Cluster)...)
	newestFirst(doomed)
	slices.Reverse(doomed)
	return doomed
}

func (inv *Inventory) outdated(keep Keep) (doomed []Backup) {
	if keep.Retain <= 0 {
		return nil
	}
	safe := inv.LatestProven(keep.Cluster)
	claimed := inv.first(func(b *Backup) bool { // a listing may be stale, and its archive there
		return b.of(keep.Cluster) && b.Entry.Proof == Proven
	})
	good := 0
	for i := range inv.Backups {
		b := &inv.Backups[i]
		switch {
		case !b.of(keep.Cluster) || b.Entry.Proof == Bad || b.Name != ArchiveName(b.ID): // a fixed name is written over, not deleted
		case good >= keep.Retain && b != safe && b != claimed:
			doomed = append(doomed, *b)
		case b.Good():
			good++
		}
	}
	return doomed
}

// spoiled lists the bad archives of a cluster that are too many, those among them that were marked but not yet moved.
func (inv *Inventory) spoiled(cluster string) (doomed []Backup) {
	var bad []Backup
	for _, b := range slices.Concat(inv.Bad, inv.Backups) {
		if b.of(cluster) && b.Entry.Proof == Bad && strings.TrimSuffix(b.Name, badSuffix) == ArchiveName(b.ID) {
			bad = append(bad, b)
		}
	}
	newestFirst(bad)
	kept, last := 0, ""
	for _, b := range bad {
		if b.ID != last {
			kept, last = kept+1, b.ID
		}
		if kept > keptBad {
			doomed = append(doomed, b)
		}
	}
	return doomed
}

// ErrStale says that an inventory is out of date.
var ErrStale = errors.New("the newest proven backup has changed since the inventory was taken: take it again")

// Prune deletes what [Plan] lists and returns how much of it was done when it ended or failed. Each archive is deleted before its entry.
// What has changed since the inventory was taken is left alone; if the newest proven backup has, nothing is deleted, and the error
// is an [ErrStale].
func Prune(ctx context.Context, store blobstore.Store, inv *Inventory, keep Keep) (done []Backup, err error) {
	plan := Plan(inv, keep)
	if safe := inv.LatestProven(keep.Cluster); safe != nil && len(plan) > 0 {
		same, err := unchanged(ctx, store, *safe)
		if err != nil {
			return nil, fmt.Errorf("before deleting backups, read the newest proven one: %w", err)
		}
		if !same {
			return nil, fmt.Errorf("%s: %w", store.Location(safe.Name), ErrStale)
		}
	}
	return deleteAll(ctx, store, plan)
}

func deleteAll(ctx context.Context, store blobstore.Store, plan []Backup) (done []Backup, err error) {
	for _, b := range plan {
		same, err := unchanged(ctx, store, b)
		if err != nil {
			return done, fmt.Errorf("before deleting %s: %w", store.Location(b.Name), err)
		}
		if !same {
			continue
		}
		if err := deleteOne(ctx, store, b.Name); err != nil {
			return done, err
		}
		done = append(done, b)
	}
	return done, nil
}

// entryTimeout is how long the entry of a deleted archive may take to be deleted too, although the caller's time is over.
const entryTimeout = 10 * time.Second

// deleteOne deletes an archive and its entry: both or, unless something fails, none.
func deleteOne(ctx context.Context, store blobstore.Store, archive string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.Delete(ctx, archive); err != nil {
		return fmt.Errorf("delete %s: %w", store.Location(archive), err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), entryTimeout)
	defer cancel()
	entry := EntryName(archive)
	if err := store.Delete(ctx, entry); err != nil {
		return fmt.Errorf("delete %s: %w", store.Location(entry), err)
	}
	return nil
}

// unchanged tells whether the entry still says what the plan relied on.
func unchanged(ctx context.Context, store blobstore.Store, b Backup) (bool, error) {
	e, err := readEntry(ctx, store, b.Name)
	if errors.Is(err, blobstore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return b.Entry != nil && e.Cluster == b.Entry.Cluster && e.Proof == b.Entry.Proof && e.SHA256 == b.Entry.SHA256, nil
}
