package selective

import (
	"context"
	"fmt"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// Apply carries the plan out, and compares what was written with what it was to be. undo is the path of the file that leads back, which is
// on disk before the first change; empty for none, where a way back there is already. A file of a restore that did not come to its end is
// extended, any other one refused.
//
// An error says that nothing was done, or that the restore was broken off; the outcome tells what has been done until then, and is never
// nil. What was refused or had been changed is no error but in the outcome.
func (p *Plan) Apply(ctx context.Context, undo string) (*Outcome, error) {
	out := &Outcome{}
	if p.Len() == 0 {
		return out, nil
	}
	out.NotDone = int64(p.Len())
	if undo != "" {
		if err := p.writeUndo(ctx, undo); err != nil {
			return out, err
		}
		out.Undo = undo
	}
	out.NotDone = 0
	err := p.write(ctx, out)
	out.sort()
	if err != nil {
		return out, err
	}
	if undo != "" {
		err = undofile.Finish(undo, p.opts.now())
	}
	out.NotRead = p.closing(ctx, out)
	out.Compared = out.NotRead == nil
	out.sort()
	return out, err
}

// write carries out all changes: first what others refer to, and what is removed in the other order.
func (p *Plan) write(ctx context.Context, out *Outcome) error {
	w := &objectWriter{plan: p, out: out, made: map[string]string{}}
	last := len(families) - 1 // keys
	for _, family := range families[:last] {
		if err := w.writeAll(ctx, family, false); err != nil {
			return p.broken(out, err)
		}
	}
	if err := p.writeKeys(ctx, out); err != nil {
		return p.broken(out, err)
	}
	for i := last - 1; i >= 0; i-- {
		if err := w.writeAll(ctx, families[i], true); err != nil {
			return p.broken(out, err)
		}
	}
	return nil
}

// broken counts what was not done when a restore was broken off.
func (p *Plan) broken(out *Outcome, err error) error {
	out.NotDone = int64(p.Len()) - out.Done() - out.Already - int64(len(out.Conflicts)) - int64(len(out.Failed))
	return err
}

// closing reads what was meant once more, and finds what was written and is not as it was to be.
func (p *Plan) closing(ctx context.Context, out *Outcome) error {
	if out.Done()+out.Already == 0 {
		return nil
	}
	again, err := newPlan(p.target, p.opts)
	if err != nil {
		return err
	}
	defer func() { _ = again.Close() }() // it was only read
	again.scope, again.Cluster, again.Undoing = p.scope, p.Cluster, p.Undoing
	view, err := again.survey(ctx, again.live)
	if err != nil {
		return err
	}
	// What was made has IDs by now that nobody knew before.
	if err := again.settle(p.sources, p.names, view); err != nil {
		return err
	}
	if err := again.lingering(p, view); err != nil {
		return err
	}
	if err := again.takeKeys(p.wanted); err != nil {
		return err
	}
	if again.results, err = again.compareStates(ctx, again.live, nil, again.wanted); err != nil {
		return err
	}
	planned := p.planned(out)
	for c := range again.Changes() {
		if planned[c.Family+"\x00"+c.Name] {
			out.Remaining = append(out.Remaining, Finding{c.Family, c.Name, remains(c.What)})
		}
	}
	return nil
}

// lingering takes in what another plan has removed, should it still be there.
func (p *Plan) lingering(from *Plan, v *view) error {
	for id := range from.live.objects {
		if o := v.byID[id]; o != nil && p.live.objects[id] == nil && from.wanted.objects[id] == nil {
			p.live.objects[id] = o
			if err := p.live.add(id, recordOf(o)); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeKeys takes the keys of another wanted state over.
func (p *Plan) takeKeys(from *side) error {
	isKey := func(id object.ID) bool { return from.objects[id] == nil }
	return from.each(isKey, func(id object.ID, raw record.Raw) error {
		return p.wanted.put(id, append([]byte{byte(raw.Type)}, raw.Value...))
	})
}

// planned are the objects that were to be changed, but for those of which it is said already that they were not.
func (p *Plan) planned(out *Outcome) map[string]bool {
	all := make(map[string]bool, p.Len())
	for c := range p.Changes() {
		all[c.Family+"\x00"+c.Name] = true
	}
	for _, list := range [][]Finding{out.Conflicts, out.Failed} {
		for _, f := range list {
			delete(all, f.Family+"\x00"+f.Name)
		}
	}
	return all
}

// remains says in what way something is not as it was to be.
func remains(what diff.What) string {
	switch what {
	case diff.Added:
		return "is not there"
	case diff.Removed:
		return "is there again"
	}
	return "has another content"
}

// writeUndo writes the file that leads back, complete, before anything is changed.
func (p *Plan) writeUndo(ctx context.Context, path string) error {
	w, old, err := p.beginUndo(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = w.Abort() }() // after Commit it does nothing
	bar := p.opts.start("Writing the undo file", -1)
	defer bar.Close()
	if err := p.undoEntries(ctx, w, old, bar); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	return nil
}
