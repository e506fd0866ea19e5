package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestCountMatchesConsul(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full", "large-kv"} {
		for suffix, opts := range map[string]Options{
			".inspect.json":           {},
			".inspect-kvdetails.json": {KVDetails: true, KVDepth: 2},
		} {
			t.Run(name+suffix, func(t *testing.T) {
				var want Census
				if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/"+name+suffix), &want); err != nil {
					t.Fatal(err)
				}
				got, err := Count(golden.State(t, "consul-1.21.4/"+name+".snap"), opts)
				if err != nil {
					t.Fatal(err)
				}
				if got.TotalSize != want.Meta.Size {
					t.Errorf("sizes add up to %d, state.bin has %d bytes", got.TotalSize, want.Meta.Size)
				}
				got.Meta = want.Meta
				if !reflect.DeepEqual(*got, want) {
					t.Errorf("got %+v\nwant %+v", *got, want)
				}
			})
		}
	}
}

func TestCountKVDepthAndFilter(t *testing.T) {
	for _, c := range []struct {
		name string
		opts Options
		want string // names, joined
	}{
		{"depth 0", Options{KVDetails: true, KVDepth: 0, KVFilter: "flags/"}, ""},
		{"depth 1", Options{KVDetails: true, KVDepth: 1, KVFilter: "flags/"}, "flags"},
		{"filter by part of a name", Options{KVDetails: true, KVDepth: 2, KVFilter: "config/pro"}, "config/prod"},
		{"nothing matches", Options{KVDetails: true, KVDepth: 2, KVFilter: "nope"}, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Count(golden.State(t, "consul-1.21.4/kv.snap"), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			names := "none"
			for i, s := range got.StatsKV {
				if names = s.Name; i > 0 {
					t.Fatalf("more than one group: %v", got.StatsKV)
				}
			}
			if names != c.want {
				t.Errorf("groups %q, want %q", names, c.want)
			}
		})
	}
}

func TestCountDamagedRecords(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"state-empty", "EOF"},
		{"state-truncated", "failed to decode msg type KVS, error unexpected EOF"},
		{"state-no-header", "must begin with a map"},
	} {
		t.Run(c.file, func(t *testing.T) {
			_, err := Count(golden.State(t, "damaged/"+c.file+".snap"), Options{})
			if !errors.Is(err, record.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a corruption with %q", err, c.want)
			}
		})
	}
}

func TestCountNamesUnknownTypes(t *testing.T) {
	got, err := Count(golden.State(t, "damaged/state-unknown-type.snap"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if last := got.Stats[len(got.Stats)-1]; last.Name != "Unknown(99)" || last.Count != 1 {
		t.Errorf("got %+v, want one Unknown(99)", last)
	}
}

// What is counted adds up to what was read.
func FuzzCount(f *testing.F) {
	f.Add(golden.StateBin(f, "consul-1.21.4/empty.snap"), 2)
	f.Add([]byte("\x81\xa9LastIndex\x05\x02\x81\xa3Key\xa3a/b"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, depth int) {
		got, err := Count(bytes.NewReader(stream), Options{KVDetails: true, KVDepth: depth})
		if err != nil {
			if !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%v is not marked as corrupt", err)
			}
			return
		}
		if len(got.Stats) > 0 && got.TotalSize != int64(len(stream)) {
			t.Errorf("sizes add up to %d of %d bytes", got.TotalSize, len(stream))
		}
	})
}

// Records without a stream around them are counted alike; only the stream's header is missing.
func TestCountRecords(t *testing.T) {
	const name = "consul-1.21.4/full.snap"
	opts := Options{KVDetails: true, KVDepth: 1}
	want, err := Count(golden.State(t, name), opts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.NewReader(golden.State(t, name))
	if err != nil {
		t.Fatal(err)
	}
	got, err := CountRecords(r.Each, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got.TotalSize != want.TotalSize-r.HeaderSize() || !reflect.DeepEqual(got.StatsKV, want.StatsKV) || len(got.Stats) != len(want.Stats) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	broken := errors.New("broken")
	if _, err := CountRecords(func(func(record.Raw) error) error { return broken }, opts); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
