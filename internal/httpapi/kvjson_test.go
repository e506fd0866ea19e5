package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// kvJSON is a KV entry as encoding/json writes it: what the hand-written encoding is held against.
type kvJSON struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

func asJSON(e *record.KVEntry) kvJSON {
	return kvJSON{e.LockIndex, e.Key, e.Flags, e.Value, e.Session, e.CreateIndex, e.ModifyIndex}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzKVEntryJSON(f *testing.F) {
	var ascii []byte
	for c := range 256 {
		ascii = append(ascii, byte(c))
	}
	for _, key := range []string{"", "a/b", string(ascii), "<a href=\"&\">", "ключ/日本語/🔑", "\u2028x\u2029", "\xff\xc0\x80x\xed\xa0\x80", "\ufffd", "\xe2\x80"} {
		f.Add(key, []byte(key), "", uint64(1), false)
	}
	f.Add("a", []byte{}, "session\x00", uint64(1<<64-1), true)
	f.Fuzz(func(t *testing.T, key string, value []byte, session string, number uint64, absent bool) {
		e := &record.KVEntry{Key: key, Value: value, Session: session, LockIndex: number, Flags: number / 3, CreateIndex: number / 5, ModifyIndex: number / 7}
		if absent {
			e.Value = nil
		}
		if got, want := appendKVEntry(nil, e), mustJSON(t, asJSON(e)); !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkGet(b *testing.B) {
	for _, c := range []struct {
		name, accept string
		telemetry    *telemetry.Config
	}{
		{"plain", "", nil}, {"gzip", "gzip", nil}, {"measured", "", &telemetry.Config{FilterDefault: true}},
		{"for Prometheus", "", &telemetry.Config{FilterDefault: true, PrometheusRetention: time.Minute}},
	} {
		b.Run(c.name, func(b *testing.B) {
			if c.telemetry != nil {
				measured(b, *c.telemetry)
			}
			f := newFake()
			f.put(b, "a="+strings.Repeat("0123456789abcdef", 32))
			h := newHandler(f, Config{})
			req := httptest.NewRequest("GET", "/v1/kv/a", nil)
			req.Header.Set("Accept-Encoding", c.accept)
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, req)
				<-f.fetched
			}
		})
	}
}
