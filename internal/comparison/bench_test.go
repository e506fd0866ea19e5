package comparison

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

const benchKeys = 200_000

// benchStream is many keys, of a hundred bytes each.
func benchStream(b *testing.B, prefix string, last byte) []byte {
	var all []byte
	all = record.AppendHeader(all, record.Header{})
	value := append(bytes.Repeat([]byte{'v'}, 99), last)
	for i := range benchKeys {
		var err error
		all, err = record.Append(all, &record.KVEntry{Key: fmt.Sprint(prefix, "/", i), Value: value, CreateIndex: 3, ModifyIndex: 5})
		if err != nil {
			b.Fatal(err)
		}
	}
	return all
}

func BenchmarkCompare(b *testing.B) {
	saved := benchStream(b, "app", 'x')
	for _, c := range []struct {
		name string
		now  []byte
	}{
		{"equal", saved}, {"one more", saved}, {"all changed", benchStream(b, "app", 'y')}, {"all others", benchStream(b, "other", 'x')},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := stream(c.now)
			if c.name == "one more" {
				now = after(stream(saved), &record.KVEntry{Key: "new", ModifyIndex: 5})
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compare(stream(saved), now, Expect{Index: 10}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// after is a source with one more record.
func after(src digest.Source, v *record.KVEntry) digest.Source {
	return func(visit func(record.Raw) error) error {
		if err := src(visit); err != nil {
			return err
		}
		b, err := record.Append(nil, v)
		if err != nil {
			return err
		}
		return visit(record.Raw{Type: record.Type(b[0]), Value: b[1:]})
	}
}

// The table of what is unlike takes a few dozen bytes for each object.
func TestTableIsSmall(t *testing.T) {
	const objects = 200_000
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	start := held()
	unlike := make(table, objects)
	for i := range objects {
		o := object.IDOf(object.FamilyKey, fmt.Sprint(i))
		unlike.restored(o, o)
	}
	for i := range objects {
		o := object.IDOf(object.FamilyKey, fmt.Sprint("other", i))
		unlike.now(o, o)
	}
	if per := (held() - start) / (2 * objects); per > 100 {
		t.Errorf("%d bytes for each object", per)
	}
	runtime.KeepAlive(unlike)
}
