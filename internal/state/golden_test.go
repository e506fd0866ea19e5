package state

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// build makes a store of a stream of records.
func build(t testing.TB, stream []byte) *Store {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(r.Header())
	for {
		raw, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := record.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Add(raw.Type, v); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Store(1000, 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// canonicalRecords returns the type and canonical value of each record, in order.
func canonicalRecords(t testing.TB, stream []byte) (record.Header, []string) {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return r.Header(), all
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := msgpack.AppendCanonical([]byte(raw.Type.String()+" "), raw.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(c))
	}
}

func encode(t testing.TB, s *Store) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.Snapshot().Encode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGoldenStatesComeBackRecordByRecordInOrder(t *testing.T) {
	for _, name := range []string{"empty.snap", "kv.snap", "full.snap", "large-kv.snap", "derived/full-upstream-query.snap"} {
		t.Run(name, func(t *testing.T) {
			in := golden.StateBin(t, "consul-1.21.4/"+name)
			out := encode(t, build(t, in))
			wantHeader, want := canonicalRecords(t, in)
			gotHeader, got := canonicalRecords(t, out)
			if gotHeader.LastIndex != wantHeader.LastIndex {
				t.Errorf("header says %d, Consul's %d", gotHeader.LastIndex, wantHeader.LastIndex)
			}
			if len(got) != len(want) {
				t.Errorf("%d records, want %d", len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Fatalf("record %d:\n got %q\nwant %q", i+1, got[i], want[i])
				}
			}
			if again := encode(t, build(t, out)); !bytes.Equal(again, out) {
				t.Error("encoding is not reproducible")
			}
		})
	}
}

func TestUnknownRecordsKeepTheirPlace(t *testing.T) {
	in := record.AppendHeader(nil, record.Header{LastIndex: 5})
	var want []record.Type
	for _, v := range []any{
		&record.Opaque{Type: 64, Value: msgpack.AppendString(nil, "front")},
		&record.KVEntry{Key: "a", CreateIndex: 5, ModifyIndex: 5},
		&record.Opaque{Type: 99, Value: msgpack.AppendString(nil, "behind KV")},
		&record.Opaque{Type: 70, Value: msgpack.AppendString(nil, "behind KV too")},
		&record.Index{Key: "kvs", Value: 5},
		&record.Opaque{Type: record.TypeChunkingState, Value: []byte("\x81\xa8ChunkMap\x80")},
		&record.Opaque{Type: 200, Value: msgpack.AppendNil(nil)},
	} {
		var err error
		if in, err = record.Append(in, v); err != nil {
			t.Fatal(err)
		}
		typ, _ := record.TypeOf(v)
		want = append(want, typ)
	}
	out := encode(t, build(t, in))
	if !bytes.Equal(in, out) {
		_, got := canonicalRecords(t, out)
		t.Errorf("types were %v, came back as %q", want, got)
	}
}

func TestIndexesFromRecordsAlone(t *testing.T) {
	in := record.AppendHeader(nil, record.Header{LastIndex: 40})
	for _, v := range []any{
		&record.Register{Node: "n", Service: &record.NodeService{ID: "web", Service: "web"}},
		&record.KVEntry{Key: "a", ModifyIndex: 30},
		&record.Tombstone{Key: "b", ModifyIndex: 31},
		&record.Session{ID: "s", ModifyIndex: 12},
	} {
		var err error
		if in, err = record.Append(in, v); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]uint64{}
	if err := build(t, in).Snapshot().indexes(func(x *record.Index) { got[x.Key] = x.Value }); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]uint64{
		"kvs": 30, "tombstones": 31, "sessions": 12, "services": 40, "peer.~:services": 40, "nodes": 40, "peer.~:nodes": 40,
	} {
		if got[key] != want {
			t.Errorf("index of %s is %d, want %d", key, got[key], want)
		}
	}
}

func TestNodeWithTheIDOfAnotherReplacesIt(t *testing.T) {
	in := record.AppendHeader(nil, record.Header{LastIndex: 9})
	for _, v := range []any{
		&record.Register{Node: "old", ID: "ID", Service: &record.NodeService{ID: "web", Service: "web"}},
		&record.Register{Node: "new", ID: "id"},
	} {
		var err error
		if in, err = record.Append(in, v); err != nil {
			t.Fatal(err)
		}
	}
	_, got := canonicalRecords(t, encode(t, build(t, in)))
	var registers []string
	for _, r := range got {
		if bytes.HasPrefix([]byte(r), []byte("Register ")) {
			registers = append(registers, r)
		}
	}
	if len(registers) != 1 || !bytes.Contains([]byte(registers[0]), []byte("\xa3new")) {
		t.Errorf("registrations are %q, want the node new alone", registers)
	}
}

func TestSnapshotStaysAsItIs(t *testing.T) {
	s := build(t, golden.StateBin(t, "consul-1.21.4/kv.snap"))
	sn := s.Snapshot()
	var before bytes.Buffer
	if err := sn.Encode(&before); err != nil {
		t.Fatal(err)
	}
	for i, op := range []KVOp{KVSet, KVDelete, KVDeleteTree} {
		if _, err := s.ApplyKV(uint64(2000+i), 8, op, &record.KVEntry{Key: "config/", Value: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	var after bytes.Buffer
	if err := sn.Encode(&after); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Error("the snapshot changed with the store")
	}
	if index, term := sn.Applied(); index != 1000 || term != 7 {
		t.Errorf("the snapshot is of index %d, term %d; want 1000, 7", index, term)
	}
	if index, term := s.Applied(); index != 2002 || term != 8 {
		t.Errorf("the store is at index %d, term %d; want 2002, 8", index, term)
	}
	if slices.Equal(before.Bytes(), encode(t, s)) {
		t.Error("the store did not change")
	}
}
