package object

import (
	"bytes"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// objects are all objects of a golden archive.
func objects(t testing.TB, name string) (all []*Object) {
	t.Helper()
	r, err := record.NewReader(golden.State(t, name))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSplitter()
	if err := r.Each(func(raw record.Raw) error {
		return s.Each(raw, func(o *Object) error {
			all = append(all, o)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func sum(t *testing.T, o *Object) ID {
	t.Helper()
	id, err := o.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Each object of a real archive has an ID of its own, and its indexes count unless they are left out.
func TestGoldenObjects(t *testing.T) {
	all := objects(t, "consul-1.21.4/full.snap")
	ids, families := map[ID]string{}, map[string]int{}
	for _, o := range all {
		if other, twice := ids[o.ID]; twice {
			t.Errorf("%s %s has the ID of %s", o.Family, o.Name, other)
		}
		ids[o.ID] = o.Family + " " + o.Name
		families[o.Family]++
		bare := o.WithoutIndexes()
		if bare.ID != o.ID || bare.Name != o.Name || (sum(t, o) == sum(t, bare)) != (o.Created == 0 && o.Modified == 0) {
			t.Errorf("%s %s has the indexes %d and %d, and they do not count as they should", o.Family, o.Name, o.Created, o.Modified)
		}
		if sum(t, bare) != sum(t, bare.WithoutIndexes()) {
			t.Errorf("%s %s has indexes left", o.Family, o.Name)
		}
	}
	for _, family := range []string{FamilyKey, FamilyNode, FamilyService, FamilyCheck, FamilySession, FamilyQuery, FamilyToken, FamilyPolicy} {
		if families[family] == 0 {
			t.Errorf("no %s", family)
		}
	}
}

// Without indexes two objects are the same whenever they were written, and only then.
func TestWithoutIndexes(t *testing.T) {
	node := func(at uint64, address string) *record.Register {
		return &record.Register{Node: "n", Address: address, CreateIndex: at, ModifyIndex: at}
	}
	service := func(at uint64, port int) *record.Register {
		r := node(at, "")
		r.Service = &record.NodeService{ID: "s", Service: "s", Port: port, CreateIndex: at, ModifyIndex: at}
		return r
	}
	check := func(at uint64, status string) *record.Register {
		r := node(at, "")
		r.Check = &record.HealthCheck{CheckID: "c", Node: "n", Status: status, CreateIndex: at, ModifyIndex: at}
		return r
	}
	carried := func(at uint64, x string) any {
		b := msgpack.AppendMapHead(nil, 3)
		b = msgpack.AppendString(msgpack.AppendString(b, "ID"), "i")
		b = msgpack.AppendString(msgpack.AppendString(b, "RootCert"), x)
		b = msgpack.AppendUint(msgpack.AppendString(b, "ModifyIndex"), at)
		return &record.Opaque{Type: record.TypeConnectCA, Value: b}
	}
	for _, c := range []struct {
		name           string
		a, same, other any
	}{
		{"key", &record.KVEntry{Key: "k", ModifyIndex: 1, LockIndex: 1}, &record.KVEntry{Key: "k", ModifyIndex: 2}, &record.KVEntry{Key: "k", Flags: 1}},
		{"node", node(1, "a"), node(2, "a"), node(1, "b")},
		{"service", service(1, 80), service(2, 80), service(1, 81)},
		{"check", check(1, "passing"), check(2, "passing"), check(1, "critical")},
		{"session", &record.Session{ID: "s", CreateIndex: 1}, &record.Session{ID: "s", CreateIndex: 2}, &record.Session{ID: "s", TTL: "10s"}},
		{"query", &record.PreparedQuery{ID: "q", ModifyIndex: 1}, &record.PreparedQuery{ID: "q"}, &record.PreparedQuery{ID: "q", Name: "x"}},
		{"token", &record.ACLToken{AccessorID: "a", ModifyIndex: 1}, &record.ACLToken{AccessorID: "a"}, &record.ACLToken{AccessorID: "a", SecretID: "s"}},
		{"policy", &record.ACLPolicy{ID: "p", ModifyIndex: 1}, &record.ACLPolicy{ID: "p"}, &record.ACLPolicy{ID: "p", Rules: "r"}},
		{"role", &record.ACLRole{ID: "r", ModifyIndex: 1}, &record.ACLRole{ID: "r"}, &record.ACLRole{ID: "r", Description: "d"}},
		{"rule", &record.ACLBindingRule{ID: "r", ModifyIndex: 1}, &record.ACLBindingRule{ID: "r"}, &record.ACLBindingRule{ID: "r", Selector: "d"}},
		{"method", &record.ACLAuthMethod{Name: "m", ModifyIndex: 1}, &record.ACLAuthMethod{Name: "m"}, &record.ACLAuthMethod{Name: "m", Type: "jwt"}},
		{"autopilot", &record.Autopilot{ModifyIndex: 1}, &record.Autopilot{}, &record.Autopilot{MinQuorum: 3}},
		{"metadata", &record.SystemMetadata{Key: "k", ModifyIndex: 1}, &record.SystemMetadata{Key: "k"}, &record.SystemMetadata{Key: "k", Value: "v"}},
		{"carried", carried(1, "x"), carried(2, "x"), carried(1, "y")},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, same, other := last(t, c.a), last(t, c.same), last(t, c.other)
			if a.ID != same.ID || a.ID != other.ID {
				t.Fatal("not the same object")
			}
			if sum(t, a) == sum(t, same) {
				t.Error("the index does not count")
			}
			before := sum(t, a)
			if sum(t, a.WithoutIndexes()) != sum(t, same.WithoutIndexes()) {
				t.Error("the index counts")
			}
			if sum(t, a.WithoutIndexes()) == sum(t, other.WithoutIndexes()) {
				t.Error("the content does not count")
			}
			if sum(t, a) != before {
				t.Error("the object was changed")
			}
		})
	}
}

// last is the last object of a record.
func last(t *testing.T, value any) (got *Object) {
	t.Helper()
	b, err := record.Append(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewSplitter().Each(record.Raw{Type: record.Type(b[0]), Value: b[1:]}, func(o *Object) error {
		got = o
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTally(t *testing.T) {
	a, b := IDOf("a"), IDOf("b")
	var tally Tally
	tally.Add(a)
	tally.Add(b)
	tally.Sub(b)
	if tally == (Tally{}) || tally.Count != 1 {
		t.Errorf("%+v", tally)
	}
	if tally.Sub(a); tally != (Tally{}) {
		t.Errorf("%+v is left of the same objects in another order", tally)
	}
	tally.Add(a)
	if tally.Sub(b); tally == (Tally{}) || tally.Count != 0 {
		t.Errorf("%+v is left of two that differ", tally)
	}
}

func FuzzSplitter(f *testing.F) {
	for _, name := range []string{"consul-1.21.4/full.snap", "consul-1.21.4/kv.snap"} {
		r, err := record.NewReader(golden.State(f, name))
		if err != nil {
			f.Fatal(err)
		}
		seen := map[record.Type]bool{}
		if err := r.Each(func(raw record.Raw) error {
			if !seen[raw.Type] {
				seen[raw.Type] = true
				f.Add(byte(raw.Type), bytes.Clone(raw.Value))
			}
			return nil
		}); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, typ byte, value []byte) {
		if n, err := msgpack.Length(value); err != nil || n != len(value) {
			return
		}
		_ = NewSplitter().Each(record.Raw{Type: record.Type(typ), Value: value}, func(o *Object) error {
			if o.Family == "" || o.ID == (ID{}) {
				t.Errorf("%+v", o)
			}
			if _, err := o.WithoutIndexes().Digest(); err != nil {
				t.Error(err)
			}
			return nil
		})
	})
}
