package fsm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of TestModel; 0 for a few fixed ones and a new one")
	modelSteps = flag.Int("model.steps", 2000, "operations that TestModel makes up for each seed")
)

// Random operations give the same answers and the same state as the model; queries that block wake when their answer changes, with an
// index above the one that their client knows; and what is saved can be restored, into the same state.
func TestModel(t *testing.T) {
	seeds := []uint64{1, 2, 3, uint64(time.Now().UnixNano())}
	if *modelSeed != 0 {
		seeds = []uint64{*modelSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := &modelRun{t: t, g: &generator{Rand: rand.New(rand.NewPCG(seed, 0))}, m: newModel(), s: state.New()}
			r.m.now = 10
			r.answers = r.ask()
			for range *modelSteps {
				r.step()
				if t.Failed() {
					t.Fatalf("reproduce: go test ./internal/fsm -run TestModel -model.seed %d -model.steps %d\nthe last operations:\n%s",
						seed, *modelSteps, strings.Join(r.history[max(0, len(r.history)-20):], "\n"))
				}
			}
		})
	}
}

type modelRun struct {
	t       *testing.T
	g       *generator
	m       *model
	s       *state.Store
	history []string
	answers map[string]answer // of all queries, before the operation
}

func (r *modelRun) step() {
	r.m.now++
	op := r.g.operation(r.m)
	r.history = append(r.history, fmt.Sprint(r.m.now, " ", op.text))
	got, want := outcomeOf(Apply(r.s, r.m.now, 1, op.entry)), op.model(r.m)
	if !got.equal(want) {
		r.t.Errorf("the answer is %+v, want %+v", got, want)
	}
	r.compare()
	r.blocking()
	if r.g.IntN(50) == 0 {
		r.restore()
	}
}

// compare compares all that the state holds, and the indexes of its tables.
func (r *modelRun) compare() {
	r.t.Helper()
	if got, want := realText(r.s), r.m.text(); got != want {
		r.t.Errorf("the state is\n%s\nwant\n%s", got, want)
	}
	if index, _ := r.s.Applied(); index != r.m.now {
		r.t.Errorf("applied index %d, want %d", index, r.m.now)
	}
}

var prefixes = []string{"", "a", "a/", "a/b", "b", "c/", "zz"}

func realText(s *state.Store) string {
	var b strings.Builder
	kv, entries := s.KVList(nil, "")
	for _, e := range entries {
		fmt.Fprintln(&b, kvOf(e), "delayed", s.LockDelayed(e.Key))
	}
	for _, prefix := range prefixes {
		index, keys := s.KVKeys(nil, prefix, "")
		fmt.Fprintf(&b, "below %q at %d: %q\n", prefix, index, keys)
	}
	nodeIndex, nodes := s.Nodes(nil)
	for _, n := range nodes {
		fmt.Fprintln(&b, nodeOf(n))
		_, _, services := s.Node(nil, n.Node)
		for _, x := range services {
			fmt.Fprintln(&b, "-", serviceOf(x))
		}
		_, checks := s.NodeChecks(nil, n.Node)
		for _, x := range checks {
			fmt.Fprintln(&b, "-", checkOf(x))
		}
	}
	sessionIndex, sessions := s.Sessions(nil)
	for _, x := range slices.SortedFunc(slices.Values(sessions), func(a, b *record.Session) int { return strings.Compare(a.ID, b.ID) }) {
		fmt.Fprintln(&b, x.ID, "on", x.Node, "created", x.CreateIndex)
	}
	queryIndex, queries := s.Queries(nil)
	for _, q := range queries {
		fmt.Fprintln(&b, "query", q.ID, "of", q.Session)
	}
	serviceIndex, _ := s.Instances(nil)
	checkIndex, _ := s.ChecksInState(nil, "any")
	fmt.Fprintln(&b, "tombstones", s.Tombstones(), "indexes", kv, nodeIndex, serviceIndex, checkIndex, sessionIndex, queryIndex)
	return b.String()
}

// text is what realText says of a state that is like the model.
func (m *model) text() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m.kv)) {
		fmt.Fprintln(&b, kvText(key, m.kv[key]), "delayed", m.delayed[key])
	}
	for _, prefix := range prefixes {
		keys, index := m.list(prefix)
		fmt.Fprintf(&b, "below %q at %d: %q\n", prefix, index, keys)
	}
	for _, node := range slices.Sorted(maps.Keys(m.nodes)) {
		fmt.Fprintln(&b, nodeText(m.nodes[node]))
		for _, id := range slices.Sorted(maps.Keys(m.services)) {
			if strings.HasPrefix(id, node+"/") {
				fmt.Fprintln(&b, "-", serviceText(m.services[id]))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(m.checks)) {
			if strings.HasPrefix(id, node+"/") {
				fmt.Fprintln(&b, "-", checkText(m.checks[id]))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		fmt.Fprintln(&b, id, "on", m.sessions[id].node, "created", m.sessions[id].created)
	}
	for _, id := range slices.Sorted(maps.Keys(m.queries)) {
		fmt.Fprintln(&b, "query", id, "of", m.queries[id])
	}
	fmt.Fprintln(&b, "tombstones", len(m.tombs), "indexes", max(m.kvIndex, m.tombIndex), m.nodeIndex, m.serviceIndex, m.checkIndex,
		m.sessionIndex, m.queryIndex)
	return b.String()
}

// answer is what a query that may block gave.
type answer struct {
	content string
	index   uint64
	watch   *state.Watch
}

// ask runs all kinds of queries, each with a watch.
func (r *modelRun) ask() map[string]answer {
	answers := map[string]answer{}
	add := func(name string, get func(*state.Watch) (uint64, any)) {
		w := state.NewWatch()
		index, found := get(w)
		content, err := json.Marshal(found)
		if err != nil {
			r.t.Fatal(err)
		}
		answers[name] = answer{string(content), index, w}
	}
	s := r.s
	for _, key := range []string{"a", "a/b", "ab"} {
		add("key "+key, func(w *state.Watch) (uint64, any) { i, x := s.KVGet(w, key); return i, x })
	}
	for _, prefix := range prefixes {
		add("prefix "+prefix, func(w *state.Watch) (uint64, any) { i, x := s.KVList(w, prefix); return i, x })
	}
	for _, node := range []string{"n1", "n2"} {
		add("node "+node, func(w *state.Watch) (uint64, any) { i, n, x := s.Node(w, node); return i, []any{n, x} })
		add("checks on "+node, func(w *state.Watch) (uint64, any) { i, x := s.NodeChecks(w, node); return i, x })
		add("sessions of "+node, func(w *state.Watch) (uint64, any) { i, x := s.NodeSessions(w, node); return i, x })
	}
	for _, name := range []string{"web", "db"} {
		add("service "+name, func(w *state.Watch) (uint64, any) { i, x := s.ServiceInstances(w, name); return i, x })
		add("health of "+name, func(w *state.Watch) (uint64, any) { i, x := s.HealthInstances(w, name); return i, x })
		add("checks of "+name, func(w *state.Watch) (uint64, any) { i, x := s.ServiceChecks(w, name); return i, x })
	}
	add("nodes", func(w *state.Watch) (uint64, any) { i, x := s.Nodes(w); return i, x })
	add("critical", func(w *state.Watch) (uint64, any) { i, x := s.ChecksInState(w, "critical"); return i, x })
	add("queries", func(w *state.Watch) (uint64, any) { i, x := s.Queries(w); return i, x })
	return answers
}

// blocking checks that each query whose answer the operation has changed would have been answered anew, and that no index fell behind
// what clients know. Tombstones that are reaped take back the index of a prefix, of which clients know.
func (r *modelRun) blocking() {
	r.t.Helper()
	now := r.ask()
	reaped := strings.Contains(r.history[len(r.history)-1], " reap ")
	for name, was := range r.answers {
		is := now[name]
		switch {
		case is.content != was.content && !woken(was.watch):
			r.t.Errorf("the query for %s was not woken; it was\n%s\nand is\n%s", name, was.content, is.content)
		case is.content != was.content && is.index <= was.index:
			r.t.Errorf("the index of the query for %s was %d, and is %d for\n%s\nafter\n%s", name, was.index, is.index, is.content, was.content)
		case is.index < was.index && !reaped:
			r.t.Errorf("the index of the query for %s was %d, and is %d", name, was.index, is.index)
		}
		was.watch.Close()
	}
	r.answers = now
}

// woken tells whether a watch has been woken. With a context that is over, Wait chooses at random between the two.
func woken(w *state.Watch) bool {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		if w.Wait(over) == nil {
			return true
		}
	}
	return false
}

// restore saves the state and restores it; only lock delays do not survive that.
func (r *modelRun) restore() {
	r.t.Helper()
	r.history = append(r.history, "save and restore")
	saved := r.encode()
	check(r.t, saved)
	next, err := Build(bytes.NewReader(saved), r.m.now, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s, r.m.delayed = next, map[string]bool{}
	if again := r.encode(); !bytes.Equal(again, saved) {
		r.t.Errorf("saved again, the restored state is\n%q\nwant\n%q", again, saved)
	}
	r.compare()
	before := r.answers
	r.answers = r.ask()
	for name, was := range before {
		if is := r.answers[name]; is.content != was.content || is.index != was.index {
			r.t.Errorf("restored, the query for %s gives %d %s, want %d %s", name, is.index, is.content, was.index, was.content)
		}
		was.watch.Close()
	}
}

func (r *modelRun) encode() []byte {
	var b bytes.Buffer
	if err := r.s.Snapshot().Encode(&b); err != nil {
		r.t.Fatal(err)
	}
	return b.Bytes()
}

// check checks that a server restores each record of a stream.
func check(t *testing.T, saved []byte) {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	var checker preflight.Checker
	for {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Check(raw); err != nil {
			t.Error(err)
		}
	}
}
