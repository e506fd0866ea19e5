package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Description is what one reading of an archive has found.
type Description struct {
	Sums
	Meta        archive.Meta
	SHA256      [sha256.Size]byte // of the archive
	Size        int64             // of the archive, in bytes
	StateSize   int64             // of state.bin
	TrustDomain string            // of the certificate authority in it, empty if there is none
	// Unrestorable is about the first record that decodes but that Lictor, and a Consul 1.21.4 server, cannot restore; nil if there is none.
	Unrestorable error
}

// Describe reads an archive once, to its end, and decodes every record. An error that wraps archive.ErrCorrupt, archive.ErrNotRestorable
// or record.ErrCorrupt says that the archive is bad; any other, that it could not be read.
func Describe(ctx context.Context, r io.Reader, own Own) (*Description, error) {
	d := new(Description)
	sha := sha256.New()
	var result *archive.Result
	sums, err := Sum(own, func(visit func(record.Raw, any) error) (err error) {
		src := io.TeeReader(&cancelReader{ctx, r}, sha)
		result, err = archive.Read(src, func(_ *archive.Meta, state io.Reader) error { return d.walk(state, visit) })
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := result.Meta.CheckRestorable(result.StateSize); err != nil {
		return nil, err
	}
	d.Sums, d.Meta, d.Size, d.StateSize = *sums, result.Meta, result.Bytes, result.StateSize
	sha.Sum(d.SHA256[:0])
	return d, nil
}

func (d *Description) walk(state io.Reader, visit func(record.Raw, any) error) error {
	var checker preflight.Checker
	var roots []*record.Opaque
	err := digest.Walk(state, func(raw record.Raw) error {
		value, err := checker.Check(raw)
		switch {
		case errors.Is(err, preflight.ErrUnrestorable):
			if d.Unrestorable == nil {
				d.Unrestorable = err
			}
		case err != nil:
			return err
		}
		if o, ok := value.(*record.Opaque); ok && raw.Type == record.TypeConnectCA {
			roots = append(roots, o)
		}
		return visit(raw, value)
	})
	d.TrustDomain = trustDomain(roots)
	return err
}

// trustDomain is the one that an archive's active root names, empty if none does.
func trustDomain(records []*record.Opaque) string {
	roots, err := meshca.Carried(records)
	if err != nil {
		return "" // roots are carried unchanged, whatever they hold
	}
	roots = slices.DeleteFunc(roots, func(r meshca.Root) bool { return r.ExternalTrustDomain == "" })
	return meshca.Answer(roots).TrustDomain
}

// Entry begins the entry of the archive: what its content tells. The rest is for the caller to fill in.
func (d *Description) Entry(id, cluster string) *Entry {
	return &Entry{
		Format: Format, ID: id, Name: ArchiveName(id), Cluster: cluster,
		Index: d.Meta.Index, Term: d.Meta.Term, Census: Census(d.Families), Essence: d.Essence,
		SHA256: hex.EncodeToString(d.SHA256[:]), Size: d.Size, StateSize: d.StateSize,
	}
}

// Census is a set of digests in the form of an entry, by type.
func Census(set digest.Set) []TypeCensus {
	var all []TypeCensus
	for _, t := range slices.Sorted(maps.Keys(set)) {
		f := set[t]
		all = append(all, TypeCensus{Type: t, Name: t.String(), Count: f.Count, Bytes: f.Bytes, Digest: f.Sum.String()})
	}
	return all
}

// cancelReader fails once its context is done.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read archive: %w", err)
	}
	return c.r.Read(p)
}
