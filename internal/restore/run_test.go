package restore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/comparison"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// living is a target that knows its live nodes.
type living struct {
	*target
	live []string
	err  error
	then func() // called by the question
}

func (l *living) Live(ctx context.Context) ([]string, error) {
	if l.then != nil {
		l.then()
	}
	return l.live, errors.Join(l.err, ctx.Err())
}

// replica takes its ACLs over from elsewhere.
type replica struct{ *living }

func (replica) ReplicatesACLs(context.Context) bool { return true }

// seen is what a comparison was asked.
type seen struct {
	expect   comparison.Expect
	restored int // records
	now      int
	equal    bool
	before   func() // called first
}

func (s *seen) compare(restored, now digest.Source, expect comparison.Expect) (*comparison.Result, error) {
	s.expect = expect
	if s.before != nil {
		s.before()
	}
	for range 2 { // they are read more than once
		s.restored, s.now = 0, 0
		for _, side := range []struct {
			src digest.Source
			n   *int
		}{{restored, &s.restored}, {now, &s.now}} {
			if err := side.src(func(record.Raw) error { *side.n++; return nil }); err != nil {
				return nil, err
			}
		}
	}
	return &comparison.Result{Equal: s.equal}, nil
}

// runOf restores kv.snap into a target that holds full.snap before, and kv.snap afterwards.
func runOf(t *testing.T) (*Run, *living, *snapshots, *seen) {
	t.Helper()
	kv := golden.Read(t, "consul-1.21.4/kv.snap")
	plan, err := prepare(t, kv, Options{})
	if err != nil {
		t.Fatal(err)
	}
	to := &living{target: new(target), live: []string{"lictor-kv-1"}}
	source := &snapshots{answers: []any{golden.Read(t, "consul-1.21.4/full.snap"), kv}}
	asked := &seen{equal: true}
	return &Run{
		Plan: plan, Target: to, Guard: &Guard{From: source, Depot: &StoreDepot{dir(t)}, Now: at}, After: source, Progress: quiet{},
		compare: asked.compare, pause: time.Millisecond, bound: time.Minute,
	}, to, source, asked
}

func kept(r *Run) string { return r.Guard.Depot.(*StoreDepot).Location(madeAt) }

func TestRun(t *testing.T) {
	r, to, _, asked := runOf(t)
	var told *Safety
	r.Kept = func(s *Safety) {
		told = s
		if to.whole {
			t.Error("it was sent before")
		}
	}
	o, err := r.Do(t.Context())
	if err != nil || o.Safety == nil || told != o.Safety || o.Safety.Location != kept(r) || !to.whole || !o.Equal() || o.Restored.IsZero() {
		t.Fatalf("%+v, %v", o, err)
	}
	if asked.expect.Index != 233 || asked.expect.NodesRemoved == nil || len(asked.expect.NodesRemoved) != 0 || asked.restored == 0 || asked.restored != asked.now {
		t.Errorf("compared %+v", asked)
	}
}

// Which nodes go is told if it is known, and only then.
func TestRunExpects(t *testing.T) {
	for _, c := range []struct {
		live []string
		err  error
		want []string
		nil  bool
	}{
		{[]string{"LICTOR-kv-1", "x"}, nil, nil, false}, {[]string{}, nil, []string{"lictor-kv-1"}, false}, {nil, errors.New("no"), nil, true},
	} {
		r, to, _, asked := runOf(t)
		to.live, to.err = c.live, c.err
		if _, err := r.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := asked.expect.NodesRemoved; !slices.Equal(got, c.want) || (got == nil) != c.nil {
			t.Errorf("%v: %#v", c.live, got)
		}
	}
}

func TestRunExpectsReplication(t *testing.T) {
	r, _, _, asked := runOf(t)
	if _, err := r.Do(t.Context()); err != nil || asked.expect.ACLsReplicated {
		t.Errorf("%+v, %v", asked.expect, err)
	}
	r, to, _, asked := runOf(t)
	r.Target = replica{to}
	if _, err := r.Do(t.Context()); err != nil || !asked.expect.ACLsReplicated {
		t.Errorf("%+v, %v", asked.expect, err)
	}
}

func TestRunWithoutEither(t *testing.T) {
	r, to, source, _ := runOf(t)
	r.Guard, r.After = nil, nil
	o, err := r.Do(t.Context())
	if err != nil || !o.Equal() || o.Safety != nil || o.Comparison != nil || source.asked != 0 || !to.whole {
		t.Errorf("%+v, %v, asked %d times", o, err, source.asked)
	}
}

// Without a safety snapshot nothing is sent.
func TestRunWithoutASafetySnapshot(t *testing.T) {
	r, to, source, _ := runOf(t)
	source.answers = []any{api.StatusError{Code: 500, Body: "No cluster leader"}}
	o, err := r.Do(t.Context())
	if !errors.Is(err, ErrSafety) || !NoLeader(err) || o.Safety != nil || to.got != nil || !o.Restored.IsZero() {
		t.Errorf("%+v, %v", o, err)
	}
}

// A refused archive leaves the safety snapshot where it is, and says so.
func TestRunThatIsRefused(t *testing.T) {
	r, to, _, _ := runOf(t)
	to.target.err = &statusError{500, "no"}
	o, err := r.Do(t.Context())
	if !errors.Is(err, to.target.err) || o.Safety == nil || !o.Restored.IsZero() || o.Comparison != nil {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestRunAfterwards(t *testing.T) {
	kv := golden.Read(t, "consul-1.21.4/kv.snap")
	full := golden.Read(t, "consul-1.21.4/full.snap")
	status := func(code int, text string) error { return api.StatusError{Code: code, Body: text} }
	for _, c := range []struct {
		name    string
		answers []any // after the safety snapshot
		unequal bool
		equal   bool
		compare bool // whether it came to that
		denied  bool
	}{
		{"equal", []any{kv}, false, true, true, false},
		{"different", []any{kv}, true, false, true, false},
		{"no leader for a while", []any{status(500, "No cluster leader"), status(503, "x"), errors.New("connection refused"), kv}, false, true, true, false},
		{"a stream that breaks off", []any{kv[:len(kv)/2], kv}, false, true, true, false},
		{"the token is gone", []any{status(403, "ACL not found"), kv}, false, false, false, true},
		{"the token is gone, said otherwise", []any{status(500, "rpc error: ACL not found"), kv}, false, false, false, true},
		{"the token has no rights", []any{status(403, "Permission denied"), kv}, false, false, false, true},
		{"a path that is not there", []any{status(404, "x"), kv}, false, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, to, source, asked := runOf(t)
			source.answers = append([]any{full}, c.answers...)
			asked.equal = !c.unequal
			o, err := r.Do(t.Context())
			if err != nil || !to.whole || o.Equal() != c.equal || (o.Comparison != nil) != c.compare || (o.NotCompared == nil) != c.compare {
				t.Fatalf("%+v, %v", o, err)
			}
			if Denied(o.NotCompared) != c.denied {
				t.Error(o.NotCompared)
			}
		})
	}
}

// A target that stays without a leader is not waited for without end.
func TestRunGivesUp(t *testing.T) {
	r, _, source, _ := runOf(t)
	r.bound = 20 * time.Millisecond
	source.answers = append(source.answers[:1], api.StatusError{Code: 500, Body: "No cluster leader"})
	o, err := r.Do(t.Context())
	if err != nil || !NoLeader(o.NotCompared) || o.Equal() {
		t.Errorf("%+v, %v", o, err)
	}
}

// Interrupted at any step, it says what has happened, and what was sent whole is never said not to be.
func TestRunInterrupted(t *testing.T) {
	stopped := errors.New("stopped by hand")
	for _, c := range []struct {
		name     string
		at       func(r *Run, to *living, source *snapshots, asked *seen, stop func())
		kept     bool // the safety snapshot is there
		restored bool
		hint     string
	}{
		{"before all", func(_ *Run, _ *living, _ *snapshots, _ *seen, stop func()) { stop() }, false, false, ""},
		{"while the target is saved", func(_ *Run, _ *living, source *snapshots, _ *seen, stop func()) { source.then = stop }, false, false, ""},
		{"once the safety snapshot is kept", func(r *Run, _ *living, _ *snapshots, _ *seen, stop func()) { r.Kept = func(*Safety) { stop() } }, true, false, ""},
		{"while the nodes are asked for", func(_ *Run, to *living, _ *snapshots, _ *seen, stop func()) { to.then = stop }, true, false, ""},
		{"during the upload", func(_ *Run, to *living, _ *snapshots, _ *seen, stop func()) {
			to.before = stop
			to.target.err = context.Canceled
		}, true, false, "is not known"},
		{"while the target is saved again", func(_ *Run, _ *living, source *snapshots, _ *seen, stop func()) {
			source.then = func() {
				if source.asked == 2 {
					stop()
				}
			}
		}, true, true, ""},
		{"during the comparison", func(_ *Run, _ *living, _ *snapshots, asked *seen, stop func()) {
			asked.before = stop
		}, true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			r, to, source, asked := runOf(t)
			c.at(r, to, source, asked, func() { cancel(stopped) })
			o, err := r.Do(ctx)
			if c.restored {
				if err != nil || o.Restored.IsZero() || !errors.Is(o.NotCompared, stopped) || o.Equal() {
					t.Fatalf("%+v, %v", o, err)
				}
			} else if !errors.Is(err, stopped) || !o.Restored.IsZero() {
				t.Fatalf("%+v, %v", o, err)
			}
			if there := slices.Contains(names(t, r.Guard.Depot.(*StoreDepot).Store), madeAt); there != c.kept || there != (o.Safety != nil) {
				t.Errorf("safety snapshot there: %t, told: %+v", there, o.Safety)
			}
			var hint *HintError
			if c.hint != "" && (!errors.As(err, &hint) || !strings.Contains(hint.Hints[0], c.hint)) {
				t.Errorf("%#v", err)
			}
		})
	}
}

// A file that changes between the upload and the comparison is no measure of anything.
func TestRunOfAFileThatChanges(t *testing.T) {
	kv := golden.Read(t, "consul-1.21.4/kv.snap")
	r, to, _, asked := runOf(t)
	other := golden.Read(t, "consul-1.21.4/large-kv.snap")
	s, path := snapshot(t, kv)
	plan, err := Prepare(t.Context(), s, Options{}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	r.Plan = plan
	asked.equal = true
	r.After = &snapshots{answers: []any{kv}, then: func() { overwrite(t, path, other) }}
	o, err := r.Do(t.Context())
	if err != nil || !to.whole || !bytes.Equal(to.got, kv) || !errors.Is(o.NotCompared, errChangedSince) {
		t.Errorf("%+v, %v", o, err)
	}
}

// overwrite puts something else into a file that is open.
func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
