package snapshotagent

import (
	"context"
	"errors"
	"slices"
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

// owed tells whether a destination lacks the last backup, and is going to get it.
func (a *Agent) owed(d *destination) bool {
	return a.debt.taken != nil && slices.Contains(a.debt.to, d)
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
