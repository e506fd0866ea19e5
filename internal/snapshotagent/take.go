package snapshotagent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
	"github.com/lictor-dr/lictor/internal/version"
)

// taken is a snapshot in a scratch file, read to its last record. Size and SHA256 are those of the file, which holds what is stored; those
// of the description are of what the cluster sent.
type taken struct {
	*inventory.Description
	file   *scratch.File
	entry  *inventory.Entry // without commit, lock and proof
	Size   int64
	SHA256 [sha256.Size]byte
}

// take streams a snapshot from the cluster into a scratch file, and reads it. The caller discards the file.
func (a *Agent) take(ctx context.Context) (_ *taken, err error) {
	if err := a.checkSpace(); err != nil {
		return nil, err
	}
	identity, err := a.identify(ctx)
	if err != nil {
		return nil, at(StageFetch, err)
	}
	file, err := a.config.Scratch.Create()
	if err != nil {
		return nil, at(StageFetch, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Discard())
		}
	}()
	began := a.now()
	sum, err := a.fetch(ctx, file)
	if err != nil {
		return nil, at(StageFetch, err)
	}
	saved := a.now()
	description, err := a.describe(ctx, file, sum)
	if err != nil {
		return nil, at(StageVerify, err)
	}
	t := &taken{Description: description, file: file, Size: description.Size, SHA256: description.SHA256}
	t.entry = description.Entry(a.newID(began), inventory.ClusterName(a.config.Cluster, identity.Datacenter, description.TrustDomain))
	a.mu.Lock()
	a.cluster = t.entry.Cluster
	a.mu.Unlock()
	t.entry.Datacenter, t.entry.ServerVersion = identity.Datacenter, identity.ServerVersion
	t.entry.Started, t.entry.Saved, t.entry.Writer = began, saved, "lictor "+version.Lictor
	return t, nil
}

// fetch writes what the cluster sends to the file, and returns its digest.
func (a *Agent) fetch(ctx context.Context, file *scratch.File) (sum [sha256.Size]byte, err error) {
	ctx, moved, stop := stalling(ctx, stallTimeout)
	defer stop()
	stream, err := a.current.Load().Source.Snapshot(ctx)
	if err != nil {
		return sum, fmt.Errorf("ask the cluster for a snapshot: %w", because(ctx, err))
	}
	defer stream.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(file, h, moved), a.current.Load().pace.reader(ctx, stream.Body)); err != nil {
		return sum, fmt.Errorf("write the snapshot to %s: %w", file.Name(), because(ctx, err))
	}
	h.Sum(sum[:0])
	return sum, nil
}

// stallTimeout is how long the cluster may send nothing. Before the first byte it makes the snapshot.
const stallTimeout = 5 * time.Minute

var errStalled = fmt.Errorf("the cluster has sent nothing for %s", stallTimeout)

// stalling returns a context that ends when nothing has been written to moved for so long.
func stalling(ctx context.Context, limit time.Duration) (_ context.Context, moved io.Writer, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(errStalled) })
	return ctx, writer(func() { timer.Reset(limit) }), func() { timer.Stop(); cancel(nil) }
}

// writer calls a function for what is written.
type writer func()

// Write takes all.
func (w writer) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

// because is the reason why a context ended, if it is that which an error comes from.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// describe reads the file to the archive's last record.
func (a *Agent) describe(ctx context.Context, file *scratch.File, sum [sha256.Size]byte) (*inventory.Description, error) {
	r, err := file.Reopen()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	d, err := inventory.Describe(ctx, r, a.config.Own)
	if err != nil {
		return nil, err
	}
	if d.SHA256 != sum {
		return nil, fmt.Errorf("%s does not hold what the cluster sent: is the disk sound?", file.Name())
	}
	return d, nil
}

// intact reads the scratch file again, which may have stood there for long.
func (t *taken) intact() error {
	r, err := t.file.Reopen()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return fmt.Errorf("read %s: %w", t.file.Name(), err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != t.SHA256 {
		return fmt.Errorf("%s: %w", t.file.Name(), errSpoilt)
	}
	return nil
}

// newID is an ID that is newer than all that are known.
func (a *Agent) newID(now time.Time) string {
	newest := ""
	for _, d := range a.current.Load().destinations {
		if inv := d.last(); inv != nil {
			newest = later(newest, inv.Newest())
		}
	}
	return inventory.NewID(now, newest)
}

// later is the larger of two IDs; none is the smallest.
func later(a, b string) string {
	if len(a) > len(b) || len(a) == len(b) && a > b {
		return a
	}
	return b
}
