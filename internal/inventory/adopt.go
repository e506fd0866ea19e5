package inventory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
)

// ErrClaimed says that an archive is, or seems to be, another cluster's.
var ErrClaimed = errors.New("the archive is of another cluster")

// A Claim says whose an archive without an entry is.
type Claim struct {
	Cluster     string // as ClusterName makes it
	Datacenter  string
	TrustDomain string // of the cluster's certificate authority, empty if it has none
	// AnyTrustDomain lets the trust domain in an archive differ from the cluster's.
	AnyTrustDomain bool
	Own            Own
	Keys           *encryption.Keys // to read archives that are encrypted
	Writer         string
	Now            func() time.Time
}

// Adopt gives the archive with an ID, which has no entry or a damaged one, to a cluster: from then on its retention counts and deletes
// it. The archive is read to its end; a bad one is not adopted. It is unproven until it is verified. An archive that is the
// cluster's already is left as it is. The error is an [ErrClaimed] if an entry, or the trust domain of the archive, names another cluster.
func Adopt(ctx context.Context, store blobstore.Store, id string, c Claim) (*Entry, error) {
	e, err := adopt(ctx, store, id, c)
	if err != nil {
		return nil, fmt.Errorf("adopt %s: %w", store.Location(ArchiveName(id)), err)
	}
	return e, nil
}

func adopt(ctx context.Context, store blobstore.Store, id string, c Claim) (*Entry, error) {
	if number(id) == 0 {
		return nil, fmt.Errorf("%q is not the ID of a backup: it must be a number of nanoseconds", id)
	}
	e, err := readNamed(ctx, store, EntryName(ArchiveName(id)))
	switch {
	case errors.Is(err, blobstore.ErrNotFound) || errors.Is(err, ErrEntry):
		name, err := archiveOf(ctx, store, id)
		if err != nil {
			return nil, err
		}
		return c.adopt(ctx, store, id, name, "adopted", Claim.excludes)
	case err != nil:
		return nil, err
	case e.Cluster != c.Cluster:
		return nil, fmt.Errorf("%w: its entry names %q", ErrClaimed, e.Cluster)
	}
	return e, nil
}

// archiveOf is the name of the archive with an ID, which may be encrypted.
func archiveOf(ctx context.Context, store blobstore.Store, id string) (string, error) {
	inv, err := List(ctx, store, nil)
	if err != nil {
		return "", err
	}
	if b := inv.Find(id); b != nil {
		return b.Name, nil
	}
	return ArchiveName(id), nil // which a listing may lack
}

// adopt reads an archive and commits an entry for it.
func (c Claim) adopt(ctx context.Context, store blobstore.Store, id, name, how string, excludes func(Claim, string) bool) (*Entry, error) {
	r, err := store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	d, sealed, err := c.describe(ctx, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if excludes(c, d.TrustDomain) {
		return nil, fmt.Errorf("%w: trust domain %q in the archive, %q of the cluster", ErrClaimed, d.TrustDomain, c.TrustDomain)
	}
	e := c.entry(d, id, how)
	e.Name, e.Encryption = name, sealed
	return e, Commit(ctx, store, e)
}

// describe reads an archive, encrypted or not. The size and the SHA-256 are those of what is stored.
func (c Claim) describe(ctx context.Context, r io.Reader) (*Description, *Encryption, error) {
	encrypted, whole := encryption.Sniff(r)
	if !encrypted {
		d, err := Describe(ctx, whole, c.Own)
		return d, nil, err
	}
	sum, size := sha256.New(), new(counter)
	plain, err := c.Keys.Decrypt(io.TeeReader(whole, io.MultiWriter(sum, size)))
	if err != nil {
		return nil, nil, err
	}
	d, err := Describe(ctx, plain, c.Own)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.Copy(io.Discard, plain); err != nil { // to its end, where it is known to be whole
		return nil, nil, err
	}
	d.SHA256, d.Size = [sha256.Size]byte(sum.Sum(nil)), int64(*size)
	return d, &Encryption{Format: ageFormat, Passphrase: plain.ByPassphrase}, nil
}

// counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func (c Claim) entry(d *Description, id, how string) *Entry {
	e := d.Entry(id, c.Cluster)
	e.Datacenter, e.Writer, e.Rebuilt = c.Datacenter, c.Writer, true
	e.Started, e.Saved, e.Committed = IDTime(id), IDTime(id), c.Now().UTC()
	reason := how + ": read to its last record, but not rebuilt and compared since; verify it"
	if d.Unrestorable != nil {
		reason = fmt.Sprintf("%s: it holds what cannot be rebuilt: %v", how, d.Unrestorable)
	}
	e.doubt(Unproven, reason)
	return e
}

// excludes tells whether an archive's trust domain and the cluster's are known and differ.
func (c Claim) excludes(archived string) bool {
	return !c.AnyTrustDomain && archived != "" && c.TrustDomain != "" && archived != c.TrustDomain
}

// doubts tells whether an archive's trust domain is not exactly the cluster's.
func (c Claim) doubts(archived string) bool { return !c.AnyTrustDomain && archived != c.TrustDomain }

// A Rebuilding is the outcome of rebuilding a catalogue.
type Rebuilding struct {
	Rebuilt []*Entry // newest first
	Skipped []Skip
}

// A Skip is an archive that got no entry, and why.
type Skip struct {
	ID, Name string
	Err      error
}

// Rebuild makes the entries that are lost or damaged again from their archives, for those archives whose trust domain is exactly the
// cluster's: in a store that clusters share, an archive that is given to the wrong one is deleted by the wrong one's retention. All
// others, and those that cannot be read or are bad, are skipped, with the reason. Rebuilt entries are unproven. The error is about
// the listing, or the context; then the outcome says how far it got.
func Rebuild(ctx context.Context, store blobstore.Store, c Claim) (*Rebuilding, error) {
	out := new(Rebuilding)
	inv, err := List(ctx, store, nil)
	if err != nil {
		return out, err
	}
	for _, b := range inv.Backups {
		if !b.Archive || b.Entry != nil {
			continue
		}
		if b.EntryError != nil && !errors.Is(b.EntryError, ErrEntry) { // perhaps there is a sound one
			out.Skipped = append(out.Skipped, Skip{b.ID, b.Name, b.EntryError})
			continue
		}
		e, err := c.adopt(ctx, store, b.ID, b.Name, "rebuilt from the archive", Claim.doubts)
		switch {
		case err == nil:
			out.Rebuilt = append(out.Rebuilt, e)
		case ctx.Err() != nil:
			return out, ctx.Err()
		default:
			out.Skipped = append(out.Skipped, Skip{b.ID, b.Name, err})
		}
	}
	return out, nil
}
