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

// A load is a set of keys and values. They follow from its numbers alone: the same load is the same on every server and day.
type load struct {
	Keys  int `json:"keys"`
	Value int `json:"value"` // bytes of each value
}

// standard is the load that the anchors and the goals are about.
var standard = load{Keys: 200_000, Value: 512}

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

func (l load) lastIndex() uint64 { return uint64(firstIndex + l.Keys - 1) }

// writeState writes the load as the records of a snapshot.
func (l load) writeState(w io.Writer) error {
	b := record.AppendHeader(nil, record.Header{LastIndex: l.lastIndex()})
	e := new(record.KVEntry)
	for i := range l.Keys {
		index := uint64(firstIndex + i)
		*e = record.KVEntry{Key: l.key(i), Value: l.appendValue(e.Value[:0], i, 0), CreateIndex: index, ModifyIndex: index}
		var err error
		if b, err = record.Append(b, e); err != nil {
			return err
		}
		if len(b) < 64<<10 {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	for _, v := range []any{
		&record.Index{Key: "kvs", Value: l.lastIndex()},
		&record.Opaque{Type: record.TypeChunkingState, Value: msgpack.Raw("\x81\xa8ChunkMap\x80")},
	} {
		var err error
		if b, err = record.Append(b, v); err != nil {
			return err
		}
	}
	_, err := w.Write(b)
	return err
}
