package rekey

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// ErrRefused marks a backup that cannot be encrypted anew.
var ErrRefused = errors.New("it is left as it is")

// A Job encrypts backups anew.
type Job struct {
	Keys *encryption.Keys // decrypt what is there
	To   *encryption.Recipients
	// DryRun only looks whether a key decrypts each.
	DryRun bool
	// Now tells the time; nil for the machine's clock.
	Now func() time.Time
}

// A Result is what became of a backup.
type Result struct {
	From, To *inventory.Encryption // nil for one that is, or was, not encrypted
	Already  bool                  // it was encrypted for the recipients before
	Name     string                // of the archive now
}

// Backup encrypts one backup of a store anew.
func (j *Job) Backup(ctx context.Context, store blobstore.Store, b *inventory.Backup) (*Result, error) {
	if err := refuse(b); err != nil {
		return nil, err
	}
	r := &Result{From: b.Entry.Encryption, To: inventory.EncryptedFor(j.To), Name: b.Name}
	var err error
	if r.Already, err = j.already(ctx, store, b); err != nil {
		return nil, err
	}
	if r.Already {
		if !j.DryRun {
			err = inventory.ClearStrays(ctx, store, b)
		}
		return r, err
	}
	now := time.Now
	if j.Now != nil {
		now = j.Now
	}
	name, err := b.NextName(now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if j.DryRun {
		return r, j.opens(ctx, store, b, j.Keys)
	}
	r.Name = name
	return r, j.replace(ctx, store, b, name)
}

// refuse tells why a backup cannot be encrypted anew.
func refuse(b *inventory.Backup) error {
	why := ""
	switch {
	case b.EntryError != nil:
		return fmt.Errorf("%w: its entry cannot be used: %w", ErrRefused, b.EntryError)
	case b.Entry == nil:
		why = "it has no entry; `snapshot adopt` gives it one"
	case b.Entry.Proof == inventory.Bad:
		why = "it is bad, and kept as evidence; delete it by hand once nobody needs that"
	case !b.Archive:
		why = "the archive is not there"
	case !b.Good():
		why = "the archive has another size than its entry says"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRefused, why)
}

// already tells whether a backup is encrypted for the recipients. Of a passphrase only trying tells.
func (j *Job) already(ctx context.Context, store blobstore.Store, b *inventory.Backup) (bool, error) {
	if !b.Entry.Encryption.Same(inventory.EncryptedFor(j.To)) {
		return false, nil
	}
	if !j.To.ByPassphrase() {
		return true, nil
	}
	err := j.opens(ctx, store, b, j.To.Keys())
	var locked *encryption.LockedError
	if errors.As(err, &locked) {
		return false, nil
	}
	return err == nil, err
}

// opens tells whether keys decrypt a backup, as far as its header tells.
func (j *Job) opens(ctx context.Context, store blobstore.Store, b *inventory.Backup, keys *encryption.Keys) error {
	stream, err := (&retrieval.Source{Store: store, Backup: b}).Snapshot(ctx)
	if err != nil {
		return err
	}
	defer stream.Body.Close()
	_, err = stream.Decrypt(keys)
	return encryption.For(err, recipients(b))
}

// recipients are those that the entry tells.
func recipients(b *inventory.Backup) []string {
	if b.Entry.Encryption == nil {
		return nil
	}
	return b.Entry.Encryption.Recipients
}

// replace puts an archive that is encrypted anew in the place of the old one.
func (j *Job) replace(ctx context.Context, store blobstore.Store, b *inventory.Backup, name string) error {
	sealed, err := backup.NewSpool()
	if err != nil {
		return err
	}
	defer sealed.Close()
	by, err := j.seal(ctx, store, b, sealed)
	if err != nil {
		return err
	}
	by.Name = name
	if err := upload(ctx, store, sealed, by); err != nil {
		return err
	}
	_, err = inventory.Supersede(ctx, store, b, *by)
	if errors.Is(err, inventory.ErrChanged) { // an agent has deleted it, or somebody else encrypts it anew
		err = errors.Join(err, store.Delete(ctx, name))
	}
	return err
}

// seal encrypts a backup of a store into a file.
func (j *Job) seal(ctx context.Context, store blobstore.Store, b *inventory.Backup, into io.Writer) (*inventory.Sealed, error) {
	plain, err := backup.NewSpool()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if err := j.open(ctx, store, b, plain); err != nil {
		return nil, err
	}
	if err := compare(ctx, plain, b.Entry); err != nil {
		return nil, err
	}
	if _, err := plain.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	sum, n := sha256.New(), new(counter)
	w, err := j.To.Encrypt(io.MultiWriter(into, sum, n))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(w, plain)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", b.Name, err)
	}
	return &inventory.Sealed{Size: int64(*n), SHA256: fmt.Sprintf("%x", sum.Sum(nil)), Encryption: inventory.EncryptedFor(j.To)}, nil
}

// open decrypts a backup of a store into a file, to its end.
func (j *Job) open(ctx context.Context, store blobstore.Store, b *inventory.Backup, into io.Writer) error {
	stream, err := (&retrieval.Source{Store: store, Backup: b}).Snapshot(ctx)
	if err != nil {
		return err
	}
	defer stream.Body.Close()
	if _, err := stream.Decrypt(j.Keys); err != nil {
		return encryption.For(err, recipients(b))
	}
	_, err = io.Copy(into, stream.Body)
	return err
}

// compare reads an archive, and compares it with its entry.
func compare(ctx context.Context, plain io.ReadSeeker, e *inventory.Entry) error {
	if _, err := plain.Seek(0, io.SeekStart); err != nil {
		return err
	}
	d, err := inventory.Describe(ctx, plain, inventory.Own{})
	if err != nil {
		return err
	}
	same := slices.EqualFunc(inventory.Census(d.Families), e.Census, func(a, b inventory.TypeCensus) bool {
		return a.Type == b.Type && a.Count == b.Count && a.Bytes == b.Bytes && a.Digest == b.Digest
	})
	if !same || d.Meta.Index != e.Index || d.Meta.Term != e.Term || d.StateSize != e.StateSize {
		return fmt.Errorf("%w: what is in it is not what its entry says", retrieval.ErrChanged)
	}
	return nil
}

// upload stores an archive, reads it back and compares. One that does not come back as it was is deleted.
func upload(ctx context.Context, store blobstore.Store, sealed io.ReadSeeker, by *inventory.Sealed) error {
	if _, err := sealed.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := store.Put(ctx, by.Name, sealed, by.Size); err != nil {
		return fmt.Errorf("write %s: %w", store.Location(by.Name), err)
	}
	back, err := store.Get(ctx, by.Name)
	if err != nil {
		return fmt.Errorf("read back %s: %w", store.Location(by.Name), err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, back)
	if err := errors.Join(err, back.Close()); err != nil {
		return fmt.Errorf("read back %s: %w", store.Location(by.Name), err)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); n != by.Size || got != by.SHA256 {
		return errors.Join(fmt.Errorf("%s reads back other than it was written (%d bytes with SHA-256 %s, not %d with %s): "+
			"the old archive stays", store.Location(by.Name), n, got, by.Size, by.SHA256), store.Delete(ctx, by.Name))
	}
	return nil
}

// counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
