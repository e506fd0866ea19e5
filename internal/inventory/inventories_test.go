package inventory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// randomInventory is what a store might hold: of two clusters, of nobody, whole and in parts.
func randomInventory(r *rand.Rand) *Inventory {
	inv := &Inventory{}
	at, id := noon.Add(-time.Duration(r.IntN(2000))*time.Hour), int64(1000)
	for range r.IntN(20) {
		at, id = at.Add(time.Duration(1+r.IntN(90))*time.Hour/2), id+1+r.Int64N(5)
		b := Backup{ID: strconv.FormatInt(id, 10), Archive: r.IntN(12) > 0, Size: 5}
		b.Name = ArchiveName(b.ID)
		started := at
		if r.IntN(10) == 0 {
			started = at.Add(time.Duration(r.IntN(2000)-1000) * time.Hour)
		}
		e := &Entry{ID: b.ID, Name: b.Name, Cluster: []string{"a", "a", "a", "b"}[r.IntN(4)], Started: started, Size: 5, Proof: Proven}
		switch r.IntN(12) {
		case 0:
			e.Proof = Bad
		case 1, 2, 3:
			e.Proof = Unproven
		case 4:
			e.Size = 6
		}
		switch b.Entry = e; r.IntN(12) {
		case 0:
			b.Entry = nil
		case 1:
			b.Entry, b.EntryError = nil, ErrEntry
		}
		inv.Backups = append(inv.Backups, b)
	}
	slices.Reverse(inv.Backups)
	return inv
}

// A million inventories, when asked for: nothing goes that is not the cluster's, the last proven backup stays, and of the good ones exactly
// those that the rules keep.
func TestRandomInventories(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range inventories {
		inv := randomInventory(r)
		keep := Keep{Cluster: "a", Now: noon}
		if r.IntN(2) == 0 {
			keep.Retain = r.IntN(6)
		} else {
			keep.Rules = retention.Rules{Last: r.IntN(3), Hourly: r.IntN(6), Daily: r.IntN(6), Weekly: r.IntN(4), Monthly: r.IntN(3)}
		}
		gone := map[string]bool{}
		for _, b := range Plan(inv, keep) {
			if b.Entry == nil || b.Entry.Cluster != "a" {
				t.Fatalf("inventory %d: %s is not the cluster's\n%s", n, b.Name, show(inv))
			}
			gone[b.ID] = true
		}
		if last := inv.LatestProven("a"); last != nil && gone[last.ID] {
			t.Fatalf("inventory %d: the last proven backup %s goes\n%s", n, last.ID, show(inv))
		}
		checkStay(t, fmt.Sprint("inventory ", n), inv, keep, gone)
	}
}

func checkStay(t *testing.T, name string, inv *Inventory, keep Keep, gone map[string]bool) {
	t.Helper()
	rules := keep.Rules
	rules.Retain = keep.Retain
	var good []retention.Backup
	for _, b := range inv.Backups {
		if b.Entry != nil && b.Entry.Cluster == "a" && b.Archive && b.Entry.Size == 5 && b.Entry.Proof != Bad {
			id, err := strconv.ParseInt(b.ID, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			good = append(good, retention.Backup{ID: id, Time: b.Entry.Started, Proven: b.Entry.Proof == Proven})
		}
	}
	for i, why := range retention.Decide(good, rules, keep.Now) {
		if id := fmt.Sprint(good[i].ID); gone[id] != (len(why) == 0) {
			t.Fatalf("%s, %s: %s goes: %t, stays for %v\n%s", name, rules, id, gone[id], why, show(inv))
		}
	}
	plain := rules.Retain > 0 && rules == (retention.Rules{Retain: rules.Retain})
	if plain && !slices.ContainsFunc(good, func(b retention.Backup) bool { return b.Time.After(keep.Now) }) {
		if stay := len(good) - goneOf(good, gone); stay < min(rules.Retain, len(good)) || stay > rules.Retain+1 {
			t.Fatalf("%s: %d of %d stay, %d are to be kept", name, stay, len(good), rules.Retain)
		}
	}
}

func goneOf(good []retention.Backup, gone map[string]bool) (n int) {
	for _, b := range good {
		if gone[fmt.Sprint(b.ID)] {
			n++
		}
	}
	return n
}
