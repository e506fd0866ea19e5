package diff

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// Options say what is compared.
type Options struct {
	// Filter says which objects are meant; nil means all.
	Filter *Filter
	// Indexes tells that objects also differ if one of their indexes does.
	Indexes bool
	// Scratch makes the file for records of what differs; it is not asked for if nothing does. Without it they are kept in memory.
	Scratch func() (Scratch, error)
}

// Compare compares two states. Errors are those of the sources, of records that cannot be decoded, of the scratch file, and that of ctx.
// The result must be closed.
func Compare(ctx context.Context, before, after digest.Source, opts Options) (_ *Result, err error) {
	c := &comparer{ctx: ctx, opts: opts, unlike: map[object.ID]entry{}, spool: &spool{open: opts.Scratch}}
	c.hits = opts.Filter.hits()
	defer func() {
		if err != nil {
			_ = c.spool.Close() // the error that there is says more
		}
	}()
	if err := c.read(before, c.first); err != nil {
		return nil, err
	}
	if err := c.read(after, c.second); err != nil {
		return nil, err
	}
	if len(c.unlike) > 0 {
		if err := c.read(before, c.again); err != nil {
			return nil, err
		}
	}
	return c.result(), nil
}

// A comparer finds what differs.
type comparer struct {
	ctx    context.Context
	opts   Options
	unlike map[object.ID]entry
	found  []found
	others []string // families that are not known
	hits   []bool   // which terms of the filter have met an object
	spool  *spool
	seen   int64 // objects of the pass
	counts [2]int64
}

// An entry is what is left of an object when those of the second stream are taken from those of the first.
type entry struct {
	object.Tally
	before, after place // of their records
}

// found is an object that differs.
type found struct {
	name          string
	id            object.ID
	before, after place  // of its records; known once all is read
	family        uint16 // its place in the list of families, behind which come those that are not known
}

// read shows the objects of a source that are meant, each with its record.
func (c *comparer) read(src digest.Source, visit func(record.Raw, *object.Object) error) error {
	c.spool.forget()
	c.seen = 0
	return eachObject(c.ctx, src, c.opts.Filter, c.hits, func(raw record.Raw, o *object.Object) error {
		c.seen++
		return visit(raw, o)
	})
}

func (c *comparer) digest(o *object.Object) (object.ID, error) {
	if !c.opts.Indexes {
		o = o.WithoutIndexes()
	}
	return o.Digest()
}

// first takes in the objects of the first stream.
func (c *comparer) first(_ record.Raw, o *object.Object) error {
	sum, err := c.digest(o)
	e := c.unlike[o.ID]
	e.Add(sum)
	c.unlike[o.ID] = e
	c.counts[0] = c.seen
	return err
}

// second takes away what the second stream has, too, and keeps what differs.
func (c *comparer) second(raw record.Raw, o *object.Object) error {
	c.counts[1] = c.seen
	sum, err := c.digest(o)
	if err != nil {
		return err
	}
	e := c.unlike[o.ID]
	e.Sub(sum)
	if e.Tally == (object.Tally{}) {
		delete(c.unlike, o.ID)
		return nil
	}
	if e.after == 0 {
		c.find(o)
	}
	if e.after, err = c.spool.put(raw); err != nil {
		return err
	}
	c.unlike[o.ID] = e
	return nil
}

// again keeps what the first stream has of that.
func (c *comparer) again(raw record.Raw, o *object.Object) error {
	e, unlike := c.unlike[o.ID]
	if !unlike {
		return nil
	}
	if e.before == 0 && e.after == 0 {
		c.find(o)
	}
	var err error
	e.before, err = c.spool.put(raw)
	c.unlike[o.ID] = e
	return err
}

func (c *comparer) find(o *object.Object) {
	family := familyNumber(o.Family)
	if family == len(families) {
		other := slices.Index(c.others, o.Family)
		if other < 0 {
			other = len(c.others)
			c.others = append(c.others, o.Family)
		}
		family += other
	}
	c.found = append(c.found, found{name: o.Name, id: o.ID, family: uint16(family)})
}

// result is what has been found. What was found and turned out to be even is dropped.
func (c *comparer) result() *Result {
	uneven := c.found[:0]
	for _, f := range c.found {
		e, unlike := c.unlike[f.id]
		if !unlike {
			continue
		}
		f.before, f.after = e.before, e.after
		uneven = append(uneven, f)
	}
	r := &Result{Before: c.counts[0], After: c.counts[1], others: c.others, spool: c.spool}
	slices.SortFunc(uneven, func(x, y found) int {
		order := cmp.Compare(x.family, y.family)
		if order != 0 && int(min(x.family, y.family)) >= len(families) {
			order = strings.Compare(r.family(&x), r.family(&y))
		}
		return cmp.Or(order, strings.Compare(x.name, y.name), bytes.Compare(x.id[:], y.id[:]))
	})
	r.found = slices.CompactFunc(uneven, func(x, y found) bool { return x.id == y.id }) // even for a while, it was found twice
	r.Unmatched = c.opts.Filter.unmatched(c.hits)
	return r
}
