package snapshotagent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// A tally counts what became of the backups that a class of faults struck.
type tally struct {
	struck, sums, wrong int
	outcomes            map[outcome]int
}

// strikeAll plays a class with so many seeds.
func strikeAll(t *testing.T, class faultClass, from uint64, seeds int) tally {
	n := tally{outcomes: map[outcome]int{}}
	for i := range uint64(seeds) {
		at := layout((from + i) % 3)
		if class.alone {
			at = alone
		}
		c := newFaultCase(t, from+i, at, max(1, class.backups))
		class.arrange(c)
		out, wrong, untidy := c.play()
		if !c.struck() {
			t.Errorf("seed %d: the fault did not strike", from+i)
			continue
		}
		n.struck++
		n.outcomes[out]++
		if c.sumsFind() {
			n.sums++
		}
		if len(wrong) > 0 {
			n.wrong++
		}
		if len(wrong)+len(untidy) > 0 {
			t.Errorf("seed %d, %s: %s; %s", from+i, out, strings.Join(wrong, "; "), strings.Join(untidy, "; "))
		}
		if (out == outUnnoticed) != class.harmless {
			t.Errorf("seed %d: %s: %+v", from+i, out, c.Status())
		}
	}
	return n
}

// Whatever strikes a backup after it was read: no entry says that it is proven unless it is what the cluster sent.
func TestFaultsAreFound(t *testing.T) {
	from := faultSeed()
	t.Logf("to replay: LICTOR_SEED=%d", from)
	var table strings.Builder
	table.WriteString("| fault | where | seeds | found by the archive's own sums | found by the full proof | no new backup " +
		"| good backup after a retry or elsewhere | unproven | harmless | wrong proven entries |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	var all tally
	for _, class := range faultClasses {
		t.Run(class.where+"/"+class.name, func(t *testing.T) {
			n := strikeAll(t, class, from, faultSeeds())
			found := n.struck - n.outcomes[outUnnoticed]
			fmt.Fprintf(&table, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %d |\n", class.name, class.where, n.struck, n.sums, found,
				n.outcomes[outFailed], n.outcomes[outRecovered], n.outcomes[outUnproven], n.outcomes[outUnnoticed], n.wrong)
			all.struck, all.sums, all.wrong = all.struck+n.struck, all.sums+n.sums, all.wrong+n.wrong
		})
	}
	fmt.Fprintf(&table, "\n%d faults of %d classes, seeds from %d; %d shown by the archive's own sums; %d wrong `proven` entries\n",
		all.struck, len(faultClasses), from, all.sums, all.wrong)
	report(t, table.String())
}

// report shows a result, and adds it to the file that LICTOR_REPORT names.
func report(t *testing.T, text string) {
	t.Helper()
	t.Log("\n" + text)
	path := os.Getenv("LICTOR_REPORT")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text + "\n"); err != nil {
		t.Fatal(err)
	}
}

// States of all kinds are proven, each one: no false alarm, nothing set aside, nothing done twice.
func TestGoodBackupsAreProven(t *testing.T) {
	from := faultSeed()
	t.Logf("to replay: LICTOR_SEED=%d", from)
	c := newFaultCase(t, from, alone, 1)
	for i := range goodBackups() {
		seed := from + uint64(i)
		c.sends(populate(t, rand.New(rand.NewPCG(seed, 9))), uint64(newest+i))
		if err := c.run(t.Context(), c.term); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if e := c.entriesOf(c.stores[0])[0]; e.Index != uint64(newest+i) || e.Proof != inventory.Proven || c.failures() > 0 {
			t.Fatalf("seed %d: index %d is %s, %s; failures %v", seed, e.Index, e.Proof, e.Reason, c.Status().Failures)
		}
		c.before = nil // rotated away by now
		if wrong, untidy := c.audit(); len(wrong)+len(untidy) > 0 {
			t.Fatalf("seed %d: %v, %v", seed, wrong, untidy)
		}
		for _, name := range c.stores[0].names() {
			if strings.Contains(name, ".bad") {
				t.Fatalf("seed %d: %s", seed, name)
			}
		}
		c.clock.Advance(time.Hour)
	}
	report(t, fmt.Sprintf("%d good backups, seeds from %d: all proven, none set aside, no failure counted", goodBackups(), from))
}

// An archive that changes after its proof is not given out: whoever gets it, or verifies it, finds that it is not what its entry is about.
func TestDamageAfterTheProofIsFound(t *testing.T) {
	from := faultSeed()
	t.Logf("to replay: LICTOR_SEED=%d", from)
	var table strings.Builder
	table.WriteString("| damage at rest, after the proof | seeds | found by the archive's own sums | found by its entry |\n|---|--:|--:|--:|\n")
	for _, d := range []damage{bitFlip, cut, zeros, another, older, dropped, doubled, reordered, valueChanged, unknownType} {
		sums, found := 0, 0
		for i := range uint64(faultSeeds()) {
			c := newFaultCase(t, from+i, alone, 1)
			if err := c.run(t.Context(), c.term); err != nil {
				t.Fatal(err)
			}
			bySums, byEntry := c.rot(d)
			if !byEntry {
				t.Errorf("%s, seed %d: not found", d.name, from+i)
			}
			sums, found = sums+count(bySums), found+count(byEntry)
		}
		fmt.Fprintf(&table, "| %s | %d | %d | %d |\n", d.name, faultSeeds(), sums, found)
	}
	report(t, table.String())
}

// rot damages the newest archive where it is, and tells who finds that.
func (c *faultCase) rot(d damage) (bySums, byEntry bool) {
	inv, err := inventory.List(c.t.Context(), c.stores[0], nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b := &inv.Backups[0]
	struck := d.change(c, bytes.Clone(c.stores[0].objects[b.Name]))
	c.stores[0].objects[b.Name] = struck
	_, sums := archive.Read(bytes.NewReader(struck), nil)
	stream, err := (&retrieval.Source{Store: c.stores[0], Backup: b}).Snapshot(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	defer stream.Body.Close()
	_, err = io.Copy(io.Discard, stream.Body)
	return sums != nil, errors.Is(err, retrieval.ErrChanged)
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
