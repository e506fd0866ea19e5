package restore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// Safety is what was done to be able to go back to the state that a restore replaces.
type Safety struct {
	// Empty tells that the target held nothing but what a newborn cluster writes by itself, so that nothing was kept.
	Empty    bool
	Name     string // of the snapshot in its depot
	Location string // of the snapshot, for people
	Index    uint64 // of the target's state
	Bytes    int64  // of what is stored
	SHA256   string // of what is stored, in hex
	// Recipients are the fingerprints of those that it is encrypted for. With a passphrase there are none.
	Recipients []string
	Encrypted  bool
	// Warnings tell what in it a Consul 1.21.4 server cannot restore.
	Warnings []string
}

var (
	// ErrSafety marks the failure to make a safety snapshot. Nothing was restored then.
	ErrSafety = errors.New("the target's state could not be kept before it is replaced")
	// ErrTarget marks the failure of a target to give its state.
	ErrTarget = errors.New("take a snapshot of the target")
)

// A Guard makes the safety snapshot of a target.
type Guard struct {
	From  backup.Source // the target
	Depot Depot
	To    *encryption.Recipients // nil if it is not to be encrypted
	// Datacenter is the target's, for the name, where its state does not tell.
	Datacenter string
	Now        func() time.Time // nil for the machine's clock
}

// Name is what a safety snapshot that is made now is called.
func (g *Guard) Name(datacenter string) string {
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	return retrieval.SafetyName(cmp.Or(datacenter, g.Datacenter), now(), g.To != nil)
}

// Take makes the safety snapshot: the target is asked for its state, which is read to its last record and kept, unless it is empty. The
// error is an [ErrSafety]; nothing is left of the attempt then.
func (g *Guard) Take(ctx context.Context, progress backup.Progress) (*Safety, error) {
	s, err := g.take(ctx, progress)
	if err == nil {
		err = context.Cause(ctx) // what is kept stays, but nothing is restored
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrSafety, err)
	}
	return s, nil
}

func (g *Guard) take(ctx context.Context, progress backup.Progress) (*Safety, error) {
	name := g.Name("")
	if err := g.Depot.Check(ctx, name); err != nil { // before anybody has to wait
		return nil, because(ctx, err)
	}
	empty := newNewborn()
	t, err := take(ctx, g.From, empty.add, progress)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	s := &Safety{Empty: empty.empty(), Index: t.report.Meta.Index}
	if !s.Empty {
		err = g.keep(ctx, t, g.Name(empty.datacenter()), s)
	}
	if err := errors.Join(err, t.Close()); err != nil {
		return nil, err
	}
	return s, nil
}

// keep puts a snapshot into the depot.
func (g *Guard) keep(ctx context.Context, t *taken, name string, s *Safety) error {
	if err := g.Depot.Check(ctx, name); err != nil {
		return because(ctx, err)
	}
	s.Warnings = t.report.Findings.Warnings()
	src, size := t.reader(), t.report.Bytes
	want := Stored{size, t.report.SHA256}
	if g.To != nil {
		sealed, err := backup.NewSpool()
		if err != nil {
			return err
		}
		defer sealed.Close()
		if want, err = g.seal(ctx, src, sealed); err != nil {
			return because(ctx, err)
		}
		src = io.NewSectionReader(sealed, 0, want.Size)
		s.Encrypted, s.Recipients = true, g.To.Fingerprints()
	}
	if err := g.Depot.Put(ctx, name, &cancelReader{ctx, src}, want); err != nil {
		return because(ctx, fmt.Errorf("write %s: %w", g.Depot.Location(name), err))
	}
	s.Name, s.Location, s.Bytes, s.SHA256 = name, g.Depot.Location(name), want.Size, hex.EncodeToString(want.SHA256[:])
	return nil
}

// seal encrypts a snapshot into a spool.
func (g *Guard) seal(ctx context.Context, src io.Reader, into io.Writer) (Stored, error) {
	sum, n := sha256.New(), new(counter)
	w, err := g.To.Encrypt(io.MultiWriter(into, sum, n))
	if err != nil {
		return Stored{}, err
	}
	_, err = io.Copy(w, &cancelReader{ctx, src})
	if err := errors.Join(err, w.Close()); err != nil {
		return Stored{}, fmt.Errorf("encrypt the safety snapshot: %w", err)
	}
	return Stored{int64(*n), [sha256.Size]byte(sum.Sum(nil))}, nil
}

// counter counts what is written to it.
type counter int64

// Write counts p.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
