package inspect

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 20_000

func BenchmarkCount(b *testing.B) {
	stream := record.AppendHeader(nil, record.Header{LastIndex: benchKeys})
	value := bytes.Repeat([]byte("0123456789abcdef"), 32)
	for i := range benchKeys {
		var err error
		e := &record.KVEntry{Key: fmt.Sprintf("bench/%03d/key-%07d", i/1000, i), Value: value, CreateIndex: uint64(i), ModifyIndex: uint64(i)}
		if stream, err = record.Append(stream, e); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		opts Options
	}{{"types", Options{}}, {"keys", Options{KVDetails: true, KVDepth: 2}}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				census, err := Count(bytes.NewReader(stream), c.opts)
				if err != nil || census.Stats[0].Count != benchKeys {
					b.Fatal(census, err)
				}
			}
		})
	}
}
