package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// pack makes an archive of records.
func pack(t testing.TB, values ...any) []byte {
	t.Helper()
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	for _, v := range values {
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "2-10-1795247781585", Index: 10, Term: 2}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unknownRecord(t record.Type) any { return &record.Opaque{Type: t, Value: msgpack.AppendNil(nil)} }

func configEntry(kind string) any {
	inner := msgpack.AppendString(nil, kind)
	inner = msgpack.Append(inner, struct {
		Datacenter, Op, Token string
		Entry                 struct{ Kind, Name string }
	}{})
	return &record.Opaque{Type: record.TypeConfigEntry, Value: msgpack.AppendString(nil, inner)}
}

// Every kind of finding gets one warning that says what, how many, and what to do.
func TestFindings(t *testing.T) {
	b := pack(t,
		unknownRecord(64), unknownRecord(64), unknownRecord(70), unknownRecord(4), unknownRecord(11), &record.KVEntry{}, &record.ACLToken{SecretID: "s"},
		configEntry("sameness-group"), configEntry("mesh"), configEntry("rate-limit"), configEntry("sameness-group"), unknownRecord(80))
	r, err := Verify(t.Context(), bytes.NewReader(b), Options{Allow: []record.Type{80}})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"3 records that Consul 1.21.4 Community Edition does not know", "type 64 Unknown(64): 2, type 70 Unknown(70): 1", "-allow-types=64,70"},
		{"2 records of the ACL system of Consul 1.3", "type 4 ACL: 1, type 11 ACLBootstrap: 1", "-drop-legacy-acl"},
		{"3 config entries of kinds", `"rate-limit": 1, "sameness-group": 2`},
		{"2 records that a Consul 1.21.4 server dies of", "type 2 KVS: 1, type 17 ACLToken: 1", "the key is empty"},
	}
	got := r.Findings.Warnings()
	if len(got) != len(want) {
		t.Fatalf("%d warnings: %q", len(got), got)
	}
	for i, parts := range want {
		for _, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("warning %q lacks %q", got[i], part)
			}
		}
	}
	if r.Findings.Allowed[80] != 1 || r.Findings.First == nil || !strings.Contains(r.Findings.First.Error(), "<64>") {
		t.Errorf("allowed %v, first %v", r.Findings.Allowed, r.Findings.First)
	}
}

func TestVisit(t *testing.T) {
	b := pack(t, &record.KVEntry{Key: "a"}, unknownRecord(99), &record.KVEntry{})
	var seen []string
	_, err := Verify(t.Context(), bytes.NewReader(b), Options{
		Begin: func(h record.Header) error { seen = append(seen, fmt.Sprint(h.LastIndex)); return nil },
		Visit: func(raw record.Raw, value any) error {
			seen = append(seen, fmt.Sprintf("%s %T", raw.Type, value))
			return nil
		},
	})
	if got := strings.Join(seen, ", "); err != nil || got != "1, KVS *record.KVEntry, Unknown(99) *record.Opaque, KVS *record.KVEntry" {
		t.Errorf("saw %s, %v", got, err)
	}
	stop := errors.New("stop")
	for _, opts := range []Options{
		{Begin: func(record.Header) error { return stop }},
		{Visit: func(record.Raw, any) error { return stop }},
	} {
		if _, err := Verify(t.Context(), bytes.NewReader(b), opts); !errors.Is(err, stop) {
			t.Errorf("got %v, want the error of the visitor", err)
		}
	}
}

func TestVerifyTellsDamageFromTrouble(t *testing.T) {
	good := golden.Read(t, "consul-1.21.4/kv.snap")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	trouble := errors.New("read error")
	for _, c := range []struct {
		name string
		ctx  context.Context
		src  io.Reader
		want error
	}{
		{"container", t.Context(), bytes.NewReader(good[:100]), archive.ErrCorrupt},
		{"records", t.Context(), bytes.NewReader(golden.Read(t, "damaged/state-truncated.snap")), record.ErrCorrupt},
		{"size", t.Context(), bytes.NewReader(golden.Read(t, "damaged/meta-size-small.snap")), archive.ErrNotRestorable},
		{"version", t.Context(), bytes.NewReader(golden.Read(t, "damaged/meta-version-2.snap")), archive.ErrNotRestorable},
		{"reading", t.Context(), io.MultiReader(bytes.NewReader(good[:5000]), errorReader{trouble}), trouble},
		{"cancelled", cancelled, bytes.NewReader(good), context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Verify(c.ctx, c.src, Options{}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// What a check holds at one time does not grow with the archive.
func TestVerifyIsBounded(t *testing.T) {
	w, err := archive.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := record.AppendHeader(nil, record.Header{LastIndex: 1})
	value := bytes.Repeat([]byte("v"), 4096)
	for i := range 40_000 { // 160 MB
		if b, err = record.Append(b, &record.KVEntry{Key: fmt.Sprintf("key/%d", i), Value: value}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		b = b[:0]
	}
	if _, err := w.Finish(archive.Meta{Version: 1}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	r, pipe := io.Pipe()
	go func() {
		_, err := w.WriteTo(pipe)
		pipe.CloseWithError(err)
	}()
	var peak uint64
	n := 0
	_, err = Verify(t.Context(), r, Options{Visit: func(record.Raw, any) error {
		if n++; n%8000 == 0 {
			var m runtime.MemStats
			runtime.GC() // what is held counts, not what awaits collection
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	}})
	if err != nil || n != 40_000 {
		t.Fatalf("%d records, %v", n, err)
	}
	if peak > 32<<20 {
		t.Errorf("%d MB of heap for an archive of 160 MB", peak>>20)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(golden.Read(f, "consul-1.21.4/empty.snap"))
	f.Add(golden.Read(f, "damaged/state-legacy-acl.snap"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := Verify(context.Background(), bytes.NewReader(b), Options{})
		if err != nil && !errors.Is(err, archive.ErrCorrupt) && !errors.Is(err, record.ErrCorrupt) && !errors.Is(err, archive.ErrNotRestorable) {
			t.Errorf("%v is no kind of damage", err)
		}
	})
}
