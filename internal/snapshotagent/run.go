package snapshotagent

import (
	"context"
	"errors"
	"fmt"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// errBad says that a backup failed its proof.
var errBad = errors.New("the backup failed its proof")

// run takes a backup, and another at once if it fails its proof. term is nil in one-shot mode.
func (a *Agent) run(ctx context.Context, term Term) error {
	if !a.flight.TryLock() {
		return at(StageLock, errOverlap)
	}
	defer a.flight.Unlock()
	began := a.clock.Now()
	release, err := a.claim(ctx, term)
	defer release()
	var note string
	if err == nil {
		note, err = a.attempt(ctx, term)
	}
	if errors.Is(err, errBad) || errors.Is(err, errMismatch) {
		a.count(err)
		a.log.Error("taking another snapshot at once", "error", err)
		note, err = a.attempt(ctx, term)
	}
	if err != nil && ctx.Err() != nil {
		return err // cut short: neither good nor bad
	}
	a.ended(began, note, err)
	return err
}

// ended shows how a run has ended that began at a moment, and tells whoever is to know.
func (a *Agent) ended(began clock.Moment, note string, err error) {
	a.count(err)
	now := a.now()
	a.board.change(func(s *Status) {
		s.LastRun = now
		if err != nil {
			s.Failing++
			s.LastError = err.Error()
			return
		}
		s.Failing, s.LastError = 0, ""
		s.LastSuccess, s.Duration = now, a.clock.Now().Since(began)
	})
	if err != nil {
		a.log.Error("Snapshot failed", "error", err)
	}
	a.tellRun(began, err)
	switch r := a.config.Registrar; {
	case r == nil:
	case err != nil:
		r.Failed(err)
	default:
		r.Saved(note)
	}
	if a.config.Elector != nil {
		a.review() // Consul is told at once that an objective is met again
	}
}

// attempt takes one backup as far as it gets, and returns a note on it.
func (a *Agent) attempt(ctx context.Context, term Term) (note string, err error) {
	t, err := a.take(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, a.letGo(t)) }()
	if last := a.unchanged(t); last != nil {
		return a.skip(ctx, term, t, last)
	}
	early, err := a.seal(ctx, t)
	if err != nil {
		return "", err
	}
	stored, copied, err := a.store(ctx, term, t)
	if copied != nil {
		defer func() { err = errors.Join(err, copied.Discard()) }()
	}
	if err != nil {
		return "", err
	}
	verdict := a.verdict(ctx, t, early, copied)
	if ctx.Err() != nil {
		for _, d := range stored {
			a.leave(ctx, term, t, d, ctx.Err())
		}
		return "", at(StageDrill, ctx.Err())
	}
	if verdict.Proof == inventory.Bad {
		return "", a.reject(ctx, term, t, stored, verdict)
	}
	if verdict.Proof == inventory.Proven {
		now := a.now()
		t.entry.ProvenAt = &now
	}
	t.entry.Proof, t.entry.Reason = verdict.Proof, verdict.Reason
	done, err := a.commit(ctx, term, t, stored)
	if err != nil {
		return "", err
	}
	a.owe(t, done)
	note = a.saved(t)
	a.rotate(ctx, term, t.entry.Cluster, done)
	a.lookAt(ctx, done)
	return note, nil
}

// saved shows a committed backup.
func (a *Agent) saved(t *taken) string {
	a.board.change(func(s *Status) {
		s.LastID, s.Size, s.Index, s.Unproven = t.entry.ID, t.Size, t.entry.Index, t.entry.Reason
		if t.entry.ProvenAt != nil {
			s.LastProven = *t.entry.ProvenAt
		}
	})
	a.log.Info("Saved snapshot "+t.entry.ID, "index", t.entry.Index, "size", t.Size, "proof", t.entry.Proof)
	if t.entry.Proof != inventory.Proven {
		a.log.Warn("the snapshot is unproven", "id", t.entry.ID, "reason", t.entry.Reason)
		return fmt.Sprintf("Saved snapshot %s, unproven: %s", t.entry.ID, t.entry.Reason)
	}
	return fmt.Sprintf("Saved and proven snapshot %s, index %d", t.entry.ID, t.entry.Index)
}

// unchanged returns the newest proven backup if the cluster still holds what is in it and every destination has it.
func (a *Agent) unchanged(t *taken) *inventory.Entry {
	current := a.current.Load()
	if !current.SkipUnchanged {
		return nil
	}
	var last *inventory.Entry
	for _, d := range current.destinations {
		inv := d.last()
		if a.owed(d) { // it gets what the others have
			continue
		}
		if inv == nil {
			return nil
		}
		b := inv.LatestProven(t.entry.Cluster)
		if b == nil || b.Entry.Essence != t.Essence || last != nil && last.ID != b.ID || !b.Entry.Encryption.Same(current.encryption()) {
			return nil
		}
		last = b.Entry
	}
	return last
}

// skip confirms the last backup instead of making another. Agents that do not lead see by the entry that backups go on.
func (a *Agent) skip(ctx context.Context, term Term, t *taken, last *inventory.Entry) (note string, err error) {
	if err := hold(ctx, term); err != nil {
		return "", err
	}
	now := a.now()
	confirmed := false
	for _, d := range a.current.Load().destinations {
		if a.owed(d) {
			continue
		}
		entry, failed := inventory.Confirm(ctx, guard(d.Store, term), d.heldName(last), now)
		if failed != nil {
			err = errors.Join(err, at(StageCommit, fmt.Errorf("%s: %w", d.name, failed)))
			a.failedAt(d, failed)
			continue
		}
		a.board.cover(d.name, entry)
		confirmed = true
	}
	if !confirmed {
		return "", err
	}
	a.board.change(func(s *Status) {
		s.LastProven, s.LastID, s.Index, s.Size, s.Unproven = now, last.ID, t.entry.Index, last.Size, ""
	})
	a.log.Info("Skipped snapshot, nothing has changed since "+last.ID, "index", t.entry.Index)
	return fmt.Sprintf("Nothing has changed since snapshot %s, index %d now", last.ID, t.entry.Index), nil
}

// prove rebuilds the archive in the file at path.
func (a *Agent) prove(ctx context.Context, t *taken, path string) Verdict {
	a.backups++
	current := a.current.Load()
	switch every := current.DrillEvery; {
	case t.Unrestorable != nil:
		return Verdict{inventory.Unproven, "it holds records that Lictor cannot restore: " + t.Unrestorable.Error()}
	case every > 1 && (a.backups-1)%every != 0:
		return Verdict{inventory.Unproven, fmt.Sprintf("it was not rebuilt: drill.every is %d", every)}
	}
	return current.Prover.Prove(ctx, path, t.Description)
}

// reject sets a backup aside that failed its proof. The next one takes its place: it is rebuilt as well.
func (a *Agent) reject(ctx context.Context, term Term, t *taken, stored []*destination, verdict Verdict) error {
	a.backups--
	for _, d := range stored {
		if err := inventory.SetAside(ctx, guard(d.Store, term), d.entry(t), verdict.Reason, a.now()); err != nil {
			a.failedAt(d, at(StageCommit, err))
		}
	}
	return at(StageDrill, fmt.Errorf("%w: %s", errBad, verdict.Reason))
}
