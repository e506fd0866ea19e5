package inventory

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func ids(list []Backup) string {
	var all []string
	for _, b := range list {
		all = append(all, b.ID)
	}
	return strings.Join(all, " ")
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name   string
		fill   func(*shelfStore)
		retain int
		want   string
	}{
		{"nothing", func(s *shelfStore) {}, 1, ""},
		{"fewer than retained", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2") }, 3, ""},
		{"as many", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2") }, 2, ""},
		{"more, oldest first", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2"); add(t, s, "10"); add(t, s, "11") }, 2, "1 2"},
		{"never", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2") }, 0, ""},
		{"negative is never", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2") }, -1, ""},
		{"last proven one is old", func(s *shelfStore) {
			add(t, s, "1")
			add(t, s, "2")
			for _, id := range []string{"3", "4", "5"} {
				add(t, s, id, unproven)
			}
		}, 2, "1 3"},
		{"none is proven", func(s *shelfStore) { add(t, s, "1", unproven); add(t, s, "2", unproven) }, 1, "1"},
		{"another cluster", func(s *shelfStore) { add(t, s, "1", of("b")); add(t, s, "2", of("b")); add(t, s, "3") }, 1, ""},
		{"archive without entry", func(s *shelfStore) { s.put("consul-1.snap", []byte("x")); add(t, s, "2"); add(t, s, "3") }, 1, "2"},
		{"damaged entry", func(s *shelfStore) {
			add(t, s, "1")
			s.put("consul-1.snap.json", []byte("{"))
			add(t, s, "2")
			add(t, s, "3")
		}, 1, "2"},
		{"damaged entries do not count", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2"); s.put("consul-2.snap.json", []byte("{")) }, 1, ""},
		{"foreign ones do not count", func(s *shelfStore) { add(t, s, "1"); s.put("consul-2.snap", []byte("x")) }, 1, ""},
		{"cut archives do not count", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2"); s.put("consul-2.snap", nil) }, 1, ""},
		{"old cut archive goes", func(s *shelfStore) { add(t, s, "1"); s.put("consul-1.snap", nil); add(t, s, "2") }, 1, "1"},
		{"what a crash in a deletion leaves goes", func(s *shelfStore) {
			add(t, s, "1")
			delete(s.objects, "consul-1.snap")
			add(t, s, "2")
		}, 1, "1"},
		{"a recent loss stays to be seen", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2"); delete(s.objects, "consul-2.snap") }, 1, ""},
		{"proven one that the listing hides", func(s *shelfStore) {
			add(t, s, "1")
			add(t, s, "2")
			delete(s.objects, "consul-2.snap")
			add(t, s, "3", unproven)
		}, 1, ""},
		{"bad ones do not count", func(s *shelfStore) { add(t, s, "1"); add(t, s, "2", bad); add(t, s, "3", bad) }, 1, ""},
		{"the last three bad ones", func(s *shelfStore) {
			for id := range 5 {
				add(t, s, fmt.Sprint(id+1), bad)
			}
		}, 0, "1 2"},
		{"another cluster's bad ones", func(s *shelfStore) {
			for id := range 5 {
				add(t, s, fmt.Sprint(id+1), bad, of("b"))
			}
		}, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			c.fill(s)
			if got := ids(Plan(list(t, s), Keep{Cluster: "prod", Retain: c.retain})); got != c.want {
				t.Errorf("deletes %q, want %q", got, c.want)
			}
		})
	}
	s := newStore()
	add(t, s, "1")
	add(t, s, "2")
	if got := Plan(list(t, s), Keep{Retain: 1}); got != nil {
		t.Errorf("without a cluster, %s would be deleted", ids(got))
	}
}

// randomStore holds backups of two clusters in all states that there are.
func randomStore(t *testing.T, r *rand.Rand) *shelfStore {
	s := newStore()
	for _, id := range r.Perm(40)[:r.IntN(30)] {
		e := sound(fmt.Sprint(id + 1))
		e.Cluster = []string{"a", "a", "a", "b"}[r.IntN(4)]
		switch r.IntN(6) {
		case 0, 1:
			unproven(e)
		case 2:
			bad(e)
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		name := e.Name
		if e.Proof == Bad && r.IntN(2) == 0 {
			name = BadName(name)
		}
		if r.IntN(8) > 0 {
			s.put(name, []byte("bytes")[:5-r.IntN(7)/6])
		}
		switch r.IntN(10) {
		case 0:
		case 1:
			s.put(EntryName(name), data[:len(data)/2])
		default:
			s.put(EntryName(name), data)
		}
	}
	return s
}

// rightful are the names of what Plan may delete.
func rightful(inv *Inventory, cluster string) map[string]bool {
	names := map[string]bool{}
	for _, b := range slices.Concat(inv.Backups, inv.Bad) {
		if b.Entry != nil && b.Entry.Cluster == cluster {
			names[b.Name], names[EntryName(b.Name)] = true, true
		}
	}
	return names
}

func goodIDs(inv *Inventory, cluster string) (all []string) {
	for _, b := range inv.Backups {
		if b.of(cluster) && b.Good() {
			all = append(all, b.ID)
		}
	}
	return all
}

func idOf(b *Backup) string {
	if b == nil {
		return ""
	}
	return b.ID
}

func TestRetentionProperties(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := randomStore(t, r)
		keep := Keep{Cluster: "a", Retain: r.IntN(8)}
		before := list(t, s)
		objects := maps.Clone(s.objects)
		plan := Plan(before, keep)
		if done, err := Prune(t.Context(), s, before, keep); err != nil || ids(done) != ids(plan) {
			t.Fatalf("seed %d: deleted %s, %v", seed, ids(done), err)
		}
		after := list(t, s)
		fail := func(format string, args ...any) {
			t.Fatalf("seed %d, retain %d: %s\nbefore: %s\nplan: %s\nafter: %s",
				seed, keep.Retain, fmt.Sprintf(format, args...), show(before), ids(plan), show(after))
		}

		ours := rightful(before, "a")
		for name := range objects {
			if _, there := s.objects[name]; !there && !ours[name] {
				fail("%s is not the cluster's and was deleted", name)
			}
		}
		if b, a := idOf(before.LatestProven("a")), idOf(after.LatestProven("a")); a != b {
			fail("the last proven backup was %s, is %s", b, a)
		}
		had, has := goodIDs(before, "a"), goodIDs(after, "a")
		kept := had[:min(keep.Retain, len(had))]
		if keep.Retain == 0 {
			kept = had
		}
		if last := idOf(before.LatestProven("a")); last != "" && !slices.Contains(kept, last) {
			kept = append(slices.Clone(kept), last)
		}
		if !slices.Equal(has, kept) {
			fail("%v stay, want %v", has, kept)
		}
		if again := Plan(after, keep); len(again) > 0 {
			fail("a second plan deletes %s", ids(again))
		}
		if !slices.IsSortedFunc(plan, func(a, b Backup) int { return int(number(a.ID) - number(b.ID)) }) {
			fail("not oldest first")
		}
		if n := badIDs(after, "a"); len(n) != min(3, len(badIDs(before, "a"))) {
			fail("bad ones left: %v", n)
		}
	}
}

func badIDs(inv *Inventory, cluster string) map[string]bool {
	found := map[string]bool{}
	for _, b := range slices.Concat(inv.Backups, inv.Bad) {
		if b.of(cluster) && b.Entry.Proof == Bad {
			found[b.ID] = true
		}
	}
	return found
}

func TestPruneLeavesWhatHasChanged(t *testing.T) {
	s := newStore()
	for _, id := range []string{"1", "2", "3", "4", "6", "7"} {
		add(t, s, id, unproven)
	}
	inv := list(t, s)
	add(t, s, "1", of("b"), unproven)
	add(t, s, "2") // proven meanwhile
	delete(s.objects, "consul-3.snap.json")
	add(t, s, "6", unproven, func(e *Entry) { e.SHA256 = strings.Repeat("00", 32) })
	done, err := Prune(t.Context(), s, inv, Keep{Cluster: "prod", Retain: 1})
	if err != nil || ids(done) != "4" {
		t.Errorf("deleted %q, %v", ids(done), err)
	}
	if got, want := show(list(t, s)), "7 unproven, 6 unproven, 3 foreign, 2 proven, 1 unproven"; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestPruneRefusesWhatItCannotRead(t *testing.T) {
	s := newStore()
	for _, id := range []string{"1", "2", "3"} {
		add(t, s, id)
	}
	inv, keep := list(t, s), Keep{Cluster: "prod", Retain: 1}
	for _, name := range []string{"consul-1.snap.json", "consul-3.snap.json"} {
		sound := s.objects[name]
		s.put(name, []byte("{"))
		if done, err := Prune(t.Context(), s, inv, keep); !errors.Is(err, ErrEntry) || len(done) > 0 {
			t.Errorf("%s damaged: deleted %q, %v", name, ids(done), err)
		}
		s.put(name, sound)
	}
	if len(s.objects) != 6 {
		t.Errorf("left %v", s.names())
	}
}

// A backup that was found bad since must not cost the one that is the last proven one now.
func TestPruneWithAStaleInventory(t *testing.T) {
	for name, change := range map[string]func(*shelfStore){
		"set aside": func(s *shelfStore) {
			if err := SetAside(t.Context(), s, sound("3"), "differs", noon); err != nil {
				t.Fatal(err)
			}
		},
		"no longer proven": func(s *shelfStore) { add(t, s, "3", unproven) },
		"given away":       func(s *shelfStore) { add(t, s, "3", of("b")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			for _, id := range []string{"1", "2", "3"} {
				add(t, s, id)
			}
			inv := list(t, s)
			change(s)
			if done, err := Prune(t.Context(), s, inv, Keep{Cluster: "prod", Retain: 1}); !errors.Is(err, ErrStale) || len(done) > 0 {
				t.Errorf("deleted %q, %v", ids(done), err)
			}
		})
	}
}
