package archive_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
)

const benchSize = 64 << 20

func BenchmarkRead(b *testing.B) {
	data, _ := build(b, kvBytes(benchSize), 1<<20)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		_, err := archive.Read(bytes.NewReader(data), nil)
		must(b, err)
	}
}

func BenchmarkReadSmall(b *testing.B) {
	data := realArchive(b, "kv")
	b.ReportAllocs()
	for b.Loop() {
		_, err := archive.Read(bytes.NewReader(data), nil)
		must(b, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	state := kvBytes(benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		w, err := archive.NewWriter(b.TempDir())
		must(b, err)
		for i := 0; i < len(state); i += 64 << 10 {
			_, err := w.Write(state[i:min(i+64<<10, len(state))])
			must(b, err)
		}
		_, err = w.Finish(testMeta, time.Now())
		must(b, err)
		n, err := w.WriteTo(io.Discard)
		must(b, err)
		b.ReportMetric(float64(benchSize)/float64(n), "ratio")
		must(b, w.Close())
	}
}
