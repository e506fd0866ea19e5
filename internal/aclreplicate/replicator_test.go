package aclreplicate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A site is the state of a datacenter, without a server.
type site struct {
	store *state.Store
	index uint64
	left  int // writes until the next one fails; below 0 for none that does
}

var errInterrupted = errors.New("interrupted")

func (s *site) Store() *state.Store { return s.store }

func (s *site) Apply(_ context.Context, e fsm.Entry) (fsm.Result, error) {
	if s.left == 0 {
		return fsm.Result{}, errInterrupted
	}
	s.left--
	s.index++
	return fsm.Apply(s.store, s.index, 1, e), nil
}

func (s *site) do(t testing.TB, e fsm.Entry) {
	t.Helper()
	if r, err := s.Apply(t.Context(), e); err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
}

// newPrimary has what every primary has.
func newPrimary(t testing.TB) *site {
	s := &site{store: state.New(), left: -1}
	for _, p := range acl.BuiltinPolicies() {
		s.do(t, fsm.SetPolicy(p))
	}
	s.do(t, fsm.SetToken(acl.AnonymousToken(), false))
	return s
}

func newSecondary() *site { return &site{store: state.New(), left: -1} }

// answerOf is what a primary answers, as it arrives.
func answerOf(t testing.TB, primary *site, path string, answer any) error {
	var v any
	if strings.HasPrefix(path, ChangedPath) {
		v = IndexesOf(primary.store, nil, true)
	} else {
		v = Read(primary.store, Kind(strings.TrimPrefix(path, Path)))
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return json.Unmarshal(text, answer)
}

func between(t testing.TB, primary *site) *Replicator {
	return New(Config{
		Fetch:  func(_ context.Context, path string, answer any) error { return answerOf(t, primary, path, answer) },
		Tokens: true, Logger: hclog.NewNullLogger(),
	})
}

// dump is all ACLs of a store but the local tokens or, with local, only those; indexes are left out.
func dump(s *state.Store, local bool) string {
	var b bytes.Buffer
	_, policies := s.Policies(nil)
	_, roles := s.Roles(nil)
	_, tokens := s.Tokens(nil)
	if !local {
		for _, p := range policies {
			c := *p
			c.CreateIndex, c.ModifyIndex = 0, 0
			fmt.Fprintf(&b, "policy %s %q\n", p.Name, msgpack.Append(nil, c))
		}
		for _, r := range roles {
			c := *r
			c.CreateIndex, c.ModifyIndex = 0, 0
			fmt.Fprintf(&b, "role %s %q\n", r.Name, msgpack.Append(nil, c))
		}
	}
	for _, x := range tokens {
		if c := *x; c.Local == local {
			c.CreateIndex, c.ModifyIndex = 0, 0
			fmt.Fprintf(&b, "token %s %q\n", x.AccessorID, msgpack.Append(nil, c))
		}
	}
	return b.String()
}

// A history makes random changes of a primary.
type history struct {
	t testing.TB
	*rand.Rand
	*site
}

func (h *history) id(kind string) string { return fmt.Sprint(kind, h.IntN(8)) }

func (h *history) links(ids []string) (links []record.ACLLink) {
	for _, id := range ids {
		if h.IntN(3) == 0 {
			links = append(links, record.ACLLink{ID: id, Name: id})
		}
	}
	return links
}

func (h *history) policies() (ids []string) {
	_, all := h.store.Policies(nil)
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

func (h *history) roles() (ids []string) {
	_, all := h.store.Roles(nil)
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

// step makes one change; one that the state refuses is none.
func (h *history) step() {
	extra := msgpack.Extra{{Key: "Later", Value: msgpack.AppendUint(nil, h.Uint64())}}
	ends := time.Now().Add(time.Hour).UTC()
	var e fsm.Entry
	switch h.IntN(10) {
	case 0, 1:
		p := &record.ACLPolicy{ID: h.id("p"), Name: h.id("name"), Rules: fmt.Sprintf("key %q { policy = \"read\" }", h.id("k")), Extra: extra}
		p.Hash = acl.HashPolicy(p)
		e = fsm.SetPolicy(p)
	case 2:
		e = fsm.DeletePolicy(h.id("p"))
	case 3, 4:
		r := &record.ACLRole{ID: h.id("r"), Name: h.id("name"), Policies: h.links(h.policies()), Extra: extra}
		r.Hash = acl.HashRole(r)
		e = fsm.SetRole(r)
	case 5:
		e = fsm.DeleteRole(h.id("r"))
	case 6, 7, 8:
		x := &record.ACLToken{AccessorID: h.id("t"), SecretID: h.id("s"), Local: h.IntN(4) == 0, CreateTime: time.Now(), ExpirationTime: &ends,
			Policies: h.links(h.policies()), Roles: h.links(h.roles()), Extra: extra}
		x.Hash = acl.HashToken(x)
		e = fsm.SetToken(x, false)
	case 9:
		e = fsm.DeleteTokens([]string{h.id("t")})
	}
	if _, err := h.Apply(h.t.Context(), e); err != nil {
		h.t.Fatal(err)
	}
}

// swap exchanges the names of two policies, as far as the primary has them.
func (h *history) swap() {
	_, all := h.store.Policies(nil)
	if len(all) < 4 {
		return
	}
	a, b := *all[2], *all[3]
	x, y := a.Name, b.Name
	for _, name := range []string{"between", y} {
		a.Name = name
		h.do(h.t, fsm.SetPolicy(&a))
		b.Name = x
		h.do(h.t, fsm.SetPolicy(&b))
	}
}

// Whatever the primary did, and wherever rounds before were cut short, after a whole round the secondary has the same policies, roles and
// tokens that are not local, and its own local tokens.
func TestSecondaryComesLevel(t *testing.T) {
	for seed := range uint64(150) {
		h := &history{t, rand.New(rand.NewPCG(seed, 1)), newPrimary(t)}
		secondary := newSecondary()
		for i := range 3 {
			x := &record.ACLToken{AccessorID: fmt.Sprint("local", i), SecretID: fmt.Sprint("own", i), Local: true}
			secondary.do(t, fsm.SetToken(x, false))
		}
		own := dump(secondary.store, true)
		r := between(t, h.site)
		for range 12 {
			for range h.IntN(12) {
				h.step()
			}
			if h.IntN(3) == 0 {
				h.swap()
			}
			if h.IntN(8) == 0 { // the secondary has been restored from somewhere
				foreign := &history{t, h.Rand, newPrimary(t)}
				for range 20 {
					foreign.step()
				}
				for _, id := range []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"} { // local ones among them
					foreign.do(t, fsm.DeleteTokens([]string{id}))
				}
				secondary.store.Abandon()
				secondary.store, secondary.index = foreign.store, foreign.index
				own = dump(secondary.store, true)
			}
			secondary.left = h.IntN(4)
			err := r.turn(t.Context(), secondary)
			if err != nil && !errors.Is(err, errInterrupted) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			r.store, secondary.left = nil, -1
			if err := r.turn(t.Context(), secondary); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if got, want := dump(secondary.store, false), dump(h.store, false); got != want {
				t.Fatalf("seed %d: the secondary has\n%s\nand the primary\n%s", seed, got, want)
			}
			if got := dump(secondary.store, true); got != own {
				t.Fatalf("seed %d: local tokens are\n%s\nand were\n%s", seed, got, own)
			}
		}
		before := secondary.index
		r.store = nil
		if err := r.turn(t.Context(), secondary); err != nil || secondary.index != before {
			t.Fatalf("seed %d: a round without a change writes: %v", seed, err)
		}
	}
}

// An interruption after any number of writes, with more than one batch to write, is made good by the next round.
func TestInterruptedRounds(t *testing.T) {
	primary := newPrimary(t)
	text := strings.Repeat("#", batchBytes/3)
	put := func(i int, name string) {
		primary.do(t, fsm.SetPolicy(&record.ACLPolicy{ID: fmt.Sprintf("p%02d", i), Name: name, Rules: text}))
	}
	for i := range 12 {
		put(i, fmt.Sprint("name", i))
		primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: fmt.Sprint("t", i), SecretID: fmt.Sprint("s", i), Description: text,
			Policies: []record.ACLLink{{ID: fmt.Sprintf("p%02d", i), Name: fmt.Sprint("name", i)}}}, false))
	}
	secondary := newSecondary()
	r := between(t, primary)
	if err := r.turn(t.Context(), secondary); err != nil {
		t.Fatal(err)
	}
	own := &record.ACLToken{AccessorID: "own", SecretID: "own", Local: true, Policies: []record.ACLLink{{ID: "p00", Name: "name0"}}}
	secondary.do(t, fsm.SetToken(own, false))
	for i := range 12 { // all names move on by one, and the bodies change
		put(i, fmt.Sprint("moving", i))
	}
	text += "#"
	for i := range 12 {
		put(i, fmt.Sprint("name", (i+1)%12))
		primary.do(t, fsm.DeleteTokens([]string{fmt.Sprint("t", i)}))
	}
	for i := range 12 { // secrets too
		primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: fmt.Sprint("t", i), SecretID: fmt.Sprint("s", (i+1)%12), Description: text}, false))
	}
	writes := 0
	for ; ; writes++ {
		if writes > 100 {
			t.Fatal("no round ends")
		}
		secondary.left = 1
		r.store = nil
		if err := r.turn(t.Context(), secondary); err == nil {
			break
		} else if !errors.Is(err, errInterrupted) {
			t.Fatal(err)
		}
	}
	if writes < 4 {
		t.Errorf("%d interruptions", writes)
	}
	if dump(secondary.store, false) != dump(primary.store, false) {
		t.Error("the secondary is not level")
	}
	if _, kept := secondary.store.Token(nil, "own"); len(kept.Policies) != 1 || kept.Policies[0].Name != "name1" {
		t.Errorf("the local token's links: %+v", kept.Policies)
	}
}

// Local tokens win over tokens of the primary that have their accessor ID or their secret.
func TestLocalTokensStandInTheWay(t *testing.T) {
	primary, secondary := newPrimary(t), newSecondary()
	for i, x := range [][2]string{{"own", "other"}, {"other", "own secret"}, {"free", "free"}} {
		primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: x[0], SecretID: x[1], Description: fmt.Sprint(i)}, false))
	}
	secondary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "own", SecretID: "own secret", Local: true}, false))
	if err := between(t, primary).turn(t.Context(), secondary); err != nil {
		t.Fatal(err)
	}
	_, all := secondary.store.Tokens(nil)
	var got []string
	for _, x := range all {
		got = append(got, fmt.Sprint(x.AccessorID, " ", x.Local))
	}
	if slices.Sort(got); !slices.Equal(got, []string{acl.AnonymousAccessorID + " false", "free false", "own true"}) {
		t.Error(got)
	}
}

// A token whose time has come is not brought back once the secondary has removed it.
func TestExpiredTokens(t *testing.T) {
	primary, secondary := newPrimary(t), newSecondary()
	ended, ends := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "ended", SecretID: "1", ExpirationTime: &ended}, false))
	primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "ends", SecretID: "2", ExpirationTime: &ends}, false))
	if err := between(t, primary).turn(t.Context(), secondary); err != nil {
		t.Fatal(err)
	}
	_, x := secondary.store.Token(nil, "ended")
	_, y := secondary.store.Token(nil, "ends")
	if x != nil || y == nil || !y.ExpirationTime.Equal(ends) {
		t.Errorf("%+v %+v", x, y)
	}
}

// Where tokens are not replicated none is written, and none removed.
func TestWithoutTokens(t *testing.T) {
	primary, secondary := newPrimary(t), newSecondary()
	secondary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "before", SecretID: "before"}, false))
	r := between(t, primary)
	r.config.Tokens = false
	if err := r.turn(t.Context(), secondary); err != nil {
		t.Fatal(err)
	}
	_, policies := secondary.store.Policies(nil)
	if _, tokens := secondary.store.Tokens(nil); len(tokens) != 1 || len(policies) != 2 {
		t.Errorf("%d tokens, %d policies", len(tokens), len(policies))
	}
}

// What is not the whole answer changes nothing.
func TestBadAnswersChangeNothing(t *testing.T) {
	primary := newPrimary(t)
	primary.do(t, fsm.SetPolicy(&record.ACLPolicy{ID: "p", Name: "p"}))
	primary.do(t, fsm.SetRole(&record.ACLRole{ID: "r", Name: "r"}))
	primary.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "t", SecretID: "s"}, false))
	secondary := newSecondary()
	r := between(t, primary)
	if err := r.turn(t.Context(), secondary); err != nil {
		t.Fatal(err)
	}
	before := dump(secondary.store, false)
	for _, c := range []struct {
		name  string
		kind  Kind
		spoil func(a *Answer)
		want  string
	}{
		{"nothing", Roles, func(a *Answer) { *a = Answer{} }, "not about roles"},
		{"another kind", Roles, func(a *Answer) { a.Kind = Policies }, "not about roles"},
		{"a page of several", Roles, func(a *Answer) { a.Records = a.Records[:0] }, "0 of 1 roles"},
		{"policies without the built-in ones", Policies, func(a *Answer) { a.Records, a.Count = a.Records[2:], 1 }, "lacks " + acl.GlobalManagementID},
		{"no tokens", Tokens, func(a *Answer) { a.Records, a.Count = nil, 0 }, "lacks " + acl.AnonymousAccessorID},
		{"a record cut off", Tokens, func(a *Answer) { a.Records[1] = a.Records[1][:9] }, "record 2 of the tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(Config{Tokens: true, Logger: hclog.NewNullLogger(), Fetch: func(_ context.Context, path string, answer any) error {
				err := answerOf(t, primary, path, answer)
				if a, ok := answer.(*Answer); ok && path == Path+string(c.kind) {
					c.spoil(a)
				}
				return err
			}})
			if err := r.turn(t.Context(), secondary); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %s", err, c.want)
			}
			if dump(secondary.store, false) != before {
				t.Error("something has changed")
			}
		})
	}
}

// The bootstrap of the primary counts in the secondary: nobody may do it again there should it become the primary.
func TestBootstrapCounts(t *testing.T) {
	primary, secondary := newPrimary(t), newSecondary()
	r := between(t, primary)
	for _, want := range []bool{false, true} {
		r.store = nil
		if err := r.turn(t.Context(), secondary); err != nil {
			t.Fatal(err)
		}
		if _, done := secondary.store.Bootstrapped(); done != want {
			t.Errorf("bootstrapped: %t, want %t", done, want)
		}
		if !want {
			primary.do(t, fsm.Bootstrap(&record.ACLToken{AccessorID: "b", SecretID: "b"}, 0))
		}
	}
}

// Whatever answers, nothing breaks, and what it does not show whole is not deleted.
func FuzzAnswer(f *testing.F) {
	primary := newPrimary(f)
	for _, kind := range []Kind{Policies, Roles, Tokens} {
		text, err := json.Marshal(Read(primary.store, kind))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(kind), text)
	}
	f.Add("roles", []byte(`{"Kind":"roles","Count":1,"Records":["gA=="]}`))
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		a := new(Answer)
		if json.Unmarshal(text, a) != nil || a.check(Kind(kind)) != nil {
			return
		}
		secondary := newPrimary(t)
		batches, err := planFor(secondary.store, a, time.Now())
		if err != nil {
			return
		}
		for _, b := range batches {
			secondary.do(t, fsm.TakeOverACLs(b))
		}
		_, management := secondary.store.Policy(nil, acl.GlobalManagementID, "")
		if _, anonymous := secondary.store.Token(nil, acl.AnonymousAccessorID); management == nil || anonymous == nil {
			t.Errorf("built-in objects are gone: %s", text)
		}
	})
}
