package restore

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// state is a target that holds nothing but these live nodes.
type state []string

func (s state) State(context.Context) *State { return &State{Live: s} }

func TestPreviewOfARealArchive(t *testing.T) {
	p, err := prepare(t, golden.Read(t, "consul-1.21.4/full.snap"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Preview(t.Context(), state(nil))
	if err != nil {
		t.Fatal(err)
	}
	o := v.Origin
	if o.SavedAt == nil || o.SavedAt.Format("2006-01-02 15:04:05") != "2026-11-21 07:56:21" {
		t.Errorf("saved at %v", o.SavedAt)
	}
	servers := []Server{{Name: "lictor-full-1", ID: "aaaaaaaa-0002-4000-8000-000000000001", Address: "127.0.0.1", Version: "1.21.4"}}
	if !slices.Equal(o.Datacenters, []string{"dc1"}) || !slices.Equal(o.Servers, servers) {
		t.Errorf("datacenters %q, servers %+v", o.Datacenters, o.Servers)
	}
	if o.Keys != 20 || o.Sessions != 5 || o.Nodes != 6 || o.Services != 11 {
		t.Errorf("wrong counts %+v", o)
	}
	if a := v.Aftermath; a.MembersKnown || !slices.Equal(a.NodesRemoved, []string{"lictor-full-1"}) || !a.TokenReplaced || a.SessionsEnded != 2 {
		t.Errorf("wrong aftermath %+v", a)
	}
	if v, err = p.Preview(t.Context(), state{"LICTOR-full-1"}); err != nil || len(v.Aftermath.NodesRemoved) > 0 || v.Aftermath.TTLSessions != 1 {
		t.Errorf("node alive in the target: %+v, %v", v.Aftermath, err)
	}
}

func TestAftermath(t *testing.T) {
	agent := func(node, peer string) *record.Register {
		return &record.Register{Node: node, PeerName: peer, Check: &record.HealthCheck{Node: node, CheckID: "serfHealth", PeerName: peer}}
	}
	key := func(name, session string) *record.KVEntry { return &record.KVEntry{Key: name, Session: session} }
	b := pack(t,
		agent("gone", ""), agent("alive", ""), &record.Register{Node: "external"}, agent("imported", "peer-b"),
		&record.Session{ID: "s1", Node: "Gone", Behavior: "release", TTL: "10s"},
		&record.Session{ID: "s2", Node: "gone", Behavior: "delete"},
		&record.Session{ID: "s3", Node: "alive", Behavior: "delete", TTL: "10s"},
		&record.Session{ID: "s4", Node: "external", Behavior: "delete", TTL: "10s"},
		key("a", "s1"), key("b", "s2"), key("c", "s2"), key("d", "s2"), key("e", "s2"), key("f", "s3"), key("g", ""), key("h", "nobody"))
	p, err := prepare(t, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Aftermath{NodesRemoved: []string{"gone"}, MembersKnown: true, SessionsEnded: 2, LocksReleased: 1, KeysDeleted: 4,
		KeysDeletedExamples: []string{"b", "c", "d"}, TTLSessions: 2}
	got, err := p.Preview(t.Context(), state{"alive", "new"})
	if err != nil || !reflect.DeepEqual(*got.Aftermath, want) {
		t.Errorf("got %+v, %v\nwant %+v", got.Aftermath, err, want)
	}
	got, err = p.Preview(t.Context(), state(nil))
	if err != nil || got.Aftermath.MembersKnown || !slices.Equal(got.Aftermath.NodesRemoved, []string{"alive", "gone"}) {
		t.Errorf("members unknown: got %+v, %v", got.Aftermath, err)
	}
}

func TestSavedAt(t *testing.T) {
	for id, want := range map[string]string{
		"2-148-1795247781585": "2026-11-21T07:56:21.585Z", "": "", "2-148": "", "2-148-x": "", "2-148-0": "", "a-1-2-3": "",
	} {
		got := ""
		if at := savedAt(id); at != nil {
			got = at.Format("2006-01-02T15:04:05.000Z07:00")
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}
