package retention

import (
	"errors"
	"strconv"
)

// Keeping are the rules besides the count, by the names that operators give them in a configuration and, after -keep-, on a command line.
var Keeping = []struct{ Name, Usage string }{
	{"last", "Keep the newest `number` of snapshots."},
	{"hourly", "Keep the newest snapshot of each of the last so many hours, a `number`, that have one; hours are those of UTC."},
	{"daily", "Keep the newest snapshot of each of the last so many days, a `number`, that have one."},
	{"weekly", "Keep the newest snapshot of each of the last so many weeks, a `number`, that have one; weeks begin on Mondays."},
	{"monthly", "Keep the newest snapshot of each of the last so many months, a `number`, that have one."},
	{"yearly", "Keep the newest snapshot of each of the last so many years, a `number`, that have one."},
	{"within", "Keep every snapshot that is younger, by this `duration`, than the newest; beside s, m and h there are d, w and y, as in 14d."},
}

// Set sets the rule with a name, one of Keeping or retain, from text.
func (r *Rules) Set(name, text string) error {
	if name == "within" {
		d, err := ParseAge(text)
		if err == nil {
			r.Within = d
		}
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("not a whole number")
	}
	switch name {
	case "retain":
		r.Retain = n
	case "last":
		r.Last = n
	case "hourly":
		r.Hourly = n
	case "daily":
		r.Daily = n
	case "weekly":
		r.Weekly = n
	case "monthly":
		r.Monthly = n
	case "yearly":
		r.Yearly = n
	default:
		return errors.New("no rule has the name " + name)
	}
	return nil
}
