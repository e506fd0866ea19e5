package httpapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestSave(t *testing.T) {
	for _, c := range []struct {
		name, query string
		contact     time.Duration
		stale       bool
	}{
		{name: "default"},
		{name: "stale", query: "?stale", stale: true},
		{name: "max_stale", query: "?max_stale=10s", contact: time.Second, stale: true},
		{name: "max_stale exceeded", query: "?max_stale=10s", contact: time.Minute},
		{name: "index and wait are ignored", query: "?index=x&wait=y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.contact = c.contact
			w := ask(newHandler(f, Config{}), "GET", "/v1/snapshot"+c.query, "")
			if w.Code != 200 || w.Body.String() != "an archive" {
				t.Errorf("%d %q", w.Code, w.Body)
			}
			for name, want := range map[string]string{"Content-Type": "application/x-gzip", "Content-Length": "10", "X-Consul-Index": "233",
				"X-Consul-Knownleader": "true", "X-Consul-Query-Backend": "blocking-query", "Content-Encoding": ""} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if !slices.Equal(f.saves, []bool{c.stale}) || f.closed != 1 {
				t.Errorf("saved with stale %v, closed %d times", f.saves, f.closed)
			}
		})
	}
}

func TestSaveThatBreaksOffCutsTheConnection(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{{"with an error", errors.New("disk")}, {"silently short", io.EOF}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.sendErr = c.err
			log, out := logger()
			srv := httptest.NewServer(New(Config{}, f, log))
			resp, err := srv.Client().Get(srv.URL + "/v1/snapshot")
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			srv.Close()
			if err == nil {
				t.Error("the client took half an archive for a whole one")
			}
			if f.closed != 1 || !strings.Contains(out.String(), "[WARN]") {
				t.Errorf("closed %d times, log %s", f.closed, out)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	for _, c := range []struct {
		name, query string
		status      int
		body        string
		allowed     []record.Type
	}{
		{name: "plain", status: 200},
		{name: "consistent", query: "?consistent", status: 200},
		{name: "stale", query: "?stale", status: 500, body: "stale not allowed for restore"},
		{name: "types", query: "?allow-types=64,70", status: 200, allowed: []record.Type{64, 70}},
		{name: "types, repeated", query: "?allow-types=64&allow-types=70", status: 200, allowed: []record.Type{64, 70}},
		{name: "bad types", query: "?allow-types=64,x", status: 400,
			body: `Invalid allow-types value "64,x": record type "x": must be a number from 0 to 255`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			w := ask(newHandler(f, Config{}), "PUT", "/v1/snapshot"+c.query, "the archive", "Content-Type: text/html")
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if restored := string(f.restored); (restored == "the archive") != (c.status == 200) {
				t.Errorf("restored %q", restored)
			}
			if !slices.Equal(f.allowed, c.allowed) {
				t.Errorf("allowed %v, want %v", f.allowed, c.allowed)
			}
		})
	}
}

func TestRestoreIsAnsweredAfterTheWholeBody(t *testing.T) {
	f := newFake()
	srv := httptest.NewServer(newHandler(f, Config{}))
	defer srv.Close()
	archive := strings.Repeat("x", 5<<20)
	req, err := http.NewRequest("PUT", srv.URL+"/v1/snapshot", io.MultiReader(strings.NewReader(archive)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || len(f.restored) != len(archive) {
		t.Errorf("status %d, %d bytes restored", resp.StatusCode, len(f.restored))
	}
}
