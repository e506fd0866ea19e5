package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const session = "aaaaaaaa-0000-4000-8000-000000000001"

// withSession returns a fake in whose store a session exists.
func withSession(t testing.TB) *fakeBackend {
	t.Helper()
	f := newFake()
	b := state.NewBuilder(record.Header{})
	if err := b.Add(record.TypeSession, &record.Session{ID: session, Behavior: "release"}); err != nil {
		t.Fatal(err)
	}
	store, err := b.Store(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.store = store
	return f
}

func TestKVGet(t *testing.T) {
	const a = `{"LockIndex":0,"Key":"a","Flags":0,"Value":"MQ==","CreateIndex":11,"ModifyIndex":11}`
	const ab = `{"LockIndex":0,"Key":"a/b","Flags":0,"Value":null,"CreateIndex":12,"ModifyIndex":12}`
	const xss = `{"LockIndex":0,"Key":"\u003cb\u003e","Flags":0,"Value":"MQ==","CreateIndex":15,"ModifyIndex":15}`
	f := newFake()
	f.put(t, "a=1", "a/b=", "a/c/d=1", "z//y=1", "<b>=1")
	h := newHandler(f, Config{})
	for _, c := range []struct {
		name, path string
		status     int
		body       string
		index      string
	}{
		{"one", "a", 200, "[" + a + "]", "11"},
		{"an empty value", "a/b", 200, "[" + ab + "]", "12"},
		{"absent", "none", 404, "", "15"},
		{"no key", "", 400, "Missing key name", ""},
		{"raw without a key", "?raw", 400, "Missing key name", ""},
		{"escaped slashes", "z%2F%2Fy?raw", 200, "1", "14"},
		{"HTML", "%3Cb%3E", 200, "[" + xss + "]", "15"},
		{"recurse", "a/b?recurse", 200, "[" + ab + "]", "12"},
		{"recurse is by bytes", "a?recurse=false&separator=/", 200, "", "13"},
		{"recurse, nothing", "none?recurse", 404, "", "15"},
		{"recurse, raw is ignored", "a/b?recurse&raw", 200, "[" + ab + "]", "12"},
		{"keys", "a?keys", 200, `["a","a/b","a/c/d"]`, "13"},
		{"keys win over recurse", "a?keys&recurse", 200, `["a","a/b","a/c/d"]`, "13"},
		{"keys with a separator", "a/?keys&separator=/", 200, `["a/b","a/c/"]`, "13"},
		{"keys with a long separator", "?keys&separator=//", 200, `["\u003cb\u003e","a","a/b","a/c/d","z//"]`, "15"},
		{"keys, nothing", "none?keys", 404, "", "15"},
		{"raw", "a?raw", 200, "1", "11"},
		{"raw, empty", "a/b?raw", 200, "", "12"},
		{"raw, absent", "none?raw", 404, "", "15"},
		{"pretty", "a/b?pretty&keys", 200, "[\n    \"a/b\"\n]\n", "12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(h, "GET", "/v1/kv/"+c.path, "")
			if w.Code != c.status || w.Header().Get("X-Consul-Index") != c.index {
				t.Errorf("status %d, index %q; want %d, %q", w.Code, w.Header().Get("X-Consul-Index"), c.status, c.index)
			}
			if c.name != "recurse is by bytes" && w.Body.String() != c.body {
				t.Errorf("body %s, want %s", w.Body, c.body)
			}
			if n := strings.Count(w.Body.String(), "LockIndex"); c.name == "recurse is by bytes" && n != 3 {
				t.Errorf("%d entries, want 3", n)
			}
			if w.Code == 404 && w.Header().Get("Content-Type") != "" {
				t.Errorf("an empty body has Content-Type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestKeysOfAnEmptyStore(t *testing.T) {
	w := ask(newHandler(newFake(), Config{}), "GET", "/v1/kv/?keys&separator=/", "")
	if w.Code != 200 || w.Body.String() != "[]" || w.Header().Get("X-Consul-Index") != "1" {
		t.Errorf("%d %s, index %s", w.Code, w.Body, w.Header().Get("X-Consul-Index"))
	}
}

func TestRawHeaders(t *testing.T) {
	f := newFake()
	f.put(t, "a=<script>")
	got := ask(newHandler(f, Config{}), "GET", "/v1/kv/a?raw", "").Header()
	for name, want := range map[string]string{"Content-Type": "text/plain", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox", "Content-Length": "8"} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
}

// Each case begins with a=1 at index 11.
func TestKVWrites(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string
		verb               string
		want               *record.KVEntry // under a, afterwards; nil: not looked at
	}{
		{name: "put", method: "PUT", path: "a", status: 200, body: "true", verb: "set",
			want: &record.KVEntry{Key: "a", Value: []byte("v"), CreateIndex: 11, ModifyIndex: 12}},
		{name: "flags", method: "PUT", path: "a?flags=18446744073709551615", status: 200, body: "true", verb: "set",
			want: &record.KVEntry{Key: "a", Value: []byte("v"), Flags: 1<<64 - 1, CreateIndex: 11, ModifyIndex: 12}},
		{name: "cas", method: "PUT", path: "a?cas=11", status: 200, body: "true", verb: "cas",
			want: &record.KVEntry{Key: "a", Value: []byte("v"), CreateIndex: 11, ModifyIndex: 12}},
		{name: "cas mismatch", method: "PUT", path: "a?cas=10", status: 200, body: "false", verb: "cas"},
		{name: "cas 0 on a present key", method: "PUT", path: "a?cas=0", status: 200, body: "false", verb: "cas"},
		{name: "cas 0 on an absent key", method: "PUT", path: "b?cas=0", status: 200, body: "true", verb: "cas"},
		{name: "acquire", method: "PUT", path: "a?acquire=" + session + "&flags=7", status: 200, body: "true", verb: "lock",
			want: &record.KVEntry{Key: "a", Value: []byte("v"), Flags: 7, Session: session, LockIndex: 1, CreateIndex: 11, ModifyIndex: 12}},
		{name: "release by another", method: "PUT", path: "a?release=" + session, status: 200, body: "false", verb: "unlock"},
		{name: "pretty", method: "PUT", path: "a?pretty", status: 200, body: "true\n", verb: "set"},
		{name: "no key", method: "PUT", path: "", status: 400, body: "Missing key name"},
		{name: "bad flags", method: "PUT", path: "a?flags=xx", status: 500, body: `strconv.ParseUint: parsing "xx": invalid syntax`},
		{name: "empty flags", method: "PUT", path: "a?flags", status: 500, body: `strconv.ParseUint: parsing "": invalid syntax`},
		{name: "bad cas", method: "PUT", path: "a?cas=-1", status: 500, body: `strconv.ParseUint: parsing "-1": invalid syntax`},
		{name: "cas and acquire", method: "PUT", path: "a?cas=0&acquire=x", status: 400, body: "Conflicting flags: acquire=x&cas=0\n"},
		{name: "acquire and release", method: "PUT", path: "a?flags=1&release=y&acquire=x", status: 400, body: "Conflicting flags: acquire=x&release=y\n"},

		{name: "delete", method: "DELETE", path: "a", status: 200, body: "true", verb: "delete"},
		{name: "delete an absent key", method: "DELETE", path: "b", status: 200, body: "true", verb: "delete"},
		{name: "delete a tree", method: "DELETE", path: "a?recurse", status: 200, body: "true", verb: "delete-tree"},
		{name: "delete all", method: "DELETE", path: "?recurse", status: 200, body: "true", verb: "delete-tree"},
		{name: "delete cas", method: "DELETE", path: "a?cas=11", status: 200, body: "true", verb: "delete-cas"},
		{name: "delete cas mismatch", method: "DELETE", path: "a?cas=12", status: 200, body: "false", verb: "delete-cas"},
		{name: "delete cas 0", method: "DELETE", path: "a?cas=0", status: 200, body: "false", verb: "delete-cas"},
		{name: "delete bad cas", method: "DELETE", path: "a?cas=x", status: 500, body: `strconv.ParseUint: parsing "x": invalid syntax`},
		{name: "delete nothing", method: "DELETE", path: "", status: 400, body: "Missing key name"},
		{name: "delete recurse and cas", method: "DELETE", path: "a?recurse&cas=1", status: 400, body: "Conflicting flags: cas=1&recurse=\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withSession(t)
			f.put(t, "a=1")
			f.verbs = nil
			w := ask(newHandler(f, Config{}), c.method, "/v1/kv/"+c.path, "v")
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if got := strings.Join(f.verbs, ","); got != c.verb {
				t.Errorf("applied %q, want %q", got, c.verb)
			}
			_, e := f.store.KVGet(nil, "a")
			if c.want != nil && !reflect.DeepEqual(e, c.want) {
				t.Errorf("entry %+v, want %+v", e, c.want)
			}
			if deleted := c.method == "DELETE" && c.body == "true" && c.path != "b"; deleted != (e == nil) {
				t.Errorf("the key is there: %t", e != nil)
			}
		})
	}
}

func TestPutOfAnEmptyBody(t *testing.T) {
	f := newFake()
	ask(newHandler(f, Config{}), "PUT", "/v1/kv/a", "")
	if _, e := f.store.KVGet(nil, "a"); e == nil || e.Value != nil {
		t.Errorf("entry %+v, want one with a nil value", e)
	}
}

func TestSizeLimit(t *testing.T) {
	const advice = " too large, max size: 524288 bytes. See https://developer.hashicorp.com/consul/docs/agent/config/config-files#kv_max_value_size."
	for _, c := range []struct {
		name    string
		limit   int64
		size    int
		chunked bool
		status  int
		body    string
	}{
		{"largest", 0, 524288, false, 200, "true"},
		{"too large", 0, 524289, false, 413, "Request body(524289 bytes)" + advice},
		{"largest, chunked", 0, 524288, true, 200, "true"},
		{"too large, chunked", 0, 524289, true, 413, "Request body(more than 524288 bytes)" + advice},
		{"empty, chunked", 0, 0, true, 200, "true"},
		{"configured", 3 << 20, 3 << 20, false, 200, "true"},
		{"configured, chunked", 3 << 20, 3 << 20, true, 200, "true"},
		{"configured, too large", 1, 2, false, 413, strings.ReplaceAll("Request body(2 bytes)"+advice, "524288", "1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			srv := httptest.NewServer(newHandler(f, Config{KVMaxValueSize: c.limit}))
			defer srv.Close()
			body := io.Reader(strings.NewReader(strings.Repeat("x", c.size)))
			if c.chunked {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequest("PUT", srv.URL+"/v1/kv/a", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || string(text) != c.body {
				t.Errorf("%d %q (%v), want %d %q", resp.StatusCode, text, err, c.status, c.body)
			}
			if _, e := f.store.KVGet(nil, "a"); c.status == 200 && (e == nil || len(e.Value) != c.size) {
				t.Errorf("stored %+v", e)
			}
		})
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	for _, length := range []int64{5, 2 << 20, -1} {
		f := newFake()
		req := httptest.NewRequest("PUT", "/v1/kv/a", io.MultiReader(strings.NewReader("abc"), failingReader{}))
		req.ContentLength = length
		w := httptest.NewRecorder()
		newHandler(f, Config{KVMaxValueSize: 4 << 20}).ServeHTTP(w, req)
		if w.Code != 400 || len(f.verbs) > 0 {
			t.Errorf("length %d: %d %s, applied %v", length, w.Code, w.Body, f.verbs)
		}
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A long list is sent in pieces; what arrives is the same.
func TestLongLists(t *testing.T) {
	f := newFake()
	var keys []string
	for _, c := range "abcdefghij" {
		key := strings.Repeat(string(c), 9000)
		keys = append(keys, `"`+key+`"`)
		f.put(t, key+"="+key)
	}
	h := newHandler(f, Config{})
	if w := ask(h, "GET", "/v1/kv/?keys", ""); w.Body.String() != "["+strings.Join(keys, ",")+"]" {
		t.Errorf("%d bytes of keys", w.Body.Len())
	}
	w := ask(h, "GET", "/v1/kv/?recurse", "")
	var want []kvJSON
	_, entries := f.store.KVList(nil, "")
	for _, e := range entries {
		want = append(want, asJSON(e))
	}
	if !slices.Equal(w.Body.Bytes(), mustJSON(t, want)) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d bytes of entries, %v", w.Body.Len(), w.Header())
	}
}
