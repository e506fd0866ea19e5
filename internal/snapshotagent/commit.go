package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
)

// commit writes the entry where the archive is. It fails if that succeeds nowhere. Destinations that lack the backup afterwards are brought
// up to date later.
func (a *Agent) commit(ctx context.Context, term Term, t *taken, stored []*destination) ([]*destination, error) {
	if err := hold(ctx, term); err != nil {
		for _, d := range stored {
			a.leave(ctx, term, t, d, err)
		}
		return nil, err
	}
	if term != nil {
		t.entry.LockIndex = term.LockIndex()
	}
	t.entry.Committed = a.now()
	t.entry.Previous = a.reference(ctx, t.entry.Cluster)
	var done []*destination
	var errs []error
	for _, d := range stored {
		if err := a.commitTo(ctx, term, t, d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.name, err))
			a.failedAt(d, err)
			continue
		}
		done = append(done, d)
	}
	if len(done) == 0 {
		return nil, errors.Join(errs...)
	}
	return done, nil
}

// undoTimeout bounds the removal of an entry, which goes on after the end of a run.
const undoTimeout = 10 * time.Second

// commitTo writes the entry, twice if it does not get there as it should. If it does not then either, what there is of it is not to be
// relied on, and removed.
func (a *Agent) commitTo(ctx context.Context, term Term, t *taken, d *destination) error {
	store := guard(d.Store, term)
	err := at(StageCommit, inventory.Commit(ctx, store, d.entry(t)))
	if err != nil && ctx.Err() == nil {
		a.failedAt(d, err)
		err = at(StageCommit, inventory.Commit(ctx, store, d.entry(t)))
	}
	if err == nil {
		a.board.cover(d.name, t.entry)
		return nil
	}
	a.leave(ctx, term, t, d, err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, store.Delete(ctx, inventory.EntryName(d.nameOf(t.entry))))
}
