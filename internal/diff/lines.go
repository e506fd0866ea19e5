package diff

import (
	"context"
	"io"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// Lines shows one state to programs: a line of JSON for each object, {"Family", "Name", "Object"}, in the order of the stream. Families are
// those of [Words], and objects those of [View.Object]. Memory does not grow with the number of objects, but for nodes.
type Lines struct {
	View
	Filter *Filter // which objects are meant; nil means all
}

// Check reads a state to its end, decodes what is meant of it, and returns how many objects that are, and the terms of the filter that it
// has nothing for. Errors are those of the source, of records that cannot be decoded, and that of ctx.
func (l *Lines) Check(ctx context.Context, src digest.Source) (objects int64, unmatched []string, err error) {
	hits := l.Filter.hits()
	err = eachObject(ctx, src, l.Filter, hits, func(record.Raw, *object.Object) error {
		objects++
		return nil
	})
	return objects, l.Filter.unmatched(hits), err
}

// Write writes the lines, and returns how many objects there were. A stream should have passed Check before, so that it does not end in the
// middle.
func (l *Lines) Write(ctx context.Context, w io.Writer, src digest.Source) (objects int64, err error) {
	err = eachObject(ctx, src, l.Filter, nil, func(_ record.Raw, o *object.Object) error {
		x := struct {
			Family, Name string
			Object       map[string]any
		}{Family: word(o.Family), Name: o.Name}
		var err error
		if x.Object, err = l.Object(o); err != nil {
			return err
		}
		text, err := plain(x)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return err
		}
		objects++
		return nil
	})
	return objects, err
}

// eachObject shows the objects of a source that are meant, each with its record. hits may be nil.
func eachObject(ctx context.Context, src digest.Source, filter *Filter, hits []bool, visit func(record.Raw, *object.Object) error) error {
	split := object.NewSplitter()
	return src(func(raw record.Raw) error {
		if raw.Number%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !filter.mayMatch(raw.Type) {
			return nil
		}
		return split.Each(raw, func(o *object.Object) error {
			if !filter.matches(o, hits) {
				return nil
			}
			return visit(raw, o)
		})
	})
}

// hits is room for which terms have met an object.
func (f *Filter) hits() []bool {
	if f == nil {
		return nil
	}
	return make([]bool, len(f.terms))
}

// unmatched are the terms that have met none.
func (f *Filter) unmatched(hits []bool) (terms []string) {
	for i, hit := range hits {
		if !hit {
			terms = append(terms, f.terms[i].String())
		}
	}
	return terms
}
