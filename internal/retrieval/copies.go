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

	shelves []shelf // the stores that could be listed
}

// A shelf is a store with what it held.
type shelf struct {
	store     blobstore.Store
	inventory *inventory.Inventory
}

// patience is how long the other stores have for their answer once one of them has it. Tests shorten it.
var patience = 30 * time.Second

// errSlow ends the listing of a store that others are not to wait for.
var errSlow = errors.New("it did not answer while another store did")

// FindCopies looks for the backup with an ID, or for [Latest], in several stores: see [Choose].
func FindCopies(ctx context.Context, stores []blobstore.Store, idOrLatest, cluster string) (*Copies, error) {
	return Choose(ctx, stores, Choice{ID: idOrLatest, Cluster: cluster})
}

// Choose looks for a backup in several stores: a destination that was down for a while lacks the newest ones. One that hangs does not
// hold up the others for ever. The error wraps [ErrNone] if none of the stores that could be listed has it; the result then tells of
// those that could not.
func Choose(ctx context.Context, stores []blobstore.Store, choice Choice) (*Copies, error) {
	out, all := new(Copies), []*Source{}
	var missing []error
	for i, f := range findInAll(ctx, stores, choice.in) {
		if f.inventory != nil {
			out.shelves = append(out.shelves, shelf{stores[i], f.inventory})
		}
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
		return out, errors.Join(append(out.tooEarly(choice, missing), out.Unlisted...)...)
	}
	if err := choice.oneCluster(all); err != nil {
		return out, err
	}
	newest := slices.MaxFunc(all, func(a, b *Source) int { return choice.compare(a.Backup, b.Backup) })
	for _, s := range all {
		if s.Backup.ID == newest.Backup.ID {
			out.Sources = append(out.Sources, s)
		}
	}
	return out, nil
}

// finding is what one store says.
type finding struct {
	inventory *inventory.Inventory
	backup    *inventory.Backup
	err       error // of the search
	unlisted  error
}

// findInAll asks all stores at once.
func findInAll(ctx context.Context, stores []blobstore.Store, find func(*inventory.Inventory) (*inventory.Backup, error)) []finding {
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
			found[i].inventory = inv
			found[i].backup, found[i].err = find(inv)
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

// Before is the newest good backup of the same cluster that is older than the one that was found, nil if there is none.
func (c *Copies) Before() *Source {
	if len(c.Sources) == 0 || c.Sources[0].Backup.Entry == nil {
		return nil
	}
	found := c.Sources[0].Backup
	var best *Source
	for _, s := range c.shelves {
		for i := range s.inventory.Backups {
			b := &s.inventory.Backups[i]
			older := b.Good() && b.Entry.Cluster == found.Entry.Cluster && byID(b, found) < 0
			if older && (best == nil || byID(best.Backup, b) < 0) {
				best = &Source{s.store, b}
			}
		}
	}
	return best
}

// Collapse tells whether the state of the backup that was found has shrunk by more than most percent, and nobody has accepted that; nil if
// it has not.
func (c *Copies) Collapse(most int) *inventory.Collapse {
	for _, s := range c.shelves {
		for _, source := range c.Sources {
			if source.Store != s.store || source.Backup.Entry == nil {
				continue
			}
			for _, lost := range s.inventory.Collapses(source.Backup.Entry.Cluster, most) {
				if lost.ID == source.Backup.ID {
					return lost
				}
			}
		}
	}
	return nil
}

// Newer tells of a newer backup of the same cluster that is not good, and was passed over; nil if there is none.
func (c *Copies) Newer() error {
	if len(c.Sources) == 0 || c.Sources[0].Backup.Entry == nil {
		return nil
	}
	found := c.Sources[0].Backup
	for _, s := range c.shelves {
		b := candidate(s.inventory, Latest, found.Entry.Cluster)
		if b == nil || byID(b, found) <= 0 {
			continue
		}
		if fault := faultOf(b); fault != nil {
			return fmt.Errorf("%s: a newer backup, %s of %s, cannot be taken: %w", s.store, b.ID, stamp(b.Time()), fault)
		}
	}
	return nil
}

// A SeveralError says that nobody has told which cluster is meant, and that there are several.
type SeveralError struct{ Clusters []string }

func (e *SeveralError) Error() string {
	return fmt.Sprintf("there are backups of several clusters (%s): choose one with -cluster", strings.Join(e.Clusters, ", "))
}
