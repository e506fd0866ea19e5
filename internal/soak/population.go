//go:build heavy && unix

package soak

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// A population is a state made up for a test, and the archive that holds it. Two populations with different names have no object in
// common but the autopilot's configuration, and that differs.
type population struct {
	name    string
	entries []*record.KVEntry
	records digest.Set // of the archive
	archive []byte

	is    fingerprint   // of a server that has restored it
	usual time.Duration // that a restore takes
}

// String names the population, for messages.
func (p *population) String() string { return p.name }

// populate makes a population with so many keys, whose values have around size bytes. The same arguments give the same population.
func populate(t testing.TB, name string, keys, size int) *population {
	t.Helper()
	p := &population{name: name}
	rng := rand.New(rand.NewPCG(hash(name), uint64(keys)))
	index := uint64(keys + 100)
	stream := record.AppendHeader(nil, record.Header{LastIndex: index})
	add := func(values ...any) {
		for _, v := range values {
			b, err := record.Append(stream, v)
			if err != nil {
				t.Fatal(err)
			}
			stream = b
		}
	}
	add(catalog(name)...)
	add(session(name))
	add(policy(name))
	for i := range keys {
		p.entries = append(p.entries, keyOf(name, i, size/2+rng.IntN(size), rng))
		add(p.entries[i])
	}
	add(query(name), &record.Autopilot{MaxTrailingLogs: hash(name) % 1000, LastContactThreshold: 200 * time.Millisecond,
		ServerStabilizationTime: 10 * time.Second, CreateIndex: 5, ModifyIndex: 5})
	add(&record.SystemMetadata{Key: name, Value: name, CreateIndex: 6, ModifyIndex: 6})
	for _, table := range []string{"kvs", "nodes", "services", "checks", "sessions", "acl-policies", "prepared-queries"} {
		add(&record.Index{Key: table, Value: index})
	}
	p.pack(t, stream, index)
	return p
}

func (p *population) pack(t testing.TB, stream []byte, index uint64) {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(stream); err != nil {
		t.Fatal(err)
	}
	meta := archive.Meta{Version: 1, ID: fmt.Sprintf("2-%d-1", index), Index: index, Term: 2}
	if _, err := w.Finish(meta, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	p.archive = b.Bytes()
	if p.records, err = census(p.archive); err != nil {
		t.Fatal(err)
	}
}

func keyOf(name string, i, size int, rng *rand.Rand) *record.KVEntry {
	value := make([]byte, size)
	for j := range value {
		value[j] = byte('a' + rng.Uint32()>>28) // compresses to about a half
	}
	index := uint64(i + 10)
	e := &record.KVEntry{Key: fmt.Sprintf("%s/%06d", name, i), Value: value, Flags: rng.Uint64(), CreateIndex: index, ModifyIndex: index}
	if i == 0 {
		e.Session, e.LockIndex = sessionID(name), 1
	}
	return e
}

func nodeName(name string, i int) string { return fmt.Sprintf("%s-node-%d", name, i) }

// catalog is nodes, each with a service and a check of it.
func catalog(name string) (all []any) {
	for i := range 20 {
		node := record.Register{Node: nodeName(name, i), ID: identifier(name, "node", i), Address: fmt.Sprintf("10.0.0.%d", i+1),
			Datacenter: "dc1", CreateIndex: 7, ModifyIndex: 7}
		service, check := node, node
		service.Service = &record.NodeService{ID: "web", Service: name + "-web", Port: 80, Weights: &record.Weights{Passing: 1, Warning: 1},
			CreateIndex: 8, ModifyIndex: 8}
		check.Check = &record.HealthCheck{Node: node.Node, CheckID: "alive", Name: "alive", Status: "passing", ServiceID: "web",
			ServiceName: name + "-web", CreateIndex: 9, ModifyIndex: 9}
		all = append(all, &node, &service, &check)
	}
	return all
}

func session(name string) *record.Session {
	return &record.Session{ID: sessionID(name), Node: nodeName(name, 0), Name: name, Behavior: "release", CreateIndex: 10, ModifyIndex: 10}
}

func sessionID(name string) string { return identifier(name, "session", 0) }

func policy(name string) *record.ACLPolicy {
	return &record.ACLPolicy{ID: identifier(name, "policy", 0), Name: name, Rules: `key_prefix "" { policy = "read" }`,
		CreateIndex: 11, ModifyIndex: 11}
}

func query(name string) *record.PreparedQuery {
	return &record.PreparedQuery{ID: identifier(name, "query", 0), Name: name, Service: record.QueryService{Service: name + "-web"},
		CreateIndex: 12, ModifyIndex: 12}
}

// identifier is a UUID made of a name.
func identifier(name, kind string, i int) string {
	h := hash(fmt.Sprint(name, kind, i))
	return fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(h), uint16(h>>32), h>>16&0xffffffffffff)
}

// learn restores the population into a server, in peace, a few times: it checks that everything in the archive is there afterwards,
// and remembers how that looks and how long it takes.
func (p *population) learn(t testing.TB, server *process) {
	t.Helper()
	var times []time.Duration
	for range 3 {
		start := time.Now()
		if _, err := server.restore(context.Background(), p.archive); err != nil {
			t.Fatalf("restore %v: %v", p, err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	p.usual = times[1]
	p.compare(t, server)
	p.is = server.fingerprint(t)
}

// compare compares what a server holds with what is in the archive.
func (p *population) compare(t testing.TB, server *process) {
	t.Helper()
	entries, _, err := server.list(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(p.entries) {
		t.Fatalf("%d keys after the restore of %v, want %d", len(entries), p, len(p.entries))
	}
	for i, got := range entries {
		want := p.entries[i]
		if got.Key != want.Key || string(got.Value) != string(want.Value) || got.Flags != want.Flags || got.Session != want.Session ||
			got.CreateIndex != want.CreateIndex || got.ModifyIndex != want.ModifyIndex || got.LockIndex != want.LockIndex {
			t.Fatalf("key %s of %v is %.200v after the restore", want.Key, p, got)
		}
	}
	snap, err := server.save(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	set, err := census(snap)
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(p.records)
	for _, own := range []record.Type{record.TypeIndex, record.TypeChunkingState} { // a server adds to these
		delete(set, own)
		delete(want, own)
	}
	if got, want := describe(set), describe(want); got != want {
		t.Fatalf("%v after the restore:\n%swant:\n%s", p, got, want)
	}
}

// mixture tells how many keys of each of some populations a server holds, for the message that it holds none as a whole.
func mixture(server *process, all ...*population) string {
	entries, index, err := server.list(context.Background(), "")
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%d keys at index %d", len(entries), index)
	for _, p := range all {
		n := 0
		for _, e := range entries {
			if len(e.Key) > len(p.name) && e.Key[:len(p.name)+1] == p.name+"/" {
				n++
			}
		}
		text += fmt.Sprintf(", %d of the %d of %v", n, len(p.entries), p)
	}
	return text
}
