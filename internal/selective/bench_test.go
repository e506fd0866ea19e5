package selective

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 200_000

// benchRecords are many keys with values of 512 bytes, of which every step-th is another one.
func benchRecords(b testing.TB, step int) []byte {
	b.Helper()
	buf := record.AppendHeader(nil, record.Header{LastIndex: 5})
	for i := range benchKeys {
		value := bytes.Repeat([]byte(fmt.Sprintf("%08x", uint32(i)*2654435761)), 64)
		if step > 0 && i%step == 0 {
			value[0] = 'x'
		}
		var err error
		if buf, err = record.Append(buf, &record.KVEntry{Key: fmt.Sprintf("app/%08d", i), Value: value, CreateIndex: 3, ModifyIndex: 5}); err != nil {
			b.Fatal(err)
		}
	}
	return buf
}

// inFiles keeps scratch files on disk, as commands do.
func inFiles(b *testing.B, o Options) Options {
	o.Scratch = func() (diff.Scratch, error) { return os.Create(filepath.Join(b.TempDir(), "scratch")) }
	return o
}

// BenchmarkEmpty restores many keys into a server in the same process that has none.
func BenchmarkEmpty(b *testing.B) {
	archive := benchRecords(b, 0)
	for b.Loop() {
		c := newCluster(b)
		p := plan(b, c.target(""), stream(archive), inFiles(b, options(b, "kv:")))
		wantEqual(b, apply(b, p, filepath.Join(b.TempDir(), "undo")))
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkFewDiffer restores a thousandth of many keys.
func BenchmarkFewDiffer(b *testing.B) {
	c := newCluster(b)
	p := plan(b, c.target(""), stream(benchRecords(b, 0)), inFiles(b, options(b, "kv:")))
	wantEqual(b, apply(b, p, ""))
	archives := [][]byte{benchRecords(b, 1000), benchRecords(b, 0)}
	for i := 0; b.Loop(); i++ {
		p := plan(b, c.target(""), stream(archives[i%2]), inFiles(b, options(b, "kv:")))
		if p.Len() != benchKeys/1000 {
			b.Fatalf("%d changes", p.Len())
		}
		wantEqual(b, apply(b, p, filepath.Join(b.TempDir(), "undo")))
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
