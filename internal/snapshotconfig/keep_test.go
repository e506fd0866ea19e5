package snapshotconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// What each of two destinations keeps: of which the second may say so itself.
func TestKeep(t *testing.T) {
	daily, hourly := retention.Rules{Daily: 7}, retention.Rules{Hourly: 24}
	all := retention.Rules{Last: 1, Hourly: 2, Daily: 3, Weekly: 4, Monthly: 5, Yearly: 6, Within: 50 * time.Hour}
	for _, c := range []struct {
		name      string
		all, own  string
		args      string
		retain    int
		keep      retention.Rules
		ownRetain int
		ownKeep   retention.Rules
	}{
		{"default", "", "", "", 30, retention.Rules{}, 30, retention.Rules{}},
		{"for all", "keep { daily = 7 }", "", "", 0, daily, 0, daily},
		{"every rule", `keep { last = 1 hourly = 2 daily = 3 weekly = 4 monthly = 5 yearly = 6 within = "2d2h" }`, "", "", 0, all, 0, all},
		{"own rules", "retain = 5", "keep { daily = 7 }", "", 5, retention.Rules{}, 0, daily},
		{"own count", "keep { daily = 7 }", "retain = 5", "", 0, daily, 5, retention.Rules{}},
		{"own rules instead", "keep { daily = 7 }", "keep { hourly = 24 }", "", 0, daily, 0, hourly},
		{"nothing but zeros", `keep { daily = 0 within = "0s" }`, "keep { daily = 0 }", "", 30, retention.Rules{}, 30, retention.Rules{}},
		{"zeros beside a count", "retain = 4 keep { daily = 0 }", "retain = 5 keep { daily = 0 }", "", 4, retention.Rules{}, 5, retention.Rules{}},
		{"flag over count", "retain = 5", "", "-keep-daily=7", 0, daily, 0, daily},
		{"flag over rules", "keep { daily = 7 }", "", "-retain=5", 5, retention.Rules{}, 5, retention.Rules{}},
		{"flag beside rules", "keep { hourly = 24 }", "keep { daily = 7 }", "-keep-daily=7", 0, retention.Rules{Hourly: 24, Daily: 7}, 0, daily},
		{"flag of zero", "keep { hourly = 24 daily = 7 }", "", "-keep-daily=0", 0, hourly, 0, hourly},
		{"flags alone", "", "retain = 3", "-keep-hourly=24", 0, hourly, 3, retention.Rules{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, warnings, err := agent(t, "snapshot { "+c.all+" }\nbackup_destinations {\nlocal_storage { path = \"/a\" }\n"+
				"google_storage { bucket = \"g\" "+c.own+" }\n}", strings.Fields(c.args)...)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			a, g := config.Destinations.Local[0], config.Destinations.GCS[0]
			if config.Retain != c.retain || config.Keep != c.keep || a.Retain != c.retain || a.Keep != c.keep {
				t.Errorf("for all: %d, %s; %d, %s", config.Retain, config.Keep, a.Retain, a.Keep)
			}
			if g.Retain != c.ownRetain || g.Keep != c.ownKeep {
				t.Errorf("own: %d, %s", g.Retain, g.Keep)
			}
		})
	}
}

// What is accepted says one thing.
func FuzzKeep(f *testing.F) {
	f.Add(`retain = 3 keep { daily = 7 within = "2w" }`)
	f.Add(`keep { last = -1 } max_shrink = "50%"`)
	f.Add(`keep { hourly = 1 } keep { daily = 1 }`)
	f.Add(`keep = [{ yearly = 9e9 }] max_shrink = 100`)
	f.Fuzz(func(t *testing.T, block string) {
		raw, err := source{"c.hcl", []byte("snapshot_agent { snapshot { " + block + " } }")}.parse()
		if err != nil {
			return
		}
		got, err := decode("c.hcl", raw)
		if err != nil {
			return
		}
		s := &settings{set: values{}}
		s.add(got)
		retain, keep := s.retention()
		if len(s.faults) > 0 {
			return
		}
		keep.Retain = retain
		if err := keep.Check(); err != nil {
			t.Errorf("%q is accepted: %v", block, err)
		}
		if shrink := s.set.integer("snapshot.max_shrink"); shrink < 1 || shrink > 100 {
			t.Errorf("%q: max_shrink %d", block, shrink)
		}
	})
}

func TestBannerShowsRules(t *testing.T) {
	c, _, err := agent(t, `snapshot { keep { hourly = 24 within = "2d" } }`)
	if err != nil || !strings.Contains(c.Banner("x"), "Keep: \"hourly 24, within 2d\"\n") {
		t.Errorf("%v\n%s", err, c.Banner("x"))
	}
}
