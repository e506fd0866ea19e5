package diff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// state is a source of records.
func state(t testing.TB, values ...any) digest.Source {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return stream(b)
}

func stream(b []byte) digest.Source {
	return digest.Stream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
}

func goldenState(t testing.TB, name string) digest.Source { return stream(golden.StateBin(t, name)) }

func compared(t testing.TB, a, b digest.Source, opts Options) *Result {
	t.Helper()
	r, err := Compare(context.Background(), a, b, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// told is a result as people read it.
func told(t testing.TB, r *Result, text Text) string {
	t.Helper()
	var b strings.Builder
	if err := text.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func key(name, value string) *record.KVEntry { return &record.KVEntry{Key: name, Value: []byte(value)} }

func node(name string) *record.Register { return &record.Register{Node: name, Address: "10.0.0.1"} }

func service(on string, s record.NodeService) *record.Register {
	r := node(on)
	r.Service = &s
	return r
}

func check(on string, c record.HealthCheck) *record.Register {
	r := node(on)
	c.Node = on
	r.Check = &c
	return r
}

// opaque is a record that is carried.
func opaque(typ record.Type, pairs ...string) *record.Opaque {
	b := msgpack.AppendMapHead(nil, len(pairs)/2)
	for _, s := range pairs {
		b = msgpack.AppendString(b, s)
	}
	return &record.Opaque{Type: typ, Value: b}
}

func TestFamilies(t *testing.T) {
	token := func(secret, description string) *record.ACLToken {
		return &record.ACLToken{AccessorID: "acc", SecretID: secret, Description: description, Policies: []record.ACLLink{{ID: "p1", Name: "ops"}}}
	}
	jwt := func(secret string) *record.ACLAuthMethod {
		config := msgpack.AppendMapHead(nil, 1)
		config = msgpack.AppendString(msgpack.AppendString(config, "ServiceAccountJWT"), secret)
		return &record.ACLAuthMethod{Name: "k8s", Type: "kubernetes", Config: config}
	}
	for _, c := range []struct {
		name          string
		before, after []any
		want          string
	}{
		{"the same", []any{key("a", "1"), node("n")}, []any{node("n"), key("a", "1")}, ""},
		{"other indexes", []any{&record.KVEntry{Key: "a", ModifyIndex: 1}}, []any{&record.KVEntry{Key: "a", ModifyIndex: 2, LockIndex: 1}}, ""},
		{"keys", []any{key("gone", "x"), key("c", "1")}, []any{key("new", "y"), key("c", "2")},
			"Keys: 1 added, 1 removed, 1 changed\n  ~ c\n      Value: \"1\" → \"2\"\n  - gone: \"x\"\n  + new: \"y\"\n"},
		{"flags and lock", []any{key("c", "1")}, []any{&record.KVEntry{Key: "c", Value: []byte("1"), Flags: 42, Session: "s"}},
			"Keys: 1 changed\n  ~ c\n      Flags: none → 42\n      Session: none → \"s\"\n"},
		{"lines", []any{key("c", "a\nb\nc\n")}, []any{key("c", "a\nB\nc\n")},
			"Keys: 1 changed\n  ~ c\n      Value:\n        @@ -1,3 +1,3 @@\n         a\n        -b\n        +B\n         c\n"},
		{"binary", []any{key("c", "\x00\x01")}, []any{key("c", "")}, "Keys: 1 changed\n  ~ c\n      Value: 2 bytes, hex 0001 → nothing\n"},
		{"a name with a control character", nil, []any{key("a\x1b[1m", "1")}, "Keys: 1 added\n  + \"a\\x1b[1m\": \"1\"\n"},
		{"a node", []any{node("n")}, []any{&record.Register{Node: "n", Address: "10.0.0.2", NodeMeta: map[string]string{"rack": "7"}}},
			"Nodes: 1 changed\n  ~ n\n      Address: \"10.0.0.1\" → \"10.0.0.2\"\n      NodeMeta.rack: none → \"7\"\n"},
		{"a service", []any{node("n")}, []any{service("n", record.NodeService{ID: "web-1", Service: "web", Port: 80})},
			"Services: 1 added\n  + web-1 on n: web 10.0.0.1:80\n"},
		{"a service has other tags", []any{service("n", record.NodeService{ID: "w", Tags: []string{"a"}})},
			[]any{service("n", record.NodeService{ID: "w", Tags: []string{"a", "b"}})}, "Services: 1 changed\n  ~ w on n\n      Tags: [\"a\"] → [\"a\",\"b\"]\n"},
		{"a check", []any{check("n", record.HealthCheck{CheckID: "c", Status: "passing"})},
			[]any{check("n", record.HealthCheck{CheckID: "c", Status: "critical"})},
			"Checks: 1 changed\n  ~ c on n\n      Status: \"passing\" → \"critical\"\n"},
		{"a session", nil, []any{&record.Session{ID: "s1", Name: "lock", Node: "n"}}, "Sessions: 1 added\n  + s1 (lock) on n\n"},
		{"a query", []any{&record.PreparedQuery{ID: "q", Name: "geo", Token: "secret"}}, []any{&record.PreparedQuery{ID: "q", Name: "geo", Token: "other"}},
			"Prepared queries: 1 changed\n  ~ geo\n      Token: changed (hidden)\n"},
		{"a token is gone", []any{token("s", "for CI")}, nil, "ACL tokens: 1 removed\n  - acc (for CI), policies ops\n"},
		{"a token has another secret", []any{token("s1", "for CI")}, []any{token("s2", "for CI")},
			"ACL tokens: 1 changed\n  ~ acc (for CI)\n      SecretID: changed (hidden)\n"},
		{"a token whose policy has another name", []any{token("s", "")}, []any{&record.ACLToken{AccessorID: "acc", SecretID: "s",
			Policies: []record.ACLLink{{ID: "p1", Name: "renamed"}}}}, ""},
		{"a policy", []any{&record.ACLPolicy{ID: "p", Name: "ops", Rules: "a\nb\n", Hash: []byte{1}}},
			[]any{&record.ACLPolicy{ID: "p", Name: "ops", Rules: "a\nc\n", Hash: []byte{2}}},
			"ACL policies: 1 changed\n  ~ ops\n      Rules:\n        @@ -1,2 +1,2 @@\n         a\n        -b\n        +c\n"},
		{"a role", nil, []any{&record.ACLRole{ID: "r", Name: "r1", Policies: []record.ACLLink{{ID: "p1", Name: "ops"}}}},
			"ACL roles: 1 added\n  + r1, policies ops\n"},
		{"an auth method", []any{jwt("one")}, []any{jwt("two")}, "ACL auth methods: 1 changed\n  ~ k8s\n      Config.ServiceAccountJWT: changed (hidden)\n"},
		{"the servers' own secret", []any{&record.SystemMetadata{Key: aclresolve.ServerManagementKey, Value: "one"}},
			[]any{&record.SystemMetadata{Key: aclresolve.ServerManagementKey, Value: "two"}},
			"System metadata: 1 changed\n  ~ " + aclresolve.ServerManagementKey + "\n      Value: changed (hidden)\n"},
		{"a CA root", []any{opaque(record.TypeConnectCA, "ID", "r1", "SigningKey", "secret")}, nil, "CA roots: 1 removed\n  - r1: 25 bytes\n"},
		{"an unknown record", nil, []any{opaque(99, "Name", "x")}, "Unknown(99) record: 1 added\n  + x: 8 bytes\n"},
		{"unknown records of two types", nil, []any{opaque(99, "Name", "b"), opaque(98, "Name", "x"), opaque(99, "Name", "a")},
			"Unknown(98) record: 1 added\n  + x: 8 bytes\nUnknown(99) record: 2 added\n  + a: 8 bytes\n  + b: 8 bytes\n"},
		{"in form alone", []any{&record.Session{ID: "s"}}, []any{&record.Session{ID: "s", NodeChecks: []string{}}},
			"Sessions: 1 changed\n  ~ s\n      in form alone, such as an empty list in the place of none\n"},
		{"sorted by family and name", nil, []any{node("n"), key("b", "1"), &record.Session{ID: "s", Node: "n"}, key("a", "1")},
			"Keys: 2 added\n  + a: \"1\"\n  + b: \"1\"\nNodes: 1 added\n  + n: 10.0.0.1\nSessions: 1 added\n  + s on n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := compared(t, state(t, c.before...), state(t, c.after...), Options{})
			if got := told(t, r, Text{}); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
			if back := compared(t, state(t, c.after...), state(t, c.before...), Options{}); !reversed(r.Counts(), back.Counts()) {
				t.Errorf("%v one way and %v the other", r.Counts(), back.Counts())
			}
		})
	}
}

// reversed tells whether what was added one way was removed the other.
func reversed(there, back []Count) bool {
	return slices.EqualFunc(there, back, func(x, y Count) bool {
		return x.Family == y.Family && x.Added == y.Removed && x.Removed == y.Added && x.Changed == y.Changed
	})
}

func TestIndexes(t *testing.T) {
	a, b := state(t, &record.KVEntry{Key: "a", ModifyIndex: 1}), state(t, &record.KVEntry{Key: "a", ModifyIndex: 2})
	got := told(t, compared(t, a, b, Options{Indexes: true}), Text{View: View{Indexes: true}})
	if want := "Keys: 1 changed\n  ~ a\n      ModifyIndex: 1 → 2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimit(t *testing.T) {
	r := compared(t, state(t, key("a", "1"), key("b", "1"), key("c", "1"), node("n")), state(t), Options{})
	want := "Keys: 3 removed\n  - a: \"1\"\n  … and 2 more\nNodes: 1 removed\n  - n: 10.0.0.1\n"
	if got := told(t, r, Text{Limit: 1}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A real archive is the same as itself, and nothing of it is the same as of an empty one.
func TestGolden(t *testing.T) {
	for _, name := range []string{"consul-1.21.4/empty.snap", "consul-1.21.4/kv.snap", "consul-1.21.4/full.snap"} {
		a := goldenState(t, name)
		if r := compared(t, a, a, Options{Indexes: true}); r.Len() != 0 || r.Before == 0 || r.Before != r.After {
			t.Errorf("%s differs from itself: %v", name, r.Counts())
		}
	}
	full := compared(t, state(t), goldenState(t, "consul-1.21.4/full.snap"), Options{})
	if int64(full.Len()) != full.After || full.Before != 0 {
		t.Errorf("%d of %d objects added", full.Len(), full.After)
	}
	secrets := secretsOf(t, goldenState(t, "consul-1.21.4/full.snap"))
	for _, view := range []View{{}, {Secrets: true}} {
		text := told(t, full, Text{View: view})
		var b bytes.Buffer
		if err := (&JSON{View: view}).Write(&b, full); err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the text has the secret %s", secret)
			}
			if strings.Contains(b.String(), secret) != view.Secrets {
				t.Errorf("with secrets %v, the secret %s", view.Secrets, secret)
			}
		}
		var document struct {
			Changes []struct{ Family, Name, Change string }
		}
		if err := json.Unmarshal(b.Bytes(), &document); err != nil || len(document.Changes) != full.Len() {
			t.Errorf("%d changes in JSON, %v", len(document.Changes), err)
		}
	}
}

// secretsOf are the secrets of tokens.
func secretsOf(t *testing.T, src digest.Source) (all []string) {
	t.Helper()
	err := src(func(raw record.Raw) error {
		v, err := record.Decode(raw)
		if x, ok := v.(*record.ACLToken); ok && x.SecretID != "anonymous" {
			all = append(all, x.SecretID)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d secrets, %v", len(all), err)
	}
	return all
}

func TestJSON(t *testing.T) {
	r := compared(t, state(t, key("a", "1"), &record.ACLToken{AccessorID: "t", SecretID: "s1"}),
		state(t, key("a", "2"), key("b<", "3"), &record.ACLToken{AccessorID: "t", SecretID: "s2"}), Options{})
	var b bytes.Buffer
	if err := (&JSON{Before: Side{Source: "x.snap", Index: 7}}).Write(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"Before":{"Source":"x.snap","Index":7,"Objects":2},"After":{"Source":"","Index":0,"Objects":3},"Equal":false,` +
			`"Counts":[{"Family":"kv","Added":1,"Removed":0,"Changed":1},{"Family":"acl-token","Added":0,"Removed":0,"Changed":1}],"Changes":[`,
		`{"Family":"kv","Name":"a","Change":"changed","Fields":[{"Path":"Value","Before":"MQ==","After":"Mg=="}],"Before":{`,
		`{"Family":"kv","Name":"b<","Change":"added","After":{"Flags":0,"Key":"b<","Value":"Mw=="}}`,
		`"Fields":[{"Path":"SecretID","Before":"<hidden>","After":"<hidden>"}]`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %s\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "s1") || !json.Valid(b.Bytes()) {
		t.Error(b.String())
	}
	b.Reset()
	if err := (&JSON{Stat: true}).Write(&b, r); err != nil || strings.Contains(b.String(), "Changes") || !json.Valid(b.Bytes()) {
		t.Errorf("%s, %v", b.String(), err)
	}
}

// randomKeys are the keys of a random state.
func randomKeys(r *rand.Rand) map[string]*record.KVEntry {
	all := map[string]*record.KVEntry{}
	for range r.IntN(60) {
		e := key(fmt.Sprint("k/", r.IntN(50)), strings.Repeat("x", r.IntN(3)))
		if len(e.Value) == 0 {
			e.Value = nil
		}
		e.Flags, e.ModifyIndex = r.Uint64N(2), r.Uint64N(5)
		if r.IntN(5) == 0 {
			e.Session = "s"
		}
		all[e.Key] = e
	}
	return all
}

func source(t *testing.T, r *rand.Rand, keys map[string]*record.KVEntry) digest.Source {
	var values []any
	for _, e := range keys {
		values = append(values, e)
	}
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return state(t, values...)
}

// contents are keys without what does not count.
func contents(keys map[string]*record.KVEntry) map[string]record.KVEntry {
	all := map[string]record.KVEntry{}
	for name, e := range keys {
		all[name] = record.KVEntry{Key: e.Key, Value: e.Value, Flags: e.Flags, Session: e.Session}
	}
	return all
}

// For random states A and B, what differs between them, applied to A, gives B, and applied backwards to B gives A.
func TestApplied(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		a, b := randomKeys(rnd), randomKeys(rnd)
		wantA, wantB := contents(a), contents(b)
		r := compared(t, source(t, rnd, a), source(t, rnd, b), Options{})
		for c := range r.All() {
			before, after, err := c.both()
			if err != nil {
				t.Fatal(err)
			}
			if (before == nil) != (c.What == Added) || (after == nil) != (c.What == Removed) {
				t.Fatalf("seed %d: %s is %s", seed, c.Name, c.What)
			}
			delete(a, c.Name)
			delete(b, c.Name)
			if after != nil {
				a[c.Name] = after.Value.(*record.KVEntry)
			}
			if before != nil {
				b[c.Name] = before.Value.(*record.KVEntry)
			}
		}
		if !reflect.DeepEqual(contents(a), wantB) || !reflect.DeepEqual(contents(b), wantA) {
			t.Fatalf("seed %d: %d changes do not lead from one to the other", seed, r.Len())
		}
	}
}

// A key that comes twice is not the same as one that comes once, whatever else is said of it.
func TestTwice(t *testing.T) {
	if r := compared(t, state(t, key("a", "1")), state(t, key("a", "1"), key("a", "1")), Options{}); r.Len() != 1 {
		t.Errorf("%d changes", r.Len())
	}
	if r := compared(t, state(t, key("a", "1"), key("a", "2")), state(t, key("a", "2"), key("a", "1")), Options{}); r.Len() != 0 {
		t.Errorf("%d changes in another order", r.Len())
	}
}

// brokenScratch fails once it has been written to.
type brokenScratch struct{ closed *bool }

func (brokenScratch) Write([]byte) (int, error)         { return 0, errors.New("no space left on device") }
func (brokenScratch) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (b brokenScratch) Close() error                    { *b.closed = true; return nil }

func TestFailures(t *testing.T) {
	a, b := state(t, key("a", strings.Repeat("1", spoolBuffer))), state(t, key("a", "2"))
	broken := func(func(record.Raw) error) error { return errors.New("damaged") }
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	closed := false
	for _, c := range []struct {
		name string
		ctx  context.Context
		a, b digest.Source
		open func() (Scratch, error)
		want string
	}{
		{"first side", context.Background(), broken, b, nil, "damaged"},
		{"second side", context.Background(), a, broken, nil, "damaged"},
		{"no scratch file", context.Background(), a, b, func() (Scratch, error) { return nil, errors.New("no place") }, "open a scratch file: no place"},
		{"full disk", context.Background(), a, b, func() (Scratch, error) { return brokenScratch{&closed}, nil }, "no space left on device"},
		{"interrupted", cancelled, without(a), without(b), nil, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Compare(c.ctx, c.a, c.b, Options{Scratch: c.open})
			if r != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if !closed {
		t.Error("the scratch file was not closed")
	}
}

// without is a source whose records have no numbers.
func without(src digest.Source) digest.Source {
	return func(visit func(record.Raw) error) error {
		return src(func(raw record.Raw) error { return visit(record.Raw{Type: raw.Type, Value: raw.Value}) })
	}
}

// Records that have no number are kept all the same.
func TestWithoutNumbers(t *testing.T) {
	r := compared(t, without(state(t, key("a", "1"), key("b", "2"))), without(state(t)), Options{})
	if got, want := told(t, r, Text{}), "Keys: 2 removed\n  - a: \"1\"\n  - b: \"2\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// small is one small record of each type in a golden archive, from those that come first or last.
func small(f *testing.F, last bool) []byte {
	f.Helper()
	of := map[record.Type][]byte{}
	if err := goldenState(f, "consul-1.21.4/full.snap")(func(raw record.Raw) error {
		if _, seen := of[raw.Type]; raw.Size() < 800 && (last || !seen) {
			of[raw.Type] = append([]byte{byte(raw.Type)}, raw.Value...)
		}
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, typ := range record.WriteOrder {
		b = append(b, of[typ]...)
	}
	return b
}

func FuzzCompare(f *testing.F) {
	first, last := small(f, false), small(f, true)
	f.Add(first, last)
	f.Add(last, first[:len(first)/2])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if r, err := Compare(context.Background(), stream(a), stream(a), Options{}); err == nil && r.Len() != 0 {
			t.Error("not equal to itself")
		}
		there, err := Compare(context.Background(), stream(a), stream(b), Options{})
		if err != nil {
			return
		}
		back, err := Compare(context.Background(), stream(b), stream(a), Options{})
		if err != nil || !reversed(there.Counts(), back.Counts()) {
			t.Fatalf("%v one way and %v the other, %v", there.Counts(), back.Counts(), err)
		}
		if err := (&JSON{}).Write(io.Discard, there); err != nil {
			t.Skip(err) // what recordjson refuses
		}
		if err := (&Text{}).Write(io.Discard, there); err != nil {
			t.Error(err)
		}
	})
}
