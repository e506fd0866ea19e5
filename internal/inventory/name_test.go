package inventory

import (
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParseArchiveName(t *testing.T) {
	for _, c := range []struct {
		name, id string
	}{
		{"consul-1479360073448728784.snap", "1479360073448728784"},
		{"consul-1.snap", "1"},
		{"consul-9223372036854775807.snap", "9223372036854775807"},
		{"consul-9223372036854775808.snap", ""},
		{"consul-99999999999999999999999.snap", ""},
		{"consul-0.snap", ""},
		{"consul-01.snap", ""},
		{"consul--1.snap", ""},
		{"consul-+1.snap", ""},
		{"consul-1_000.snap", ""},
		{"consul- 1.snap", ""},
		{"consul-.snap", ""},
		{"consul-1.snap.json", ""},
		{"consul-1.snap.bad", ""},
		{"consul-1.snap.bad.json", ""},
		{"consul-one.snap", ""},
		{"consul-\u0661.snap", ""},
		{"prefix/consul-1.snap", ""},
		{"Consul-1.snap", ""},
		{"backup.snap", ""},
		{"", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, ok := ParseArchiveName(c.name)
			if id != c.id || ok != (c.id != "") {
				t.Errorf("got %q, %v", id, ok)
			}
			if ok && ArchiveName(id) != c.name {
				t.Errorf("its archive is called %q", ArchiveName(id))
			}
		})
	}
}

func FuzzParseArchiveName(f *testing.F) {
	f.Add("consul-1479360073448728784.snap")
	f.Add("consul-007.snap")
	f.Add("consul-7.2.snap.age")
	f.Fuzz(func(t *testing.T, name string) {
		id, encrypted, generation, ok := parseName(name)
		again := ArchiveName(id)
		if encrypted {
			again = EncryptedName(id, generation)
		}
		if ok && (again != name || IDTime(id).IsZero() || EntryName(name) != ArchiveName(id)+".json") {
			t.Errorf("%q has ID %q", name, id)
		}
	})
}

// What operators and other tools match as archives are archives.
func TestOnlyArchivesMatchThePattern(t *testing.T) {
	archive := ArchiveName("1479360073448728784")
	for name, want := range map[string]bool{
		archive: true, EntryName(archive): false, BadName(archive): false, EntryName(BadName(archive)): false,
	} {
		if got, err := path.Match("consul-*.snap", name); got != want || err != nil {
			t.Errorf("consul-*.snap matches %s: %v, %v", name, got, err)
		}
	}
}

func TestNewIDGrows(t *testing.T) {
	now := time.Unix(0, 1479360073448728784)
	first := NewID(now, "")
	if number(first) < now.UnixNano() {
		t.Errorf("%s is before its time", first)
	}
	for _, c := range []struct {
		name   string
		now    time.Time
		newest string
	}{
		{"same time", now, ""},
		{"clock set back", now.Add(-time.Hour), ""},
		{"before 1970", time.Unix(-5, 0), ""},
		{"store is ahead", now, "1479369999999999999"},
		{"store is behind", now.Add(48 * time.Hour), "5"},
		{"not an ID", now, "later"},
		{"the last ID there can be", now, "9223372036854775807"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := newestID.Load()
			id := NewID(c.now, c.newest)
			if number(id) <= before || c.newest != "9223372036854775807" && number(id) <= number(c.newest) {
				t.Errorf("%s after %d, newest in the store %s", id, before, c.newest)
			}
			if name, ok := ParseArchiveName(ArchiveName(id)); !ok || name != id {
				t.Errorf("%s does not make a name", id)
			}
		})
	}
}

func TestNewIDsOfManyAtOnceDiffer(t *testing.T) {
	var wg sync.WaitGroup
	ids := make([][]string, 4)
	for i := range ids {
		wg.Go(func() {
			for range 500 {
				ids[i] = append(ids[i], NewID(time.Unix(1, 0), ""))
			}
			if !slices.IsSortedFunc(ids[i], func(a, b string) int { return int(number(a) - number(b)) }) {
				t.Error("IDs do not grow")
			}
		})
	}
	wg.Wait()
	all := slices.Concat(ids...)
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 2000 {
		t.Errorf("%d different IDs, want 2000", n)
	}
}

func TestClusterName(t *testing.T) {
	for _, c := range []struct{ configured, datacenter, domain, want string }{
		{"prod", "dc1", "a.consul", "prod"},
		{"", "dc1", "a.consul", "dc1/a.consul"},
		{"", "dc1", "", "dc1"},
	} {
		if got := ClusterName(c.configured, c.datacenter, c.domain); got != c.want {
			t.Errorf("%s: got %q, want %q", strings.Join([]string{c.configured, c.datacenter, c.domain}, ","), got, c.want)
		}
	}
}
