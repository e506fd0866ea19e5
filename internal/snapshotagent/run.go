package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
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
		a.judgeAges() // Consul is told at once that an objective is met again
	}
	return err
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
	verdict := a.judge(ctx, t, early, copied)
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

// errLate is why a destination lacks a backup that others have already.
var errLate = errors.New("it takes much longer than the others, and gets the snapshot later")

// lateTimeout is how long an upload that is given up may take to end.
const lateTimeout = 10 * time.Second

// store puts an archive into all destinations, and returns those that have it. What one of them gives back ends up in copied, which the
// caller discards. It fails if none has it. Who takes much longer than the others does not hold them up.
func (a *Agent) store(ctx context.Context, term Term, t *taken) (stored []*destination, copied *scratch.File, err error) {
	if copied, err = a.config.Scratch.Create(); err != nil {
		return nil, nil, at(StageReadBack, err)
	}
	destinations := a.current.Load().destinations // those of a reload get the backup later
	errs := a.upload(ctx, term, t, destinations, copied)
	for i, d := range destinations {
		if errs[i] == nil {
			stored = append(stored, d)
			continue
		}
		a.failedAt(d, errs[i])
		a.leave(ctx, term, t, d, errs[i])
	}
	a.board.change(func(s *Status) { s.Bytes += t.Size * int64(len(stored)) })
	if len(stored) == 0 {
		return nil, copied, errors.Join(errs...)
	}
	if errs[0] == nil {
		return stored, copied, nil
	}
	discarding := copied.Discard() // the first destination may not be done with it
	if copied, err = a.config.Scratch.Create(); err != nil {
		return nil, nil, errors.Join(discarding, at(StageReadBack, err))
	}
	err = a.copyBack(ctx, t, stored, copied)
	if err != nil {
		for _, d := range stored {
			a.leave(ctx, term, t, d, err)
		}
	}
	return stored, copied, errors.Join(discarding, err)
}

// copyBack reads the archive back from the first destination that gives it.
func (a *Agent) copyBack(ctx context.Context, t *taken, from []*destination, copied *scratch.File) (err error) {
	for _, d := range from {
		if err = at(StageReadBack, d.readBack(ctx, t, copied)); err == nil {
			return nil
		}
		a.failedAt(d, err)
	}
	return err
}

// upload puts an archive into destinations, all at once, and returns the error of each. What the first gives back goes to tee.
func (a *Agent) upload(ctx context.Context, term Term, t *taken, to []*destination, tee *scratch.File) []error {
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	type outcome struct {
		of  int
		err error
	}
	outcomes := make(chan outcome, len(to)) // whoever ends after all is not waited for any more
	errs := make([]error, len(to))
	for i, d := range to {
		errs[i] = at(StageUpload, errLate)
		file := tee
		if i > 0 {
			file = nil
		}
		go func() { outcomes <- outcome{i, d.put(ctx, term, t, file, a.failedAt)} }()
	}
	var over <-chan time.Time
	for pending := len(to); pending > 0; {
		select {
		case o := <-outcomes:
			pending--
			if !errors.Is(o.err, context.Canceled) || !errors.Is(context.Cause(ctx), errLate) {
				errs[o.of] = o.err
			}
			if o.err == nil && over == nil && term != nil {
				over = a.clock.After(a.grace() + a.sending(t, to))
			}
		case <-over:
			if context.Cause(ctx) != nil {
				return errs
			}
			abandon(errLate)
			over = a.clock.After(lateTimeout)
		}
	}
	return errs
}

// grace is how long a run waits for other destinations once one has the archive.
func (a *Agent) grace() time.Duration {
	return max(5*time.Second, min(a.current.Load().Interval/4, 5*time.Minute))
}

// leave deals with an archive that was uploaded but is no backup, because of err. One that does not come back as it was is evidence, and
// set aside. Any other may be all that is left of a cluster that has just gone: it stays until there is a newer backup.
func (a *Agent) leave(ctx context.Context, term Term, t *taken, d *destination, err error) {
	if !errors.Is(err, errMismatch) {
		if name := d.nameOf(t.entry); !slices.Contains(d.uncommitted, name) {
			d.uncommitted = append(d.uncommitted, name)
		}
		return
	}
	if err := inventory.SetAside(ctx, guard(d.Store, term), d.entry(t), err.Error(), a.now()); err != nil {
		a.log.Warn("a spoilt upload could not be set aside", "destination", d.name, "error", err)
	}
}

// failedAt notes that a destination failed while others may go on. What was cut short has not failed.
func (a *Agent) failedAt(d *destination, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	a.count(err)
	a.log.Error("a destination failed", "destination", d.name, "error", err)
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

// hold asks again whether this agent still leads. In one-shot mode nobody does.
func hold(ctx context.Context, term Term) error {
	if term == nil {
		return nil
	}
	return at(StageLock, term.Check(ctx))
}

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
