package msgpack

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The forms of the dialect, as the snapshot format lists them.
func TestForms(t *testing.T) {
	long := strings.Repeat("x", 70000)
	for _, c := range []struct {
		name string
		in   any
		want string // the encoding, or how it begins if it ends in …
	}{
		{"nil slice", []string(nil), "\xc0"},
		{"empty slice", []string{}, "\x90"},
		{"nil map", map[string]string(nil), "\xc0"},
		{"empty map", map[string]string{}, "\x80"},
		{"map sorted", map[string]int{"b": 2, "a": 1}, "\x82\xa1a\x01\xa1b\x02"},
		{"true", true, "\xc3"},
		{"0", 0, "\x00"}, {"127", 127, "\x7f"}, {"128", 128, "\xcc\x80"}, {"256", 256, "\xcd\x01\x00"},
		{"65536", 65536, "\xce\x00\x01\x00\x00"}, {"2^32", 1 << 32, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"},
		{"2^64-1", uint64(math.MaxUint64), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"-1", -1, "\xff"}, {"-32", -32, "\xe0"}, {"-33", -33, "\xd0\xdf"}, {"-129", -129, "\xd1\xff\x7f"},
		{"-32769", -32769, "\xd2\xff\xff\x7f\xff"}, {"-2^31-1", int64(-1<<31 - 1), "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"},
		{"float32", float32(90), "\xca\x42\xb4\x00\x00"}, {"float64", 1.5, "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{"nil bytes", []byte(nil), "\xc0"}, {"empty bytes", []byte{}, "\xa0"}, {"bytes", []byte("ab"), "\xa2ab"},
		{"31", long[:31], "\xbf" + long[:31]}, {"32", long[:32], "\xda\x00\x20" + long[:32]},
		{"65535", long[:65535], "\xda\xff\xffxxx…"}, {"65536", long[:65536], "\xdb\x00\x01\x00\x00xxx…"},
		{"16 items", make([]bool, 16), "\xdc\x00\x10\xc2…"},
		{"nil pointer", (*int)(nil), "\xc0"},
		{"duration", 10 * time.Second, "\xcf\x00\x00\x00\x02\x54\x0b\xe4\x00"},
		{"zero time", time.Time{}, "\xaf\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"},
		{"raw", Raw("\x93\x01\x02\x03"), "\x93\x01\x02\x03"}, {"empty raw", Raw(nil), "\xc0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(Append(nil, c.in))
			begins, long := strings.CutSuffix(c.want, "…")
			if got != c.want && !(long && strings.HasPrefix(got, begins)) {
				t.Fatalf("got %q, want %q", got[:min(40, len(got))], c.want[:min(40, len(c.want))])
			}
			back := reflect.New(reflect.TypeOf(c.in))
			if err := Unmarshal([]byte(got), back.Interface()); err != nil {
				t.Fatal(err)
			}
			if again := Append(nil, back.Elem().Interface()); c.name != "empty bytes" && string(again) != got {
				t.Errorf("decoded and encoded again: %q", again[:min(40, len(again))])
			}
		})
	}
}

// What Consul's reader takes beyond the forms it writes.
func TestLenientForms(t *testing.T) {
	for _, c := range []struct {
		name, in string
		into     any
		want     any
	}{
		{"str8", "\xd9\x02ab", new(string), "ab"},
		{"bin8 into bytes", "\xc4\x02ab", new([]byte), []byte("ab")},
		{"over-long", "\xcf\x00\x00\x00\x00\x00\x00\x00\x07", new(uint8), uint8(7)},
		{"signed form for unsigned", "\xd3\x00\x00\x00\x00\x00\x00\x00\x07", new(uint64), uint64(7)},
		{"nil for a number", "\xc0", new(int), 0},
		{"integer for a float", "\x03", new(float64), 3.0},
		{"float32 for a float64", "\xca\x42\xb4\x00\x00", new(float64), 90.0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Unmarshal([]byte(c.in), c.into); err != nil {
				t.Fatal(err)
			}
			if got := reflect.ValueOf(c.into).Elem().Interface(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("\x91", MaxDepth+2) + "\xc0"
	for _, c := range []struct {
		name, in string
		into     any
	}{
		{"bin for a string", "\xc4\x01a", new(string)},
		{"ext", "\xd4\x01\x01", new(string)},
		{"float for an integer", "\xca\x42\xb4\x00\x00", new(int)},
		{"negative for unsigned", "\xff", new(uint64)},
		{"too large for its field", "\xcd\x01\x00", new(uint8)},
		{"too large for int64", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(int64)},
		{"string for a map", "\xa1a", new(map[string]string)},
		{"array for a struct", "\x91\x01", new(struct{ A int })},
		{"cut string", "\xa5ab", new(string)},
		{"cut head", "\xda\x00", new(string)},
		{"array of 2^32 items", "\xdd\xff\xff\xff\xff", new([]string)},
		{"map of 2^32 pairs", "\xdf\xff\xff\xff\xff", new(map[string]string)},
		{"bytes behind the value", "\x01\x02", new(int)},
		{"nothing", "", new(int)},
		{"byte c1", "\xc1", new(Raw)},
		{"nested too deep", deep, new(Raw)},
		{"bad time", "\xa3abc", new(time.Time)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Unmarshal([]byte(c.in), c.into); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want a corruption", err)
			}
		})
	}
}

type inner struct {
	B     int
	Extra Extra
}

type outer struct {
	C     string
	In    inner
	List  []inner
	Extra Extra
}

func TestUnknownEntriesKeepTheirPlaceAtEveryLevel(t *testing.T) {
	in := "\x85" +
		"\xa1A\x93\x01\x02\x03" + // before C
		"\xa1C\xa1x" +
		"\xa2In\x83\xa1A\xc3\xa1B\x05\xa1Z\xc0" +
		"\xa4List\x91\x82\xa1B\x06\xa1C\x80" +
		"\xa3Zzz\xa1!"
	var v outer
	if err := Unmarshal([]byte(in), &v); err != nil {
		t.Fatal(err)
	}
	if got := string(Append(nil, &v)); got != in {
		t.Errorf("got  %q\nwant %q", got, in)
	}
	if v.C != "x" || v.In.B != 5 || len(v.List) != 1 || v.List[0].B != 6 {
		t.Errorf("decoded %+v", v)
	}
}

func TestTimesSurvive(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 0), time.FixedZone("", 19800), time.FixedZone("", -3600)} {
		want := time.Date(2026, 11, 21, 10, 0, 0, 123456789, zone)
		b := Append(nil, want)
		var got time.Time
		if err := Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || !bytes.Equal(Append(nil, got), b) {
			t.Errorf("zone %v: %x came back as %x", zone, b, Append(nil, got))
		}
	}
}

// A walker that is given bytes one by one finds the same end as one that has them all, and asks for no more than there is.
func TestWalkerInPieces(t *testing.T) {
	value := Append(nil, &outer{C: strings.Repeat("c", 300), List: []inner{{B: 1 << 40}, {B: -7}}})
	stream := append(bytes.Clone(value), 0xc0, 0xc0)
	var w Walker
	have := 0
	for {
		n, need, err := w.Walk(stream[:have])
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if n != len(value) {
				t.Errorf("the end was found at %d, is at %d", n, len(value))
			}
			return
		}
		if need < 1 || have+need > len(value) {
			t.Fatalf("%d bytes wanted behind the first %d of %d", need, have, len(value))
		}
		have++
	}
}

func TestCanonicalFormIgnoresOrderAndForm(t *testing.T) {
	same := []string{
		"\x82\xa1a\x01\xa1b\x92\xc0\xa0",
		"\x82\xa1b\x92\xc0\xa0\xa1a\x01",
		"\xde\x00\x02\xd9\x01b\xdc\x00\x02\xc0\xd9\x00\xc4\x01a\xcd\x00\x01",
	}
	want, err := AppendCanonical(nil, []byte(same[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range same[1:] {
		if got, err := AppendCanonical(nil, []byte(s)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", s, got, err, want)
		}
	}
	for _, other := range []string{"\x82\xa1a\x01\xa1b\x92\xa0\xc0", "\x82\xa1a\x01\xa1b\x92\xc0\xc0", "\x81\xa1a\x01"} {
		if got, err := AppendCanonical(nil, []byte(other)); err != nil || bytes.Equal(got, want) {
			t.Errorf("%q has the canonical form of another value (%v)", other, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte("\x85\xa1A\x93\x01\x02\x03\xa1C\xa1x\xa2In\x83\xa1A\xc3\xa1B\x05\xa1Z\xc0\xa4List\x91\x82\xa1B\x06\xa1C\x80\xa3Zzz\xa1!"))
	f.Add([]byte("\xdd\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v outer
		if err := Unmarshal(b, &v); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v is not marked as corrupt", err)
			}
			return
		}
		out := Append(nil, &v)
		var again outer
		if err := Unmarshal(out, &again); err != nil {
			t.Fatalf("what was written does not decode: %v", err)
		}
		if !bytes.Equal(Append(nil, &again), out) {
			t.Error("encoding is not stable")
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte("\x82\xa1b\x92\xc0\xa0\xa1a\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := AppendCanonical(nil, b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v is not marked as corrupt", err)
			}
			return
		}
		again, err := AppendCanonical(nil, c)
		if err != nil || !bytes.Equal(again, c) {
			t.Errorf("the canonical form of %q is not canonical: %q, %v", c, again, err)
		}
	})
}

func TestRandomBytesNeverPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, r.IntN(60))
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		var v outer
		_ = Unmarshal(b, &v)
		_, _ = AppendCanonical(nil, b)
	}
}
