package snapshotagent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// A point is a moment of the past, and when it was learned of. Its age goes on when the wall clock is set back, and counts the leap when that
// is set ahead: it may be true, and who asks for an age must not be told too little.
type point struct {
	at      time.Time
	learned clock.Moment
}

// age is how long ago the moment is.
func (p point) age(now clock.Moment) time.Duration {
	return max(0, now.Wall.Sub(p.at), max(0, p.learned.Wall.Sub(p.at))+now.Running-p.learned.Running)
}

// Covered is a destination, and the state that can be brought back from it.
type Covered struct {
	Name   string
	Newest time.Time     // the state of its newest proven backup is of this moment; zero if there is none
	ID     string        // of that backup
	Age    time.Duration // of that state, or since the destination is known while it has none
	Behind bool          // it lacks the newest backup
}

// cover is what is known of a destination.
type cover struct {
	point
	id      string // of the newest proven backup; empty if there is none, and the point is when the destination was first known
	missing int    // listings in a row in which that backup was not to be found whole
}

// missingLooks is in how many listings in a row a backup must be missing: listings of object stores may be out of date.
const missingLooks = 2

// Date is the moment whose state can be brought back from a backup: the request for it, or when the cluster was last found to hold the same
// still. It is zero if the backup is not proven.
func Date(e *inventory.Entry) time.Time {
	switch {
	case e.Proof != inventory.Proven:
		return time.Time{}
	case e.Confirmed != nil && e.Confirmed.After(e.Started):
		return *e.Confirmed
	}
	return e.Started
}

// use forgets the destinations that are not among names, and begins to know those that are new.
func (b *board) use(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, next := b.clock.Now(), map[string]*cover{}
	for _, name := range names {
		next[name] = cmp.Or(b.covers[name], &cover{point: point{now.Wall, now}})
	}
	b.covers = next
}

// cover notes the newest proven backup of a destination.
func (b *board) cover(name string, e *inventory.Entry) {
	at := Date(e)
	if at.IsZero() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.covers[name]
	if c == nil {
		return // a reload has taken it away
	}
	c.missing = 0
	if c.id != e.ID || !c.at.Equal(at) {
		c.point, c.id = point{at, b.clock.Now()}, e.ID
	}
}

// listed compares what a destination was last listed with, nil for nothing, with what it should have.
func (b *board) listed(name string, e *inventory.Entry) {
	b.mu.Lock()
	c := b.covers[name]
	missing := c != nil && c.id != "" && (e == nil || later(c.id, e.ID) == c.id && c.id != e.ID)
	if missing {
		c.missing++
	}
	b.mu.Unlock()
	if e != nil && !missing {
		b.cover(name, e)
	}
}

// covered shows the destinations, and which of them lack what they had. The caller holds the lock.
func (b *board) covered(now clock.Moment) (all []Covered, damaged string) {
	for name, c := range b.covers {
		one := Covered{Name: name, ID: c.id, Age: c.age(now), Behind: b.status.Behind[name]}
		if c.id != "" {
			one.Newest = c.at
		}
		if c.missing >= missingLooks {
			damaged = fmt.Sprintf("the newest backup in %s, %s, is damaged or gone", name, c.id)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Covered) int { return cmp.Compare(a.Name, b.Name) })
	return all, damaged
}

// Missed tells how the objective is missed, empty if it is met: what can be brought back from a destination is too old. 0 is no objective.
func (s *Status) Missed(rpo time.Duration) string {
	if rpo <= 0 {
		return ""
	}
	var missed []string
	for _, c := range s.Covered {
		switch {
		case c.Age <= rpo:
		case c.ID == "":
			missed = append(missed, fmt.Sprintf("%s has had no proven backup for %s", c.Name, c.Age.Round(time.Second)))
		default:
			missed = append(missed, fmt.Sprintf("the newest proven backup in %s is %s old", c.Name, c.Age.Round(time.Second)))
		}
	}
	if len(missed) == 0 {
		return ""
	}
	return fmt.Sprintf("the objective of %s is missed: %s", rpo, strings.Join(missed, "; "))
}

// Oldest is the age of what can be brought back from the destination that is worst off.
func (s *Status) Oldest() (age time.Duration) {
	for _, c := range s.Covered {
		age = max(age, c.Age)
	}
	return age
}
