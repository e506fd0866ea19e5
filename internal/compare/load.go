package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// keyPrefix is what all keys begin with.
const keyPrefix = "compare/"

const kvPath = "/v1/kv/"

// A load is a set of keys and values, or a catalog. It follows from its numbers alone: the same load is the same on every server and day.
type load struct {
	Keys  int `json:"keys,omitempty"`
	Value int `json:"value,omitempty"` // bytes of each value
	catalog
}

// standard is the load that the anchors and the goals are about.
var standard = load{Keys: 200_000, Value: 512}

// loads are those that have a name.
var loads = map[string]load{
	"keys":    standard,
	"million": {Keys: 1_000_000, Value: 512},
	"values":  {Keys: 1_000, Value: 500_000},
	"catalog": {catalog: catalog{Nodes: 5_000, Services: 20_000, Checks: 40_000, Sessions: 10_000}},
}

func (l load) String() string {
	if l.Keys > 0 {
		return fmt.Sprintf("%d keys of %d bytes", l.Keys, l.Value)
	}
	return l.catalog.String()
}

// key returns the key of entry i, which sorts behind that of i-1.
func (l load) key(i int) string {
	return fmt.Sprintf(keyPrefix+"region-%02d/service-%03d/key-%07d", i*16/l.Keys, i*1000/l.Keys, i)
}

var (
	words = [...]string{"upstream", "timeout", "replica", "primary", "canary", "rollout", "budget", "latency", "billing", "checkout",
		"session", "cache", "token", "region", "zone", "shard", "worker", "queue", "topic", "retry", "limit", "window", "policy", "audit",
		"metrics", "tracing", "gateway", "ingress", "egress", "storage", "backup", "archive"}
	teams = [...]string{"payments", "identity", "search", "catalog", "platform", "delivery", "insight", "mobile"}
)

// appendValue appends the value of entry i in generation gen, Value bytes long: a JSON document such as services keep their
// configuration in, with words that repeat, and identifiers and numbers that do not. How much there is of either decides how well
// it packs; records with 512 such bytes go into a quarter of their size with gzip -6. The last setting is cut.
func (l load) appendValue(b []byte, i, gen int) []byte {
	r := newRandom(i, gen)
	end := len(b) + l.Value
	b = fmt.Appendf(b, `{"owner":"%s","endpoint":"http://10.%d.%d.17:%d/v1","enabled":true,"weight":%d,"id":"%016x","digest":"sha256:`,
		teams[r.below(len(teams))], r.below(256), r.below(256), 8000+r.below(1000), r.below(100), r.Uint64())
	for range 4 {
		b = fmt.Appendf(b, "%016x", r.Uint64())
	}
	b = append(b, `","settings":"`...)
	for len(b) < end {
		b = append(append(b, words[r.below(len(words))]...), '_')
		b = append(append(b, words[r.below(len(words))]...), '=')
		b = strconv.AppendInt(b, int64(r.below(1000)), 10)
		b = append(b, "ms, "...)
	}
	if l.Value > len(`"}`) {
		b = append(b[:end-len(`"}`)], `"}`...)
	}
	return b[:end]
}

// random gives numbers that are the same for ever.
type random struct{ rand.PCG }

func newRandom(a, b int) *random { return &random{*rand.NewPCG(uint64(a), uint64(b))} }

func (r *random) below(n int) int { return int(r.Uint64() >> 33 % uint64(n)) }

// firstIndex is the index of the first entry; a few others come before it in the log of any cluster.
const firstIndex = 100

func (l load) lastIndex() uint64 { return uint64(firstIndex + l.Keys + l.catalog.records() - 1) }

// writeState writes the load as the records of a snapshot.
func (l load) writeState(w io.Writer) error {
	s := &stateWriter{w: w, b: record.AppendHeader(nil, record.Header{LastIndex: l.lastIndex()})}
	if l.Keys > 0 {
		l.writeKeys(s)
	} else {
		l.catalog.write(s)
	}
	s.add(&record.Opaque{Type: record.TypeChunkingState, Value: msgpack.Raw("\x81\xa8ChunkMap\x80")})
	return s.flush()
}

func (l load) writeKeys(s *stateWriter) {
	e := new(record.KVEntry)
	for i := range l.Keys {
		index := uint64(firstIndex + i)
		*e = record.KVEntry{Key: l.key(i), Value: l.appendValue(e.Value[:0], i, 0), CreateIndex: index, ModifyIndex: index}
		s.add(e)
	}
	s.add(&record.Index{Key: "kvs", Value: l.lastIndex()})
}

// A stateWriter gathers records and writes them in pieces. The first error stops it.
type stateWriter struct {
	w   io.Writer
	b   []byte
	err error
}

func (s *stateWriter) add(v any) {
	if s.err != nil {
		return
	}
	if s.b, s.err = record.Append(s.b, v); len(s.b) >= 64<<10 {
		_ = s.flush() // which keeps its error
	}
}

func (s *stateWriter) flush() error {
	if s.err == nil {
		_, s.err = s.w.Write(s.b)
	}
	s.b = s.b[:0]
	return s.err
}
