package inventory

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// begun sets the time at which a backup was begun.
func begun(at time.Time) func(*Entry) { return func(e *Entry) { e.Started, e.Saved = at, at } }

// Everything in a store is in the decision, with its reason.
func TestDecide(t *testing.T) {
	s := newStore()
	for day := range 5 {
		add(t, s, fmt.Sprint(day+1), begun(noon.AddDate(0, 0, day-5)))
	}
	add(t, s, "6", begun(noon.AddDate(0, 0, -1)), unproven)
	add(t, s, "7", of("b"))
	s.put("consul-8.snap", []byte("x"))
	add(t, s, "9")
	s.put("consul-9.snap.json", []byte("{"))
	add(t, s, "10", begun(noon.AddDate(1, 0, 0)), unproven)
	for id := range 4 {
		add(t, s, fmt.Sprint(id+11), bad)
	}
	delete(s.objects, "consul-1.snap")
	delete(s.objects, "consul-4.snap")
	var got []string
	for _, d := range Decide(list(t, s), Keep{Cluster: "prod", Rules: retention.Rules{Daily: 3, Last: 1}, Now: noon}) {
		action := "-"
		if d.Keep {
			action = "+"
		}
		got = append(got, fmt.Sprintf("%s%s %s", action, d.ID, strings.Join(d.Why, ", ")))
	}
	want := `+14 the last 3 bad ones stay
+13 the last 3 bad ones stay
+12 the last 3 bad ones stay
-11 
+10 its time is in the future
+9 never deleted: its entry cannot be used
+8 never deleted: it has no entry
+7 never deleted: it is of another cluster
+6 last 1/1, daily 1/3
+5 last proven
+4 not a whole backup, but one would stay
+3 daily 2/3
+2 daily 3/3
-1 `
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// An entry that the store does not give out just now may be that of the newest proven backup.
func TestPruneNeedsAllEntries(t *testing.T) {
	s := newStore()
	for _, id := range []string{"1", "2", "3"} {
		add(t, s, id)
	}
	s.broken["consul-3.snap.json"] = errCrashed
	inv, keep := list(t, s), Keep{Cluster: "prod", Retain: 1}
	if done, err := Prune(t.Context(), s, inv, keep); !errors.Is(err, errCrashed) || len(done) > 0 {
		t.Errorf("deleted %q, %v", ids(done), err)
	}
	delete(s.broken, "consul-3.snap.json")
	if done, err := Prune(t.Context(), s, list(t, s), keep); err != nil || ids(done) != "1 2" {
		t.Errorf("deleted %q, %v", ids(done), err)
	}
}

// Whatever the rules and the store, only what is the cluster's goes, never its last proven backup, and what stays is what the rules say of
// the good ones alone.
func TestPruneByRules(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := randomStore(t, r)
		scatter(t, s, r)
		keep := Keep{Cluster: "a", Now: noon, Rules: retention.Rules{
			Last: r.IntN(3), Hourly: r.IntN(4), Daily: r.IntN(4), Weekly: r.IntN(3), Monthly: r.IntN(3), Yearly: r.IntN(2), Within: time.Duration(r.IntN(100)) * time.Hour}}
		before := list(t, s)
		objects := maps.Clone(s.objects)
		plan := Plan(before, keep)
		if done, err := Prune(t.Context(), s, before, keep); err != nil || ids(done) != ids(plan) {
			t.Fatalf("seed %d: deleted %s, %v", seed, ids(done), err)
		}
		after := list(t, s)
		ours := rightful(before, "a")
		for name := range objects {
			if _, there := s.objects[name]; !there && !ours[name] {
				t.Fatalf("seed %d: %s is not the cluster's and was deleted", seed, name)
			}
		}
		if b, a := idOf(before.LatestProven("a")), idOf(after.LatestProven("a")); a != b {
			t.Fatalf("seed %d: the last proven backup was %s, is %s", seed, b, a)
		}
		if has, want := goodIDs(after, "a"), ruled(before, keep); !slices.Equal(has, want) {
			t.Fatalf("seed %d, %s: %v stay, want %v\nbefore: %s", seed, keep.Rules, has, want, show(before))
		}
		for _, d := range Decide(before, keep) {
			if d.Keep != (len(d.Why) > 0) {
				t.Fatalf("seed %d: %s stays: %t, %v", seed, d.Name, d.Keep, d.Why)
			}
		}
	}
}

// scatter gives the backups in a store times, most of them in the order of their IDs.
func scatter(t *testing.T, s *shelfStore, r *rand.Rand) {
	for name, data := range maps.Clone(s.objects) {
		e, err := DecodeEntry(data)
		if err != nil {
			continue
		}
		at := noon.Add(-time.Duration(45-number(e.ID)) * 7 * time.Hour)
		if r.IntN(8) == 0 {
			at = noon.Add(time.Duration(r.IntN(1000)-900) * time.Hour)
		}
		begun(at)(e)
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s.put(name, encoded)
	}
}

// ruled are the good backups of a cluster that the rules keep.
func ruled(inv *Inventory, keep Keep) (stay []string) {
	var good []retention.Backup
	for _, id := range goodIDs(inv, keep.Cluster) {
		b := inv.Find(id)
		good = append(good, retention.Backup{ID: number(id), Time: b.Entry.Started, Proven: b.Entry.Proof == Proven})
	}
	for i, why := range retention.Decide(good, keep.Rules, keep.Now) {
		if len(why) > 0 {
			stay = append(stay, fmt.Sprint(good[i].ID))
		}
	}
	return stay
}
