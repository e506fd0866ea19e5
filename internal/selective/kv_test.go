package selective

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/undofile"
)

// someKeys are random keys, of which many states have the same.
func someKeys(r *rand.Rand) map[string]pair {
	all := map[string]pair{}
	for range r.IntN(200) {
		key := fmt.Sprintf("%s%d", []string{"a/", "a/b/", "c/", "ü ?#%/", "x\"\\<\n/", "..//"}[r.IntN(6)], r.IntN(30))
		value := []string{"", "1", "two", strings.Repeat("long ", 100), "\x00\xff"}[r.IntN(5)]
		all[key] = pair{value, uint64(r.IntN(3)) * 0x7fffffffffff}
	}
	return all
}

// undo takes a restore back.
func undo(t testing.TB, target *Target, path string) (*Plan, *Outcome) {
	t.Helper()
	f, err := undofile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Undo(t.Context(), target, f, false, options(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, apply(t, p, "")
}

// For random states A and B, applying what differs from B to A makes B to A, and taking it back makes B of it again.
func TestRandomStates(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b := someKeys(r), someKeys(r)
		if r.IntN(2) == 0 { // states that have much in common
			maps.Copy(b, a)
			maps.DeleteFunc(b, func(string, pair) bool { return r.IntN(10) == 0 })
		}
		c := newCluster(t)
		c.put(t, b)
		o := options(t, "kv:")
		o.Delete = true
		before := c.indexes()
		file := filepath.Join(t.TempDir(), "undo")
		p := plan(t, c.target(""), archiveOf(t, a), o)
		out := apply(t, p, file)
		wantEqual(t, out)
		samePairs(t, fmt.Sprintf("seed %d", seed), c.pairs(), a)
		after := c.indexes()
		for key, x := range a {
			if y, same := b[key]; same && x == y && before[key] != after[key] {
				t.Fatalf("seed %d: %q was written although it was right", seed, key)
			}
		}
		if p.Len() == 0 {
			continue
		}
		_, out = undo(t, c.target(""), file)
		wantEqual(t, out)
		samePairs(t, fmt.Sprintf("seed %d, taken back", seed), c.pairs(), b)
	}
}

// Without Delete nothing is removed, and what is left alone is counted.
func TestNothingIsRemovedUnasked(t *testing.T) {
	c := newCluster(t)
	c.put(t, map[string]pair{"a/1": {"old", 0}, "a/2": {"mine", 0}, "b": {"other", 0}})
	p := plan(t, c.target(""), archiveOf(t, map[string]pair{"a/1": {"new", 0}, "a/3": {"x", 9}, "b": {"y", 0}}), options(t, "kv:a/"))
	wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
	samePairs(t, "after", c.pairs(), map[string]pair{"a/1": {"new", 0}, "a/2": {"mine", 0}, "a/3": {"x", 9}, "b": {"other", 0}})
	if got := text(t, p); !strings.Contains(got, "Left alone: 1 key that the datacenter has and the source has not") {
		t.Errorf("the plan does not say what is left alone:\n%s", got)
	}
}

func TestRename(t *testing.T) {
	src := map[string]pair{"app/a": {"1", 0}, "app/sub/b": {"2", 0}, "app/sub/deep/c": {"3", 0}, "other": {"4", 0}}
	for _, tt := range []struct {
		name, only string
		renames    []string
		live, want map[string]pair
		err        string
	}{
		{"a prefix", "kv:app/", []string{"app/=new/"}, map[string]pair{"new/a": {"0", 0}, "new/x": {"x", 0}, "app/a": {"live", 0}},
			map[string]pair{"new/a": {"1", 0}, "new/sub/b": {"2", 0}, "new/sub/deep/c": {"3", 0}, "app/a": {"live", 0}}, ""},
		{"the longest prefix counts", "kv:app/", []string{"app/=new/", "app/sub/=s/"}, nil,
			map[string]pair{"new/a": {"1", 0}, "s/b": {"2", 0}, "s/deep/c": {"3", 0}}, ""},
		{"a part of what is meant", "kv:app/", []string{"app/sub/=app/neu/"}, map[string]pair{"app/sub/b": {"live", 0}},
			map[string]pair{"app/a": {"1", 0}, "app/neu/b": {"2", 0}, "app/neu/deep/c": {"3", 0}, "app/sub/b": {"live", 0}}, ""},
		{"one key", "kv:app/sub/b", []string{"app/=new/"}, map[string]pair{"new/a": {"live", 0}},
			map[string]pair{"new/sub/b": {"2", 0}, "new/a": {"live", 0}}, ""},
		{"into what is there", "kv:", []string{"app/sub/=app/"}, nil, nil, ""},
		{"onto another", "kv:", []string{"app/=oth", "app/sub/=oth"}, nil, nil, ""},
		{"no keys meant", "query:", []string{"a/=b/"}, nil, nil, "a rename is for keys"},
		{"twice", "kv:", []string{"a/=b/", "a/=c/"}, nil, nil, "is renamed twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			c.put(t, tt.live)
			o := options(t, tt.only)
			o.Delete = true
			for _, text := range tt.renames {
				r, err := ParseRename(text)
				if err != nil {
					r = Rename{}
					r.Old, r.New, _ = strings.Cut(text, "=")
				}
				o.Renames = append(o.Renames, r)
			}
			p, err := Make(t.Context(), c.target(""), archiveOf(t, src), o)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if tt.want == nil {
				return
			}
			wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
			samePairs(t, "after", c.pairs(), tt.want)
		})
	}
}

// Two keys that would get the same name are refused before anything is asked.
func TestRenameOntoAnother(t *testing.T) {
	c := newCluster(t)
	o := options(t, "kv:")
	o.Renames = []Rename{{"a/", "b/"}}
	_, err := Make(t.Context(), c.target(""), archiveOf(t, map[string]pair{"a/1": {"x", 0}, "b/1": {"y", 0}}), o)
	if err == nil || !strings.Contains(err.Error(), `restored to "b/1"`) {
		t.Fatalf("got %v", err)
	}
}

// What others write between the plan and its execution is never overwritten, and is named.
func TestConcurrentWriter(t *testing.T) {
	c := newCluster(t)
	live, want := map[string]pair{}, map[string]pair{}
	for i := range 300 {
		live[fmt.Sprintf("k/%03d", i)] = pair{"old", 0}
		want[fmt.Sprintf("k/%03d", i)] = pair{"new", 0}
	}
	for i := range 100 {
		delete(want, fmt.Sprintf("k/%03d", i))
		want[fmt.Sprintf("n/%03d", i)] = pair{"new", 0}
	}
	c.put(t, live)
	o := options(t, "kv:")
	o.Delete = true
	p := plan(t, c.target(""), archiveOf(t, want), o)
	theirs := map[string]pair{"k/005": {"theirs", 0}, "k/150": {"theirs", 0}, "k/299": {"theirs", 0}, "n/050": {"theirs", 0}}
	c.put(t, theirs)
	c.put(t, map[string]pair{"k/200": {"new", 0}}) // the same by chance
	out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
	maps.Copy(want, theirs)
	samePairs(t, "after", c.pairs(), want)
	if len(out.Conflicts) != len(theirs) || len(out.Failed) > 0 || len(out.Remaining) > 0 || out.Already != 1 || out.Equal() {
		t.Errorf("outcome: conflicts %v, failed %v, remaining %v, already %d", out.Conflicts, out.Failed, out.Remaining, out.Already)
	}
	for _, f := range out.Conflicts {
		if _, ok := theirs[f.Name]; !ok {
			t.Errorf("%s is no conflict", f.Name)
		}
	}
}

// Of many keys of which a few differ, exactly these are written, and no other key's index moves.
func TestOperationsAreCounted(t *testing.T) {
	countOperations(t, 10_000, 50)
}

func countOperations(t testing.TB, keys, differing int) {
	c := newCluster(t)
	want := map[string]pair{}
	for i := range keys {
		want[fmt.Sprintf("app/%06d", i)] = pair{fmt.Sprint("value ", i), 0}
	}
	c.put(t, want)
	touched := map[string]bool{}
	for i := range differing {
		key := fmt.Sprintf("app/%06d", i*(keys/differing))
		touched[key] = true
		verb := "set"
		if i%2 == 0 {
			verb = "delete"
		}
		if _, err := c.KVApply(t.Context(), verb, &record.KVEntry{Key: key, Value: []byte("another")}); err != nil {
			t.Fatal(err)
		}
	}
	before := c.indexes()
	p := plan(t, c.target(""), archiveOf(t, want), options(t, "kv:app/"))
	if p.Len() != differing {
		t.Fatalf("%d changes are planned, want %d", p.Len(), differing)
	}
	out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
	wantEqual(t, out)
	if c.ops != differing || out.Requests != int64((differing+chunkOps-1)/chunkOps) {
		t.Errorf("%d operations in %d requests, want %d", c.ops, out.Requests, differing)
	}
	samePairs(t, "after", c.pairs(), want)
	for key, index := range c.indexes() {
		if !touched[key] && before[key] != index {
			t.Fatalf("%s was written", key)
		}
	}
}

// Faults of the network and of servers neither lose an update nor leave a key out.
func TestFaults(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		a, b := someKeys(r), someKeys(r)
		c := newCluster(t)
		c.put(t, b)
		faults := rand.New(rand.NewPCG(seed, 3))
		c.fail(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
			c.counting.Lock()
			dice := faults.IntN(12)
			c.counting.Unlock()
			switch dice {
			case 0: // before it happens
				http.Error(w, "boom", http.StatusBadGateway)
			case 1: // after it has
				next.ServeHTTP(&swallower{header: http.Header{}}, q)
				panic(http.ErrAbortHandler)
			case 2:
				http.Error(w, "No cluster leader", http.StatusInternalServerError)
			case 3:
				w.WriteHeader(http.StatusTooManyRequests)
			case 4: // in the middle of the answer
				next.ServeHTTP(&swallower{ResponseWriter: w, header: w.Header(), left: 40}, q)
				panic(http.ErrAbortHandler)
			default:
				next.ServeHTTP(w, q)
			}
		})
		o := options(t, "kv:")
		o.Delete = true
		target := c.target("")
		var p *Plan
		for {
			var err error
			if p, err = Make(t.Context(), target, archiveOf(t, a), o); err == nil {
				break
			}
			if !transient(err) { // the first question is not repeated
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = p.Close() })
		out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
		wantEqual(t, out)
		samePairs(t, fmt.Sprintf("seed %d", seed), c.pairs(), a)
	}
}

// A leader that is not known at first is known to who is asked whether to go on.
func TestLeaderElectedMeanwhile(t *testing.T) {
	c := newCluster(t)
	asked := 0
	c.fail(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		if q.URL.Path == "/v1/status/leader" {
			if asked++; asked == 1 {
				_, _ = w.Write([]byte(`""`))
				return
			}
		}
		next.ServeHTTP(w, q)
	})
	p, err := Make(t.Context(), c.target(""), archiveOf(t, nil), options(t, "kv:"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if p.Cluster.Leader == "" {
		t.Errorf("the leader is not known, after %d questions", asked)
	}
}

// swallower lets no more than some bytes of an answer through.
type swallower struct {
	http.ResponseWriter
	header http.Header
	left   int
}

func (s *swallower) Header() http.Header { return s.header }
func (s *swallower) WriteHeader(code int) {
	if s.ResponseWriter != nil {
		s.header.Del("Content-Length")
		s.ResponseWriter.WriteHeader(code)
	}
}

func (s *swallower) Write(b []byte) (int, error) {
	if s.ResponseWriter != nil && s.left > 0 {
		s.header.Del("Content-Length")
		n := min(s.left, len(b))
		s.left -= n
		if _, err := s.ResponseWriter.Write(b[:n]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

var errKilled = errors.New("killed")

// Broken off at any moment and made again, a restore ends in the same state, and what was there before the first try can be had back.
func TestKilledAndRunAgain(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 4))
		a, b := map[string]pair{}, map[string]pair{}
		for i := range 400 {
			key := fmt.Sprintf("k/%03d", i)
			if r.IntN(3) > 0 {
				a[key] = pair{"a", uint64(r.IntN(2))}
			}
			if r.IntN(3) > 0 {
				b[key] = pair{"b", 0}
			}
		}
		c := newCluster(t)
		c.put(t, b)
		file := filepath.Join(t.TempDir(), "undo")
		o := options(t, "kv:")
		o.Delete = true
		for range 2 {
			kill(t, c, archiveOf(t, a), o, file, r.IntN(9))
		}
		p := plan(t, c.target(""), archiveOf(t, a), o)
		wantEqual(t, apply(t, p, file))
		samePairs(t, fmt.Sprintf("seed %d", seed), c.pairs(), a)
		if u, err := undofile.Open(file); err != nil {
			if p.Len() == 0 {
				continue
			}
			t.Fatal(err)
		} else {
			_ = u.Close()
		}
		_, out := undo(t, c.target(""), file)
		wantEqual(t, out)
		samePairs(t, fmt.Sprintf("seed %d, taken back", seed), c.pairs(), b)
	}
}

// kill makes a restore and breaks it off when the n-th transaction arrives, before or after it is carried out.
func kill(t *testing.T, c *cluster, src digest.Source, o Options, file string, n int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c.fail(func(w http.ResponseWriter, q *http.Request, next http.Handler) {
		c.counting.Lock()
		if q.URL.Path == "/v1/txn" {
			n--
		}
		dead, done := n < 0, n%2 == 0
		c.counting.Unlock()
		if dead {
			cancel(errKilled)
			if done {
				next.ServeHTTP(&swallower{header: http.Header{}}, q)
			}
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, q)
	})
	defer func() { c.fail(nil) }()
	p, err := Make(ctx, c.target(""), src, o)
	if err != nil {
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		return
	}
	defer p.Close()
	out, err := p.Apply(ctx, file)
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if err != nil && out.Done()+out.Already+out.NotDone+int64(len(out.Conflicts)) != int64(p.Len()) {
		t.Fatalf("of %d changes %d were done, %d not, %d conflicts", p.Len(), out.Done(), out.NotDone, len(out.Conflicts))
	}
}
