package state

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 20_000

func benchKey(i int) string { return fmt.Sprintf("bench/%03d/key-%07d", i/1000, i) }

func benchStore(b *testing.B) *Store {
	b.Helper()
	builder := NewBuilder(record.Header{LastIndex: benchKeys})
	value := bytes.Repeat([]byte("0123456789abcdef"), 32)
	for i := range benchKeys {
		e := &record.KVEntry{Key: benchKey(i), Value: value, CreateIndex: uint64(i + 1), ModifyIndex: uint64(i + 1)}
		if err := builder.Add(record.TypeKVS, e); err != nil {
			b.Fatal(err)
		}
	}
	s, err := builder.Store(benchKeys, 1)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkBuild is what a restore does with 20,000 keys once they are found: decode them and build the tables.
func BenchmarkBuild(b *testing.B) {
	stream := encode(b, benchStore(b))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if build(b, stream) == nil {
			b.Fatal("no store")
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s := benchStore(b)
	b.SetBytes(int64(len(encode(b, s))))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Snapshot().Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// benchCatalog is a catalog of 1,000 nodes with four services and eight checks each.
func benchCatalog(b *testing.B) *Store {
	b.Helper()
	s, index := New(), uint64(0)
	for i := range 1_000 {
		name := fmt.Sprintf("node-%04d", i)
		node := record.Register{
			Node: name, ID: fmt.Sprintf("%08x-1111-2222-3333-444444444444", i), Address: "10.0.0.1", Datacenter: "dc1",
			NodeMeta:        map[string]string{"rack": "r17", "zone": "z1", "os": "linux"},
			TaggedAddresses: map[string]string{"lan": "10.0.0.1", "wan": "192.0.2.1"},
		}
		for j := range 4 {
			id := fmt.Sprintf("service-%d-%d", i, j)
			r := &Registration{Node: &node, Service: &record.NodeService{
				ID: id, Service: fmt.Sprintf("service-%d", j), Port: 8080, Tags: []string{"primary", "v1"},
				Meta: map[string]string{"version": "1.2.3", "team": "core"},
			}}
			for _, kind := range []string{"http", "ttl"} {
				r.Checks = append(r.Checks, &record.HealthCheck{
					Node: name, CheckID: id + kind, Name: kind, Status: "passing", ServiceID: id, Type: kind, Output: "HTTP GET http://10.0.0.1:8080/: 200 OK",
				})
			}
			index++
			if err := s.Register(index, 1, r); err != nil {
				b.Fatal(err)
			}
		}
	}
	return s
}

func BenchmarkBuildCatalog(b *testing.B) {
	stream := encode(b, benchCatalog(b))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if build(b, stream) == nil {
			b.Fatal("no store")
		}
	}
}

func BenchmarkEncodeCatalog(b *testing.B) {
	s := benchCatalog(b)
	b.SetBytes(int64(len(encode(b, s))))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Snapshot().Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyKV(b *testing.B) {
	for _, c := range []struct {
		name string
		key  func(i int) string
	}{
		{"overwrite", func(i int) string { return benchKey(i * 7919 % benchKeys) }},
		{"insert", func(i int) string { return fmt.Sprintf("bench/%03d/new-%09d", i%20, i) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchStore(b)
			value := bytes.Repeat([]byte("0123456789abcdef"), 32)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				e := &record.KVEntry{Key: c.key(i), Value: value, Flags: uint64(i)}
				if _, err := s.ApplyKV(uint64(benchKeys+i), 1, KVSet, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkApplyKVSnapshots writes while a snapshot is taken before each write, so that every write copies its path in the tree.
func BenchmarkApplyKVSnapshots(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		snapshot := s.Snapshot()
		e := &record.KVEntry{Key: benchKey(i * 7919 % benchKeys), Flags: uint64(i)}
		if _, err := s.ApplyKV(uint64(benchKeys+i), 1, KVSet, e); err != nil {
			b.Fatal(err)
		}
		if index, _ := snapshot.Applied(); index != uint64(benchKeys+i-1) {
			b.Fatal(index)
		}
	}
}

func BenchmarkKVGet(b *testing.B) {
	s := benchStore(b)
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = benchKey(i * 7919 % benchKeys)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, e := s.KVGet(nil, keys[i%len(keys)]); e == nil {
				b.Error("missing")
				return
			}
		}
	})
}

func BenchmarkKVList(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, list := s.KVList(nil, "bench/007/"); len(list) != 1000 {
			b.Fatal(len(list))
		}
	}
}
