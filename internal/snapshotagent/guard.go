package snapshotagent

import (
	"context"
	"io"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// hold asks again whether this agent still leads. In one-shot mode nobody does.
func hold(ctx context.Context, term Term) error {
	if term == nil {
		return nil
	}
	return at(StageLock, term.Check(ctx))
}

// guarded is a store for commits and deletions: the lock is read again right before each of them. Listing and reading a store takes its
// time, and a process may be stopped meanwhile.
type guarded struct {
	blobstore.Store
	term Term
}

// guard guards a store. term is nil in one-shot mode.
func guard(store blobstore.Store, term Term) blobstore.Store {
	return &guarded{store, term}
}

// FixedName is that of the store.
func (g *guarded) FixedName() string { return blobstore.FixedName(g.Store) }

// Put is part of blobstore.Store.
func (g *guarded) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := hold(ctx, g.term); err != nil {
		return err
	}
	return g.Store.Put(ctx, name, r, size)
}

// Delete is part of blobstore.Store.
func (g *guarded) Delete(ctx context.Context, name string) error {
	if err := hold(ctx, g.term); err != nil {
		return err
	}
	return g.Store.Delete(ctx, name)
}
