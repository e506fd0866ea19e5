package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// An Open opens an archive from its beginning, again and again.
type Open func() (io.ReadCloser, error)

// A Want is what an archive must hold: what was read from the server that it was saved from.
type Want struct {
	Index, Term uint64
	Families    digest.Set
	// SHA256 of the archive in hex, empty if it need not be the same bytes: records in another order can make the same state.
	SHA256 string `json:",omitempty"`
}

// compare tells how what was read from an archive differs from what is wanted.
func (w *Want) compare(c *contents) (all []digest.Difference) {
	if w == nil {
		return nil
	}
	differ := func(t record.Type, format string, args ...any) {
		all = append(all, digest.Difference{Type: t, What: digest.Changed, Name: fmt.Sprintf(format, args...)})
	}
	for _, t := range c.families.Differing(w.Families) {
		differ(t, "all records of the type: %d are not the %d that were read from the server", c.families[t].Count, w.Families[t].Count)
	}
	if c.Meta.Index != w.Index || c.Meta.Term != w.Term {
		differ(record.TypeIndex, "index and term of the archive: %d and %d, but %d and %d were read from the server", c.Meta.Index, c.Meta.Term, w.Index, w.Term)
	}
	if len(all) == 0 && w.SHA256 != "" && w.SHA256 != c.sha256 {
		differ(record.TypeIndex, "bytes of the archive, though not its records: SHA-256 %s instead of %s", c.sha256, w.SHA256)
	}
	return all
}

// contents is what an archive is found to hold that was read to its end.
type contents struct {
	*archive.Result
	families digest.Set
	sha256   string // of the archive, in hex
}

// read reads an archive to its last byte, and sums it up.
func read(open Open, begin func(record.Header), visit func(record.Raw) error) (*contents, error) {
	src, err := open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	c, sum := new(contents), sha256.New()
	c.Result, err = archive.Read(io.TeeReader(src, sum), func(_ *archive.Meta, r io.Reader) (err error) {
		records, err := record.NewReader(r)
		if err != nil {
			return err
		}
		begin(records.Header())
		c.families, err = digest.Of(func(count func(record.Raw) error) error {
			return records.Each(func(raw record.Raw) error {
				if err := count(raw); err != nil {
					return err
				}
				return visit(raw)
			})
		})
		return err
	})
	c.sha256 = hex.EncodeToString(sum.Sum(nil))
	return c, err
}

// Archive is the records of the archive that open opens.
func Archive(open func() (io.ReadCloser, error)) digest.Source {
	return func(visit func(record.Raw) error) error {
		src, err := open()
		if err != nil {
			return err
		}
		defer src.Close()
		_, err = archive.Read(src, func(_ *archive.Meta, r io.Reader) error { return digest.Walk(r, visit) })
		return err
	}
}

// Tables is the records that a store's tables encode, as of now.
func Tables(s *state.Store) digest.Source {
	snapshot := s.Snapshot()
	return digest.Stream(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(snapshot.Encode(w)) }()
		return r, nil
	})
}

// withContext makes the reading of an archive end with ctx.
func withContext(ctx context.Context, open Open) Open {
	return func() (io.ReadCloser, error) {
		src, err := open()
		if err != nil {
			return nil, err
		}
		return &contextReader{ctx, src}, nil
	}
}

type contextReader struct {
	ctx context.Context
	io.ReadCloser
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

// damaged tells whether an error says that an archive is not sound, and not that it could not be read.
func damaged(err error) bool {
	return errors.Is(err, archive.ErrCorrupt) || errors.Is(err, record.ErrCorrupt)
}
