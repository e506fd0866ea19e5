package retention

import (
	"strings"
	"testing"
	"time"
)

func TestRulesCheck(t *testing.T) {
	for _, c := range []struct {
		rules Rules
		text  string
		want  string
	}{
		{Rules{}, "everything", ""},
		{Rules{Retain: 30}, "retain 30", ""},
		{Rules{Hourly: 24, Daily: 7, Within: 36 * time.Hour}, "hourly 24, daily 7, within 1d12h", ""},
		{Rules{Retain: 30, Daily: 7}, "retain 30, daily 7", "leave one out"},
		{Rules{Retain: 30, Within: 1}, "retain 30, within 1ns", "leave one out"},
		{Rules{Monthly: -1}, "everything", "monthly must not be negative"},
		{Rules{Retain: -1}, "everything", "retain must not be negative"},
		{Rules{Within: -1}, "everything", "within must not be negative"},
	} {
		err := c.rules.Check()
		if got := c.rules.String(); got != c.text || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %q, %v", c.rules, got, err)
		}
	}
}

func TestAges(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "36h": 36 * time.Hour, "14d": 14 * day, "2w": 14 * day, "1y2w3d4h5m": (365+14+3)*day + 4*time.Hour + 5*time.Minute,
		"-1h": -time.Hour,
	} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1", "-1d", "1d-1h", "1d+1h", "3d1w", "1.5d", "300y", "99999999999999999999d", "1d 2h", "1x", "1d1"} {
		if got, err := ParseAge(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Hour: "1h", 90 * time.Minute: "1h30m", 2 * day: "2d", day + time.Second: "1d1s", 10 * time.Minute: "10m"} {
		if got := FormatAge(d); got != want {
			t.Errorf("%d is shown as %s, want %s", d, got, want)
		}
	}
}

func FuzzParseAge(f *testing.F) {
	for _, seed := range []string{"1y2w3d4h5m", "36h", "-1h", "1d-1h", "9223372036854775807ns", "106751d", "", "1.5d", "1e3d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseAge(text)
		if err != nil || d < 0 {
			return
		}
		if again, err := ParseAge(FormatAge(d)); err != nil || again != d {
			t.Errorf("%q is %s, shown as %q, which is %s, %v", text, d, FormatAge(d), again, err)
		}
	})
}

func TestCollapsed(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to Size
		most     int
		want     bool
		lost     int
	}{
		{"same", Size{10, 1000}, Size{10, 1000}, 50, false, 0},
		{"grown", Size{10, 1000}, Size{20, 2000}, 50, false, 0},
		{"half", Size{10, 1000}, Size{5, 500}, 50, false, 50},
		{"records", Size{10, 1000}, Size{4, 999}, 50, true, 60},
		{"bytes", Size{10, 1000}, Size{10, 499}, 50, true, 50},
		{"records lost, bytes grown", Size{10, 1000}, Size{1, 2000}, 50, true, 90},
		{"all", Size{10, 1000}, Size{}, 99, true, 100},
		{"never", Size{10, 1000}, Size{}, 100, false, 100},
		{"not asked", Size{10, 1000}, Size{}, 0, false, 100},
		{"from nothing", Size{}, Size{}, 50, false, 0},
	} {
		if got, lost := Collapsed(c.from, c.to, c.most), Lost(c.from, c.to); got != c.want || lost != c.lost {
			t.Errorf("%s: %t, %d%%", c.name, got, lost)
		}
	}
}

func FuzzParsePercent(f *testing.F) {
	for _, seed := range []string{"50%", "1", "100%", "0", "101%", "%", "-5%", "+5", "5%%", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParsePercent(text); err == nil && (n < 1 || n > 100 || len(text) > 4 && strings.Trim(text, "0123456789%") != "") {
			t.Errorf("%q is %d", text, n)
		}
	})
}

func TestSetRules(t *testing.T) {
	var got Rules
	for i, k := range Keeping {
		text := string(rune('1' + i))
		if k.Name == "within" {
			text = "2w"
		}
		if err := got.Set(k.Name, text); err != nil || strings.Count(k.Usage, "`") != 2 {
			t.Errorf("%s: %v, %s", k.Name, err, k.Usage)
		}
	}
	if want := (Rules{0, 1, 2, 3, 4, 5, 6, 14 * 24 * time.Hour}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := got.Set("retain", "9"); err != nil || got.Retain != 9 {
		t.Error(err, got)
	}
	for name, text := range map[string]string{"daily": "x", "within": "x", "minutely": "1"} {
		if err := got.Set(name, text); err == nil {
			t.Errorf("%s %s is accepted", name, text)
		}
	}
}

// Clocks that were never set show 1970, and time zones the year before.
func TestPeriodsAroundTheEpoch(t *testing.T) {
	formats := map[string]func(time.Time) int64{"2006-01-02 15": hour, "2006-01-02": day, "2006-01": month, "2006": year}
	for seconds := int64(-3 * 86400); seconds < 3*86400; seconds += 1799 {
		a, b := time.Unix(seconds, 0).UTC(), time.Unix(seconds+1799, 0).UTC()
		for format, period := range formats {
			if same := a.Format(format) == b.Format(format); same != (period(a) == period(b)) || period(a) > period(b) {
				t.Errorf("%s, %s: %d and %d", a, b, period(a), period(b))
			}
		}
		ay, aw := a.ISOWeek()
		by, bw := b.ISOWeek()
		if (ay == by && aw == bw) != (week(a) == week(b)) {
			t.Errorf("weeks of %s, %s: %d and %d", a, b, week(a), week(b))
		}
	}
}
