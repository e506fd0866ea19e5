package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// Get opens an object, or what passes for it.
func (f *Faulty) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	content, err := f.content(ctx, name)
	missing := errors.Is(err, blobstore.ErrNotFound)
	if err != nil && !missing {
		return nil, err
	}
	faults := []Fault{FailGet, LoseGet, FailRead, TruncateRead, FlipRead, StaleRead}
	hit, waited := f.fault(ctx, name, faults, func(x Fault) bool { return f.canGet(x, name, content, missing) })
	if waited != nil {
		return nil, waited
	}
	switch hit {
	case FailGet:
		return nil, f.made("read", name)
	case LoseGet:
		return nil, f.absent(name)
	case FailRead:
		some := bytes.NewReader(content[:f.below(len(content)+1)])
		return io.NopCloser(&ctxReader{ctx, io.MultiReader(some, errorReader(f.made("read", name)))}), nil
	case StaleRead:
		f.mu.Lock()
		content = f.before[name]
		f.mu.Unlock()
		if content == nil {
			return nil, f.absent(name)
		}
	default:
		if missing {
			return nil, err
		}
	}
	return io.NopCloser(&ctxReader{ctx, bytes.NewReader(f.damage(hit, content))}), nil
}

// ctxReader fails once its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (f *Faulty) absent(name string) error {
	return fmt.Errorf("%s: %w", f.Location(name), blobstore.ErrNotFound)
}

// canGet is called with the lock held.
func (f *Faulty) canGet(x Fault, name string, content []byte, missing bool) bool {
	switch x {
	case FailGet:
		return true
	case StaleRead:
		old, ok := f.before[name]
		return ok && (missing || old == nil || !bytes.Equal(old, content))
	case TruncateRead, FlipRead:
		return len(content) > 0
	}
	return !missing
}

// List lists the objects, or what passes for them.
func (f *Faulty) List(ctx context.Context) ([]blobstore.Object, error) {
	listed, err := f.Store.List(ctx)
	if err != nil {
		return nil, err
	}
	hit, err := f.fault(ctx, "", []Fault{FailList, StaleList, ShortList}, func(x Fault) bool {
		return x != ShortList || len(listed) > 0
	})
	switch {
	case err != nil:
		return nil, err
	case hit == FailList:
		return nil, f.made("list", "")
	case hit == ShortList:
		out := f.below(len(listed))
		return slices.Delete(listed, out, out+1), nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if hit == StaleList {
		return slices.Clone(f.listed), nil
	}
	f.listed = slices.Clone(listed)
	return listed, nil
}

// Delete removes an object, or does not.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	hit, err := f.fault(ctx, name, []Fault{FailDelete, LoseDelete}, func(Fault) bool { return true })
	switch {
	case err != nil:
		return err
	case hit == FailDelete:
		return f.made("delete", name)
	case hit == LoseDelete:
		return nil
	}
	if err := f.remember(ctx, name); err != nil {
		return err
	}
	return f.Store.Delete(ctx, name)
}
