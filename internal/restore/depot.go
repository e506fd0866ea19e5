package restore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// A Depot keeps a safety snapshot.
type Depot interface {
	// Location is where one of that name would be, for people.
	Location(name string) string
	// Check fails if something is there already.
	Check(ctx context.Context, name string) error
	// Put keeps what r gives: whole, durable and read back, or nothing of it.
	Put(ctx context.Context, name string, r io.Reader, want Stored) error
}

// Stored is what a depot is to hold.
type Stored struct {
	Size   int64 // bytes
	SHA256 [sha256.Size]byte
}

// errExists says that a safety snapshot would take the place of something.
var errExists = errors.New("it exists already, and is not replaced")

// FileDepot is a file, or a directory in which the safety snapshot gets its own name.
type FileDepot struct {
	Path string
	// Warn, which may be nil, is told what the file system would not do although the file is in place.
	Warn func(error)
}

// Location is the path.
func (d *FileDepot) Location(name string) string {
	if info, err := os.Stat(d.Path); err == nil && info.IsDir() {
		return filepath.Join(d.Path, name)
	}
	return d.Path
}

// Check looks for a file, and for its directory.
func (d *FileDepot) Check(_ context.Context, name string) error {
	path := d.Location(name)
	switch _, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(path))
		return err
	case err != nil:
		return err
	}
	return fmt.Errorf("%s: %w", path, errExists)
}

// Put writes the file with mode 0600, under another name until it has been read back.
func (d *FileDepot) Put(ctx context.Context, name string, r io.Reader, want Stored) error {
	staged, err := (&backup.File{Path: d.Location(name), Warn: d.Warn}).Stage(ctx)
	if err != nil {
		return err
	}
	if err := d.put(ctx, name, staged, r, want); err != nil {
		return errors.Join(err, staged.Abort())
	}
	return nil
}

func (d *FileDepot) put(ctx context.Context, name string, staged backup.Staged, r io.Reader, want Stored) error {
	if _, err := io.Copy(staged, r); err != nil {
		return err
	}
	if err := staged.Seal(); err != nil {
		return err
	}
	if err := backup.SameBytes(ctx, staged, want.SHA256); err != nil {
		return err
	}
	if err := d.Check(ctx, name); err != nil {
		return err
	}
	return staged.Commit(ctx)
}

// StoreDepot is a store of backups. Safety snapshots lie beside these, under names that no retention knows.
type StoreDepot struct{ Store blobstore.Store }

// Location is that of the object.
func (d *StoreDepot) Location(name string) string { return d.Store.Location(d.object(name)) }

func (d *StoreDepot) object(name string) string { return retrieval.SafetyObject(d.Store, name) }

// Check asks for the object.
func (d *StoreDepot) Check(ctx context.Context, name string) error {
	r, err := d.Store.Get(ctx, d.object(name))
	if errors.Is(err, blobstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(fmt.Errorf("%s: %w", d.Location(name), errExists), r.Close())
}

// Put uploads the object and reads it back. One that does not come back as it was is deleted, also when ctx is done meanwhile.
func (d *StoreDepot) Put(ctx context.Context, name string, r io.Reader, want Stored) error {
	stored := false
	err := d.Store.Put(ctx, d.object(name), r, want.Size)
	if err == nil {
		stored = true
		err = d.readBack(ctx, name, want)
	}
	if err == nil {
		return nil
	}
	again, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	left := d.Store.Delete(again, d.object(name))
	if !stored { // then nothing is there, as far as the store keeps its promises
		left = nil
	}
	return errors.Join(err, left)
}

// cleanUp bounds the deletion of what did not come to anything.
const cleanUp = 30 * time.Second

func (d *StoreDepot) readBack(ctx context.Context, name string, want Stored) error {
	r, err := d.Store.Get(ctx, d.object(name))
	if err != nil {
		return fmt.Errorf("read back %s: %w", d.Location(name), err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, &cancelReader{ctx, r})
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read back %s: %w", d.Location(name), err)
	}
	if n != want.Size || !bytes.Equal(sum.Sum(nil), want.SHA256[:]) {
		return fmt.Errorf("%s reads back other than it was written: %d bytes with SHA-256 %x, not %d with %x", d.Location(name), n, sum.Sum(nil),
			want.Size, want.SHA256)
	}
	return nil
}
