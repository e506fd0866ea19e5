package snapshotagent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// watch looks at the destinations now and then, so that an agent that does not lead knows whether backups are made.
func (a *Agent) watch(ctx context.Context) {
	for {
		a.look(ctx)
		a.review() // what is found damaged may be replaced soon, and is to be told all the same
		if clock.Sleep(ctx, a.clock, max(10*time.Second, min(a.current.Load().Interval/2, time.Minute))) != nil {
			return
		}
	}
}

// lookTimeout bounds how long a destination may take to be listed.
const lookTimeout = 30 * time.Second

// look lists the destinations, and shows what they hold.
func (a *Agent) look(ctx context.Context) {
	a.lookAt(ctx, a.current.Load().destinations)
}

// lookAt is look for some of the destinations, so that nobody waits for one that was down a moment ago.
func (a *Agent) lookAt(ctx context.Context, wanted []*destination) {
	cluster := a.identity(ctx)
	if cluster == "" {
		return
	}
	ctx, cancel := clock.WithTimeout(ctx, a.clock, lookTimeout)
	defer cancel()
	current := a.current.Load()
	var busy sync.WaitGroup
	for _, d := range current.destinations {
		if !slices.Contains(wanted, d) {
			continue
		}
		busy.Go(func() {
			inv, err := d.list(ctx)
			switch {
			case err == nil:
				a.seen(current, d, inv, cluster)
			case !errors.Is(err, context.Canceled):
				a.log.Warn("a destination cannot be listed", "destination", d.name, "error", err)
			}
		})
	}
	busy.Wait()
}

// seen shows what a destination holds of the cluster.
func (a *Agent) seen(current *settings, d *destination, inv *inventory.Inventory, cluster string) {
	retained, fresh := inv.Retained(cluster), time.Time{}
	for _, b := range inv.Backups {
		if b.Good() && b.Entry.Cluster == cluster && b.Entry.Fresh().After(fresh) {
			fresh = b.Entry.Fresh()
		}
	}
	var newest *inventory.Entry
	if b := inv.LatestProven(cluster); b != nil {
		newest = b.Entry
	}
	a.board.listed(d.name, newest)
	a.board.change(func(s *Status) {
		if current == a.current.Load() { // no reload has taken their place meanwhile
			s.Retained[d.name] = retained
			s.showCollapse(d.name, inv.Collapse(cluster, current.MaxShrink))
		}
		if fresh.After(s.LastProven) {
			s.LastProven = fresh
		}
	})
}
