package retention

import (
	"fmt"
	"slices"
	"time"
)

// A Backup is what is known of one.
type Backup struct {
	ID     int64     // a larger one was made later
	Time   time.Time // by the clock of who made it
	Proven bool
}

// A Reason is why a backup stays.
type Reason struct {
	Rule string
	N    int // the place that the backup has among Of; 0 where nothing is counted
	Of   int
}

// The reasons that are no rules.
var (
	NoRule     = Reason{Rule: "no rule removes anything"}
	LastProven = Reason{Rule: "last proven"}
	Future     = Reason{Rule: "its time is in the future"}
	Astray     = Reason{Rule: "its time contradicts its ID"}
)

// String shows a reason as in "daily 3/7".
func (r Reason) String() string {
	if r.Of == 0 {
		return r.Rule
	}
	return fmt.Sprintf("%s %d/%d", r.Rule, r.N, r.Of)
}

// Leeway is how far ahead of the clock of who decides that of who makes backups may be.
const Leeway = 5 * time.Minute

// Decide returns, for each backup, why it stays: nothing for one that is to go. The backups must be sorted by ID, the newest first, and be of
// one cluster. now is zero if no time is to count as in the future.
func Decide(backups []Backup, rules Rules, now time.Time) [][]Reason {
	d := &decision{backups: backups, why: make([][]Reason, len(backups))}
	if rules.Empty() {
		for i := range d.why {
			d.keep(i, NoRule)
		}
		return d.why
	}
	d.doubt(rules, now)
	for _, c := range rules.counts() {
		if c.n > 0 {
			d.count(c)
		}
	}
	if rules.Within > 0 {
		d.within(rules.Within)
	}
	d.spare()
	d.lastProven()
	return d.why
}

// decision is one in the making.
type decision struct {
	backups []Backup
	why     [][]Reason
	doubts  []Reason // by backup, why its time is not believed; the zero Reason for those whose time is
	full    int      // the backup by which every rule has all that it keeps; behind the last if one has not
}

func (d *decision) keep(i int, why Reason) { d.why[i] = append(d.why[i], why) }

// doubt finds the backups whose times are not believed.
func (d *decision) doubt(rules Rules, now time.Time) {
	d.doubts = make([]Reason, len(d.backups))
	var present []int
	for i, b := range d.backups {
		if !now.IsZero() && b.Time.After(now.Add(Leeway)) {
			d.doubts[i] = Future
			continue
		}
		present = append(present, i)
	}
	if !rules.calendar() {
		return
	}
	believed := d.longestRun(present)
	for _, i := range present {
		if !believed[i] {
			d.doubts[i] = Astray
		}
	}
}

// longestRun finds the longest run of backups whose times do not go back while their IDs grow. Of several it takes the newer backup
// wherever they part.
func (d *decision) longestRun(among []int) map[int]bool {
	var ends []time.Time // by length: the earliest time at which a run of that length can end
	length := make([]int, len(among))
	for k := len(among) - 1; k >= 0; k-- {
		t := d.backups[among[k]].Time
		at, _ := slices.BinarySearchFunc(ends, t, func(end, t time.Time) int {
			if end.After(t) {
				return 1
			}
			return -1 // equal times may follow each other
		})
		if at == len(ends) {
			ends = append(ends, t)
		} else {
			ends[at] = t
		}
		length[k] = at + 1
	}
	run := make(map[int]bool, len(ends))
	left, after := len(ends), time.Time{}
	for k, i := range among {
		if t := d.backups[i].Time; length[k] == left && (left == len(ends) || !t.After(after)) {
			run[i] = true
			left, after = left-1, t
		}
	}
	return run
}

// count applies a rule that counts.
func (d *decision) count(c count) {
	n, last := 0, int64(0)
	for i, b := range d.backups {
		if d.doubts[i] == Future || c.period != nil && d.doubts[i] == Astray {
			continue
		}
		if c.period != nil {
			p := c.period(b.Time)
			if n > 0 && p == last {
				continue
			}
			last = p
		}
		n++
		d.keep(i, Reason{c.name, n, c.n})
		if n == c.n {
			d.full = max(d.full, i)
			return
		}
	}
	d.full = len(d.backups)
}

func (d *decision) within(age time.Duration) {
	rule := Reason{Rule: "within " + FormatAge(age)}
	newest, last := time.Time{}, 0
	for i, b := range d.backups {
		if d.doubts[i] != (Reason{}) {
			continue
		}
		if newest.IsZero() {
			newest = b.Time
		}
		if !b.Time.After(newest.Add(-age)) {
			d.full = max(d.full, last)
			return
		}
		d.keep(i, rule)
		last = i
	}
	d.full = len(d.backups)
}

// spare keeps what is not believed, unless newer backups are all that the rules ask for.
func (d *decision) spare() {
	for i := range d.backups {
		if d.doubts[i] != (Reason{}) && i < d.full && len(d.why[i]) == 0 {
			d.keep(i, d.doubts[i])
		}
	}
}

// lastProven keeps the newest proven backup, and the newest whose time is not in the future.
func (d *decision) lastProven() {
	seen := false
	for i, b := range d.backups {
		future := d.doubts[i] == Future
		if !b.Proven || seen && future {
			continue
		}
		seen = true
		d.keep(i, LastProven)
		if !future {
			return
		}
	}
}
