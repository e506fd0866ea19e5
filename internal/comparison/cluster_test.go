package comparison

import (
	"bytes"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A cluster is a state that was restored and is written to, from an index above that of the restore on.
type cluster struct {
	t     testing.TB
	saved []byte // what was restored
	store *state.Store
	index uint64
}

func restored(t testing.TB, saved []byte, index uint64) *cluster {
	t.Helper()
	store, err := fsm.Build(bytes.NewReader(saved), index+1, 2)
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t, saved, store, index + 1}
}

// do applies entries of the log, each at the next index.
func (c *cluster) do(entries ...fsm.Entry) {
	c.t.Helper()
	for _, e := range entries {
		c.index++
		if r := fsm.Apply(c.store, c.index, 2, e); r.Err != nil {
			c.t.Fatal(r.Err)
		}
	}
}

func (c *cluster) records() digest.Source {
	var b bytes.Buffer
	if err := c.store.Snapshot().Encode(&b); err != nil {
		c.t.Fatal(err)
	}
	return stream(b.Bytes())
}

func (c *cluster) compare(expect Expect) *Result {
	c.t.Helper()
	r, err := Compare(stream(c.saved), c.records(), expect)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// before is a datacenter that had two agents, one of them with sessions, and a node without.
func before() []any {
	web, old, ext := register("web1", "10.0.0.1", 20), register("old1", "10.0.0.2", 21), register("ext", "10.0.0.3", 22)
	bound := &record.PreparedQuery{ID: "q", Name: "bound", Session: "s-release", Service: record.QueryService{Service: "db"},
		CreateIndex: 40, ModifyIndex: 40}
	flapping := sessionOn("web1", "s-check", "release", "", 34)
	flapping.NodeChecks = []string{"disk"}
	return []any{
		web, withService(web, "web", 80, 23), withService(web, "api", 81, 23), withCheck(web, serfHealth, "", "passing", 23),
		withCheck(web, "disk", "", "passing", 23), withCheck(web, "api-ping", "api", "passing", 23),
		old, withService(old, "db", 5432, 24), withService(old, "cache", 6379, 24), withCheck(old, serfHealth, "", "passing", 24),
		ext, withService(ext, "mail", 25, 25),
		&record.Coordinates{{Node: "old1"}},
		sessionOn("old1", "s-release", "release", "", 30), sessionOn("old1", "s-delete", "delete", "10s", 31),
		sessionOn("web1", "s-ttl", "release", "10s", 32), sessionOn("web1", "s-plain", "release", "", 33), flapping,
		key("config", "x", 50), locked("lock/release", "s-release", 51), locked("lock/delete", "s-delete", 52), locked("lock/ttl", "s-ttl", 53),
		bound,
		index("kvs", 53), index("sessions", 34), index("nodes", 25), index("services", 25), index("checks", 25),
		index("prepared-queries", 40), index("peer.~:nodes", 25), index("peer.~:services", 25), index("peer.~:checks", 25),
		index("peer.~:node.web1", 23), index("peer.~:node.old1", 24), index("peer.~:node.ext", 25), index("peer.~:service.web", 23),
		index("peer.~:service.api", 23), index("peer.~:service.db", 24), index("peer.~:service.cache", 24), index("peer.~:service.mail", 25),
	}
}

func put(name, value string) fsm.Entry {
	return fsm.KV(state.KVSet, &record.KVEntry{Key: name, Value: []byte(value)})
}

func TestCluster(t *testing.T) {
	reapedOld := `reaped: deleted check serfHealth on old1 @102 (no live member)
reaped: deleted key lock/delete @102 (session ended)
reaped: changed key lock/release @102 (session ended)
reaped: deleted node old1 @102 (no live member)
reaped: deleted prepared query bound @102 (session ended)
reaped: deleted service cache on old1 @102 (no live member)
reaped: deleted service db on old1 @102 (no live member)
reaped: deleted session s-delete @102 (no live member)
reaped: deleted session s-release @102 (no live member)`
	live := Expect{Index: restoreIndex, MembersKnown: true}
	oldGone := Expect{Index: restoreIndex, NodesRemoved: []string{"OLD1"}}
	again := func(name, id, address string) fsm.Entry {
		n := register(name, address, 0)
		n.ID = id
		return fsm.Register(&state.Registration{Node: n})
	}
	for _, c := range []struct {
		name   string
		expect Expect
		log    []fsm.Entry
		want   string
	}{
		{"nothing happened", live, nil, ""},
		{"keys are written", live, []fsm.Entry{put("config", "y"), put("new", ""), put("new", "1"),
			fsm.KV(state.KVDelete, &record.KVEntry{Key: "lock/ttl"})},
			"since: changed key config @102\nsince: deleted key lock/ttl @105\nsince: added key new @104"},
		{"a prefix is deleted", live, []fsm.Entry{fsm.KV(state.KVDeleteTree, &record.KVEntry{Key: "lock/"})},
			"since: deleted key lock/delete @102\nsince: deleted key lock/release @102\nsince: deleted key lock/ttl @102"},
		{"a node that is no member is reaped", oldGone, []fsm.Entry{fsm.Deregister("old1", "", "")}, reapedOld},
		{"the same, members not known", Expect{Index: restoreIndex}, []fsm.Entry{fsm.Deregister("old1", "", "")}, reapedOld},
		{"it is reaped and joins again", oldGone, []fsm.Entry{fsm.Deregister("old1", "", ""), again("old1", "id-new", "10.9.9.9")},
			`since: changed node old1 @103
` + withoutLine(reapedOld, "reaped: deleted node old1 @102 (no live member)")},
		{"a member leaves", live, []fsm.Entry{fsm.Deregister("old1", "", "")},
			`since: deleted check serfHealth on old1 @102
since: deleted node old1 @102
since: deleted service cache on old1 @102
since: deleted service db on old1 @102
since: deleted session s-delete @102
since: deleted session s-release @102
reaped: deleted key lock/delete @102 (session ended)
reaped: changed key lock/release @102 (session ended)
reaped: deleted prepared query bound @102 (session ended)`},
		{"an external node is deregistered", live, []fsm.Entry{fsm.Deregister("ext", "", "")},
			"since: deleted node ext @102\nsince: deleted service mail on ext @102"},
		{"a service of an external node is deregistered", live, []fsm.Entry{fsm.Deregister("ext", "mail", "")},
			"since: deleted service mail on ext @102"},
		{"an agent removes what it does not have", live, []fsm.Entry{fsm.Deregister("web1", "api", "")},
			"reaped: deleted check api-ping on web1 @102 (not at its agent)\nreaped: deleted service api on web1 @102 (not at its agent)"},
		{"an agent removes a check, and a session ends", live, []fsm.Entry{fsm.Deregister("web1", "", "disk")},
			"reaped: deleted check disk on web1 @102 (not at its agent)\nreaped: deleted session s-check @102 (check lost)"},
		{"a check is critical for a while", live, []fsm.Entry{diskOf("critical"), diskOf("passing")},
			"since: changed check disk on web1 @103\nreaped: deleted session s-check @102 (check lost)"},
		{"a session expires", live, []fsm.Entry{fsm.DestroySession("s-ttl")},
			"reaped: changed key lock/ttl @102 (session ended)\nreaped: deleted session s-ttl @102 (TTL expired)"},
		{"a session is ended by hand", live, []fsm.Entry{fsm.DestroySession("s-plain")}, "since: deleted session s-plain @102"},
		{"a lock goes to another session and value", live, []fsm.Entry{fsm.DestroySession("s-ttl"), put("lock/ttl", "mine")},
			"since: changed key lock/ttl @103\nreaped: deleted session s-ttl @102 (TTL expired)"},
		{"a member has another address", live, []fsm.Entry{again("web1", "id-web1", "10.9.9.9")}, "since: changed node web1 @102"},
		{"a node gets another name", live, []fsm.Entry{again("ext2", "id-ext", "10.0.0.3")},
			"since: added node ext2 @102\nsince: deleted service mail on ext @102\nreaped: deleted node ext @102 (node renamed)"},
		{"a query is changed", live, []fsm.Entry{fsm.SetQuery(&record.PreparedQuery{ID: "q", Name: "bound",
			Service: record.QueryService{Service: "x"}})},
			"since: changed prepared query bound @102"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := restored(t, encode(t, before()), restoreIndex)
			x.do(c.log...)
			if got := told(x.compare(c.expect)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func diskOf(status string) fsm.Entry {
	return fsm.Register(&state.Registration{Node: &record.Register{Node: "web1"}, SkipNodeUpdate: true,
		Checks: []*record.HealthCheck{{CheckID: "disk", Name: "disk", Status: status}}})
}

// withoutLine is a text without one of its lines.
func withoutLine(text, line string) string {
	return string(bytes.Replace([]byte(text), []byte(line+"\n"), nil, 1))
}

// What is lost without a trace is a difference, even where the cluster would remove such things by itself.
func TestLostWithoutATrace(t *testing.T) {
	for _, c := range []struct {
		name, want string
		lost       func(v any) bool
	}{
		{"an external node with its service", "missing node ext\nmissing service mail on ext", func(v any) bool {
			r, ok := v.(*record.Register)
			return ok && r.Node == "ext"
		}},
		{"a node that may be reaped", `missing check serfHealth on old1
missing node old1
missing service cache on old1
missing service db on old1`, func(v any) bool {
			r, ok := v.(*record.Register)
			return ok && r.Node == "old1"
		}},
		{"a service of an agent", "missing service web on web1", func(v any) bool {
			r, ok := v.(*record.Register)
			return ok && r.Service != nil && r.Service.ID == "web"
		}},
		{"a check of an agent", "missing check disk on web1", func(v any) bool {
			r, ok := v.(*record.Register)
			return ok && r.Check != nil && r.Check.CheckID == "disk"
		}},
		{"a session, and the lock with it", "missing session s-ttl", func(v any) bool {
			s, ok := v.(*record.Session)
			return ok && s.ID == "s-ttl"
		}},
		{"a key that a session would delete", "missing key lock/delete", func(v any) bool {
			e, ok := v.(*record.KVEntry)
			return ok && e.Key == "lock/delete"
		}},
		{"a query of a session", "missing prepared query bound", func(v any) bool {
			_, ok := v.(*record.PreparedQuery)
			return ok
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var now []any
			for _, v := range before() {
				if !c.lost(v) {
					now = append(now, v)
				}
			}
			r := compare(t, before(), now, Expect{Index: restoreIndex})
			if got := told(r); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What was written elsewhere on a node does not explain what is gone from it.
func TestLostWhereOtherThingsAreWritten(t *testing.T) {
	for _, lost := range []string{"a service", "a check of a service"} {
		t.Run(lost, func(t *testing.T) {
			var now []any
			for _, v := range before() {
				r, ok := v.(*record.Register)
				web := ok && r.Service != nil && r.Service.ID == "web"
				ping := ok && r.Check != nil && r.Check.CheckID == "api-ping"
				if lost == "a service" && web || lost == "a check of a service" && ping {
					continue
				}
				now = append(now, v)
			}
			now = append(now, index("checks", 200), index("peer.~:checks", 200), index("peer.~:node.web1", 200), index("nodes", 200))
			r := compare(t, before(), now, Expect{Index: restoreIndex})
			if len(r.Differences) != 1 || len(r.Reaped) != 0 || len(r.WrittenSince) != 0 {
				t.Errorf("got\n%s", told(r))
			}
		})
	}
}

func TestNodeRegisteredAnewIsDescribed(t *testing.T) {
	x := restored(t, encode(t, before()), restoreIndex)
	n := register("ext", "10.9.9.9", 0)
	n.ID = "id-machine-2"
	x.do(fsm.Register(&state.Registration{Node: n}))
	r := x.compare(Expect{Index: restoreIndex})
	const want = "registered anew: ID id-machine-2, was id-ext; address 10.9.9.9, was 10.0.0.3"
	if len(r.WrittenSince) != 1 || r.WrittenSince[0].Note != want {
		t.Errorf("%+v, want the note %q", r.WrittenSince, want)
	}
}

var goldenArchives = []string{"empty.snap", "kv.snap", "full.snap", "large-kv.snap", "derived/full-upstream-query.snap"}

// What a real Consul wrote is equal to itself, to what comes of it when it is restored and saved again, and to no other.
func TestGoldenArchives(t *testing.T) {
	for _, name := range goldenArchives {
		t.Run(name, func(t *testing.T) {
			saved := golden.StateBin(t, "consul-1.21.4/"+name)
			x := restored(t, saved, 10000)
			for what, now := range map[string]digest.Source{"itself": stream(saved), "restored and saved": x.records()} {
				r, err := Compare(stream(saved), now, Expect{Index: 10000})
				if err != nil || told(r) != "" || !r.Equal || r.Compared == 0 {
					t.Errorf("%s: %+v, %v", what, r, err)
				}
			}
		})
	}
	t.Run("the fork's query in upstream's form", func(t *testing.T) {
		r, err := Compare(stream(golden.StateBin(t, "consul-1.21.4/full.snap")),
			stream(golden.StateBin(t, "consul-1.21.4/derived/full-upstream-query.snap")), Expect{Index: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Differences {
			if d.Type != object.FamilyQuery {
				t.Errorf("difference %+v", d)
			}
		}
	})
	t.Run("another archive", func(t *testing.T) {
		a, b := stream(golden.StateBin(t, "consul-1.21.4/full.snap")), stream(golden.StateBin(t, "consul-1.21.4/kv.snap"))
		r, err := Compare(a, b, Expect{Index: 10000, NodesRemoved: []string{}})
		if err != nil || r.Equal {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// Every record of a real archive counts: without any of its objects, or with any of its bytes changed, it is not equal.
func TestEveryRecordOfAnArchiveCounts(t *testing.T) {
	saved := golden.StateBin(t, "consul-1.21.4/full.snap")
	var all [][]byte
	if err := stream(saved)(func(raw record.Raw) error {
		all = append(all, append([]byte{byte(raw.Type)}, raw.Value...))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	header := record.AppendHeader(nil, record.Header{})
	for i, lost := range all {
		raw := record.Raw{Type: record.Type(lost[0]), Value: lost[1:]}
		if object.Bookkeeping(raw) || impliedNode(raw) {
			continue
		}
		now := bytes.Clone(header)
		for j, b := range all {
			if j != i {
				now = append(now, b...)
			}
		}
		r, err := Compare(stream(saved), stream(now), Expect{Index: 10000, NodesRemoved: []string{}, At: golden.Saved})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Differences) != 1 || r.Differences[0].What != digest.Missing {
			t.Errorf("without record %d (%s %s): %s", i+1, raw.Type, record.Name(raw), told(r))
		}
	}
}

// impliedNode tells whether a record is of a node alone: in the golden archives each comes again with a service or a check, or is left out
// here.
func impliedNode(raw record.Raw) bool {
	if raw.Type != record.TypeRegister {
		return false
	}
	v, err := record.Decode(raw)
	r, ok := v.(*record.Register)
	return err == nil && ok && r.Service == nil && r.Check == nil
}
