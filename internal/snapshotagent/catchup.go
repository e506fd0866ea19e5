package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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
	if t == nil {
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

// look lists the destinations, and shows what they hold.
func (a *Agent) look(ctx context.Context) {
	cluster, datacenter := a.identity(ctx)
	retained := map[string]int{}
	var fresh time.Time
	current := a.current.Load()
	for _, d := range current.destinations {
		inv, err := d.list(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				a.log.Warn("a destination cannot be listed", "destination", d.name, "error", err)
			}
			continue
		}
		for _, b := range inv.Backups {
			if b.Entry == nil || !b.Good() || !ours(b.Entry, cluster, datacenter) {
				continue
			}
			retained[d.name]++
			if at := b.Entry.Fresh(); at.After(fresh) {
				fresh = at
			}
		}
	}
	a.board.change(func(s *Status) {
		if current == a.current.Load() { // no reload has taken their place meanwhile
			maps.Copy(s.Retained, retained)
		}
		if fresh.After(s.LastProven) {
			s.LastProven = fresh
		}
	})
}

// ours tells whether a backup is of this cluster, as far as is known: its name, or else its datacenter.
func ours(e *inventory.Entry, cluster, datacenter string) bool {
	if cluster != "" {
		return e.Cluster == cluster
	}
	return e.Datacenter == datacenter
}

// cluster is the name of the cluster as far as it is known, and its datacenter.
func (a *Agent) identity(ctx context.Context) (name, datacenter string) {
	if a.config.Cluster != "" {
		return inventory.ClusterName(a.config.Cluster, "", ""), ""
	}
	if name, datacenter = a.known(); name != "" || datacenter != "" {
		return name, datacenter
	}
	id, err := a.identify(ctx) // without the lock: Consul may be slow
	if err != nil {
		return "", ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.datacenter == "" {
		a.datacenter = id.Datacenter
	}
	return a.cluster, a.datacenter
}

func (a *Agent) known() (name, datacenter string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cluster, a.datacenter
}

// identifyTimeout bounds how long the cluster may take to say which it is. A Consul that hangs must become a failure with a reason.
const identifyTimeout = 20 * time.Second

func (a *Agent) identify(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, identifyTimeout, fmt.Errorf("Consul has not answered within %s", identifyTimeout))
	defer cancel()
	return a.config.Identify(ctx)
}
