package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// SetAside takes a backup that failed its proof out of the way. e is its entry, committed or not, and at the time at which it failed.
// Its archive becomes the .bad one, with an entry that has the reason; of the cluster's bad archives the last three are kept.
//
// First of all the entry is marked bad, so that after a crash or an error the backup is not taken for a good one; SetAside may then
// be called again. An archive that is not there is no error: the entry alone is kept, as evidence. One with a fixed name stays
// where it is and is only marked.
func SetAside(ctx context.Context, store blobstore.Store, e *Entry, reason string, at time.Time) error {
	e = e.clone()
	if e.Committed.IsZero() {
		e.Committed = at
	}
	e.doubt(Bad, reason)
	if err := setAside(ctx, store, e); err != nil {
		return fmt.Errorf("set bad backup %s aside: %w", e.ID, err)
	}
	return nil
}

func setAside(ctx context.Context, store blobstore.Store, e *Entry) error {
	if err := writeEntry(ctx, store, e.Name, e); err != nil {
		return err
	}
	if _, ok := ParseArchiveName(e.Name); !ok {
		return nil
	}
	bad := BadName(e.Name)
	if err := writeEntry(ctx, store, bad, e); err != nil {
		return err
	}
	if err := copyObject(ctx, store, e.Name, bad); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return err
	}
	if err := deleteOne(ctx, store, e.Name); err != nil {
		return err
	}
	return pruneBad(ctx, store, e.Cluster)
}

// copyObject reads an object twice, for its size as listed may be what is wrong with it.
func copyObject(ctx context.Context, store blobstore.Store, from, to string) error {
	size, err := measure(ctx, store, from)
	if err != nil {
		return err
	}
	r, err := store.Get(ctx, from)
	if err != nil {
		return fmt.Errorf("read %s: %w", store.Location(from), err)
	}
	err = store.Put(ctx, to, &cancelReader{ctx, r}, size)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("copy %s to %s: %w", store.Location(from), store.Location(to), err)
	}
	return nil
}

func pruneBad(ctx context.Context, store blobstore.Store, cluster string) error {
	inv, err := List(ctx, store, nil)
	if err != nil {
		return err
	}
	_, err = Prune(ctx, store, inv, Keep{Cluster: cluster})
	return err
}
