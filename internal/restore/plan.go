package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/record"
)

// Options say what to let through and what to leave out.
type Options struct {
	// AllowTypes are types of records that a Consul 1.21.4 server does not know, but the target does.
	AllowTypes []record.Type
	// DropLegacyACL leaves out the records of the ACL system of Consul 1.3 and before.
	DropLegacyACL bool
}

// ErrRefused marks the error of an archive that is sound but is not sent.
var ErrRefused = errors.New("refused before anything was sent")

// HintError is an error that comes with advice on what to do.
type HintError struct {
	Err   error
	Hints []string
}

func (e *HintError) Error() string { return e.Err.Error() }

// Unwrap gives the error itself.
func (e *HintError) Unwrap() error { return e.Err }

// A Plan is an archive that was checked and may be sent. It must be closed; the Snapshot it was made of stays with its owner.
type Plan struct {
	Report  *backup.Report        // on what will be sent
	Allowed map[record.Type]int64 // records let through because of AllowTypes
	Dropped map[record.Type]int64 // records left out

	allowTypes []record.Type
	snapshot   *Snapshot
	rewritten  *archive.Writer // sent instead of the snapshot, if not nil
	contents   *contents
}

// Prepare walks the whole archive and refuses one that must not be sent. Such an error is a *HintError.
func Prepare(ctx context.Context, s *Snapshot, opts Options, progress backup.Progress) (*Plan, error) {
	b := &builder{plan: &Plan{snapshot: s, allowTypes: opts.AllowTypes, contents: newContents()}, opts: opts}
	if opts.DropLegacyACL {
		var err error
		if b.out, err = newRewriter(); err != nil {
			return nil, err
		}
	}
	if err := b.build(ctx, progress); err != nil {
		return nil, errors.Join(explain(ctx, err), b.plan.Close(), b.out.Close())
	}
	return b.plan, nil
}

// Close gives up what the plan holds besides the snapshot.
func (p *Plan) Close() error {
	if p.rewritten == nil {
		return nil
	}
	return p.rewritten.Close()
}

// builder makes a plan.
type builder struct {
	plan *Plan
	opts Options
	out  *rewriter // nil if nothing is to be left out
}

func (b *builder) build(ctx context.Context, progress backup.Progress) error {
	r, err := b.plan.snapshot.Rewind()
	if err != nil {
		return err
	}
	report, err := verify(ctx, r, b.plan.snapshot.size(), b.checks(), progress)
	if err != nil {
		return err
	}
	if report.Findings.First != nil {
		return refusal(&report.Findings)
	}
	b.plan.Report = report
	b.plan.Allowed = pick(report.Findings.Allowed, b.opts.AllowTypes)
	if b.out == nil {
		return nil
	}
	return b.rewrite(ctx, report, progress)
}

// checks are the options of the walk.
func (b *builder) checks() backup.Options {
	opts := backup.Options{Allow: b.opts.AllowTypes, Visit: b.visit}
	if b.out != nil {
		opts.Allow = append(slices.Clone(opts.Allow), record.TypeLegacyACL, record.TypeACLBootstrap)
		opts.Begin = b.out.header
	}
	return opts
}

func (b *builder) visit(raw record.Raw, value any) error {
	b.plan.contents.add(value)
	if b.out != nil {
		return b.out.record(raw)
	}
	return nil
}

// rewrite takes the archive without the dropped records, if there were any, and walks that, too.
func (b *builder) rewrite(ctx context.Context, report *backup.Report, progress backup.Progress) error {
	if len(b.out.dropped) == 0 {
		return b.out.Close()
	}
	w, err := b.out.finish(report.Meta)
	if err != nil {
		return err
	}
	b.plan.rewritten, b.plan.Dropped = w, b.out.dropped
	body, stop := pipeFrom(w)
	defer stop()
	again, err := verify(ctx, body, w.Len(), backup.Options{Allow: b.opts.AllowTypes}, progress)
	if err != nil {
		return fmt.Errorf("the snapshot was written anew without %s, but what was written does not read back: %w",
			backup.TypeCounts(b.out.dropped), err)
	}
	if again.Findings.First != nil {
		return refusal(&again.Findings)
	}
	b.plan.Report = again
	b.plan.Allowed = pick(again.Findings.Allowed, b.opts.AllowTypes)
	return nil
}

func verify(ctx context.Context, r io.Reader, size int64, opts backup.Options, progress backup.Progress) (*backup.Report, error) {
	bar := progress.Start("Verifying", size)
	defer bar.Close()
	return backup.Verify(ctx, io.TeeReader(r, bar), opts)
}

// pick returns the counts of the listed types.
func pick(counts map[record.Type]int64, types []record.Type) map[record.Type]int64 {
	picked := map[record.Type]int64{}
	for _, t := range types {
		if n := counts[t]; n > 0 {
			picked[t] = n
		}
	}
	return picked
}

func refusal(f *backup.Findings) error {
	return &HintError{fmt.Errorf("%w (%w)", f.First, ErrRefused), f.Warnings()}
}

// explain gives the reason of a cancelled context, and advice where the archive is bad.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	damaged := errors.Is(err, archive.ErrCorrupt) || errors.Is(err, record.ErrCorrupt) || errors.Is(err, archive.ErrNotRestorable)
	if !damaged {
		return err
	}
	return &HintError{err, []string{"the snapshot is damaged or was never whole; nothing was sent to the cluster. Take another snapshot"}}
}
