package snapshotagent

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// A population is a state made by chance. There are always some keys, and a session with a number above 32 bits.
type population struct {
	t     testing.TB
	r     *rand.Rand
	index uint64
}

// populate makes the records of a state, encoded.
func populate(t testing.TB, r *rand.Rand) (all [][]byte) {
	t.Helper()
	p := &population{t: t, r: r, index: 10}
	for _, v := range slices.Concat(p.catalog(), p.keys(), p.acls(), p.others()) {
		b, err := record.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func (p *population) catalog() (all []any) {
	for i := range p.r.IntN(4) {
		n := record.Register{Node: fmt.Sprint("node-", i), ID: p.uuid(), Address: "192.0.2.7", Datacenter: "dc1",
			NodeMeta:    map[string]string{"a": p.text()},
			CreateIndex: p.next(), ModifyIndex: p.next()}
		all = append(all, &n)
		for j := range p.r.IntN(4) {
			with := n
			with.Service = &record.NodeService{ID: fmt.Sprint("s", j), Service: "s" + p.text(), Port: p.r.IntN(65536), Tags: []string{p.text()},
				Weights: &record.Weights{Passing: 1, Warning: p.r.IntN(3)}, CreateIndex: p.next(), ModifyIndex: p.next()}
			all = append(all, &with)
		}
		c := n
		c.Check = &record.HealthCheck{Node: n.Node, CheckID: "serfHealth", Name: p.text(), Status: "passing", Output: p.text(),
			CreateIndex: p.next(), ModifyIndex: p.next()}
		all = append(all, &c)
		all = append(all, &record.Coordinates{{Node: n.Node, Coord: record.Coord{Error: p.r.Float64(),
			Vec: []float64{p.r.NormFloat64(), 0, -1e-9}}}})
	}
	for range 1 + p.r.IntN(3) {
		all = append(all, &record.Session{ID: p.uuid(), Node: "node-0", Name: p.text(), Behavior: "release",
			LockDelay:  5*time.Second + time.Duration(p.r.Int64N(6e10)),
			NodeChecks: []string{"serfHealth"}, CreateIndex: p.next(), ModifyIndex: p.index})
	}
	return all
}

func (p *population) keys() (all []any) {
	for i := range 3 + p.r.IntN(40) {
		all = append(all, &record.KVEntry{Key: fmt.Sprintf("k/%d/%s", i, p.text()), Value: p.bytes(),
			Flags: 1 + p.r.Uint64()>>p.r.IntN(63), LockIndex: p.r.Uint64N(9),
			CreateIndex: p.next(), ModifyIndex: p.next()})
	}
	for i := range p.r.IntN(4) {
		all = append(all, &record.Tombstone{Key: fmt.Sprint("gone/", i), ModifyIndex: p.next()})
	}
	return all
}

func (p *population) acls() (all []any) {
	for range p.r.IntN(4) {
		all = append(all, &record.ACLToken{AccessorID: p.uuid(), SecretID: p.uuid(), Description: p.text(), Hash: p.bytes(),
			Policies: []record.ACLLink{{ID: p.uuid(), Name: p.text()}}, CreateTime: time.Unix(p.r.Int64N(2e9), 0).UTC(),
			CreateIndex: p.next(), ModifyIndex: p.next()})
	}
	for range p.r.IntN(3) {
		all = append(all, &record.ACLPolicy{ID: p.uuid(), Name: p.uuid(), Rules: p.text(), Description: p.text(), Hash: p.bytes(),
			CreateIndex: p.next(), ModifyIndex: p.next()},
			&record.ACLRole{ID: p.uuid(), Name: p.uuid(), Policies: []record.ACLLink{{ID: p.uuid()}}, Hash: p.bytes(),
				CreateIndex: p.next(), ModifyIndex: p.next()})
	}
	return all
}

func (p *population) others() (all []any) {
	for range p.r.IntN(3) {
		all = append(all, &record.PreparedQuery{ID: p.uuid(), Name: p.text(),
			Service:     record.QueryService{Service: "web", Tags: []string{p.text()}},
			CreateIndex: p.next(), ModifyIndex: p.next()})
	}
	for i := range p.r.IntN(3) {
		value := msgpack.AppendMapHead(nil, 2)
		value = msgpack.AppendString(msgpack.AppendString(value, "Datacenter"), fmt.Sprint("dc", i))
		value = msgpack.AppendUint(msgpack.AppendString(value, "CreateIndex"), p.next())
		all = append(all, &record.Opaque{Type: record.TypeFederationState, Value: value},
			&record.SystemMetadata{Key: fmt.Sprint("key-", i), Value: p.text(), CreateIndex: p.next(), ModifyIndex: p.index})
	}
	return append(all, &record.Index{Key: "kvs", Value: p.next()})
}

func (p *population) next() uint64 { p.index += 1 + p.r.Uint64N(9); return p.index }

func (p *population) uuid() string {
	a, b := p.r.Uint64(), p.r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

func (p *population) text() string {
	all := []string{"x", "Y y", "ключ", "<script>&", "q\"uote\\", "line\nend\u2028", "\x00\x01", strings.Repeat("long ", 60)}
	return all[p.r.IntN(len(all))]
}

func (p *population) bytes() []byte {
	b := make([]byte, 1+p.r.IntN(200))
	for i := range b {
		b[i] = byte(p.r.Uint32())
	}
	return b
}

// pack makes an archive, with right sums, of records.
func pack(t testing.TB, records [][]byte, index uint64) []byte {
	t.Helper()
	w, err := archive.NewWriter("")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stream := append(record.AppendHeader(nil, record.Header{LastIndex: 100000}), slices.Concat(records...)...)
	if _, err := w.Write(stream); err != nil {
		t.Fatal(err)
	}
	meta := archive.Meta{Version: 1, ID: fmt.Sprintf("1-%d-0", index), Index: index, Term: 1}
	if _, err := w.Finish(meta, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if _, err := w.WriteTo(&packed); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}
