package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// debt is the last backup, and the destinations that lack it. Its scratch file stays until it is paid, or a newer backup takes its place.
type debt struct {
	taken *taken
	to    []*destination
}

// owe makes a backup the one that destinations are brought up to date with which are not among done.
func (a *Agent) owe(t *taken, done []*destination) {
	old := a.debt
	a.debt = debt{}
	for _, d := range a.current.Load().destinations {
		if !slices.Contains(done, d) {
			a.debt.taken, a.debt.to = t, append(a.debt.to, d)
		}
	}
	if old.taken != nil {
		if err := old.taken.file.Discard(); err != nil {
			a.log.Warn("a scratch file stays behind", "error", err)
		}
	}
	a.showDebt()
}

func (a *Agent) showDebt() {
	a.board.change(func(s *Status) {
		for _, d := range a.current.Load().destinations {
			s.Behind[d.name] = slices.Contains(a.debt.to, d)
		}
	})
}

// letGo discards a snapshot's scratch file unless a destination still lacks it.
func (a *Agent) letGo(t *taken) error {
	if a.debt.taken == t {
		return nil
	}
	return t.file.Discard()
}

// forgive drops the debt at the end of a term: the next leader's backup goes to every destination, and an older one must not come after it.
func (a *Agent) forgive() {
	if a.debt.taken == nil {
		return
	}
	if err := a.debt.taken.file.Discard(); err != nil {
		a.log.Warn("a scratch file stays behind", "error", err)
	}
	a.debt = debt{}
	a.showDebt()
}

// catchUp tries to bring the last backup to the destinations that lack it.
func (a *Agent) catchUp(ctx context.Context, term Term) {
	t := a.debt.taken
	if t == nil || !a.flight.TryLock() {
		return
	}
	defer a.flight.Unlock()
	release, err := a.claim(ctx, term)
	defer release()
	if err != nil {
		a.log.Debug("destinations stay behind", "error", err)
		return
	}
	var left []*destination
	for _, owed := range a.debt.to {
		d := a.current.Load().named(owed.name) // a reload may have taken it away, or changed what it keeps
		if d == nil {
			continue
		}
		err := a.bring(ctx, term, t, d)
		if errors.Is(err, errSpoilt) {
			a.log.Error("destinations stay behind until the next snapshot", "error", err)
			left = nil
			break
		}
		if err != nil {
			left = append(left, d)
			a.log.Debug("a destination is still behind", "destination", d.name, "error", err)
			continue
		}
		a.log.Info("brought a destination up to date", "destination", d.name, "id", t.entry.ID)
		a.rotate(ctx, term, t.entry.Cluster, []*destination{d})
	}
	a.debt.to = left
	if len(left) == 0 {
		a.debt = debt{}
		if err := t.file.Discard(); err != nil {
			a.log.Warn("a scratch file stays behind", "error", err)
		}
	}
	a.showDebt()
}

// bring puts a committed backup into one more destination.
func (a *Agent) bring(ctx context.Context, term Term, t *taken, d *destination) error {
	if err := hold(ctx, term); err != nil {
		return err
	}
	if err := d.put(ctx, term, t, nil, a.failedAt); err != nil {
		a.leave(ctx, term, t, d, err)
		return err
	}
	if err := a.commitTo(ctx, term, t, d); err != nil {
		return err
	}
	a.board.change(func(s *Status) { s.Bytes += t.Size })
	return nil
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

// identity is the name of the cluster, empty while it is not known.
func (a *Agent) identity(ctx context.Context) string {
	if a.config.Cluster != "" {
		return inventory.ClusterName(a.config.Cluster, "", "")
	}
	if name := a.known(); name != "" {
		return name
	}
	id, err := a.identify(ctx) // without the lock: Consul may be slow
	if err != nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cluster == "" {
		a.cluster = inventory.ClusterName("", id.Datacenter, id.TrustDomain)
	}
	return a.cluster
}

func (a *Agent) known() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cluster
}

// owed tells whether a destination lacks the last backup, and is going to get it.
func (a *Agent) owed(d *destination) bool {
	return a.debt.taken != nil && slices.Contains(a.debt.to, d)
}

// identifyTimeout bounds how long the cluster may take to say which it is. A Consul that hangs must become a failure with a reason.
const identifyTimeout = 20 * time.Second

func (a *Agent) identify(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, identifyTimeout, fmt.Errorf("Consul has not answered within %s", identifyTimeout))
	defer cancel()
	id, err := a.config.Identify(ctx)
	if err == nil {
		a.mu.Lock()
		a.datacenter = id.Datacenter
		a.mu.Unlock()
	}
	return id, err
}
