package msgpack

import (
	"strings"
	"testing"
)

// benchValue has the shape of a service registration: nested structs, a map, a list, short texts.
type benchValue struct {
	ID, Service, Address string
	Port                 int
	Tags                 []string
	Meta                 map[string]string
	Weights              *struct{ Passing, Warning int }
	Value                []byte
	CreateIndex          uint64
	ModifyIndex          uint64
	Extra                Extra
}

func newBenchValue() *benchValue {
	return &benchValue{
		ID: "checkout-17", Service: "checkout", Address: "10.1.2.3", Port: 8443,
		Tags: []string{"v2", "canary", "eu-west"}, Meta: map[string]string{"version": "2.4.1", "team": "payments"},
		Weights: &struct{ Passing, Warning int }{1, 1}, Value: []byte(strings.Repeat("x", 512)), CreateIndex: 70_000, ModifyIndex: 80_000,
	}
}

func BenchmarkAppend(b *testing.B) {
	v := newBenchValue()
	buf := Append(nil, v)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], v)
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	raw := Append(nil, newBenchValue())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Unmarshal(raw, new(benchValue)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWalk(b *testing.B) {
	raw := Append(nil, newBenchValue())
	var w Walker
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		if n, _, err := w.Walk(raw); err != nil || n != len(raw) {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendCanonical(b *testing.B) {
	raw := Append(nil, newBenchValue())
	var out []byte
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = AppendCanonical(out[:0], raw); err != nil {
			b.Fatal(err)
		}
	}
}
