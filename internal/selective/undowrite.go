package selective

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// ErrUndoTaken says that an undo file is that of another restore, which must not be lost.
var ErrUndoTaken = errors.New("the undo file is that of another restore")

// beginUndo begins the file that leads back. If there is one already of a restore that did not come to its end, its entries come first:
// what it has as the state before counts.
func (p *Plan) beginUndo(ctx context.Context, path string) (w *undofile.Writer, old *undofile.File, err error) {
	head := &undofile.Header{Datacenter: p.Cluster.Datacenter, TrustDomain: p.Cluster.TrustDomain, Address: p.Cluster.Address,
		Source: p.Source, Made: p.opts.now().UTC()}
	old, err = undofile.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		old = nil
	case err != nil:
		return nil, nil, fmt.Errorf("there is a file already where the undo file is to be, and it cannot be used: %w; nothing was changed", err)
	default:
		if err := p.extendable(path, old); err != nil {
			return nil, nil, errors.Join(err, old.Close())
		}
		head.Made, head.Source, head.Keys = old.Made, old.Source, old.Keys
	}
	for _, s := range p.Keys {
		if span := (undofile.Span{Key: s.Key, Prefix: s.Prefix}); !slices.Contains(head.Keys, span) {
			head.Keys = append(head.Keys, span)
		}
	}
	w, err = undofile.Create(ctx, path, head)
	if err != nil && old != nil {
		err = errors.Join(err, old.Close())
	}
	return w, old, err
}

// extendable tells whether a restore may go on with an undo file.
func (p *Plan) extendable(path string, old *undofile.File) error {
	switch {
	case !old.Finished.IsZero():
		return fmt.Errorf("%w: %s takes back a restore that was finished %s; name another file, or move that one away; nothing was changed",
			ErrUndoTaken, path, old.Finished.Format("2006-01-02 15:04:05 MST"))
	case !sameCluster(old, &p.Cluster):
		return fmt.Errorf("%w: %s is of %s; name another file; nothing was changed", ErrUndoTaken, path, clusterOf(old))
	}
	return nil
}

// Extendable tells whether an undo file is of a cluster, so that a restore into it may go on with the file if it was not finished.
func Extendable(f *undofile.File, c *Cluster) bool { return sameCluster(f, c) }

// sameCluster tells whether an undo file is of a cluster, as far as that is known.
func sameCluster(f *undofile.File, c *Cluster) bool {
	return f.Datacenter == c.Datacenter && (f.TrustDomain == "" || c.TrustDomain == "" || f.TrustDomain == c.TrustDomain)
}

func clusterOf(f *undofile.File) string {
	text := fmt.Sprintf("datacenter %q", f.Datacenter)
	if f.TrustDomain != "" {
		text += ", cluster " + f.TrustDomain
	}
	return text
}

// undoEntries writes the entries: those that there were, and those of the plan.
func (p *Plan) undoEntries(ctx context.Context, w *undofile.Writer, old *undofile.File, bar io.Writer) error {
	if old != nil {
		defer func() { _ = old.Close() }() // it was only read
		if err := old.Each(w.Add); err != nil {
			return err
		}
	}
	for c := range p.Changes() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		before, after, err := both(&c)
		if err != nil {
			return err
		}
		e := &undofile.Entry{Family: c.Family, After: [][]byte{nil}}
		if e.Before, err = recordBytes(before); err != nil {
			return err
		}
		if e.After[0], err = recordBytes(after); err != nil {
			return err
		}
		_, _ = bar.Write(e.Before) // which never fails
		if err := w.Add(e); err != nil {
			return err
		}
	}
	return nil
}

// recordBytes is the record of an object, nil for none.
func recordBytes(o *object.Object) ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	var room []byte
	if e, ok := o.Value.(*record.KVEntry); ok {
		room = make([]byte, 0, 160+len(e.Key)+len(e.Value))
	}
	return record.Append(room, recordOf(o))
}
