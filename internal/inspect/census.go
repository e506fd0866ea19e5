package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A Census is what an archive holds.
type Census struct {
	Meta        Meta
	Stats       []Stat // by type of record, largest first, ties by name
	StatsKV     []Stat // by prefix of key, likewise; nil unless asked for
	TotalSize   int64  // bytes of all records
	TotalSizeKV int64  // bytes of the KV records counted in StatsKV
}

// Meta is the part of an archive's metadata that is shown.
type Meta struct {
	ID      string
	Size    int64
	Index   uint64
	Term    uint64
	Version int
}

// A Stat counts the records under one name.
type Stat struct {
	Name  string
	Sum   int64 // bytes
	Count int64
}

// Options say what to count besides record types.
type Options struct {
	KVDetails bool
	KVDepth   int    // parts of a key, cut at /, that make a group
	KVFilter  string // only keys with this prefix
}

// Count reads the stream of records src to its end. Meta is left empty.
func Count(src io.Reader, opts Options) (*Census, error) {
	r, err := record.NewReader(src)
	if err != nil {
		return nil, Explain(err)
	}
	return count(r.Each, r.HeaderSize(), opts)
}

// CountRecords counts records that are in no stream, and so have no header.
func CountRecords(src digest.Source, opts Options) (*Census, error) { return count(src, 0, opts) }

// count counts records; what was read before the first is part of its size.
func count(src digest.Source, before int64, opts Options) (*Census, error) {
	t := tally{opts: opts, keys: map[string]*Stat{}}
	err := src(func(raw record.Raw) error {
		size := before + raw.Size()
		before = 0
		return t.add(raw, size)
	})
	if err != nil {
		return nil, Explain(err)
	}
	return t.census(), nil
}

// A fault is an error in other words, so that scripts which match Consul's text go on working.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.err }

// Explain words an error about a record as Consul does; any other comes back as it is. The cause stays wrapped.
func Explain(err error) error {
	var at *record.Error
	switch {
	case !errors.As(err, &at):
		return err
	case at.Number == 0:
		return &fault{fmt.Sprintf("%v (in the header of state.bin)", at.Err), err}
	}
	text := fmt.Sprintf("failed to decode msg type %s, error %v (record %d, at byte %d of state.bin)", at.Type, at.Err, at.Number, at.Offset)
	return &fault{text, err}
}

// A tally is a census being taken.
type tally struct {
	opts  Options
	types [256]Stat
	keys  map[string]*Stat
	sumKV int64
}

func (t *tally) add(raw record.Raw, size int64) error {
	if !fits(raw) {
		return raw.Fault(fmt.Errorf("%w: %s cannot be a record of this type", msgpack.ErrCorrupt, msgpack.KindOf(raw.Value[0])))
	}
	t.types[raw.Type].Count++
	t.types[raw.Type].Sum += size
	if raw.Type != record.TypeKVS || !t.opts.KVDetails {
		return nil
	}
	key, _ := record.Key(raw.Value)
	if !strings.HasPrefix(string(key), t.opts.KVFilter) {
		return nil
	}
	t.sumKV += size
	group := prefix(key, t.opts.KVDepth)
	s := t.keys[string(group)]
	if s == nil {
		s = &Stat{Name: string(group)}
		t.keys[s.Name] = s
	}
	s.Count++
	s.Sum += size
	return nil
}

// fits tells whether the value's kind is one that records of its type can have.
func fits(raw record.Raw) bool { return record.KindFits(raw.Type, msgpack.KindOf(raw.Value[0])) }

// prefix returns the first depth parts of key, cut at slashes.
func prefix(key []byte, depth int) []byte {
	if depth <= 0 {
		return nil
	}
	parts := 0
	for i, c := range key {
		if c != '/' {
			continue
		}
		if parts++; parts >= depth {
			return key[:i]
		}
	}
	return key
}

func (t *tally) census() *Census {
	c := &Census{TotalSizeKV: t.sumKV}
	for i, s := range t.types {
		if s.Count > 0 {
			s.Name = record.Type(i).String()
			c.Stats = append(c.Stats, s)
			c.TotalSize += s.Sum
		}
	}
	for _, s := range t.keys {
		c.StatsKV = append(c.StatsKV, *s)
	}
	largestFirst(c.Stats)
	largestFirst(c.StatsKV)
	return c
}

func largestFirst(stats []Stat) {
	slices.SortFunc(stats, func(a, b Stat) int {
		return cmp.Or(cmp.Compare(b.Sum, a.Sum), strings.Compare(a.Name, b.Name))
	})
}
