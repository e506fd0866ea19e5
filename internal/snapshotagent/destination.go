package snapshotagent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retention"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// A Destination is where backups go.
type Destination struct {
	Store  blobstore.Store
	Retain int // at most so many backups of the cluster are kept; 0 for all, or as Keep says
	Keep   retention.Rules
}

// destination is one as the agent knows it.
type destination struct {
	Destination
	name string
	pace *pace // of uploads to other machines; nil without a limit
	// flight is held by what uploads. An upload that was given up may go on for a while.
	flight sync.Mutex
	// uncommitted are archives that were uploaded but are no backups. They are for the goroutine that runs.
	uncommitted []string

	mu        sync.Mutex           // guards inventory
	inventory *inventory.Inventory // as it was last listed; nil before
}

// errMismatch says that a store gives back something else than it was given.
var errMismatch = errors.New("what was read back is not what was uploaded")

// errBusy says that an upload is under way that was given up before, and has not ended yet.
var errBusy = errors.New("an earlier upload, which took too long, has not ended yet")

// errSpoilt says that the scratch file is not any more what was read from the cluster.
var errSpoilt = errors.New("the scratch file has changed since it was read: is the disk sound?")

// uploadTries is how often an archive is uploaded that does not come back as it was.
const uploadTries = 2

// put uploads an archive, reads it back and compares. What is read back goes to tee as well, which is emptied before each try. again is
// told what went wrong before another try.
func (d *destination) put(ctx context.Context, term Term, t *taken, tee *scratch.File, again func(*destination, error)) error {
	if !d.flight.TryLock() {
		return at(StageUpload, errBusy)
	}
	defer d.flight.Unlock()
	for try := 1; ; try++ {
		if err := at(StageUpload, d.upload(ctx, term, t)); err != nil {
			return err
		}
		err := at(StageReadBack, d.readBack(ctx, t, tee))
		if !errors.Is(err, errMismatch) {
			return err
		}
		if spoilt := t.intact(); spoilt != nil {
			return at(StageReadBack, fmt.Errorf("%w; %w", err, spoilt))
		}
		if try == uploadTries {
			return err
		}
		again(d, err)
	}
}

// entry is the entry of an archive as this destination has it: under its own name, if it has one.
func (d *destination) entry(t *taken) *inventory.Entry {
	e := *t.entry
	e.Name = d.nameOf(&e)
	return &e
}

// nameOf is the name that a new archive has in this destination.
func (d *destination) nameOf(e *inventory.Entry) string {
	return cmp.Or(blobstore.FixedName(d.Store), e.Name)
}

// heldName is the name that a backup has in this destination, where it may have been encrypted anew.
func (d *destination) heldName(e *inventory.Entry) string {
	if inv := d.last(); inv != nil {
		if b := inv.Find(e.ID); b != nil {
			return b.Name
		}
	}
	return d.nameOf(e)
}

func (d *destination) upload(ctx context.Context, term Term, t *taken) error {
	if blobstore.FixedName(d.Store) != "" { // the upload replaces what is there
		if err := hold(ctx, term); err != nil {
			return err
		}
	}
	f, err := t.file.Reopen()
	if err != nil {
		return err
	}
	defer f.Close()
	var data io.Reader = f
	if blobstore.Directory(d.Store) == "" {
		data = d.pace.reader(ctx, f)
	}
	return d.Store.Put(ctx, d.nameOf(t.entry), data, t.Size)
}

// readBack compares what the store has with what was read from the cluster.
func (d *destination) readBack(ctx context.Context, t *taken, tee *scratch.File) error {
	name := d.nameOf(t.entry)
	r, err := d.Store.Get(ctx, name)
	if errors.Is(err, blobstore.ErrNotFound) {
		return fmt.Errorf("%w: nothing: %w", errMismatch, err)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	var to io.Writer = sum
	if tee != nil {
		if err := tee.Truncate(0); err != nil {
			return err
		}
		if _, err := tee.Seek(0, io.SeekStart); err != nil {
			return err
		}
		to = io.MultiWriter(sum, tee)
	}
	n, err := io.Copy(to, r)
	if err != nil {
		return err
	}
	if n != t.Size || [sha256.Size]byte(sum.Sum(nil)) != t.SHA256 {
		return fmt.Errorf("%w: %s: %d bytes with SHA-256 %x, but %d with %x went there", errMismatch, d.Store.Location(name), n,
			sum.Sum(nil), t.Size, t.SHA256)
	}
	return nil
}

// list brings the inventory up to date.
func (d *destination) list(ctx context.Context) (*inventory.Inventory, error) {
	now, err := inventory.List(ctx, d.Store, d.last())
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inventory = now
	return now, nil
}

// last is the inventory as it was last listed, nil before.
func (d *destination) last() *inventory.Inventory {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inventory
}

// rotate deletes what is not to be kept of what was last listed.
func (d *destination) rotate(ctx context.Context, term Term, keep inventory.Keep) (deleted []inventory.Backup, err error) {
	keep.Retain, keep.Rules = d.Retain, d.Keep
	if deleted, err = inventory.Prune(ctx, guard(d.Store, term), d.last(), keep); err != nil {
		return deleted, err
	}
	return deleted, d.clear(ctx, guard(d.Store, term))
}

// clear deletes the archives that are no backups. One that has an entry after all is one: it was committed later, or adopted.
func (d *destination) clear(ctx context.Context, store blobstore.Store) error {
	for len(d.uncommitted) > 0 {
		name := d.uncommitted[0]
		entry, err := store.Get(ctx, inventory.EntryName(name))
		switch {
		case err == nil:
			err = entry.Close()
		case errors.Is(err, blobstore.ErrNotFound):
			err = store.Delete(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("delete %s, which was never committed: %w", d.Store.Location(name), err)
		}
		d.uncommitted = d.uncommitted[1:]
	}
	return nil
}
