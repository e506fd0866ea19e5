package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
)

func readAll(t testing.TB, state []byte) (Header, []Raw) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(state))
	if err != nil {
		t.Fatal(err)
	}
	var raws []Raw
	err = r.Each(func(raw Raw) error {
		raw.Value = bytes.Clone(raw.Value)
		raws = append(raws, raw)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Header(), raws
}

func canonical(t testing.TB, value []byte) string {
	t.Helper()
	c, err := msgpack.AppendCanonical(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	return string(c)
}

var goldenArchives = []string{"empty.snap", "kv.snap", "full.snap", "large-kv.snap", "derived/full-upstream-query.snap"}

func TestGoldenRecordsSurviveDecodeAndAppend(t *testing.T) {
	for _, name := range goldenArchives {
		t.Run(name, func(t *testing.T) {
			_, raws := readAll(t, golden.StateBin(t, "consul-1.21.4/"+name))
			for _, raw := range raws {
				v, err := Decode(raw)
				if err != nil {
					t.Fatal(err)
				}
				out, err := Append(nil, v)
				if err != nil {
					t.Fatal(err)
				}
				if Type(out[0]) != raw.Type {
					t.Fatalf("record %d: written as type %d, was %d", raw.Number, out[0], raw.Type)
				}
				if _, opaque := v.(*Opaque); opaque && !bytes.Equal(out[1:], raw.Value) {
					t.Errorf("record %d (%s): opaque bytes changed", raw.Number, raw.Type)
				}
				if got, want := canonical(t, out[1:]), canonical(t, raw.Value); got != want {
					t.Errorf("record %d (%s):\n got %q\nwant %q", raw.Number, raw.Type, got, want)
				}
				if len(out) != int(raw.Size()) {
					t.Errorf("record %d (%s): %d bytes written, %d read", raw.Number, raw.Type, len(out), raw.Size())
				}
			}
		})
	}
}

// The typed structs must know every key that a real Consul writes, but for the two of the fork that made the fixtures.
func TestGoldenRecordsHaveNoUnknownFields(t *testing.T) {
	_, raws := readAll(t, golden.StateBin(t, "consul-1.21.4/derived/full-upstream-query.snap"))
	for _, raw := range raws {
		v, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, opaque := v.(*Opaque); opaque {
			continue
		}
		zero, err := Append(nil, newValue(raw.Type))
		if err != nil {
			t.Fatal(err)
		}
		if raw.Type == TypeCoordinates {
			continue
		}
		if zero[1] != raw.Value[0] {
			t.Errorf("record %d (%s): a zero value has map head %#x, Consul wrote %#x", raw.Number, raw.Type, zero[1], raw.Value[0])
		}
	}
}

func TestGoldenRecordsMatchIndependentDecoder(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		t.Run(name, func(t *testing.T) {
			header, raws := readAll(t, golden.StateBin(t, "consul-1.21.4/"+name+".snap"))
			f, err := os.Open(golden.Path("consul-1.21.4/" + name + ".records.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			lines.Scan()
			if !strings.Contains(lines.Text(), "LastIndex") {
				t.Fatalf("first line is not the header: %s", lines.Text())
			}
			n := 0
			for ; lines.Scan(); n++ {
				var want struct {
					N      int64 `json:"number"`
					Offset int64
					Length int64
					Type   int
					Name   string
				}
				if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
					t.Fatal(err)
				}
				got := raws[n]
				if got.Offset != want.Offset || got.Size() != want.Length || int(got.Type) != want.Type || got.Type.String() != want.Name {
					t.Fatalf("record %d: got offset %d, size %d, %s (%d); want %+v", n+1, got.Offset, got.Size(), got.Type, got.Type, want)
				}
			}
			if n != len(raws) || header.LastIndex == 0 {
				t.Errorf("%d records read, %d expected; header %+v", len(raws), n, header)
			}
		})
	}
}

func TestUnknownFieldsTravelAtEveryLevel(t *testing.T) {
	_, raws := readAll(t, golden.StateBin(t, "consul-1.21.4/full.snap"))
	var n int
	for _, raw := range raws {
		if raw.Type != TypePreparedQuery {
			continue
		}
		v, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		q := v.(*PreparedQuery)
		if len(q.Service.Extra) != 1 || q.Service.Extra[0].Key != "IncludeAll" {
			t.Errorf("query %s: Service keeps %v, want the key IncludeAll", q.ID, q.Service.Extra)
		}
		if len(q.Service.Failover.Extra) != 1 || q.Service.Failover.Extra[0].Key != "SkipLocalDatacenter" {
			t.Errorf("query %s: Failover keeps %v, want the key SkipLocalDatacenter", q.ID, q.Service.Failover.Extra)
		}
		n++
	}
	if n == 0 {
		t.Fatal("the fixture has no prepared queries")
	}
}

// Every cut of a stream is either noticed or falls between two records.
func TestCutStreams(t *testing.T) {
	state := golden.StateBin(t, "consul-1.21.4/empty.snap")
	_, raws := readAll(t, state)
	whole := map[int]bool{}
	for _, raw := range raws {
		whole[int(raw.Offset)] = true
	}
	for cut := range state {
		err := walk(bytes.NewReader(state[:cut]))
		if whole[cut] != (err == nil) {
			t.Fatalf("cut at %d: error %v", cut, err)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v is not marked as corrupt", cut, err)
		}
	}
}

func walk(src io.Reader) error {
	r, err := NewReader(src)
	if err != nil {
		return err
	}
	return r.Each(func(Raw) error { return nil })
}
