package inventory

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

var ours = Own{LockKey: "consul-snapshot/lock", Service: "consul-snapshot", Session: "snapshot agent"}

// sum digests values, encoded one after the other.
func sum(t *testing.T, own Own, values ...any) *Sums {
	t.Helper()
	sums, err := Sum(own, func(visit func(record.Raw, any) error) error {
		return digest.Walk(bytes.NewReader(stream(t, values...)), func(raw record.Raw) error {
			v, err := record.Decode(raw)
			if err != nil {
				return err
			}
			return visit(raw, v)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func instance(service, id string, index uint64) *record.Register {
	return &record.Register{Node: "n1", Address: "10.0.0.1", Service: &record.NodeService{ID: id, Service: service, ModifyIndex: index}}
}

func check(service, output string, index uint64) *record.Register {
	return &record.Register{Node: "n1", Address: "10.0.0.1", Check: &record.HealthCheck{
		Node: "n1", CheckID: "c", ServiceID: service + ":1", ServiceName: service, Output: output, ModifyIndex: index,
	}}
}

func TestEssence(t *testing.T) {
	kv := func(key, value string, index uint64) *record.KVEntry {
		return &record.KVEntry{Key: key, Value: []byte(value), ModifyIndex: index}
	}
	lock := func(session string, index uint64) *record.KVEntry {
		return &record.KVEntry{Key: ours.LockKey, Session: session, LockIndex: index, ModifyIndex: index}
	}
	session := func(id, name string, index uint64) *record.Session {
		return &record.Session{ID: id, Name: name, Node: "n1", ModifyIndex: index}
	}
	base := []any{
		&record.Register{Node: "n1", Address: "10.0.0.1"}, instance("web", "web", 4), check("web", "fine", 5), session("s-app", "app", 6),
		kv("a", "1", 7), &record.Tombstone{Key: "gone", ModifyIndex: 8}, &record.SystemMetadata{Key: "k", Value: "v"},
	}
	want := sum(t, ours, base...).Essence
	with := func(more ...any) []any { return slices.Concat(base, more) }
	without := func(i int, more ...any) []any { return slices.Concat(base[:i], base[i+1:], more) }
	peer := instance(ours.Service, "theirs", 9)
	peer.PeerName, peer.Service.PeerName = "east", "east"

	for _, c := range []struct {
		name   string
		values []any
		equal  bool
	}{
		{"nothing but another order", []any{base[6], base[4], base[2], base[0], base[1], base[3], base[5]}, true},
		{"coordinates", with(&record.Coordinates{{Node: "n1", Coord: record.Coord{Height: 2}}}), true},
		{"index records", with(&record.Index{Key: "kvs", Value: 99}), true},
		{"lock and its session", with(session("s-1", "Consul API Lock", 20), lock("s-1", 21)), true},
		{"lock without a holder", with(lock("", 30)), true},
		{"deleted lock", with(&record.Tombstone{Key: ours.LockKey, ModifyIndex: 31}), true},
		{"sessions of waiting agents", with(session("s-2", ours.Session, 22), session("s-3", ours.Session, 23)), true},
		{"holder with the agents' name", with(session("s-2", ours.Session, 22), lock("s-2", 24)), true},
		{"service instances", with(instance(ours.Service, "consul-snapshot:1", 25), instance(ours.Service, "consul-snapshot:2", 26)), true},
		{"their checks", with(instance(ours.Service, "consul-snapshot:1", 25), check(ours.Service, "saved 12", 27)), true},

		{"another key", with(kv("b", "", 40)), false},
		{"a value", without(4, kv("a", "2", 7)), false},
		{"an index of a record", without(4, kv("a", "1", 41)), false},
		{"a missing key", without(4), false},
		{"a doubled key", with(base[4]), false},
		{"a check's output", without(2, check("web", "failing", 42)), false},
		{"a key below the lock key", with(kv(ours.LockKey+"/x", "", 43)), false},
		{"another session", with(session("s-9", "Consul API Lock", 44)), false},
		{"another session beside the holder", with(session("s-1", "x", 20), session("s-9", "x", 44), lock("s-1", 21)), false},
		{"a service with a longer name", with(instance(ours.Service+"-x", "x", 45)), false},
		{"a peer's service of that name", with(peer), false},
		{"a check of a node", with(&record.Register{Node: "n1", Check: &record.HealthCheck{Node: "n1", CheckID: "serfHealth"}}), false},
		{"an unknown type", with(&record.Opaque{Type: 77, Value: []byte{0x80}}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sum(t, ours, c.values...).Essence; (got == want) != c.equal {
				t.Errorf("same essence: %v, want %v", got == want, c.equal)
			}
		})
	}
}

// What the agents put into the cluster is left out of the essence alone, not out of the census.
func TestFamiliesAreComplete(t *testing.T) {
	values := []any{
		&record.Session{ID: "s"}, &record.KVEntry{Key: ours.LockKey, Session: "s"}, instance(ours.Service, "x", 1), &record.Index{Key: "k"},
	}
	set := sum(t, ours, values...).Families
	plain, err := digest.Of(func(visit func(record.Raw) error) error {
		return digest.Walk(bytes.NewReader(stream(t, values...)), visit)
	})
	if err != nil || fmt.Sprint(set) != fmt.Sprint(plain) || len(set) != 4 {
		t.Errorf("%v, %v, want %v", set, err, plain)
	}
}

func TestEssenceKnowsWhatWasLeftOut(t *testing.T) {
	a := sum(t, Own{LockKey: "a"}, &record.KVEntry{Key: "a"}).Essence
	b := sum(t, Own{LockKey: "b"}, &record.KVEntry{Key: "b"}).Essence
	if a == b {
		t.Error("two agents that leave out different keys find the same essence")
	}
	if nobody := sum(t, Own{}, &record.KVEntry{}, &record.Session{}).Essence; nobody == sum(t, Own{}).Essence {
		t.Error("without a lock key, the empty key is left out")
	}
}

// Memory does not grow with sessions for ever; the price is a backup that could have been skipped.
func TestHeldSessionsAreBounded(t *testing.T) {
	a := apart{own: Own{LockKey: "l"}, sessions: map[string][]byte{}}
	value := make([]byte, 1<<20)
	for i := range 20 {
		s := &record.Session{ID: fmt.Sprint(i)}
		a.look(record.Raw{Type: record.TypeSession, Value: value}, s)
	}
	if len(a.sessions) != heldSessions>>20 {
		t.Errorf("%d sessions of 1 MiB are held, want %d", len(a.sessions), heldSessions>>20)
	}
}

func TestMinus(t *testing.T) {
	a, b := digest.Sum{0, 0, 0, 0}, digest.Sum{1, 0, 0, 0}
	if got := minus(a, b).String(); got != strings.Repeat("f", 64) {
		t.Errorf("0 - 1 = %s", got)
	}
	if got := minus(minus(a, b), minus(a, b)); got != (digest.Sum{}) {
		t.Errorf("x - x = %s", got)
	}
}
