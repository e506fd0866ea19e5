package selective

import (
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
)

// Options say what is brought back, and how.
type Options struct {
	// Filter says which objects are meant, by their names in the source; nil means all that can be brought back.
	Filter *diff.Filter
	// Renames give keys other names in the datacenter.
	Renames []Rename
	// Delete removes what is meant and is not in the source.
	Delete bool
	// Source is what the source is called.
	Source string
	// Scratch makes scratch files. It must be set.
	Scratch func() (diff.Scratch, error)
	// Progress shows how far a job is.
	Progress Progress
	// Now is the clock; the default is time.Now.
	Now func() time.Time
}

// Progress shows how far a job is: bytes that are written to what Start returns are counted. A total of less than 0 is not known.
type Progress interface {
	Start(what string, total int64) io.WriteCloser
}

// start begins a job.
func (o *Options) start(what string, total int64) io.WriteCloser {
	if o.Progress == nil {
		return nothing{}
	}
	return o.Progress.Start(what, total)
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// nothing shows nothing.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                { return nil }

// A Note says that something is not brought back, or not removed, and why.
type Note struct {
	Family string
	Count  int64
	Names  []string // some of them
	Reason string
}

// noted is how many names a note has, at most.
const noted = 10

// A Plan says what is to be changed so that a datacenter has what the source has. It must be closed.
type Plan struct {
	Cluster Cluster
	Source  string
	Undoing bool // it takes a restore back
	// Meant is how many objects of the source are meant, and Equal how many of them the datacenter has already as they are to be.
	Meant, Equal int64
	Notes        []Note       // what is not brought back
	Kept         []Note       // what is not removed although that was asked for
	Left         []diff.Count // what is in the datacenter and not in the source, and is left alone, as Removed
	Changed      []Note       // of an undo: what is neither as the restore left it nor as it was before it
	Unmatched    []string     // what of the filter the source has nothing for
	Warnings     []string
	Keys         []Span // where the keys are

	target  *Target
	opts    Options
	scope   *scope
	results []*diff.Result
	counts  []diff.Count // of the results, once somebody asked
	live    *side
	wanted  *side

	sources   []*object.Object // what is meant of the source, but for keys
	names     links
	untouched map[object.ID]bool // what of the datacenter stands in the place of what cannot be brought back
	skip      map[object.ID]bool // what of the live state is not compared
}

// A side is the objects of one state that are compared.
type side struct {
	*shelf
	objects map[object.ID]*object.Object // but for keys
}

// Counts are how many objects of each family are to be made (Added), removed, and changed.
func (p *Plan) Counts() []diff.Count {
	if p.counts == nil {
		p.counts = []diff.Count{}
		for _, r := range p.results {
			p.counts = append(p.counts, r.Counts()...)
		}
	}
	return p.counts
}

// count is that of a family.
func (p *Plan) count(family string) diff.Count {
	for _, c := range p.Counts() {
		if c.Family == family {
			return c
		}
	}
	return diff.Count{Family: family}
}

// Len is how many objects are to be made, removed, or changed.
func (p *Plan) Len() (n int) {
	for _, r := range p.results {
		n += r.Len()
	}
	return n
}

// Changes are what is to be done: before is what the datacenter has, and after what it is to have. The plan must be open.
func (p *Plan) Changes() iter.Seq[diff.Change] {
	return func(yield func(diff.Change) bool) {
		for _, r := range p.results {
			for c := range r.All() {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// Close gives up what the plan holds.
func (p *Plan) Close() error {
	errs := []error{closeAll(p.results)}
	for _, s := range []*side{p.live, p.wanted} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

func (p *Plan) note(family, name, reason string) { p.Notes = noteIn(p.Notes, family, name, reason) }
func (p *Plan) keep(family, name, reason string) { p.Kept = noteIn(p.Kept, family, name, reason) }

func (p *Plan) warn(text string) {
	if !slices.Contains(p.Warnings, text) {
		p.Warnings = append(p.Warnings, text)
	}
}

// noteIn counts what has the same reason together.
func noteIn(notes []Note, family, name, reason string) []Note {
	i := slices.IndexFunc(notes, func(n Note) bool { return n.Family == family && n.Reason == reason })
	if i < 0 {
		i = len(notes)
		notes = append(notes, Note{Family: family, Reason: reason})
	}
	n := &notes[i]
	if n.Count++; name != "" && len(n.Names) < noted {
		n.Names = append(n.Names, name)
	}
	return notes
}
