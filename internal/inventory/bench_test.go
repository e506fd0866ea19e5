package inventory

import (
	"bytes"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
)

func BenchmarkDescribe(b *testing.B) {
	data := golden.Read(b, "consul-1.21.4/large-kv.snap")
	b.ReportAllocs()
	for b.Loop() {
		d, err := Describe(b.Context(), bytes.NewReader(data), ours)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(d.StateSize)
	}
}
