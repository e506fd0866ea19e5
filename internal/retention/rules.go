package retention

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Rules say which backups stay. The zero value keeps all.
type Rules struct {
	Retain int // the newest so many: the one rule of Consul Enterprise's agent

	Last    int // the newest so many
	Hourly  int // the newest of each of the last so many hours that have one
	Daily   int
	Weekly  int
	Monthly int
	Yearly  int
	Within  time.Duration // what is younger than this at the time of the newest
}

// Empty tells whether nothing is ever removed.
func (r Rules) Empty() bool {
	for _, c := range r.counts() {
		if c.n > 0 {
			return false
		}
	}
	return r.Within <= 0
}

// Check refuses what makes no sense.
func (r Rules) Check() error {
	for _, c := range r.counts() {
		if c.n < 0 {
			return fmt.Errorf("%s must not be negative, but %d", c.name, c.n)
		}
	}
	if r.Within < 0 {
		return fmt.Errorf("within must not be negative, but %s", r.Within)
	}
	keep := r
	keep.Retain = 0
	if r.Retain > 0 && !keep.Empty() {
		return errors.New("retain and keep are two answers to the same question: leave one out (keep last is what retain is)")
	}
	return nil
}

// String shows the rules in a line, as in "hourly 24, daily 7".
func (r Rules) String() string {
	var parts []string
	for _, c := range r.counts() {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.name, c.n))
		}
	}
	if r.Within > 0 {
		parts = append(parts, "within "+FormatAge(r.Within))
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// count is a rule that keeps one backup for each period. Without a period each backup is one of its own.
type count struct {
	name   string
	n      int
	period func(time.Time) int64
}

func (r Rules) counts() [7]count {
	return [7]count{
		{"retain", r.Retain, nil}, {"last", r.Last, nil}, {"hourly", r.Hourly, hour}, {"daily", r.Daily, day}, {"weekly", r.Weekly, week},
		{"monthly", r.Monthly, month}, {"yearly", r.Yearly, year},
	}
}

// calendar tells whether any rule looks at times.
func (r Rules) calendar() bool {
	return r.Hourly > 0 || r.Daily > 0 || r.Weekly > 0 || r.Monthly > 0 || r.Yearly > 0 || r.Within > 0
}

func hour(t time.Time) int64  { return floor(t.Unix(), 3600) }
func day(t time.Time) int64   { return floor(t.Unix(), 86400) }
func week(t time.Time) int64  { return floor(day(t)+3, 7) } // the first of 1970 was a Thursday, and weeks begin on Mondays
func month(t time.Time) int64 { return int64(t.UTC().Year())*12 + int64(t.UTC().Month()) }
func year(t time.Time) int64  { return int64(t.UTC().Year()) }

func floor(n, by int64) int64 {
	if q := n / by; n%by >= 0 {
		return q
	}
	return n/by - 1
}
