package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

// ErrFixed says that an archive has a fixed name.
var ErrFixed = errors.New("the archive has a fixed name, so that a second one cannot stand beside it until it is sound; " +
	"the next backup takes its place, and old versions are the bucket's to delete")

// NextName is the name for the archive of a backup that is encrypted anew now. The error is an [ErrFixed] if it can have no other than it
// has.
func (b *Backup) NextName(now time.Time) (string, error) {
	id, _, generation, ok := parseName(b.Name)
	if !ok || id != b.ID {
		return "", ErrFixed
	}
	return EncryptedName(id, max(now.UnixMilli(), generation+1)), nil
}

// Sealed is an archive that was encrypted anew.
type Sealed struct {
	Name       string
	Size       int64  // of what is stored, in bytes
	SHA256     string // of what is stored, in hex
	Encryption *Encryption
}

// Supersede makes another archive of the same content, which must be in the store in its full size, take the place of a backup's. Writing
// the entry is the commit point; then the old archive, and strays, are deleted. After a crash the backup is the old or the new one, and
// what is left of the other is a stray, which [ClearStrays] deletes. If the entry is not any more what it was in the inventory, nothing is
// done: the error is an [ErrChanged] then, and only then.
func Supersede(ctx context.Context, store blobstore.Store, b *Backup, by Sealed) (*Entry, error) {
	e, err := supersede(ctx, store, b, by)
	if err != nil {
		return nil, fmt.Errorf("put %s in the place of %s: %w", store.Location(by.Name), b.Name, err)
	}
	return e, nil
}

func supersede(ctx context.Context, store blobstore.Store, b *Backup, by Sealed) (*Entry, error) {
	if EntryName(by.Name) != EntryName(b.Name) || by.Name == b.Name {
		return nil, fmt.Errorf("it is not another archive of backup %s", b.ID)
	}
	e, err := readNamed(ctx, store, EntryName(b.Name)) // an agent may have confirmed it meanwhile
	switch {
	case errors.Is(err, blobstore.ErrNotFound):
		return nil, fmt.Errorf("%w: it is gone", ErrChanged)
	case err != nil:
		return nil, err
	}
	if !sameBackup(b.Entry, e) {
		return nil, ErrChanged
	}
	e = e.clone()
	e.Name, e.Size, e.SHA256, e.Encryption = by.Name, by.Size, by.SHA256, by.Encryption
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, replace(ctx, store, b, e)
}

// replace commits the new archive, and deletes the old one.
func replace(ctx context.Context, store blobstore.Store, b *Backup, e *Entry) error {
	if err := checkSize(ctx, store, e); err != nil {
		return err
	}
	if err := writeEntry(ctx, store, e.Name, e); err != nil {
		return err
	}
	next := *b
	next.Name, next.Entry, next.Strays = e.Name, e, []string{b.Name}
	for _, name := range b.Strays {
		if name != e.Name {
			next.Strays = append(next.Strays, name)
		}
	}
	const kept = "the new one is in its place, but the old one could not be deleted"
	switch err := ClearStrays(ctx, store, &next); {
	case errors.Is(err, ErrChanged): // which would say that nothing was done
		return fmt.Errorf("%s: %v", kept, err)
	case err != nil:
		return fmt.Errorf("%s: %w", kept, err)
	}
	return nil
}

// ErrChanged says that somebody else has changed an entry.
var ErrChanged = errors.New("its entry has changed since the inventory was taken: do it again")

// ClearStrays deletes the strays of a good backup, whose entry is read once more before: while it names the archive that it did, in its
// full size, no other archive of the ID is of use.
func ClearStrays(ctx context.Context, store blobstore.Store, b *Backup) error {
	if len(b.Strays) == 0 {
		return nil
	}
	same, err := unchanged(ctx, store, *b)
	if err != nil {
		return err
	}
	if !same {
		return ErrChanged
	}
	if err := checkSize(ctx, store, b.Entry); err != nil {
		return err
	}
	return deleteStrays(ctx, store, *b)
}

// deleteStrays deletes them, whatever has become of the archive.
func deleteStrays(ctx context.Context, store blobstore.Store, b Backup) error {
	for _, name := range b.Strays {
		if err := store.Delete(ctx, name); err != nil {
			return fmt.Errorf("delete %s: %w", store.Location(name), err)
		}
	}
	return nil
}
