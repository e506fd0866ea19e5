package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// Commit writes the entry of a backup, whose archive must be in the store in its full size, and reads it back. From then on the backup
// counts. The error wraps [blobstore.ErrNotFound] if the archive is not there. An entry that was there is replaced. After an error the
// entry may be there or not; Commit may be called again.
func Commit(ctx context.Context, store blobstore.Store, e *Entry) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("commit backup %s: %w", e.ID, err)
	}
	if err := checkSize(ctx, store, e); err != nil {
		return fmt.Errorf("commit backup %s: %w", e.ID, err)
	}
	if err := writeEntry(ctx, store, e.Name, e); err != nil {
		return fmt.Errorf("commit backup %s: %w", e.ID, err)
	}
	return nil
}

// checkSize looks for the archive in the listing and, because listings can be stale and need not have every name, reads it if it is not
// found there as expected.
func checkSize(ctx context.Context, store blobstore.Store, e *Entry) error {
	objects, err := store.List(ctx)
	if err != nil {
		return fmt.Errorf("list %s: %w", store, err)
	}
	for _, o := range objects {
		if o.Name == e.Name && o.Size == e.Size {
			return nil
		}
	}
	size, err := measure(ctx, store, e.Name)
	if err == nil && size != e.Size {
		err = fmt.Errorf("%s has %d bytes, not the %d that were stored: store it again", store.Location(e.Name), size, e.Size)
	}
	return err
}

// measure reads an object to its end.
func measure(ctx context.Context, store blobstore.Store, name string) (int64, error) {
	r, err := store.Get(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", store.Location(name), err)
	}
	n, err := io.Copy(io.Discard, &cancelReader{ctx, r})
	if err := errors.Join(err, r.Close()); err != nil {
		return 0, fmt.Errorf("read %s: %w", store.Location(name), err)
	}
	return n, nil
}

// writeEntry writes the entry of an archive, whose name may end in .bad, and reads it back.
func writeEntry(ctx context.Context, store blobstore.Store, archive string, e *Entry) error {
	data, err := e.Encode()
	if err != nil {
		return err
	}
	name := EntryName(archive)
	if err := store.Put(ctx, name, bytes.NewReader(data), int64(len(data))); err != nil {
		return fmt.Errorf("write %s: %w", store.Location(name), err)
	}
	back, err := readObject(ctx, store, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("%s reads back other than it was written: the store cannot be trusted with backups", store.Location(name))
	}
	return nil
}

// A Verdict is the outcome of a check of a backup.
type Verdict struct {
	Proof  Proof
	Reason string    // why it is not proven
	At     time.Time // of the proof
	SHA256 string    // of the archive that was checked, in hex
}

// MarkProof writes a verdict into the entry of a committed archive and returns the entry. Another archive than the one that the entry
// is about proves nothing: the error is an [ErrSwapped] then. Without an entry it wraps [blobstore.ErrNotFound]. For a bad backup, see
// [SetAside].
func MarkProof(ctx context.Context, store blobstore.Store, archive string, v Verdict) (*Entry, error) {
	e, err := readEntry(ctx, store, archive)
	if err != nil {
		return nil, fmt.Errorf("record the proof of %s: %w", archive, err)
	}
	e = e.clone()
	switch {
	case v.Proof != Proven:
		e.doubt(v.Proof, v.Reason)
	case v.SHA256 != e.SHA256:
		return nil, fmt.Errorf("record the proof of %s: %w: its SHA-256 is %s, that of the entry %s",
			store.Location(archive), ErrSwapped, v.SHA256, e.SHA256)
	default:
		at := v.At.UTC()
		e.Proof, e.Reason, e.ProvenAt = Proven, "", &at
	}
	if err := writeEntry(ctx, store, archive, e); err != nil {
		return nil, fmt.Errorf("record the proof of %s: %w", archive, err)
	}
	return e, nil
}

// Confirm writes into the entry of a proven archive that the cluster still holds what is in it, and returns the entry.
func Confirm(ctx context.Context, store blobstore.Store, archive string, at time.Time) (*Entry, error) {
	e, err := readEntry(ctx, store, archive)
	if err != nil {
		return nil, fmt.Errorf("confirm %s: %w", archive, err)
	}
	if e.Proof != Proven {
		return nil, fmt.Errorf("confirm %s: it is %s", archive, e.Proof)
	}
	e = e.clone()
	at = at.UTC()
	e.Confirmed = &at
	if err := writeEntry(ctx, store, archive, e); err != nil {
		return nil, fmt.Errorf("confirm %s: %w", archive, err)
	}
	return e, nil
}

// ErrSwapped says that an archive is not the one that its entry is about.
var ErrSwapped = errors.New("not the archive that was committed")
