package retrieval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// Copies are where one backup can be had.
type Copies struct {
	Sources []*Source // all of one ID, in the order of the stores
	// Unlisted are the errors of stores that could not be listed. There may be a newer backup in them.
	Unlisted []error
}

// patience is how long the other stores have for their answer once one of them has it. Tests shorten it.
var patience = 30 * time.Second

// errSlow ends the listing of a store that others are not to wait for.
var errSlow = errors.New("it did not answer while another store did")

// FindCopies looks for the backup with an ID, or for [Latest], in several stores: a destination that was down for a while lacks the newest
// ones. One that hangs does not hold up the others for ever. The error wraps [ErrNone] if none of the stores that could be listed has it.
func FindCopies(ctx context.Context, stores []blobstore.Store, idOrLatest, cluster string) (*Copies, error) {
	out, all := new(Copies), []*Source{}
	var missing []error
	for i, f := range findInAll(ctx, stores, idOrLatest, cluster) {
		switch {
		case f.unlisted != nil:
			out.Unlisted = append(out.Unlisted, f.unlisted)
		case errors.Is(f.err, ErrNone):
			missing = append(missing, fmt.Errorf("%s: %w", stores[i], f.err))
		case f.err != nil:
			return out, fmt.Errorf("%s: %w", stores[i], f.err)
		default:
			all = append(all, &Source{stores[i], f.backup})
		}
	}
	if len(all) == 0 {
		return out, errors.Join(append(missing, out.Unlisted...)...)
	}
	if err := oneCluster(all, idOrLatest, cluster); err != nil {
		return out, err
	}
	newest := slices.MaxFunc(all, func(a, b *Source) int {
		return inventory.IDTime(a.Backup.ID).Compare(inventory.IDTime(b.Backup.ID))
	})
	for _, s := range all {
		if s.Backup.ID == newest.Backup.ID {
			out.Sources = append(out.Sources, s)
		}
	}
	return out, nil
}

// finding is what one store says.
type finding struct {
	backup   *inventory.Backup
	err      error // of [Find]
	unlisted error
}

// findInAll asks all stores at once.
func findInAll(ctx context.Context, stores []blobstore.Store, idOrLatest, cluster string) []finding {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([]finding, len(stores))
	var busy sync.WaitGroup
	var first sync.Once
	for i, store := range stores {
		busy.Go(func() {
			inv, err := inventory.List(ctx, store, nil)
			if err != nil {
				if cause := context.Cause(ctx); cause == errSlow {
					err = fmt.Errorf("%s: %w", store, cause)
				}
				found[i].unlisted = err
				return
			}
			found[i].backup, found[i].err = Find(inv, idOrLatest, cluster)
			if found[i].err == nil {
				first.Do(func() {
					slow := time.AfterFunc(patience, func() { cancel(errSlow) })
					context.AfterFunc(ctx, func() { slow.Stop() })
				})
			}
		})
	}
	busy.Wait()
	return found
}

// oneCluster fails if the newest backups of several clusters were found and none of them was asked for.
func oneCluster(all []*Source, idOrLatest, cluster string) error {
	if idOrLatest != Latest || cluster != "" {
		return nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Backup.Entry.Cluster)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 1 {
		return severalClusters(names)
	}
	return nil
}

func severalClusters(names []string) error {
	return fmt.Errorf("there are backups of several clusters (%s): choose one with -cluster", strings.Join(names, ", "))
}
