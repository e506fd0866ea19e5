package restore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// A Fetch gets a backup out of stores and checks it.
type Fetch struct {
	Options Options
	// Keys decrypt. They are asked for when something is encrypted.
	Keys func() (*encryption.Keys, error)
	// Warn is told of a copy that cannot be used, while there is another.
	Warn     func(error)
	Progress backup.Progress
}

// Fetched is a backup in a private file: compared with its entry, decrypted and checked to its last record. It must be closed.
type Fetched struct {
	Source    *retrieval.Source // where it came from
	Encrypted bool              // it is encrypted there
	Plan      *Plan
	snapshot  *Snapshot
}

// Close gives the space back.
func (f *Fetched) Close() error { return errors.Join(f.Plan.Close(), f.snapshot.Close()) }

var (
	// ErrNoCopy says that no copy of a backup can be used.
	ErrNoCopy = errors.New("no copy of the backup can be used")
	// ErrBad says that a backup failed its proof.
	ErrBad = errors.New("it failed its proof, and nothing bad is restored out of a store")
)

// First returns the backup from the first store that can give it. Another backup is never taken in its place: then the error is an
// [ErrNoCopy]. What is sound but refused is the same in all stores: the error is that of [Prepare].
func (f *Fetch) First(ctx context.Context, copies *retrieval.Copies) (*Fetched, error) {
	var errs []error
	for i, source := range copies.Sources {
		got, err := f.one(ctx, source)
		if err == nil {
			return got, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if errors.Is(err, ErrRefused) || errors.Is(err, errSpool) {
			return nil, err
		}
		err = fmt.Errorf("%s: %w", source.Store.Location(source.Backup.Name), err)
		errs = append(errs, err)
		if i+1 < len(copies.Sources) {
			f.Warn(err)
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNoCopy, errors.Join(errs...))
}

// one gets one copy.
func (f *Fetch) one(ctx context.Context, source *retrieval.Source) (*Fetched, error) {
	if e := source.Backup.Entry; e != nil && e.Proof == inventory.Bad {
		return nil, fmt.Errorf("%w: %s", ErrBad, e.Reason)
	}
	spool, err := backup.NewSpool()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	got := &Fetched{Source: source, snapshot: &Snapshot{spool}}
	if got.Encrypted, err = f.copy(ctx, source, spool); err == nil {
		got.Plan, err = Prepare(ctx, got.snapshot, f.Options, f.Progress)
	}
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return got, nil
}

// copy copies a backup into a spool, to its end, where it is known to be what was committed, and whole.
func (f *Fetch) copy(ctx context.Context, source *retrieval.Source, spool *backup.Spool) (encrypted bool, err error) {
	stream, err := source.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = stream.Body.Close() }() // it was only read
	encrypted, plain := encryption.Sniff(stream.Body)
	if encrypted {
		if plain, err = f.decrypt(plain, source.Backup); err != nil {
			return true, err
		}
	}
	return encrypted, fill(ctx, spool, plain, f.Progress)
}

func (f *Fetch) decrypt(sealed io.Reader, b *inventory.Backup) (io.Reader, error) {
	keys, err := f.Keys()
	if err != nil {
		return nil, err
	}
	plain, err := keys.Decrypt(sealed)
	if err != nil {
		return nil, encryption.For(err, Recipients(b))
	}
	return plain, nil
}

// Recipients are the fingerprints of those that a backup is encrypted for, as far as its entry tells.
func Recipients(b *inventory.Backup) []string {
	if b.Entry == nil || b.Entry.Encryption == nil {
		return nil
	}
	return b.Entry.Encryption.Recipients
}
