package comparison

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestKeys(t *testing.T) {
	gone := []any{key("a", "1", 50), key("ab", "1", 50), key("b", "1", 50)}
	for _, c := range []comparisonCase{
		{"nothing", nil, nil, Expect{}, ""},
		{"equal", []any{key("a", "1", 50)}, []any{key("a", "1", 50)}, Expect{}, ""},
		{"equal in another order", []any{key("a", "1", 50), key("b", "2", 51), register("n", "1", 20)},
			[]any{register("n", "1", 20), key("b", "2", 51), key("a", "1", 50)}, Expect{}, ""},
		{"bookkeeping is no object",
			[]any{key("a", "1", 50), index("kvs", 50), tombstone("x", 40), &record.Coordinates{{Node: "n"}}},
			[]any{key("a", "1", 50), index("kvs", 60), index("sessions", 200), &record.Coordinates{{Node: "m"}},
				opaqueMap(record.TypeChunkingState, "ChunkMap", []string{})}, Expect{}, ""},
		{"an empty value is nil", []any{key("a", "", 50)}, []any{&record.KVEntry{Key: "a", CreateIndex: 10, ModifyIndex: 50}}, Expect{}, ""},
		{"changed above the index", []any{key("a", "1", 50)}, []any{key("a", "2", 101)}, Expect{}, "since: changed key a @101"},
		{"the same written again", []any{key("a", "1", 50)}, []any{key("a", "1", 101)}, Expect{}, "since: changed key a @101"},
		{"added above the index", nil, []any{key("a", "1", 101)}, Expect{}, "since: added key a @101"},
		{"changed at the index", []any{key("a", "1", 50)}, []any{key("a", "2", 100)}, Expect{}, "changed key a"},
		{"added at the index", nil, []any{key("a", "1", 100)}, Expect{}, "added key a"},
		{"another value", []any{key("a", "1", 50)}, []any{key("a", "2", 50)}, Expect{}, "changed key a"},
		{"another index alone", []any{key("a", "1", 50)}, []any{key("a", "1", 51)}, Expect{}, "changed key a"},
		{"other flags", []any{key("a", "1", 50)},
			[]any{&record.KVEntry{Key: "a", Value: []byte("1"), Flags: 7, CreateIndex: 10, ModifyIndex: 50}}, Expect{}, "changed key a"},
		{"another session", []any{key("a", "", 50)}, []any{&record.KVEntry{Key: "a", Session: "s", CreateIndex: 10, ModifyIndex: 50}},
			Expect{}, "changed key a"},
		{"keys differ by case", []any{key("a", "1", 50)}, []any{key("A", "1", 50)}, Expect{}, "added key A\nmissing key a"},
		{"missing", []any{key("a", "1", 50)}, nil, Expect{}, "missing key a"},
		{"a tombstone above the index", []any{key("a", "1", 50)}, []any{tombstone("a", 101)}, Expect{}, "since: deleted key a @101"},
		{"a tombstone at the index", []any{key("a", "1", 50)}, []any{tombstone("a", 100)}, Expect{}, "missing key a"},
		{"a tombstone of another key", []any{key("a", "1", 50)}, []any{tombstone("ab", 101)}, Expect{}, "missing key a"},
		{"a tombstone of a prefix", gone, []any{tombstone("a", 101)}, Expect{},
			"missing key b\nsince: deleted key a @101\nsince: deleted key ab @101"},
		{"a tombstone of a key, for one below it lives", append([]any{key("ac", "1", 50)}, gone...),
			[]any{tombstone("a", 101), key("ac", "1", 50)},
			Expect{}, "missing key ab\nmissing key b\nsince: deleted key a @101"},
		{"a tombstone of a prefix below which a key is new", gone,
			[]any{tombstone("a", 101), &record.KVEntry{Key: "ax", CreateIndex: 102, ModifyIndex: 102}}, Expect{},
			"missing key b\nsince: deleted key a @101\nsince: deleted key ab @101\nsince: added key ax @102"},
		{"all deleted at once, which leaves no tombstone", []any{key("a", "1", 50)}, []any{index("kvs", 101)}, Expect{}, "missing key a"},
		{"a tombstone of the archive was reaped", []any{tombstone("a", 50), key("b", "", 60)}, []any{key("b", "", 60)}, Expect{}, ""},
		{"the archive has a higher index than its metadata", []any{key("a", "1", 50), index("nodes", 150)}, []any{key("a", "2", 150)}, Expect{},
			"changed key a"},
		{"of an object in it", []any{key("a", "1", 150)}, []any{key("a", "2", 151)}, Expect{}, "since: changed key a @151"},
		{"another namespace", []any{inNamespace(key("a", "1", 50), "x")}, []any{inNamespace(key("a", "1", 50), "y")}, Expect{},
			"missing key a (namespace x)\nadded key a (namespace y)"},
		{"the default namespace", []any{inNamespace(key("a", "1", 50), "default")}, []any{key("a", "1", 50)}, Expect{}, ""},
	} {
		t.Run(c.name, c.run)
	}
}

func inNamespace(e *record.KVEntry, name string) *record.KVEntry {
	e.Extra = msgpack.Extra{{Key: "Namespace", Value: msgpack.AppendString(nil, name)}}
	return e
}

func TestCatalog(t *testing.T) {
	n := register("n", "10.0.0.1", 20)
	full := []any{n, withService(n, "web", 80, 21), withCheck(n, "ping", "web", "passing", 22)}
	touched := register("n", "10.0.0.1", 101)
	touched.NodeMeta = map[string]string{"new": "1"}
	old := register("n", "10.0.0.1", 0)
	old.CreateIndex = 0
	given := register("n", "10.0.0.1", 99)
	given.CreateIndex = 99
	for _, c := range []comparisonCase{
		{"a node comes with its service alone", full, full[1:], Expect{}, ""},
		{"a check changed since", full, []any{n, withService(n, "web", 80, 21), withCheck(n, "ping", "web", "critical", 101)}, Expect{},
			"since: changed check ping on n @101"},
		{"a check changed without its index", full, []any{n, withService(n, "web", 80, 21), withCheck(n, "ping", "web", "critical", 22)},
			Expect{},
			"changed check ping on n"},
		{"a service changed since", full, []any{n, withService(n, "web", 81, 101), full[2]}, Expect{}, "since: changed service web on n @101"},
		{"a service changed without its index", full, []any{n, withService(n, "web", 81, 100), full[2]}, Expect{}, "changed service web on n"},
		{"a node changed since, with all its records", full,
			[]any{touched, withService(touched, "web", 80, 21), withCheck(touched, "ping", "web", "passing", 22)}, Expect{},
			"since: changed node n @101"},
		{"a node changed without its index", []any{n}, []any{register("n", "10.0.0.2", 20)}, Expect{}, "changed node n"},
		{"the target's server registers itself", full, append(slices.Clone(full), newborn(register("srv", "10.0.0.9", 103))...), Expect{},
			"since: added check serfHealth on srv @103\nsince: added node srv @103\nsince: added service consul on srv @103"},
		{"a node added below the index", nil, []any{n}, Expect{}, "added node n"},
		{"a node of before 1.8 gets indexes", []any{old}, []any{given}, Expect{}, ""},
		{"a node of before 1.8 is written since", []any{old}, []any{register("n", "10.0.0.1", 150)}, Expect{}, "since: changed node n @150"},
		{"a service of before weights", []any{n, unweighted(withService(n, "web", 80, 21))}, full[:2], Expect{}, ""},
		{"a node of before 1.8 is changed", []any{old}, []any{register("n", "10.0.0.2", 99)}, Expect{}, "changed node n"},
		{"a node's locality is lost", []any{localized(n)}, []any{n}, Expect{}, ""},
		{"a check's copies of its service", full, []any{n, full[1], derived(withCheck(n, "ping", "web", "passing", 22))}, Expect{}, ""},
		{"one from a peer and a local one", []any{n, imported(n)}, []any{n}, Expect{}, "missing node n of peer east"},
	} {
		t.Run(c.name, c.run)
	}
}

func unweighted(r *record.Register) *record.Register {
	r.Service.Weights = nil
	return r
}

func newborn(n *record.Register) []any {
	n.CreateIndex = n.ModifyIndex
	return []any{n, withService(n, "consul", 8300, n.ModifyIndex), withCheck(n, serfHealth, "", "passing", n.ModifyIndex)}
}

func localized(n *record.Register) *record.Register {
	l := *n
	l.Locality = msgpack.AppendString(msgpack.AppendString(msgpack.AppendMapHead(nil, 1), "Region"), "eu")
	return &l
}

func derived(r *record.Register) *record.Register {
	r.Check.ServiceTags = []string{"new"}
	return r
}

func imported(n *record.Register) *record.Register {
	i := *n
	i.PeerName = "east"
	return &i
}

func TestSessionsAndQueries(t *testing.T) {
	old := &record.Session{ID: "s", Node: "n", Behavior: "release", Checks: []string{serfHealth}, CreateIndex: 30, ModifyIndex: 30}
	query := func(extra bool) *record.PreparedQuery {
		q := &record.PreparedQuery{ID: "q", Name: "q", Service: record.QueryService{Service: "web"}, CreateIndex: 40, ModifyIndex: 40}
		q.Service.Extra = msgpack.Extra{{Key: "IncludeAll", Value: msgpack.AppendBool(nil, extra)}}
		return q
	}
	plain := query(false)
	plain.Service.Extra = nil
	for _, c := range []comparisonCase{
		{"a session changed since", []any{sessionOn("n", "s", "release", "", 30)}, []any{sessionOn("n", "s", "release", "", 101)}, Expect{},
			"since: changed session s @101"},
		{"a session is another one", []any{sessionOn("n", "s", "release", "", 30)}, []any{sessionOn("n", "s", "delete", "", 30)}, Expect{},
			"changed session s"},
		{"a session of before 1.7", []any{old}, []any{sessionOn("n", "s", "release", "", 30)}, Expect{}, ""},
		{"a field of a query that no server of upstream knows", []any{query(false)}, []any{plain}, Expect{}, ""},
		{"the same, and it is set", []any{query(true)}, []any{plain}, Expect{}, "changed prepared query q"},
		{"a lock was given up", []any{sessionOn("n", "s", "release", "", 30), locked("k", "s", 50)},
			[]any{sessionOn("n", "s", "release", "", 30), locked("k", "", 101)}, Expect{}, "since: changed key k @101"},
		{"a lock was given up without an index", []any{sessionOn("n", "s", "release", "", 30), locked("k", "s", 50)},
			[]any{sessionOn("n", "s", "release", "", 30), locked("k", "", 50)}, Expect{}, "changed key k"},
		{"a session is lost without a trace, and the lock given up",
			[]any{sessionOn("n", "s", "delete", "", 30), locked("k", "s", 50), locked("l", "s", 50)},
			[]any{locked("k", "", 101)}, Expect{}, "missing key l\nmissing session s\nsince: changed key k @101"},
		{"a lock was taken over", []any{sessionOn("n", "s", "release", "1s", 30), locked("k", "s", 50)},
			[]any{index("sessions", 101), locked("k", "other", 102)}, Expect{},
			"since: changed key k @102\nreaped: deleted session s @101 (TTL expired)"},
		{"a key is gone with a session that would release it", []any{sessionOn("n", "s", "release", "1s", 30), locked("k", "s", 50)},
			[]any{index("sessions", 101)}, Expect{}, "missing key k\nreaped: deleted session s @101 (TTL expired)"},
		{"a key is gone with a session that deletes it", []any{sessionOn("n", "s", "delete", "1s", 30), locked("k", "s", 50)},
			[]any{index("sessions", 101)}, Expect{}, "reaped: deleted key k @0 (session ended)\nreaped: deleted session s @101 (TTL expired)"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestWhatHasNoIndexSaysSo(t *testing.T) {
	r := compare(t, []any{opaqueMap(99, "Name", "x", "Size", 1)}, []any{opaqueMap(99, "Name", "x", "Size", 2)}, Expect{})
	if len(r.Differences) != 1 || !strings.Contains(r.Differences[0].Note, "no index") {
		t.Errorf("differences %+v", r.Differences)
	}
	r = compare(t, []any{token("t", "", 5)}, []any{index("acl-tokens", 105)}, Expect{})
	if len(r.Differences) != 1 || !strings.Contains(r.Differences[0].Note, "may have been this") {
		t.Errorf("differences %+v", r.Differences)
	}
}

func TestSecretsAreNotNamed(t *testing.T) {
	restored := []any{token("acc", "", 5), &record.ACLToken{SecretID: "old-secret"}, opaqueMap(record.TypeLegacyACL, "ID", "very-secret"),
		&record.SystemMetadata{Key: "server-management-token", Value: "top-secret"}, &record.Opaque{Type: record.TypePeeringSecrets,
			Value: msgpack.AppendString(nil, "\x0a\x01p\x12\x06secret")}}
	r := compare(t, restored, nil, Expect{})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	if err := r.Write(&report); err != nil {
		t.Fatal(err)
	}
	if len(r.Differences) != len(restored) {
		t.Errorf("%d differences, want %d", len(r.Differences), len(restored))
	}
	for _, name := range []string{"old-secret", "very-secret", "top-secret", "secret-acc", "\x06secret"} {
		if strings.Contains(string(text), name) || strings.Contains(report.String(), name) {
			t.Errorf("the report shows %s:\n%s", name, text)
		}
	}
}

func TestErrors(t *testing.T) {
	broken := append(encode(t, []any{key("a", "1", 5)}), byte(record.TypeKVS), 0x81)
	if _, err := Compare(stream(broken), stream(encode(t, nil)), Expect{}); err == nil {
		t.Error("no error for an archive that is cut short")
	}
	if _, err := Compare(stream(encode(t, nil)), stream(broken), Expect{}); err == nil {
		t.Error("no error for a cluster whose stream is cut short")
	}
	wrong := append(encode(t, nil), byte(record.TypeSession), 0x81, 0xa2, 'I', 'D', 7)
	if _, err := Compare(stream(wrong), stream(encode(t, nil)), Expect{}); err == nil {
		t.Error("no error for a record that cannot be decoded")
	}
}

func TestStreamsAreReadOnceIfEqual(t *testing.T) {
	reads := 0
	b := encode(t, []any{key("a", "1", 5), index("kvs", 5), register("n", "1", 20)})
	counted := func(visit func(record.Raw) error) error {
		reads++
		return stream(b)(visit)
	}
	r, err := Compare(counted, stream(append(b, encode(t, []any{index("kvs", 500)})[len(encode(t, nil)):]...)), Expect{Index: restoreIndex})
	if err != nil || !r.Equal || reads != 1 || r.Compared != 2 {
		t.Errorf("%+v after %d reads, %v", r, reads, err)
	}
}
