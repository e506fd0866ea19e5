package backup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/inspect"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
)

// Options say what a check does besides.
type Options struct {
	// Allow lists record types that are no finding although a Consul 1.21.4 server does not know them.
	Allow []record.Type
	// Begin, which may be nil, is shown the header of the stream.
	Begin func(record.Header) error
	// Visit, which may be nil, is shown every record and its decoded value. The bytes of raw are valid during the call.
	Visit func(raw record.Raw, value any) error
}

// A Report is what the check of a whole archive has found.
type Report struct {
	Meta      archive.Meta
	StateSize int64             // of state.bin, in bytes
	Bytes     int64             // of the archive
	SHA256    [sha256.Size]byte // of the archive
	Findings  Findings

	types [256]inspect.Stat // the header's bytes are charged to the first record
}

// Count is the number of records of a type.
func (r *Report) Count(t record.Type) int64 { return r.types[t].Count }

// Records counts all records by the name of their type.
func (r *Report) Records() map[string]int64 {
	counts := map[string]int64{}
	for t, s := range r.types {
		if s.Count > 0 {
			counts[record.Type(t).String()] = s.Count
		}
	}
	return counts
}

// Census is the report in the form of snapshot inspect, largest types first.
func (r *Report) Census() *inspect.Census {
	m := r.Meta
	c := &inspect.Census{Meta: inspect.Meta{ID: m.ID, Size: m.Size, Index: m.Index, Term: m.Term, Version: m.Version}}
	for t, s := range r.types {
		if s.Count > 0 {
			s.Name = record.Type(t).String()
			c.Stats = append(c.Stats, s)
			c.TotalSize += s.Sum
		}
	}
	slices.SortFunc(c.Stats, func(a, b inspect.Stat) int {
		return cmp.Or(cmp.Compare(b.Sum, a.Sum), strings.Compare(a.Name, b.Name))
	})
	return c
}

// Verify reads an archive to its end and proves it: the container, that its metadata can be restored, and that every record decodes. An
// error that wraps archive.ErrCorrupt, archive.ErrNotRestorable or record.ErrCorrupt says that the archive is bad; any other, that
// the check could not be made. What decodes but cannot be restored is no error but in the report's Findings.
func Verify(ctx context.Context, r io.Reader, opts Options) (*Report, error) {
	w := &walk{opts: opts, report: new(Report), checker: preflight.Checker{Allow: opts.Allow}}
	sum := sha256.New()
	res, err := archive.Read(io.TeeReader(&cancelReader{ctx, r}, sum), func(_ *archive.Meta, state io.Reader) error {
		return w.run(state)
	})
	if err != nil {
		return nil, err
	}
	if err := res.Meta.CheckRestorable(res.StateSize); err != nil {
		return nil, err
	}
	rep := w.report
	rep.Meta, rep.StateSize, rep.Bytes = res.Meta, res.StateSize, res.Bytes
	rep.Findings.UnknownKinds = w.checker.UnknownKinds()
	sum.Sum(rep.SHA256[:0])
	return rep, nil
}

// cancelReader fails once its context is done.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// A walk is one pass over the records.
type walk struct {
	opts    Options
	report  *Report
	checker preflight.Checker
	kinds   int64 // config entries of unknown kinds so far
}

func (w *walk) run(state io.Reader) error {
	r, err := record.NewReader(state)
	if err != nil {
		return err
	}
	if w.opts.Begin != nil {
		if err := w.opts.Begin(r.Header()); err != nil {
			return err
		}
	}
	pending := r.HeaderSize() // is part of the first record's size
	return r.Each(func(raw record.Raw) error {
		size := pending + raw.Size()
		pending = 0
		return w.record(raw, size)
	})
}

func (w *walk) record(raw record.Raw, size int64) error {
	stat := &w.report.types[raw.Type]
	stat.Count++
	stat.Sum += size
	value, err := w.checker.Check(raw)
	switch {
	case errors.Is(err, preflight.ErrUnrestorable):
		w.found(raw, err)
	case err != nil:
		return err
	case !raw.Type.Restorable():
		count(&w.report.Findings.Allowed, raw.Type)
	}
	if w.opts.Visit == nil {
		return nil
	}
	return w.opts.Visit(raw, value)
}

// found files what a rule refuses under its kind of finding.
func (w *walk) found(raw record.Raw, err error) {
	f := &w.report.Findings
	if f.First == nil {
		f.First = err
	}
	switch {
	case raw.Type.Legacy():
		count(&f.LegacyACL, raw.Type)
	case !raw.Type.Restorable():
		count(&f.UnknownTypes, raw.Type)
	case raw.Type == record.TypeConfigEntry && w.unknownKind():
	default:
		if f.FirstBroken == nil {
			f.FirstBroken = err
		}
		count(&f.Broken, raw.Type)
	}
}

// unknownKind tells whether the checker has just counted one more config entry of an unknown kind.
func (w *walk) unknownKind() bool {
	var n int64
	for _, k := range w.checker.UnknownKinds() {
		n += k
	}
	grown := n > w.kinds
	w.kinds = n
	return grown
}

func count(m *map[record.Type]int64, t record.Type) {
	if *m == nil {
		*m = map[record.Type]int64{}
	}
	(*m)[t]++
}
