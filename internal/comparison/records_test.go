package comparison

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

const restoreIndex = 100 // in the metadata of the archives of these tests

func encode(t testing.TB, values []any) []byte {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: restoreIndex})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func stream(b []byte) digest.Source {
	return digest.Stream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
}

func compare(t testing.TB, restored, now []any, expect Expect) *Result {
	t.Helper()
	r, err := Compare(stream(encode(t, restored)), stream(encode(t, now)), expect)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is a result in lines.
func told(r *Result) string {
	lines := []string{}
	for _, d := range r.Differences {
		lines = append(lines, fmt.Sprintf("%s %s %s", d.What, d.Type, d.Name))
	}
	changes := func(list string, changes []Change) {
		for _, c := range changes {
			line := fmt.Sprintf("%s: %s %s %s @%d", list, c.What, c.Type, c.Name, c.Index)
			if c.Reason != "" {
				line += " (" + string(c.Reason) + ")"
			}
			lines = append(lines, line)
		}
	}
	changes("since", r.WrittenSince)
	changes("reaped", r.Reaped)
	changes("replaced", r.Replaced)
	return strings.Join(lines, "\n")
}

func key(name, value string, index uint64) *record.KVEntry {
	return &record.KVEntry{Key: name, Value: []byte(value), CreateIndex: 10, ModifyIndex: index}
}

func locked(name, session string, index uint64) *record.KVEntry {
	return &record.KVEntry{Key: name, Session: session, LockIndex: 1, CreateIndex: 10, ModifyIndex: index}
}

func tombstone(name string, index uint64) *record.Tombstone {
	return &record.Tombstone{Key: name, ModifyIndex: index}
}

func index(name string, value uint64) *record.Index { return &record.Index{Key: name, Value: value} }

func register(name, address string, at uint64) *record.Register {
	return &record.Register{Node: name, ID: "id-" + name, Address: address, Datacenter: "dc1", CreateIndex: 20, ModifyIndex: at,
		NodeMeta: map[string]string{"b": "2", "a": "1"}}
}

func withService(r *record.Register, name string, port int, at uint64) *record.Register {
	with := *r
	with.Service = &record.NodeService{ID: name, Service: name, Port: port, CreateIndex: 21, ModifyIndex: at,
		Weights: &record.Weights{Passing: 1, Warning: 1}}
	return &with
}

func withCheck(r *record.Register, name, service, status string, at uint64) *record.Register {
	with := *r
	with.Check = &record.HealthCheck{Node: r.Node, CheckID: name, Name: name, Status: status, ServiceID: service, ServiceName: service,
		CreateIndex: 22, ModifyIndex: at}
	return &with
}

func sessionOn(node, name, behavior, ttl string, at uint64) *record.Session {
	return &record.Session{ID: name, Node: node, Behavior: behavior, TTL: ttl, NodeChecks: []string{serfHealth}, CreateIndex: at,
		ModifyIndex: at}
}

func token(accessor, description string, at uint64) *record.ACLToken {
	return &record.ACLToken{AccessorID: accessor, SecretID: "secret-" + accessor, Description: description, CreateIndex: 5, ModifyIndex: at}
}

// configEntryOf is a config entry as Consul writes it, the pairs of its map in one of two orders.
func configEntryOf(kind, name string, at uint64, reverse bool, more ...string) *record.Opaque {
	pairs := [][2]any{{"CreateIndex", uint64(30)}, {"Hash", uint64(len(more))}, {"Kind", kind}, {"ModifyIndex", at}, {"Name", name}}
	for _, m := range more {
		pairs = append(pairs, [2]any{m, true})
	}
	if reverse {
		slices.Reverse(pairs)
	}
	entry := msgpack.AppendMapHead(nil, len(pairs))
	for _, p := range pairs {
		entry = msgpack.Append(msgpack.AppendString(entry, p[0].(string)), p[1])
	}
	b := msgpack.AppendString(nil, kind)
	b = msgpack.AppendString(msgpack.AppendMapHead(b, 1), "Entry")
	b = append(b, entry...)
	return &record.Opaque{Type: record.TypeConfigEntry, Value: msgpack.AppendString(nil, b)}
}

func opaqueMap(t record.Type, pairs ...any) *record.Opaque {
	b := msgpack.AppendMapHead(nil, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		b = msgpack.Append(msgpack.AppendString(b, pairs[i].(string)), pairs[i+1])
	}
	return &record.Opaque{Type: t, Value: b}
}

// hashed is a config entry of a mesh, which has no name, with a hash.
func hashed(hash string) *record.Opaque {
	entry := opaqueMap(0, "Hash", hash, "ModifyIndex", uint64(7), "TLS", true).Value
	b := append(msgpack.AppendString(nil, "mesh"), opaqueMap(0, "Entry", entry).Value...)
	return &record.Opaque{Type: record.TypeConfigEntry, Value: msgpack.AppendString(nil, b)}
}

type comparisonCase struct {
	name          string
	restored, now []any
	expect        Expect
	want          string
}

func (c *comparisonCase) run(t *testing.T) {
	if c.expect.Index == 0 {
		c.expect.Index = restoreIndex
	}
	if c.expect.NodesRemoved == nil {
		c.expect.MembersKnown = true
	}
	r := compare(t, c.restored, c.now, c.expect)
	if got := told(r); got != c.want {
		t.Errorf("got\n%s\nwant\n%s", got, c.want)
	}
	if r.Equal != (len(r.Differences) == 0) {
		t.Errorf("Equal is %v with %d differences", r.Equal, len(r.Differences))
	}
	if r.Differences == nil || r.WrittenSince == nil || r.Reaped == nil || r.Replaced == nil || r.Counts.Differences == nil {
		t.Error("a list is nil")
	}
}
