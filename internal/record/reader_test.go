package record

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
)

func TestFaultsSayWhere(t *testing.T) {
	header := AppendHeader(nil, Header{LastIndex: 3})
	good, err := Append(bytes.Clone(header), &KVEntry{Key: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		stream []byte
		want   string
	}{
		{"nothing", nil, "state.bin header: EOF"},
		{"header cut", header[:5], "state.bin header: unexpected EOF"},
		{"header is no map", []byte{0x05}, "must begin with a map"},
		{"second record cut", append(bytes.Clone(good), byte(TypeSession), 0x8c), "record 2 (Session) at byte"},
		{"type without value", append(bytes.Clone(good), 99), "record 2 (Unknown(99)) at byte"},
		{"no value begins so", append(bytes.Clone(good), byte(TypeKVS), 0xc1), "byte 0xc1 begins no value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := walk(bytes.NewReader(c.stream))
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a corruption with %q", err, c.want)
			}
		})
	}
}

func TestErrorsOfTheSourceAreItsOwn(t *testing.T) {
	state := golden.StateBin(t, "consul-1.21.4/empty.snap")
	for _, n := range []int{0, 5, 12, 500, len(state) - 1} {
		err := walk(io.MultiReader(bytes.NewReader(state[:n]), iotest.ErrReader(errBroken)))
		if !errors.Is(err, errBroken) || errors.Is(err, ErrCorrupt) {
			t.Errorf("source fails after %d bytes: got %v", n, err)
		}
	}
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	r, err := NewReader(bytes.NewReader(golden.StateBin(t, "consul-1.21.4/full.snap")))
	if err != nil {
		t.Fatal(err)
	}
	seen := int64(0)
	err = r.Each(func(raw Raw) error {
		if seen = raw.Number; seen == 3 {
			return errBroken
		}
		return nil
	})
	if err != errBroken || seen != 3 {
		t.Errorf("%v after record %d", err, seen)
	}
	if next, err := r.Next(); err != nil || next.Number != 4 {
		t.Errorf("then record %d, %v", next.Number, err)
	}
}

var errBroken = errors.New("the line is broken")

// A reader that gets its bytes one by one finds the same records.
func TestReaderInPieces(t *testing.T) {
	state := golden.StateBin(t, "consul-1.21.4/full.snap")
	_, want := readAll(t, state)
	r, err := NewReader(iotest.OneByteReader(bytes.NewReader(state)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got.Offset != want[i].Offset || got.Type != want[i].Type || !bytes.Equal(got.Value, want[i].Value) {
			t.Fatalf("record %d differs", i+1)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// Lengths are believed only as far as bytes arrive.
func TestClaimedLengthsAllocateNothing(t *testing.T) {
	header := AppendHeader(nil, Header{})
	for name, claim := range map[string]string{
		"string of 4 GiB":    "\x02\xdb\xff\xff\xff\xff",
		"array of 2^32":      "\x02\xdd\xff\xff\xff\xff",
		"map of 2^32":        "\x02\xdf\xff\xff\xff\xff",
		"string of 200 MiB":  "\x02\xdb\x0c\x80\x00\x00",
		"nested arrays":      "\x02" + strings.Repeat("\x91", 100000),
		"nested large heads": "\x02" + strings.Repeat("\xdd\xff\xff\xff\xff", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			stream := append(bytes.Clone(header), claim...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := walk(bytes.NewReader(stream))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want a corruption", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
				t.Errorf("%d bytes were allocated for a claim of %d bytes", grown, len(claim))
			}
		})
	}
}

// The codec of KV entries without reflection and the general one agree.
func TestKVCodecsAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := func(n int) string {
		b := make([]byte, random.IntN(n))
		for i := range b {
			b[i] = byte(random.UintN(256))
		}
		return string(b)
	}
	for range 3000 {
		e := &KVEntry{
			CreateIndex: random.Uint64() >> random.UintN(64), Flags: random.Uint64() >> random.UintN(64), Key: text(70000 >> random.UintN(17)),
			LockIndex: random.Uint64() >> random.UintN(64), ModifyIndex: random.Uint64() >> random.UintN(64), Session: text(40),
		}
		if v := text(300); v != "" {
			e.Value = []byte(v)
		}
		if random.IntN(4) == 0 {
			e.Extra = msgpack.Extra{{Key: "New", Value: msgpack.Raw{0x07}}}
		}
		fast, general := appendKV(nil, e), msgpack.Append(nil, e)
		if !bytes.Equal(fast, general) {
			t.Fatalf("written as\n%q, by the general codec as\n%q", fast, general)
		}
		var a, b KVEntry
		if err := decodeKV(fast, &a); err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Unmarshal(fast, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(a, *e) {
			t.Fatalf("read as %+v and %+v", a, b)
		}
	}
}

// smallStreams returns a stream for each type of record in the full golden archive, with one record of it: fuzzing likes its seeds
// small.
func smallStreams(t testing.TB) (streams [][]byte) {
	header, raws := readAll(t, golden.StateBin(t, "consul-1.21.4/full.snap"))
	seen := map[Type]bool{}
	for _, raw := range raws {
		if !seen[raw.Type] {
			seen[raw.Type] = true
			streams = append(streams, append(append(AppendHeader(nil, header), byte(raw.Type)), raw.Value...))
		}
	}
	return streams
}

func FuzzReader(f *testing.F) {
	for _, seed := range smallStreams(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		for err == nil {
			var raw Raw
			if raw, err = r.Next(); err != nil {
				break
			}
			v, decodeErr := Decode(raw)
			if decodeErr != nil {
				if !errors.Is(decodeErr, ErrCorrupt) {
					t.Fatalf("%v is not marked as corrupt", decodeErr)
				}
				continue
			}
			out, appendErr := Append(nil, v)
			if appendErr != nil {
				t.Fatal(appendErr)
			}
			again, decodeErr := Decode(Raw{Type: raw.Type, Value: out[1:]})
			if decodeErr != nil {
				t.Fatalf("what was written does not decode: %v", decodeErr)
			}
			if second, _ := Append(nil, again); !bytes.Equal(second, out) {
				t.Fatal("encoding is not stable")
			}
			_ = Name(raw)
		}
		if err != io.EOF && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v is not marked as corrupt", err)
		}
	})
}

// The fast paths of inspect and of KV entries see what the full ones see.
func FuzzKV(f *testing.F) {
	f.Add(appendKV(nil, &KVEntry{Key: "a/b", Value: []byte("v"), Session: "s", Flags: 1 << 40}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var fast, general KVEntry
		if !decodeKVFast(b, &fast) {
			return
		}
		if err := msgpack.Unmarshal(b, &general); err != nil {
			t.Fatalf("taken by the fast codec, refused by the general one: %v", err)
		}
		if !reflect.DeepEqual(fast, general) {
			t.Fatalf("read as %+v and %+v", fast, general)
		}
		if key, ok := Key(b); !ok || string(key) != fast.Key {
			t.Fatalf("key %q, %v; want %q", key, ok, fast.Key)
		}
	})
}
