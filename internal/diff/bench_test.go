package diff

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 200_000

// benchArchive writes an archive of many keys with values of 512 bytes, of which every step-th is another one.
func benchArchive(b *testing.B, name string, step int) string {
	b.Helper()
	w, err := archive.NewWriter("")
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	buf := record.AppendHeader(nil, record.Header{LastIndex: 5})
	for i := range benchKeys {
		value := bytes.Repeat([]byte(fmt.Sprintf("%08x", uint32(i)*2654435761)), 64)
		if step > 0 && i%step == 0 {
			value[0] = 'x'
		}
		buf, err = record.Append(buf, &record.KVEntry{Key: fmt.Sprintf("app/%08d", i), Value: value, CreateIndex: 3, ModifyIndex: 5})
		if err != nil {
			b.Fatal(err)
		}
		if len(buf) > 1<<20 || i == benchKeys-1 {
			if _, err := w.Write(buf); err != nil {
				b.Fatal(err)
			}
			buf = buf[:0]
		}
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "1-5-1", Index: 5, Term: 1}, time.Unix(0, 0)); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// watched is the source of an archive that also looks at how much memory is in use.
func watched(path string, peak *uint64) digest.Source {
	return func(visit func(record.Raw) error) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = archive.Read(f, func(_ *archive.Meta, state io.Reader) error {
			return digest.Walk(state, func(raw record.Raw) error {
				if raw.Number%20_000 == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					*peak = max(*peak, m.HeapInuse+m.StackInuse)
				}
				return visit(raw)
			})
		})
		return err
	}
}

// scratch is a file in a directory of the benchmark.
func scratch(b *testing.B) func() (Scratch, error) {
	return func() (Scratch, error) { return os.CreateTemp(b.TempDir(), "scratch") }
}

func BenchmarkCompare(b *testing.B) {
	base := benchArchive(b, "base.snap", 0)
	for _, c := range []struct {
		name string
		step int
	}{{"equal", 0}, {"500 changed", benchKeys / 500}, {"all changed", 1}} {
		b.Run(c.name, func(b *testing.B) {
			other := benchArchive(b, "other.snap", c.step)
			var peak uint64
			b.ReportAllocs()
			for b.Loop() {
				r, err := Compare(context.Background(), watched(base, &peak), watched(other, &peak), Options{Scratch: scratch(b)})
				if err != nil {
					b.Fatal(err)
				}
				text := Text{Limit: 200}
				if err := text.Write(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
		})
	}
}
