package snapshotagent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// faultSeed is the first seed: LICTOR_SEED repeats a run.
func faultSeed() uint64 {
	text := os.Getenv("LICTOR_SEED")
	if text == "" {
		return defaultSeed()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("LICTOR_SEED is %q: it must be a number", text))
	}
	return n
}

// A faultCase is an agent with good backups, a cluster that has changed since, and a fault that waits for the next backup.
type faultCase struct {
	*stage
	t       *testing.T
	r       *rand.Rand
	once    bool // whether the fault passes
	records [][]byte
	older   []byte            // the archive of the backup before
	truths  map[uint64][]byte // every archive that the cluster has sent, by its index
	with    *tamper
	prover  *rebuilder
	faulty  *storetest.Faulty
	witness *witness
	before  []string // IDs of the good backups
	early   []string // entries that were wrong when they were written
}

const newest = 1000 // index of the archive that a fault strikes

// A layout says where the destination is whose store the fault strikes.
type layout uint64

const (
	alone  layout = iota
	first         // of two; what comes back from it is rebuilt
	second        // of two
)

// newFaultCase takes so many good backups. Seeds tell layouts, and whether the fault passes.
func newFaultCase(t *testing.T, seed uint64, at layout, backups int) *faultCase {
	t.Helper()
	c := &faultCase{t: t, r: rand.New(rand.NewPCG(seed, 3)), once: seed/3%2 == 0, truths: map[uint64][]byte{}, with: &tamper{}}
	c.prover = &rebuilder{with: c.with}
	c.records = populate(t, c.r)
	stores := 2
	if at == alone {
		stores = 1
	}
	c.stage = newStage(t, stores, func(config *Config) {
		config.Prover = c.prover
		for i := range config.Destinations {
			d := &config.Destinations[i]
			honest := d.Store.(*memory)
			w := &witness{Store: honest, commits: func(e *inventory.Entry) { c.committed(honest, e) }}
			if (at == second) == (i == 1) {
				c.faulty, c.witness = storetest.NewFaulty(honest, seed), w
				w.Store = &tampered{Store: c.faulty, with: c.with}
			}
			d.Store = w
		}
	})
	for i := range backups {
		c.older = c.sends(c.records[:len(c.records)-backups+i], uint64(100+i))
		if err := c.run(t.Context(), c.term); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(time.Hour)
	}
	c.before = c.good(c.stores[0])
	c.sends(c.records, newest)
	c.witness.arm()
	return c
}

// committed looks at an archive at the moment at which it is said to be proven: that must have been found out before.
func (c *faultCase) committed(in *memory, e *inventory.Entry) {
	in.mu.Lock()
	stored := in.objects[e.Name]
	in.mu.Unlock()
	if err := c.check(e, stored); err != nil {
		c.early = append(c.early, fmt.Sprintf("%s was said to be proven in %s: %v", e.Name, in, err))
	}
	if c.prover.last != inventory.Proven {
		c.early = append(c.early, fmt.Sprintf("%s was said to be proven in %s, but the drill before says %q", e.Name, in, c.prover.last))
	}
}

// sends makes the cluster send an archive.
func (c *faultCase) sends(records [][]byte, index uint64) []byte {
	c.cluster.archive = pack(c.t, records, index)
	c.truths[index] = c.cluster.archive
	return c.cluster.archive
}

// good are the IDs of the good backups in a store, newest first.
func (c *faultCase) good(in *memory) (ids []string) {
	for _, e := range c.entriesOf(in) {
		ids = append(ids, e.ID)
	}
	return ids
}

func (c *faultCase) entriesOf(in *memory) (all []*inventory.Entry) {
	inv, err := inventory.List(c.t.Context(), in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range inv.Backups {
		if b.Good() {
			all = append(all, b.Entry)
		}
	}
	return all
}

// struck tells whether the fault has struck at all.
func (c *faultCase) struck() bool { return c.with.hits+len(c.faulty.Struck()) > 0 }

// sumsFind tells whether the archive's own sums show the fault to whoever reads back what it struck. That there is nothing counts as shown.
func (c *faultCase) sumsFind() bool {
	given := c.witness.given
	switch {
	case c.with.moment == inCopy:
		given = c.with.left
	case !c.witness.asked:
		return false
	}
	_, err := archive.Read(bytes.NewReader(given), nil)
	return err != nil
}

// An outcome is what became of the backup that a fault struck.
type outcome string

const (
	outFailed    outcome = "failed"    // the run failed: there is no new backup
	outRecovered outcome = "recovered" // the fault was noticed, and the run ended with a good backup all the same
	outUnproven  outcome = "unproven"  // there is a new backup, which is not said to be proven
	outUnnoticed outcome = "unnoticed" // nothing was noticed
)

// play runs the agent into the fault, and then lets it catch up. It returns what became of it, the entries that are said to be proven but
// are not, and what else is not in order.
func (c *faultCase) play() (out outcome, wrong, untidy []string) {
	failures := c.failures()
	err := c.run(c.t.Context(), c.term)
	noticed := c.failures() > failures
	wrong, untidy = c.audit()
	c.faulty.Heal()
	c.with.healed = true
	c.catchUp(c.t.Context(), c.term)
	again, more := c.audit()
	wrong, untidy = slices.Concat(wrong, again), append(untidy, more...)
	defer func() { wrong, untidy = append(wrong, c.early...), append(untidy, c.tidy()...) }()
	if left := c.leftovers(c.t); left > 0 {
		untidy = append(untidy, fmt.Sprint(left, " scratch files are left"))
	}
	switch {
	case err != nil:
		return outFailed, wrong, untidy
	case c.newest().Proof != inventory.Proven:
		return outUnproven, wrong, untidy
	case noticed:
		return outRecovered, wrong, untidy
	}
	return outUnnoticed, wrong, untidy
}

// tidy takes one more backup, and tells what is left then that is no backup.
func (c *faultCase) tidy() (left []string) {
	c.clock.Advance(time.Hour)
	if err := c.run(c.t.Context(), c.term); err != nil {
		return []string{fmt.Sprintf("the next backup failed: %v", err)}
	}
	for _, store := range c.stores {
		for _, name := range store.names() {
			if _, ok := inventory.ParseArchiveName(name); ok && store.objects[name+".json"] == nil {
				left = append(left, fmt.Sprintf("%s in %s is left without an entry", name, store))
			}
		}
	}
	return left
}

// newest is the newest entry in any store.
func (c *faultCase) newest() *inventory.Entry {
	var all []*inventory.Entry
	for _, store := range c.stores {
		all = append(all, c.entriesOf(store)[0])
	}
	return slices.MaxFunc(all, func(a, b *inventory.Entry) int { return strings.Compare(a.ID, b.ID) })
}

func (c *faultCase) failures() (n int64) {
	for _, f := range c.Status().Failures {
		n += f
	}
	return n
}

// audit reads what is really in the stores, without the code that is on trial: wrong are entries that are said to be proven but are not.
func (c *faultCase) audit() (wrong, untidy []string) {
	for _, store := range c.stores {
		for _, name := range store.names() {
			archived, isEntry := strings.CutSuffix(name, ".json")
			if _, ok := inventory.ParseArchiveName(archived); !isEntry || !ok {
				continue
			}
			e, err := inventory.DecodeEntry(store.objects[name])
			if err != nil || e.Proof != inventory.Proven {
				continue
			}
			if err := c.check(e, store.objects[archived]); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s in %s is said to be proven: %v", archived, store, err))
			}
		}
		for _, id := range c.before[:min(1, len(c.before))] {
			if !slices.Contains(c.good(store), id) {
				untidy = append(untidy, fmt.Sprintf("%s lost %s, a good backup", store, id))
			}
		}
	}
	return wrong, untidy
}

// check compares an archive, and its entry, with what the cluster sent.
func (c *faultCase) check(e *inventory.Entry, stored []byte) error {
	truth := c.truths[e.Index]
	if truth == nil {
		return fmt.Errorf("there was no archive with index %d", e.Index)
	}
	want, err := digests(truth)
	if err != nil {
		c.t.Fatal(err)
	}
	is, err := digests(stored)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(stored)
	switch types := is.Differing(want); {
	case len(types) > 0:
		return fmt.Errorf("other records than the cluster's: %v", types)
	case !bytes.Equal(stored, truth):
		return fmt.Errorf("other bytes than the cluster's")
	case e.SHA256 != hex.EncodeToString(sum[:]) || e.Size != int64(len(stored)):
		return fmt.Errorf("its entry is about another archive")
	}
	return nil
}

// digests reads an archive to its end.
func digests(b []byte) (set digest.Set, err error) {
	_, err = archive.Read(bytes.NewReader(b), func(_ *archive.Meta, r io.Reader) (err error) {
		set, err = digest.Of(func(visit func(record.Raw) error) error { return digest.Walk(r, visit) })
		return err
	})
	return set, err
}

// rebuild fills the tables of a server with an archive, and tells which types of records they encode otherwise than wanted. Some types
// servers add to by themselves.
func rebuild(b []byte, want digest.Set) (unlike string, err error) {
	var builder *state.Builder
	var checker preflight.Checker
	result, err := archive.Read(bytes.NewReader(b), func(_ *archive.Meta, r io.Reader) error {
		records, err := record.NewReader(r)
		if err != nil {
			return err
		}
		builder = state.NewBuilder(records.Header())
		return records.Each(func(raw record.Raw) error {
			v, err := checker.Check(raw)
			if err != nil {
				return err
			}
			return builder.Add(raw.Type, v)
		})
	})
	if err != nil {
		return "", err
	}
	store, err := builder.Store(result.Meta.Index, result.Meta.Term)
	if err != nil {
		return "", err
	}
	is, err := digest.Of(drill.Tables(store))
	types := slices.DeleteFunc(is.Differing(want), func(t record.Type) bool {
		return t == record.TypeIndex || t == record.TypeChunkingState || t == record.TypeAutopilot
	})
	if err != nil || len(types) == 0 {
		return "", err
	}
	return fmt.Sprint(types), nil
}
