package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) // a Saturday

// made makes backups at so many hours before noon, their IDs in the order given, and returns the newest first.
func made(hours ...float64) (list []Backup) {
	for i, h := range hours {
		list = append(list, Backup{ID: int64(i + 1), Time: noon.Add(-time.Duration(h * float64(time.Hour))), Proven: true})
	}
	slices.Reverse(list)
	return list
}

// kept shows the IDs that stay with their reasons, the oldest first.
func kept(list []Backup, why [][]Reason) string {
	var parts []string
	for i := range list {
		if len(why[i]) > 0 {
			var reasons []string
			for _, r := range why[i] {
				reasons = append(reasons, r.String())
			}
			parts = append(parts, fmt.Sprintf("%d: %s", list[i].ID, strings.Join(reasons, ", ")))
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, "; ")
}

func TestDecide(t *testing.T) {
	const day = 24.0
	for _, c := range []struct {
		name  string
		rules Rules
		hours []float64
		want  string
	}{
		{"no rule", Rules{}, []float64{2, 1}, "1: no rule removes anything; 2: no rule removes anything"},
		{"nothing", Rules{Retain: 1}, nil, ""},
		{"retain", Rules{Retain: 2}, []float64{3, 2, 1}, "2: retain 2/2; 3: retain 1/2, last proven"},
		{"last", Rules{Last: 1}, []float64{3, 2, 1}, "3: last 1/1, last proven"},
		{"hourly takes the newest of an hour", Rules{Hourly: 2}, []float64{2.7, 2.4, 2.2, 1.9, 1.1}, "3: hourly 2/2; 5: hourly 1/2, last proven"},
		{"hours without a backup do not count", Rules{Hourly: 2}, []float64{50, 9, 1}, "2: hourly 2/2; 3: hourly 1/2, last proven"},
		{"daily, by UTC", Rules{Daily: 2}, []float64{13, 12.5, 12, 11}, "2: daily 2/2; 4: daily 1/2, last proven"},
		{"weeks begin on Mondays", Rules{Weekly: 2}, []float64{5*day + 12.5, 5*day + 11.5, 0}, "1: weekly 2/2; 3: weekly 1/2, last proven"},
		{"monthly", Rules{Monthly: 3}, []float64{60 * day, 31 * day, 22 * day, day}, "1: monthly 3/3; 3: monthly 2/3; 4: monthly 1/3, last proven"},
		{"yearly", Rules{Yearly: 2}, []float64{400 * day, 330 * day, 320 * day, day}, "2: yearly 2/2; 4: yearly 1/2, last proven"},
		{"within, from the newest on", Rules{Within: 2 * time.Hour}, []float64{13, 12, 11.5, 10}, "3: within 2h; 4: within 2h, last proven"},
		{"any rule keeps", Rules{Last: 1, Daily: 2}, []float64{30, 25, 1}, "2: daily 2/2; 3: last 1/1, daily 1/2, last proven"},
		{"future ones take no place", Rules{Last: 1}, []float64{2, 1, -9}, "2: last 1/1, last proven; 3: its time is in the future, last proven"},
		{"future ones go when there is enough after them", Rules{Last: 2}, []float64{3, -9, 2, 1}, "3: last 2/2; 4: last 1/2, last proven"},
		{"future ones stay until then", Rules{Last: 3}, []float64{3, -9, 2, 1},
			"1: last 3/3; 2: its time is in the future; 3: last 2/3; 4: last 1/3, last proven"},
		{"a little ahead is no future", Rules{Last: 1}, []float64{1, -0.05}, "2: last 1/1, last proven"},
		{"all in the future", Rules{Last: 1}, []float64{-1, -2}, "1: its time is in the future; 2: its time is in the future, last proven"},
		{"set back for a while", Rules{Hourly: 3}, []float64{5, 4, 99, 98, 3, 2, 1}, "5: hourly 3/3; 6: hourly 2/3; 7: hourly 1/3, last proven"},
		{"set back, and not enough since", Rules{Hourly: 3}, []float64{7, 6, 5, 99, 98, 3},
			"2: hourly 3/3; 3: hourly 2/3; 4: its time contradicts its ID; 5: its time contradicts its ID; 6: hourly 1/3, last proven"},
		{"set ahead for a while", Rules{Daily: 3}, []float64{80, 79, 30, 29, 78, 77, 54, 53, 52, 51},
			"3: its time contradicts its ID; 4: its time contradicts its ID; 6: daily 2/3; 10: daily 1/3, last proven"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := made(c.hours...)
			if got := kept(list, Decide(list, c.rules, noon)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A machine without a clock of its own wakes up in 1970, takes backups and decides.
func TestClockOfWhoDecidesIsWrong(t *testing.T) {
	list := made(4, 3, 2, 1)
	asleep := time.Unix(60, 0)
	list = append([]Backup{{ID: 5, Time: asleep, Proven: true}}, list...)
	for _, rules := range []Rules{{Retain: 3}, {Daily: 7}, {Within: time.Hour}} {
		for i, why := range Decide(list, rules, asleep) {
			if len(why) == 0 {
				t.Errorf("%s: backup %d goes", rules, list[i].ID)
			}
		}
	}
}

func TestLastProvenStays(t *testing.T) {
	list := made(5, 4, 3, 2, 1)
	for i := range list {
		list[i].Proven = list[i].ID == 2
	}
	if got, want := kept(list, Decide(list, Rules{Last: 2}, noon)), "2: last proven; 4: last 2/2; 5: last 1/2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// history is backups made by chance: most of them one after the other, by clocks that jump, some at the same time.
func history(r *rand.Rand) (list []Backup) {
	at, step := noon.Add(-time.Duration(r.IntN(3000))*time.Hour), time.Duration(1+r.IntN(200))*time.Hour/4
	for i := range r.IntN(24) {
		switch r.IntN(12) {
		case 0:
			at = at.Add(-time.Duration(r.IntN(4000)) * time.Hour / 4)
		case 1:
			at = at.Add(time.Duration(r.IntN(4000)) * time.Hour / 4)
		case 2:
		default:
			at = at.Add(step)
		}
		list = append(list, Backup{ID: int64(10*i) + r.Int64N(10), Time: at, Proven: r.IntN(3) > 0})
	}
	slices.Reverse(list)
	return list
}

func someRules(r *rand.Rand) (rules Rules) {
	for _, n := range []*int{&rules.Retain, &rules.Last, &rules.Hourly, &rules.Daily, &rules.Weekly, &rules.Monthly, &rules.Yearly} {
		if r.IntN(3) == 0 {
			*n = r.IntN(9)
		}
	}
	if r.IntN(4) == 0 {
		rules.Within = time.Duration(r.IntN(2000)) * time.Hour / 2
	}
	return rules
}

// naive is the rules written down once more, in the words of the manual, as slow as it gets.
func naive(list []Backup, rules Rules, now time.Time) map[int64]bool {
	stay := map[int64]bool{}
	asks := map[string]int{"retain": rules.Retain, "last": rules.Last, "hour": rules.Hourly, "day": rules.Daily, "week": rules.Weekly,
		"month": rules.Monthly, "year": rules.Yearly, "within": int(rules.Within)}
	var present, believed []Backup
	future := map[int64]bool{}
	for _, b := range list {
		if b.Time.Sub(now) > 5*time.Minute {
			future[b.ID] = true
		} else {
			present = append(present, b)
		}
	}
	believed = naiveRun(present)
	everything, satisfied := true, int64(1<<62) // the smallest ID that the rules need
	for rule, n := range asks {
		if n == 0 {
			continue
		}
		everything = false
		has, enough := naiveRule(rule, n, present, believed)
		for _, id := range has {
			stay[id] = true
		}
		if !enough {
			satisfied = -1
		} else {
			satisfied = min(satisfied, slices.Min(has))
		}
	}
	for _, b := range list {
		doubted := future[b.ID] || !slices.Contains(believed, b) && rules.Hourly+rules.Daily+rules.Weekly+rules.Monthly+rules.Yearly+int(rules.Within) > 0
		if everything || doubted && b.ID > satisfied {
			stay[b.ID] = true
		}
	}
	for _, among := range [][]Backup{list, present} {
		if at := slices.IndexFunc(among, func(b Backup) bool { return b.Proven }); at >= 0 {
			stay[among[at].ID] = true
		}
	}
	return stay
}

// naiveRule is what one rule keeps, and whether that is all it asks for.
func naiveRule(rule string, n int, present, believed []Backup) (ids []int64, enough bool) {
	formats := map[string]string{"hour": "2006-01-02 15", "day": "2006-01-02", "month": "2006-01", "year": "2006"}
	periods := map[string]bool{}
	switch rule {
	case "retain", "last":
		for _, b := range present[:min(n, len(present))] {
			ids = append(ids, b.ID)
		}
		return ids, len(ids) == n
	case "within":
		for _, b := range believed {
			if believed[0].Time.Sub(b.Time) < time.Duration(n) {
				ids = append(ids, b.ID)
			}
		}
		return ids, len(ids) < len(believed)
	}
	for _, b := range believed {
		period := b.Time.UTC().Format(formats[rule])
		if rule == "week" {
			period = fmt.Sprint(b.Time.UTC().ISOWeek())
		}
		if len(periods) < n && !periods[period] {
			periods[period] = true
			ids = append(ids, b.ID)
		}
	}
	return ids, len(periods) == n
}

// naiveRun is the longest run of times that do not go back, by comparing everything with everything.
func naiveRun(list []Backup) (run []Backup) {
	length := make([]int, len(list)) // of the longest run that ends here, coming from older ones
	for i := len(list) - 1; i >= 0; i-- {
		length[i] = 1
		for j := i + 1; j < len(list); j++ {
			if !list[j].Time.After(list[i].Time) {
				length[i] = max(length[i], length[j]+1)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	want := slices.Max(length)
	for i, b := range list {
		if length[i] == want && (len(run) == 0 || !b.Time.After(run[len(run)-1].Time)) {
			run, want = append(run, b), want-1
		}
	}
	return run
}

// histories is how many random histories go through Decide.
func TestRandomHistories(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range histories {
		list, rules := history(r), someRules(r)
		now := noon.Add(time.Duration(r.IntN(4000)-2000) * time.Hour)
		why := Decide(list, rules, now)
		want := naive(list, rules, now)
		for i, b := range list {
			if (len(why[i]) > 0) != want[b.ID] {
				t.Fatalf("history %d, rules %s, now %s: backup %d: stays for %v, want %t\n%s", n, rules, now, b.ID, why[i], want[b.ID], picture(list, why))
			}
		}
		if last := slices.IndexFunc(list, func(b Backup) bool { return b.Proven }); last >= 0 && len(why[last]) == 0 {
			t.Fatalf("history %d, rules %s, now %s: the last proven backup goes\n%s", n, rules, now, picture(list, why))
		}
		checkReasons(t, list, rules, why)
	}
}

// checkReasons counts the places of every rule.
func checkReasons(t *testing.T, list []Backup, rules Rules, why [][]Reason) {
	places := map[string][]int{}
	for i := range list {
		for _, reason := range why[i] {
			if reason.Of > 0 {
				places[fmt.Sprint(reason.Rule, " ", reason.Of)] = append(places[fmt.Sprint(reason.Rule, " ", reason.Of)], reason.N)
			}
		}
	}
	for rule, taken := range places {
		if !strings.Contains(rules.String(), rule) || !sort.IntsAreSorted(taken) || taken[0] != 1 || taken[len(taken)-1] != len(taken) {
			t.Fatalf("rules %s: places of %s: %v\n%s", rules, rule, taken, picture(list, why))
		}
	}
}

func picture(list []Backup, why [][]Reason) string {
	var b strings.Builder
	for i, one := range list {
		fmt.Fprintf(&b, "%4d %s proven %t: %v\n", one.ID, one.Time.Format(time.RFC3339), one.Proven, why[i])
	}
	return b.String()
}

// After a decision without doubts, the next one changes nothing.
func TestDecisionsAreStable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		list, rules := history(r), someRules(r)
		slices.SortFunc(list, func(a, b Backup) int { return b.Time.Compare(a.Time) })
		for i := range list {
			list[i].ID = int64(len(list) - i)
		}
		var left []Backup
		for i, why := range Decide(list, rules, time.Time{}) {
			if len(why) > 0 {
				left = append(left, list[i])
			}
		}
		for i, why := range Decide(left, rules, time.Time{}) {
			if len(why) == 0 {
				t.Fatalf("rules %s: backup %d goes at the second time", rules, left[i].ID)
			}
		}
	}
}
