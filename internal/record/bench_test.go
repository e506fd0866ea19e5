package record

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
)

const benchKeys = 20_000

func benchEntry(i int) *KVEntry {
	value := bytes.Repeat(fmt.Appendf(nil, "%016x=", i*7919), 31)[:512]
	return &KVEntry{Key: fmt.Sprintf("bench/%03d/key-%07d", i/1000, i), Value: value, CreateIndex: uint64(100 + i), ModifyIndex: uint64(100 + i)}
}

// benchStream is a stream of entries with 512 bytes each.
func benchStream(b *testing.B) []byte {
	b.Helper()
	stream := AppendHeader(nil, Header{LastIndex: benchKeys + 100})
	for i := range benchKeys {
		var err error
		if stream, err = Append(stream, benchEntry(i)); err != nil {
			b.Fatal(err)
		}
	}
	return stream
}

// benchRecord is the longest record of a type in a snapshot with a bit of everything.
func benchRecord(b *testing.B, t Type) Raw {
	b.Helper()
	var longest Raw
	_, all := readAll(b, golden.StateBin(b, "consul-1.21.4/full.snap"))
	for _, raw := range all {
		if raw.Type == t && len(raw.Value) > len(longest.Value) {
			longest = raw
		}
	}
	return longest
}

func benchDecode(b *testing.B, raw Raw) {
	b.SetBytes(raw.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func benchAppend(b *testing.B, v any) {
	buf, err := Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = Append(buf[:0], v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeKV(b *testing.B) {
	buf, err := Append(nil, benchEntry(17))
	if err != nil {
		b.Fatal(err)
	}
	benchDecode(b, Raw{Number: 1, Type: TypeKVS, Value: buf[1:]})
}

func BenchmarkAppendKV(b *testing.B) { benchAppend(b, benchEntry(17)) }

func BenchmarkDecodeRegister(b *testing.B) { benchDecode(b, benchRecord(b, TypeRegister)) }

func BenchmarkAppendRegister(b *testing.B) {
	v, err := Decode(benchRecord(b, TypeRegister))
	if err != nil {
		b.Fatal(err)
	}
	benchAppend(b, v)
}

// BenchmarkReader finds the records of a stream without decoding them.
func BenchmarkReader(b *testing.B) {
	stream := benchStream(b)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if err := walk(bytes.NewReader(stream)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReaderDecode decodes them, too.
func BenchmarkReaderDecode(b *testing.B) {
	stream := benchStream(b)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(stream))
		for err == nil {
			var raw Raw
			if raw, err = r.Next(); err == nil {
				_, err = Decode(raw)
			}
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
