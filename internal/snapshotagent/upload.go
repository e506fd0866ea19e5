package snapshotagent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

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
