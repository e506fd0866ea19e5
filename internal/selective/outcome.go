package selective

import (
	"slices"
	"strings"
	"sync"

	"github.com/lictor-dr/lictor/internal/diff"
)

// A Finding is an object, and what there is to say of it.
type Finding struct {
	Family string
	Name   string
	Text   string
}

// An Outcome is what came of a plan.
type Outcome struct {
	Applied   []diff.Count // what was made, removed, and changed
	Already   int64        // was as it was to be when it was about to be written
	Conflicts []Finding    // had been changed since the plan was made, and was left alone
	Failed    []Finding    // the datacenter refused it
	NotDone   int64        // was not tried, or it is not known what came of it: the restore was broken off
	Remaining []Finding    // was written, and differs from what it was to be
	Compared  bool         // what was written has been read again and compared
	NotRead   error        // why not
	Undo      string       // the file that leads back
	Requests  int64        // how many wrote

	mu sync.Mutex
}

// Equal tells whether everything is as it was planned.
func (o *Outcome) Equal() bool {
	return len(o.Conflicts)+len(o.Failed)+len(o.Remaining) == 0 && o.NotDone == 0 && (o.Compared || o.Done() == 0)
}

// Done is how many objects were written or removed.
func (o *Outcome) Done() (n int64) {
	for _, c := range o.Applied {
		n += c.Total()
	}
	return n
}

func (o *Outcome) applied(family string, what diff.What) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.Applied, func(c diff.Count) bool { return c.Family == family })
	if i < 0 {
		i = len(o.Applied)
		o.Applied = append(o.Applied, diff.Count{Family: family})
	}
	switch c := &o.Applied[i]; what {
	case diff.Added:
		c.Added++
	case diff.Removed:
		c.Removed++
	default:
		c.Changed++
	}
}

func (o *Outcome) already() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Already++
}

func (o *Outcome) conflict(family, name, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Conflicts = append(o.Conflicts, Finding{family, name, text})
}

func (o *Outcome) fail(family, name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Failed = append(o.Failed, Finding{family, name, err.Error()})
}

func (o *Outcome) requested() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Requests++
}

// sort puts findings in order.
func (o *Outcome) sort() {
	for _, list := range [][]Finding{o.Conflicts, o.Failed, o.Remaining} {
		slices.SortFunc(list, func(a, b Finding) int {
			if a.Family != b.Family {
				return slices.Index(families, a.Family) - slices.Index(families, b.Family)
			}
			return strings.Compare(a.Name, b.Name)
		})
	}
	slices.SortFunc(o.Applied, func(a, b diff.Count) int { return rank(a.Family) - rank(b.Family) })
}

// rank is the place of a family in reports.
func rank(family string) int {
	return slices.Index(diff.Words(), diff.Word(family))
}

// changedSince is said of what is left alone.
const changedSince = "changed since the plan was made"
