package comparison

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// A maker makes states and changes them by chance.
type maker struct {
	*rand.Rand
	number int
}

func (m *maker) name() string {
	m.number++
	return fmt.Sprintf("%s%d", []string{"", "a/", "Ä ", "x\n"}[m.IntN(4)], m.number)
}

func (m *maker) below() uint64 { return 1 + m.Uint64N(restoreIndex-1) }

// An item is an object of a random state, as it is put into records.
type item struct {
	family, name string
	make         func(at uint64, version int) any // nil version 0; two versions differ
	at           uint64
	version      int
}

// item makes an object of one of the families.
func (m *maker) item() *item {
	n := m.name()
	x := &item{name: n, at: m.below()}
	switch m.IntN(9) {
	case 0, 1, 2:
		x.family = object.FamilyKey
		x.make = func(at uint64, v int) any { return key(n, fmt.Sprint(v), at) }
	case 3:
		x.family = object.FamilyNode
		x.make = func(at uint64, v int) any { return register(n, fmt.Sprint("10.0.0.", v), at) }
	case 4:
		x.family, x.name = object.FamilyService, n+" on holder"
		x.make = func(at uint64, v int) any { return withService(register("holder", "1", 1), n, v, at) }
	case 5:
		x.family, x.name = object.FamilyCheck, n+" on holder"
		x.make = func(at uint64, v int) any { return withCheck(register("holder", "1", 1), n, "", fmt.Sprint(v), at) }
	case 6:
		x.family = object.FamilyToken
		x.make = func(at uint64, v int) any { return token(n, fmt.Sprint(v), at) }
	case 7:
		x.family, x.name = object.FamilyConfig, "service-defaults/"+n
		x.make = func(at uint64, v int) any {
			return configEntryOf("service-defaults", n, at, m.IntN(2) == 0, fmt.Sprint(v))
		}
	default:
		x.family = object.FamilySession
		x.make = func(at uint64, v int) any { return sessionOn("nowhere", n, "release", strings.Repeat("1", v+1), at) }
	}
	x.name = strings.ReplaceAll(x.name, "\x00", "")
	return x
}

// records are the items in some order, after the node that holds services and checks.
func (m *maker) records(items []*item) []any {
	all := []any{register("holder", "1", 1)}
	for _, x := range items {
		all = append(all, x.make(x.at, x.version))
	}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// mutate changes items, and returns what a comparison must tell of it.
func (m *maker) mutate(items []*item) (now []*item, want map[string]bool) {
	want = map[string]bool{}
	for _, x := range items {
		next := *x
		switch m.IntN(8) {
		case 0: // lost
			want[fmt.Sprintf("missing %s %s", x.family, x.name)] = true
			continue
		case 1: // changed behind the cluster's back
			next.version++
			want[fmt.Sprintf("changed %s %s", x.family, x.name)] = true
		case 2: // written since
			next.version++
			next.at = restoreIndex + 1 + m.Uint64N(50)
			want[fmt.Sprintf("since: changed %s %s @%d", x.family, x.name, next.at)] = true
		}
		now = append(now, &next)
	}
	for range m.IntN(4) {
		x := m.item()
		if m.IntN(2) == 0 {
			want[fmt.Sprintf("added %s %s", x.family, x.name)] = true
		} else {
			x.at = restoreIndex + 1
			want[fmt.Sprintf("since: added %s %s @%d", x.family, x.name, x.at)] = true
		}
		now = append(now, x)
	}
	return now, want
}

// Every change of a random state is found, is told for what it is, and nothing else is.
func TestRandomStates(t *testing.T) {
	for seed := range uint64(300) {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 5))}
		var items []*item
		for range m.IntN(40) {
			items = append(items, m.item())
		}
		now, want := m.mutate(items)
		r := compare(t, m.records(items), m.records(now), Expect{Index: restoreIndex, NodesRemoved: []string{}})
		got := map[string]bool{}
		if text := told(r); text != "" {
			for _, line := range strings.Split(strings.ReplaceAll(text, "x\n", "x\x00"), "\n") {
				got[strings.ReplaceAll(line, "x\x00", "x\n")] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: got %q, want %q", seed, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if int(r.Compared) != len(items)+1 {
			t.Fatalf("seed %d: compared %d objects of %d", seed, r.Compared, len(items)+1)
		}
	}
}

// A state that is restored and written to by the operations that the servers have is never found to be different, as long as the nodes that
// leave are those that are expected to.
func TestRandomLogs(t *testing.T) {
	for seed := range uint64(60) {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 6))}
		x := restored(t, encode(t, before()), restoreIndex)
		x.do(m.log()...)
		if r := x.compare(Expect{Index: restoreIndex}); !r.Equal {
			t.Fatalf("seed %d: %s", seed, told(r))
		}
	}
}

// limits of what the fuzzer gives: with these no index counts as written since, and no node as reaped.
var strict = Expect{Index: 1<<64 - 1, NodesRemoved: []string{}}

func FuzzCompare(f *testing.F) {
	m := &maker{Rand: rand.New(rand.NewPCG(1, 7))}
	var items []*item
	for range 20 {
		items = append(items, m.item())
	}
	now, _ := m.mutate(items)
	f.Add(encode(f, m.records(items)), encode(f, m.records(now)))
	f.Add(encode(f, before()), encode(f, []any{index("acl-token-bootstrap", 5),
		&record.Opaque{Type: record.TypePeering, Value: msgpack.Raw{0xa1, 8}}}))
	f.Add(encode(f, nil), encode(f, []any{opaqueMap(record.TypeFreeVirtualIP, "IsCounter", true), tombstone("", 500), key("a", "", 1)}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if r, err := Compare(stream(a), stream(a), Expect{}); err == nil && (!r.Equal || told(r) != "") {
			t.Errorf("not equal to itself: %s", told(r))
		}
		there, err := Compare(stream(a), stream(b), strict)
		if err != nil {
			return
		}
		back, err := Compare(stream(b), stream(a), strict)
		if err != nil || indexless(a) || indexless(b) { // of a node without indexes the restored form is the one that may be so
			return
		}
		if there.Equal != back.Equal || there.Equal != (total(there.Counts.Differences) == 0) {
			t.Errorf("equal is %v and %v", there.Equal, back.Equal)
		}
		if there, back := byKind(there), byKind(back); !maps.Equal(there, map[string]int64{
			"missing": back["added"], "added": back["missing"], "changed": back["changed"]}) {
			t.Errorf("%v one way and %v the other", there, back)
		}
	})
}

// indexless tells whether a stream has a node without indexes.
func indexless(b []byte) bool {
	back := newBackground(strict)
	s := object.NewSplitter()
	err := stream(b)(func(raw record.Raw) error {
		return s.Each(raw, func(o *object.Object) error {
			back.look(o)
			return nil
		})
	})
	return err != nil || len(back.indexless) > 0
}

// byKind counts all that is unlike, wherever it was found to belong.
func byKind(r *Result) map[string]int64 {
	n := map[string]int64{"missing": 0, "added": 0, "changed": 0}
	for _, list := range [][]Count{r.Counts.Differences, r.Counts.WrittenSince, r.Counts.Reaped, r.Counts.Replaced} {
		for _, c := range list {
			what := string(c.What)
			if c.What == Deleted {
				what = "missing"
			}
			n[what] += c.Count
		}
	}
	return n
}
