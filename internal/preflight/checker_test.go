package preflight

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

func walk(c *Checker, src io.Reader) error {
	r, err := record.NewReader(src)
	if err != nil {
		return err
	}
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			_, err = c.Check(raw)
		}
		if err != nil {
			return err
		}
	}
}

func TestGoldenArchivesAreRestorable(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full", "large-kv", "derived/full-upstream-query"} {
		t.Run(name, func(t *testing.T) {
			var c Checker
			if err := walk(&c, golden.State(t, "consul-1.21.4/"+name+".snap")); err != nil {
				t.Fatal(err)
			}
			if len(c.UnknownTypes())+len(c.UnknownKinds()) > 0 {
				t.Errorf("unknown types %v, kinds %v", c.UnknownTypes(), c.UnknownKinds())
			}
		})
	}
}

func TestFatalArchivesAreRefused(t *testing.T) {
	for _, c := range []struct {
		file, want string
		marker     error
	}{
		{"state-empty", "EOF", record.ErrCorrupt},
		{"state-truncated", "unexpected EOF", record.ErrCorrupt},
		{"state-no-header", "must begin with a map", record.ErrCorrupt},
		{"state-unknown-type", "msg type <99> is a Consul Enterprise log entry. Consul CE cannot restore it", ErrUnrestorable},
		{"state-unknown-ignorable", "msg type <227> is a Consul Enterprise log entry. Consul CE cannot restore it", ErrUnrestorable},
		{"state-legacy-acl", "Unrecognized msg type 4", ErrUnrestorable},
		{"state-txn-type", "Unrecognized msg type 8", ErrUnrestorable},
	} {
		t.Run(c.file, func(t *testing.T) {
			err := walk(new(Checker), golden.State(t, "damaged/"+c.file+".snap"))
			if !errors.Is(err, c.marker) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one of kind %q with %q", err, c.marker, c.want)
			}
		})
	}
}

func TestAllowedTypePasses(t *testing.T) {
	c := Checker{Allow: []record.Type{99}}
	if err := walk(&c, golden.State(t, "damaged/state-unknown-type.snap")); err != nil {
		t.Fatal(err)
	}
	if c.UnknownTypes()[99] != 1 {
		t.Errorf("unknown types %v, want one 99", c.UnknownTypes())
	}
}

// stream builds a stream of the given records.
func stream(t *testing.T, values ...any) io.Reader {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.NewReader(b)
}

func configEntry(kind string, entry any) *record.Opaque {
	inner := msgpack.AppendString(nil, kind)
	inner = msgpack.Append(inner, struct {
		Datacenter, Op, Token string
		Entry                 msgpack.Raw
	}{Entry: msgpack.Append(nil, entry)})
	return &record.Opaque{Type: record.TypeConfigEntry, Value: msgpack.AppendString(nil, inner)}
}

type named struct {
	Kind, Name string
}

// Each case is a record that kills a real Consul, and the same with the fault mended, which must pass.
func TestRules(t *testing.T) {
	service := &record.Register{Node: "n", Service: &record.NodeService{ID: "Web", Service: "web"}}
	check := func(node, service, peer string) *record.Register {
		return &record.Register{Node: "n", Check: &record.HealthCheck{CheckID: "c", Node: node, ServiceID: service, PeerName: peer}}
	}
	query := func(typ string) *record.PreparedQuery {
		return &record.PreparedQuery{ID: "q", Template: record.QueryTemplate{Type: typ}}
	}
	opaque := func(typ record.Type, value []byte) *record.Opaque { return &record.Opaque{Type: typ, Value: value} }
	protobuf := func(b string) []byte { return msgpack.AppendString(nil, b) }
	root := msgpack.Append(nil, struct{ ID string }{"r"})
	badRoot := msgpack.Append(nil, struct{ ID int }{7})
	for _, c := range []struct {
		name      string
		good, bad []any
		want      string
	}{
		{"key", []any{&record.KVEntry{Key: "k"}}, []any{&record.KVEntry{}}, "key is empty"},
		{"check of another node", []any{check("n", "", "")}, []any{check("m", "", "")}, `check "c" is of node "m"`},
		{"check of a missing service", []any{service, check("n", "wEB", "")}, []any{check("n", "web", "")}, "Missing service registration"},
		{"check before its service", []any{service, check("n", "web", "")}, []any{check("n", "web", ""), service}, "Missing service registration"},
		{"check of another peer", []any{check("n", "", "")}, []any{check("n", "", "p")}, `has peer "p"`},
		{"service of another peer", []any{service},
			[]any{&record.Register{Node: "n", PeerName: "p", Service: service.Service}}, `its record has peer "p"`},
		{"node name", []any{&record.Register{Node: "n"}}, []any{&record.Register{}}, "node name is empty"},
		{"token accessor", []any{&record.ACLToken{AccessorID: "a", SecretID: "s"}}, []any{&record.ACLToken{SecretID: "s"}}, "missing value for index 'accessor'"},
		{"token secret", []any{&record.ACLToken{AccessorID: "a", SecretID: "s"}}, []any{&record.ACLToken{AccessorID: "a"}}, "SecretID is empty"},
		{"session", []any{&record.Session{ID: "s"}}, []any{&record.Session{}}, "session ID is empty"},
		{"policy", []any{&record.ACLPolicy{ID: "p", Name: "p"}}, []any{&record.ACLPolicy{ID: "p"}}, "policy name is empty"},
		{"query template", []any{query("name_prefix_match")}, []any{query("nope")}, "Bad Template.Type 'nope'"},
		{"config entry kind", []any{configEntry("mesh", named{"mesh", "mesh"})}, []any{configEntry("sameness-group", named{"sameness-group", "x"})},
			"invalid config entry kind: sameness-group"},
		{"config entry field", []any{configEntry("mesh", named{"mesh", "m"})}, []any{configEntry("mesh", struct{ Name int }{3})}, "Name"},
		{"CA root field", []any{opaque(record.TypeConnectCA, root)}, []any{opaque(record.TypeConnectCA, badRoot)}, "ID"},
		{"peering", []any{opaque(record.TypePeering, protobuf("\x0a\x02id"))}, []any{opaque(record.TypePeering, protobuf("\x0a\x09id"))}, "protobuf field 1"},
		{"peering text", []any{opaque(record.TypePeering, protobuf("\x0a\x02id"))}, []any{opaque(record.TypePeering, protobuf("\x0a\x02\xff\xfe"))}, "not valid UTF-8"},
		{"chunking state", []any{opaque(record.TypeChunkingState, []byte("\x81\xa8ChunkMap\x80"))},
			[]any{opaque(record.TypeChunkingState, []byte("\x81\xa8ChunkMap\x81\xa1x\xc0"))}, "where an integer belongs"},
		{"virtual IP", []any{opaque(record.TypeServiceVirtualIP, msgpack.Append(nil, struct{ Service named }{named{"", "web"}}))},
			[]any{opaque(record.TypeServiceVirtualIP, []byte{0x80})}, "service name of a virtual IP is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := walk(new(Checker), stream(t, c.good...)); err != nil {
				t.Errorf("good records: %v", err)
			}
			err := walk(new(Checker), stream(t, c.bad...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("bad records: got %v, want an error with %q", err, c.want)
			}
			if errors.Is(err, ErrUnrestorable) == errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%v must be either corrupt or unrestorable", err)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	r, err := record.NewReader(golden.State(f, "consul-1.21.4/full.snap"))
	if err != nil {
		f.Fatal(err)
	}
	for seen := map[record.Type]bool{}; ; { // a small stream for each type
		raw, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			f.Fatal(err)
		}
		if !seen[raw.Type] {
			seen[raw.Type] = true
			f.Add(append(append(record.AppendHeader(nil, r.Header()), byte(raw.Type)), raw.Value...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := walk(new(Checker), bytes.NewReader(b)); err != nil && !errors.Is(err, record.ErrCorrupt) && !errors.Is(err, ErrUnrestorable) {
			t.Errorf("%v is neither corrupt nor unrestorable", err)
		}
	})
}
