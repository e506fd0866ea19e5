package kvarchive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 200_000

func benchEntry(i int) *record.KVEntry {
	value := bytes.Repeat(fmt.Appendf(nil, "%016x=", i*7919), 31)[:512]
	key := fmt.Sprintf("bench/%03d/key-%07d", i/1000, i)
	return &record.KVEntry{Key: key, Value: value, CreateIndex: uint64(100 + i), ModifyIndex: uint64(100 + i)}
}

func benchWriter(b *testing.B) *Writer {
	b.Helper()
	w, err := NewWriter(b.TempDir(), Head{Directory: "d", Started: time.Unix(7, 0)})
	must(b, err)
	for i := range benchKeys {
		must(b, w.PutKey(benchEntry(i)))
	}
	must(b, w.Finish(time.Unix(8, 0)))
	return w
}

// BenchmarkRead opens an archive of 200,000 keys of 512 bytes and reads each.
func BenchmarkRead(b *testing.B) {
	var buf bytes.Buffer
	w := benchWriter(b)
	_, err := w.Pack(b.Context(), &buf)
	must(b, errors.Join(err, w.Close()))
	b.ReportAllocs()
	for b.Loop() {
		a, err := Open(b.Context(), bytes.NewReader(buf.Bytes()), Options{ScratchDir: b.TempDir()})
		must(b, err)
		n := 0
		must(b, a.Keys(b.Context(), func(*record.KVEntry) error { n++; return nil }))
		must(b, a.Close())
		if n != benchKeys {
			b.Fatal(n)
		}
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkWrite makes the same archive.
func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		w := benchWriter(b)
		_, err := w.Pack(b.Context(), io.Discard)
		must(b, errors.Join(err, w.Close()))
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}
