package retrieval

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// A Choice says which backup is meant.
type Choice struct {
	ID string // of the backup, or Latest; empty with At
	// At, if it is not zero, chooses the newest good backup whose state is of this time or of one before: see [Saved].
	At      time.Time
	Cluster string // may be empty if the stores have backups of one cluster only
}

// Saved is when the state of a backup had been read from its cluster, by the clock of who made it. If no entry says, it is when the
// backup was begun.
func Saved(b *inventory.Backup) time.Time {
	if b.Entry != nil && !b.Entry.Saved.IsZero() {
		return b.Entry.Saved
	}
	return b.Time()
}

// in finds the backup in one store.
func (c Choice) in(inv *inventory.Inventory) (*inventory.Backup, error) {
	if c.At.IsZero() {
		return Find(inv, c.ID, c.Cluster)
	}
	cluster, err := oneOf(inv, c.Cluster)
	if err != nil {
		return nil, err
	}
	var best *inventory.Backup
	for _, b := range good(inv, cluster) {
		if !Saved(b).After(c.At) && (best == nil || c.compare(best, b) < 0) {
			best = b
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: there is none of a state of %s or before", ErrNone, stamp(c.At))
	}
	return best, nil
}

// good are the good backups of a cluster.
func good(inv *inventory.Inventory, cluster string) (all []*inventory.Backup) {
	for i := range inv.Backups {
		if b := &inv.Backups[i]; b.Good() && b.Entry.Cluster == cluster {
			all = append(all, b)
		}
	}
	return all
}

// compare tells which of two backups is newer in the sense of the choice.
func (c Choice) compare(a, b *inventory.Backup) int {
	if c.At.IsZero() {
		return byID(a, b)
	}
	return cmp.Or(Saved(a).Compare(Saved(b)), byID(a, b))
}

// byID orders by the times that IDs stand for.
func byID(a, b *inventory.Backup) int { return inventory.IDTime(a.ID).Compare(inventory.IDTime(b.ID)) }

// oneCluster fails if backups of several clusters were found and none of the clusters was asked for.
func (c Choice) oneCluster(all []*Source) error {
	if c.Cluster != "" || c.At.IsZero() && c.ID != Latest {
		return nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Backup.Entry.Cluster)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 1 {
		return &SeveralError{names}
	}
	return nil
}

// tooEarly puts one error in the place of those of the stores, if there are good backups, but none as old as was asked for: it names the
// oldest.
func (c *Copies) tooEarly(choice Choice, missing []error) []error {
	if choice.At.IsZero() {
		return missing
	}
	var oldest *Source
	for _, s := range c.shelves {
		cluster, err := oneOf(s.inventory, choice.Cluster)
		if err != nil {
			return missing
		}
		for _, b := range good(s.inventory, cluster) {
			if oldest == nil || choice.compare(b, oldest.Backup) < 0 {
				oldest = &Source{s.store, b}
			}
		}
	}
	if oldest == nil {
		return missing
	}
	return []error{fmt.Errorf("%w: none is of a state of %s or before; the oldest is %s, of %s, in %s", ErrNone, stamp(choice.At),
		oldest.Backup.ID, stamp(Saved(oldest.Backup)), oldest.Store)}
}

// stamp shows a time as -at takes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
