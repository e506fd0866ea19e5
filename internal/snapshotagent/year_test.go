package snapshotagent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/retention"
)

// years is a simulation: an agent takes a backup each hour, and everything goes wrong now and then. The agent's own code commits, lists and
// deletes; what it would read from a cluster is made up.
type years struct {
	*stage
	t       *testing.T
	r       *rand.Rand
	moody   []*moody
	keep    []retention.Rules
	astray  time.Duration // by which the clock is wrong
	records int64
	barren  int // so many backups are not going to be proven
	foreign map[string]bool
	held    [][]inventory.Backup // the good backups of the cluster in each store, newest first

	stats map[string]int
}

func newYears(t *testing.T, seed uint64) *years {
	y := &years{t: t, r: rand.New(rand.NewPCG(seed, 7)), records: 1000, foreign: map[string]bool{}, stats: map[string]int{}}
	y.keep = []retention.Rules{{Last: 2, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Within: 36 * time.Hour}, {Retain: 30}}
	y.stage = newStage(t, 0, func(c *Config) {
		c.MaxShrink, c.Cluster = retention.MaxShrink, "ours"
		for i, keep := range y.keep {
			m := &moody{memory: newMemory(string(rune('a' + i))), r: rand.New(rand.NewPCG(seed, uint64(8+i))), times: map[string]time.Time{}, now: time.Unix(1e9, 0)}
			y.moody = append(y.moody, m)
			c.Destinations = append(c.Destinations, Destination{Store: m, Keep: keep})
		}
	})
	return y
}

// hour is an hour.
func (y *years) hour() {
	y.clock.Advance(time.Hour - time.Duration(y.r.IntN(60))*time.Second)
	y.setClock()
	if y.r.IntN(50) == 0 {
		y.stats["restarts"]++
		y.use(y.current.Load().Settings)
		y.look(y.t.Context())
	}
	if y.r.IntN(150) == 0 {
		y.strangers()
	}
	if y.collapse("ours") != nil && y.r.IntN(12) == 0 {
		y.accept()
	}
	for _, m := range y.moody {
		m.rate, m.failures, m.gone = 0, 0, nil
		if y.r.IntN(4) == 0 {
			m.rate = 1 + y.r.IntN(60)
		}
	}
	y.back()
}

// setClock sets the clock wrong, or right again.
func (y *years) setClock() {
	switch {
	case y.astray != 0 && y.r.IntN(6) == 0:
		y.clock.Suspend(-y.astray)
		y.astray = 0
	case y.astray == 0 && y.r.IntN(300) == 0:
		y.stats["clock steps"]++
		y.astray = time.Duration(y.r.IntN(2000)-1000) * time.Hour
		y.clock.Suspend(y.astray)
	}
}

// strangers puts another cluster's backup, or an archive that nobody owns, into a store.
func (y *years) strangers() {
	m := y.moody[y.r.IntN(len(y.moody))]
	m.rate = 0
	at := y.now().Add(-time.Duration(y.r.IntN(1e6)) * time.Second)
	e := y.entry(strconv.FormatInt(at.UnixNano(), 10), at, []byte("theirs"))
	e.Cluster, e.Committed, e.ProvenAt = "theirs", at, &at
	if y.upload(m, e.Name, []byte("theirs")); y.r.IntN(2) == 0 {
		if err := inventory.Commit(y.t.Context(), m, e); err != nil {
			y.t.Fatal(err)
		}
		y.foreign[m.name+inventory.EntryName(e.Name)] = true
	}
	y.foreign[m.name+e.Name] = true
}

func (y *years) upload(m *moody, name string, archive []byte) {
	if err := m.Put(y.t.Context(), name, strings.NewReader(string(archive)), int64(len(archive))); err != nil {
		y.t.Fatal(err)
	}
}

func (y *years) entry(id string, at time.Time, archive []byte) *inventory.Entry {
	sum := sha256.Sum256(archive)
	return &inventory.Entry{
		Format: inventory.Format, ID: id, Name: inventory.ArchiveName(id), Cluster: "ours", Size: int64(len(archive)), SHA256: hex.EncodeToString(sum[:]),
		Started: at, Saved: at, StateSize: 100 * y.records, Proof: inventory.Proven, Writer: "test",
		Census: []inventory.TypeCensus{{Type: record.TypeKVS, Name: "KVS", Count: y.records, Bytes: 99, Digest: hex.EncodeToString(sum[:])}},
	}
}

// accept is what an operator does.
func (y *years) accept() {
	y.stats["accepted"]++
	for _, m := range y.moody {
		m.rate = 0
		for _, c := range y.list(m).Collapses("ours", retention.MaxShrink) {
			if _, err := inventory.AcceptCollapse(y.t.Context(), m, c.Name, y.now()); err != nil {
				y.t.Fatal(err)
			}
		}
	}
}

// list takes an inventory while the store does not fail.
func (y *years) list(m *moody) *inventory.Inventory {
	y.t.Helper()
	rate := m.rate
	m.rate = 0
	defer func() { m.rate = rate }()
	if last := y.current.Load().named(m.name).last(); last != nil {
		m.known = last
	}
	inv, err := inventory.List(y.t.Context(), m, m.known)
	if err != nil {
		y.t.Fatal(err)
	}
	m.known = inv
	return inv
}

// back takes a backup, as Agent.attempt does once an archive is proven, and checks what that has done to the stores.
func (y *years) back() {
	ctx := y.t.Context()
	before, held := y.held, y.objects()
	if y.r.IntN(20) == 0 { // the run fails before there is anything to commit
		y.stats["failed runs"]++
		return
	}
	switch y.r.IntN(400) {
	case 0:
		y.records /= 20
	case 1:
		y.records = 1000
	default:
		y.records = max(40, y.records+y.r.Int64N(41)-20)
	}
	at := y.now()
	archive := []byte(at.String())
	tk := &taken{entry: y.entry(y.newID(at), at, archive)}
	var stored []*destination
	for _, d := range y.current.Load().destinations {
		if d.Store.Put(ctx, tk.entry.Name, strings.NewReader(string(archive)), int64(len(archive))) == nil {
			stored = append(stored, d)
		} else {
			y.leave(ctx, y.term, tk, d, errMoody)
		}
	}
	if y.r.IntN(300) == 0 {
		y.stats["barren times"]++
		y.barren = y.r.IntN(120)
	}
	if y.barren--; y.barren > 0 || y.r.IntN(5) == 0 {
		tk.entry.Proof, tk.entry.Reason = inventory.Unproven, "by chance"
	} else {
		tk.entry.ProvenAt = &at
	}
	done, err := y.commit(ctx, y.term, tk, stored)
	if err == nil {
		if p := tk.entry.Previous; p != nil && retention.Collapsed(retention.Size{Records: p.Records, Bytes: p.StateSize}, tk.entry.Content(), 50) {
			y.stats["collapses"]++
		}
		y.rotate(ctx, y.term, "ours", done)
	}
	after := y.holdings()
	y.held = after
	for i, m := range y.moody {
		committed := slices.ContainsFunc(done, func(d *destination) bool { return d.Store == m })
		y.check(i, tk.entry, committed, before[i], after[i], held[i])
	}
}

// holdings are the good backups of the cluster in each store, newest first.
func (y *years) holdings() (all [][]inventory.Backup) {
	for _, m := range y.moody {
		var good []inventory.Backup
		for _, b := range y.list(m).Backups {
			if b.Good() && b.Entry.Cluster == "ours" {
				good = append(good, b)
			}
		}
		all = append(all, good)
	}
	return all
}

func (y *years) objects() (all []map[string][]byte) {
	for _, m := range y.moody {
		all = append(all, maps.Clone(m.objects))
	}
	return all
}

// check compares a store with what was in it before a run.
func (y *years) check(i int, e *inventory.Entry, committed bool, before, after []inventory.Backup, held map[string][]byte) {
	y.t.Helper()
	m := y.moody[i]
	for name := range y.foreign {
		if object, ours := strings.CutPrefix(name, m.name); ours && m.objects[object] == nil {
			y.t.Fatalf("%s is not ours, and gone", name)
		}
	}
	var good []inventory.Backup
	if committed {
		good = append(good, after[slices.IndexFunc(after, func(b inventory.Backup) bool { return b.ID == e.ID })])
	}
	good = append(good, before...)
	slices.SortFunc(good, func(a, b inventory.Backup) int { return inventory.IDTime(b.ID).Compare(inventory.IDTime(a.ID)) })
	if last := slices.IndexFunc(good, func(b inventory.Backup) bool { return b.Entry.Proof == inventory.Proven }); last >= 0 &&
		!slices.ContainsFunc(after, func(b inventory.Backup) bool { return b.ID == good[last].ID }) {
		y.t.Fatalf("store %s: the last proven backup %s is lost", m.name, good[last].ID)
	}
	var stay, want []string
	for _, b := range after {
		stay = append(stay, b.ID)
	}
	collapsed := y.collapse("ours") != nil || m.known.Collapse("ours", retention.MaxShrink) != nil
	switch {
	case !committed || collapsed:
		for name := range held {
			if id, ok := inventory.ParseArchiveName(name); m.objects[name] == nil && !(ok && held[inventory.EntryName(name)] == nil && id != "") &&
				inventory.EntryName(inventory.ArchiveName(e.ID)) != name {
				y.t.Fatalf("store %s: %s is deleted, committed %t, collapsed %t", m.name, name, committed, collapsed)
			}
		}
		y.stats["held back"]++
		return
	case m.failures > 0:
		y.stats["failures"]++
		return // some of it is done
	}
	if y.orderly(good) {
		y.stats["orderly"]++
		want = plainly(good, y.keep[i])
		if !slices.Equal(stay, want) {
			y.t.Fatalf("store %s, %s: %d stay, want %d\n%v\n%v", m.name, y.keep[i], len(stay), len(want), stay, want)
		}
		return
	}
	y.stats["disorderly"]++
	if want = y.planned(good, y.keep[i]); !slices.Equal(stay, want) {
		y.t.Fatalf("store %s, %s: %d stay, want %d\n%v\n%v", m.name, y.keep[i], len(stay), len(want), stay, want)
	}
}

// planned is what stays where clocks were wrong. What the planner does then has a test of its own.
func (y *years) planned(good []inventory.Backup, keep retention.Rules) (stay []string) {
	var list []retention.Backup
	for _, b := range good {
		list = append(list, retention.Backup{ID: inventory.IDTime(b.ID).UnixNano(), Time: b.Time(), Proven: b.Proven()})
	}
	for i, why := range retention.Decide(list, keep, y.now()) {
		if len(why) > 0 {
			stay = append(stay, good[i].ID)
		}
	}
	return stay
}

// orderly tells whether no clock was wrong.
func (y *years) orderly(good []inventory.Backup) bool {
	for i, b := range good {
		if b.Time().After(y.now()) || i > 0 && b.Time().After(good[i-1].Time()) {
			return false
		}
	}
	return true
}

// plainly are the backups that stay, by the words of the manual, of backups whose times are right.
func plainly(good []inventory.Backup, keep retention.Rules) (stay []string) {
	stays, proven := make([]bool, len(good)), false
	for i, b := range good {
		newest := b.Entry.Proof == inventory.Proven && !proven
		proven = proven || newest
		stays[i] = newest || i < max(keep.Retain, keep.Last) || keep.Within > 0 && good[0].Time().Sub(b.Time()) < keep.Within
	}
	for rule, n := range map[string]int{"2006-01-02 15": keep.Hourly, "2006-01-02": keep.Daily, "week": keep.Weekly, "2006-01": keep.Monthly, "2006": keep.Yearly} {
		periods := map[string]bool{} // of newer ones
		for i, b := range good {
			period := b.Time().UTC().Format(rule)
			if rule == "week" {
				period = fmt.Sprint(b.Time().UTC().ISOWeek())
			}
			stays[i] = stays[i] || !periods[period] && len(periods) < n
			periods[period] = true
		}
	}
	for i, b := range good {
		if stays[i] {
			stay = append(stay, b.ID)
		}
	}
	return stay
}

// Years of hourly backups (of a few months each in the plain tests), in which stores fail, clocks are set, agents restart, states collapse and other clusters share the stores.
func TestYears(t *testing.T) {
	for seed := range simulatedYears() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			y := newYears(t, seed)
			y.held = y.holdings()
			for range daysOfAYear() * 24 {
				y.hour()
			}
			t.Logf("%v; %d and %d objects at the end", y.stats, len(y.moody[0].objects), len(y.moody[1].objects))
			for _, what := range []string{"restarts", "barren times", "clock steps", "collapses", "accepted", "failed runs", "failures", "held back", "orderly", "disorderly"} {
				if y.stats[what] < 3 {
					t.Errorf("the simulation has %d %s", y.stats[what], what)
				}
			}
		})
	}
}
