package snapshotagent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// reference is what a new backup is compared with: the newest that a destination knows of. While a collapse is known, the destinations are
// listed once more: an operator may have accepted it a moment ago.
func (a *Agent) reference(ctx context.Context, cluster string) (newest *inventory.Compared) {
	if a.collapse(cluster) != nil {
		a.look(ctx)
	}
	current := a.current.Load()
	for _, d := range current.destinations {
		inv := d.last()
		if inv == nil {
			continue
		}
		if c := inv.Reference(cluster, current.MaxShrink); c != nil && (newest == nil || later(c.ID, newest.ID) == c.ID) {
			newest = c
		}
	}
	return newest
}

// collapse is one that any destination shows, nil if none does. A destination may lack the backup that tells.
func (a *Agent) collapse(cluster string) *inventory.Collapse {
	current := a.current.Load()
	for _, d := range current.destinations {
		if inv := d.last(); inv != nil {
			if c := inv.Collapse(cluster, current.MaxShrink); c != nil {
				return c
			}
		}
	}
	return nil
}

// rotate deletes what is not to be kept, in destinations that have just had a backup.
func (a *Agent) rotate(ctx context.Context, term Term, cluster string, in []*destination) {
	if err := hold(ctx, term); err != nil {
		a.count(err)
		a.log.Warn("nothing is deleted: the lock may be lost", "error", err)
		return
	}
	for _, d := range a.listed(ctx, cluster, in) {
		deleted, err := d.rotate(ctx, term, inventory.Keep{Cluster: cluster, Now: a.now(), MaxShrink: a.current.Load().MaxShrink})
		for _, b := range deleted {
			a.log.Info("Deleted snapshot "+b.ID, "destination", d.name)
		}
		if err != nil {
			a.failedAt(d, at(StageRotate, err))
		}
	}
}

// listed returns the destinations of some that could be listed, and none if the state has collapsed.
func (a *Agent) listed(ctx context.Context, cluster string, in []*destination) (able []*destination) {
	current := a.current.Load()
	for _, d := range in {
		inv, err := d.list(ctx)
		if err != nil {
			a.failedAt(d, at(StageRotate, err))
			continue
		}
		a.seen(current, d, inv, cluster)
		able = append(able, d)
	}
	if c := a.collapse(cluster); c != nil {
		a.log.Warn("nothing is deleted any more, in no destination: "+c.String()+". If that is meant, accept it: "+acceptHint,
			"max_shrink", fmt.Sprintf("%d%%", current.MaxShrink))
		return nil
	}
	return able
}

// acceptHint is how a collapse is accepted.
const acceptHint = "lictor snapshot prune -accept-collapse -config-file=FILE"

// showCollapse notes what a destination shows.
func (s *Status) showCollapse(destination string, c *inventory.Collapse) {
	if c == nil {
		delete(s.Collapsed, destination)
		return
	}
	s.Collapsed[destination] = c.String()
}

// collapsed is why nothing is deleted any more, as one of the destinations shows it; empty if that goes on.
func (s *Status) collapsed() string {
	for _, name := range slices.Sorted(maps.Keys(s.Collapsed)) {
		return fmt.Sprintf("nothing is deleted any more, in no destination: %s: %s; if that is meant, accept it: %s", name, s.Collapsed[name], acceptHint)
	}
	return ""
}

// stopped says, in a line for each destination, why nothing is deleted; nothing if that goes on.
func (s *Status) stopped() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Collapsed)) {
		fmt.Fprintf(&b, "Warning: nothing is deleted: %s: %s; if that is meant: %s\n", name, s.Collapsed[name], acceptHint)
	}
	return b.String()
}
