package httpapi

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestGroundRules(t *testing.T) {
	const unknown = "Invalid URL path: not a recognized HTTP API endpoint\n"
	const outside = "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"
	for _, c := range []struct {
		name, method, target string
		cfg                  Config
		status               int
		body                 string
		header               string // "Name: value"
	}{
		{name: "unknown endpoint", method: "GET", target: "/v1/nope", status: 404, body: unknown},
		{name: "below a whole path", method: "GET", target: "/v1/status/leader/x", status: 404, body: unknown},
		{name: "legacy ACL", method: "PUT", target: "/v1/acl/create", status: 404, body: unknown},
		{name: "outside the API", method: "GET", target: "/ui/", status: 404, body: outside},
		{name: "text of errors", method: "GET", target: "/v1/nope", status: 404, body: unknown, header: "Content-Type: text/plain; charset=utf-8"},

		{name: "method", method: "POST", target: "/v1/kv/a", status: 405, body: "method POST not allowed", header: "Allow: OPTIONS,GET,PUT,DELETE"},
		{name: "method of the snapshot", method: "POST", target: "/v1/snapshot", status: 405, body: "method POST not allowed", header: "Allow: OPTIONS,GET,PUT"},
		{name: "HEAD", method: "HEAD", target: "/v1/status/leader", status: 405, body: "method HEAD not allowed", header: "Allow: OPTIONS,GET"},
		{name: "OPTIONS", method: "OPTIONS", target: "/v1/snapshot", status: 200, header: "Allow: OPTIONS,GET,PUT"},

		{name: "doubled slash", method: "PUT", target: "/v1//kv/a//b%2F%2Fc/?cas=1&x", status: 307, header: "Location: /v1/kv/a/b%2F%2Fc/?cas=1&x"},
		{name: "two leading slashes", method: "GET", target: "http://host//elsewhere/x", status: 307, header: "Location: /elsewhere/x"},
		{name: "dots", method: "GET", target: "/v1/kv/a/../b/.", status: 307, header: "Location: /v1/kv/b/"},
		{name: "escaped dots are a key", method: "GET", target: "/v1/kv/%2e%2e/b", status: 404},
		{name: "a key with a leading dot", method: "GET", target: "/v1/kv/.b", status: 404},
		{name: "without the last slash", method: "GET", target: "/v1/kv?recurse", status: 307, header: "Location: /v1/kv/?recurse"},

		{name: "own datacenter", method: "GET", target: "/v1/kv/a?dc=dc1", status: 404},
		{name: "unknown datacenter", method: "GET", target: "/v1/kv/a?dc=dc9", status: 500, body: "No path to datacenter"},
		{name: "datacenter wins over dc", method: "GET", target: "/v1/kv/a?dc=dc9&datacenter=dc1", status: 404},
		{name: "datacenter wins over dc, unknown", method: "GET", target: "/v1/kv/a?dc=dc1&datacenter=dc9", status: 500, body: "No path to datacenter"},
		{name: "unknown datacenter on write", method: "PUT", target: "/v1/kv/a?dc=dc9", status: 500, body: "No path to datacenter"},
		{name: "unknown datacenter for a snapshot", method: "GET", target: "/v1/snapshot?dc=dc9", status: 500, body: "No path to datacenter"},
		{name: "unknown datacenter for the leader", method: "GET", target: "/v1/status/leader?dc=dc9", status: 500, body: "No path to datacenter"},
		{name: "the agent is local", method: "GET", target: "/v1/agent/version?dc=dc9", status: 200, header: "Content-Type: application/json"},

		{name: "namespace", method: "GET", target: "/v1/kv/a?ns=x", status: 400, body: `Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature`},
		{name: "partition", method: "GET", target: "/v1/kv/a?partition=x", status: 400, body: `Invalid query parameter: "partition" - Partitions are a Consul Enterprise feature`},
		{name: "empty namespace", method: "GET", target: "/v1/kv/a?ns=&partition=", status: 404},
		{name: "malformed query", method: "GET", target: "/v1/kv/a?x=%zz", status: 500},

		{name: "unprintable", method: "GET", target: "/v1/kv/a%00b", status: 400, body: errUnprintable.Error()},
		{name: "unprintable allowed", method: "GET", target: "/v1/kv/a%00b", cfg: Config{AllowUnprintable: true}, status: 404},
		{name: "printable beyond ASCII", method: "GET", target: "/v1/kv/%F0%9F%94%91%20%D0%BA", status: 404},

		{name: "blocked", method: "GET", target: "/v1/agent/self", cfg: Config{BlockEndpoints: []string{"/v1/a"}}, status: 403, body: "Endpoint is blocked by agent configuration"},
		{name: "blocked, escaped", method: "GET", target: "/v1/%61gent/self", cfg: Config{BlockEndpoints: []string{"/v1/agent/"}}, status: 403, body: "Endpoint is blocked by agent configuration"},
		{name: "others are not blocked", method: "GET", target: "/v1/status/leader", cfg: Config{BlockEndpoints: []string{"/v1/a"}}, status: 200, body: `"127.0.0.1:8300"`},
		{name: "own headers", method: "GET", target: "/v1/nope", cfg: Config{ResponseHeaders: map[string]string{"x-mine": "yes"}}, status: 404, body: unknown, header: "X-Mine: yes"},

		{name: "root", method: "GET", target: "/", status: 200, header: "Content-Type: text/plain; charset=utf-8"},
		{name: "pretty", method: "GET", target: "/v1/catalog/datacenters?pretty", status: 200, body: "[\n    \"dc1\"\n]\n"},
		{name: "not pretty", method: "GET", target: "/v1/catalog/datacenters", status: 200, body: `["dc1"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(newHandler(newFake(), c.cfg), c.method, c.target, "")
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			if name, value, _ := strings.Cut(c.header, ": "); w.Header().Get(name) != value {
				t.Errorf("%s is %q, want %q", name, w.Header().Get(name), value)
			}
			// Where only a header is looked at, the body is another test's business.
			if (c.body != "" || c.header == "") && w.Body.String() != c.body {
				t.Errorf("body %q, want %q", w.Body, c.body)
			}
			if vary := w.Header().Values("Vary"); len(vary) != 1 || vary[0] != "Accept-Encoding" {
				t.Errorf("Vary is %q", vary)
			}
			if policy := w.Header().Get("X-Consul-Default-ACL-Policy"); policy != "allow" {
				t.Errorf("default policy is %q", policy)
			}
		})
	}
}

func TestErrorsOfTheBackend(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"plain", errors.New("No cluster leader"), 500, "No cluster leader"},
		{"with a status", statusErr(429), 429, "chosen by the backend"},
	} {
		for _, target := range []string{"GET /v1/kv/a", "GET /v1/kv/?keys", "PUT /v1/kv/a", "GET /v1/snapshot", "PUT /v1/snapshot",
			"GET /v1/status/peers", "GET /v1/operator/raft/configuration"} {
			t.Run(c.name+" "+target, func(t *testing.T) {
				f := newFake()
				f.err = c.err
				method, path, _ := strings.Cut(target, " ")
				w := ask(newHandler(f, Config{}), method, path, "")
				if w.Code != c.status || w.Body.String() != c.body {
					t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
				}
				if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
					t.Errorf("Content-Type %q", got)
				}
			})
		}
	}
}

func TestWritesFromNetworksThatMayNot(t *testing.T) {
	cfg := Config{AllowWriteFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, c := range []struct {
		name, method, from string
		status             int
	}{
		{"write from inside", "PUT", "127.0.0.1:1234", 200},
		{"write from inside, mapped", "PUT", "[::ffff:127.0.0.1]:1234", 200},
		{"write from inside, with a zone", "PUT", "[fd00::1%eth0]:1234", 200},
		{"write from outside", "PUT", "10.0.0.1:1234", 403},
		{"deletion from outside", "DELETE", "10.0.0.1:1234", 403},
		{"write from a Unix socket", "PUT", "@", 403},
		{"read from outside", "GET", "10.0.0.1:1234", 200},
		{"options from outside", "OPTIONS", "10.0.0.1:1234", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.put(t, "a")
			req := httptest.NewRequest(c.method, "/v1/kv/a", nil)
			req.RemoteAddr = c.from
			w := httptest.NewRecorder()
			newHandler(f, cfg).ServeHTTP(w, req)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
		})
	}
}

func TestCompression(t *testing.T) {
	f := newFake()
	value := strings.Repeat("value ", 1000)
	h := newHandler(f, Config{})
	ask(h, "PUT", "/v1/kv/a", value)
	f.archive = []byte(value)
	for _, c := range []struct {
		name, target, accept string
		compressed           bool
	}{
		{"JSON", "/v1/kv/a", "gzip", true},
		{"raw", "/v1/kv/a?raw", "deflate, gzip;q=0.8", true},
		{"small", "/v1/status/leader", "gzip", false},
		{"not asked for", "/v1/kv/a", "", false},
		{"another encoding", "/v1/kv/a", "zstd", false},
		{"refused", "/v1/kv/a", "gzip;q=0", false},
		{"snapshot", "/v1/snapshot", "gzip", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := ask(h, "GET", c.target, "")
			w := ask(h, "GET", c.target, "", "Accept-Encoding: "+c.accept)
			if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.compressed {
				t.Fatalf("compressed: %t, want %t", got, c.compressed)
			}
			if vary := w.Header().Values("Vary"); len(vary) != 1 {
				t.Errorf("Vary is %q", vary)
			}
			body := io.Reader(w.Body)
			if c.compressed {
				gz, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = gz
			}
			got, err := io.ReadAll(body)
			if err != nil || string(got) != plain.Body.String() {
				t.Errorf("body differs from the plain one (%v)", err)
			}
		})
	}
}

func TestTokensHaveNoEffectAndAreNotLogged(t *testing.T) {
	const secret = "5ec7e700-0000-4000-8000-000000000001"
	for _, target := range []string{"/v1/kv/a?token=" + secret, "/v1/kv/a?recurse&%74oken=" + secret + "&token=" + secret,
		"/v1/kv/a?token=" + secret + "&bad=%zz", "/v1/nope?token=" + secret, "/v1//kv/a?token=" + secret,
		"/v1/kv/a?index=x&token=" + secret, "/v1/kv/a?acquire=1&cas=1&token=" + secret} {
		for _, method := range []string{"GET", "PUT", "POST"} {
			log, out := logger()
			w := ask(New(Config{}, newFake(), log), method, target, "", "X-Consul-Token: "+secret, "Authorization: Bearer "+secret)
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s %s: the token is in the log: %s", method, target, out)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Errorf("%s %s: the token is in the body", method, target)
			}
			if out.Len() == 0 {
				t.Errorf("%s %s: nothing was logged", method, target)
			}
		}
	}
	if w := ask(newHandler(newFake(), Config{}), "PUT", "/v1/kv/a?token=x", "v", "X-Consul-Token: y"); w.Body.String() != "true" {
		t.Errorf("answer with a token: %d %s", w.Code, w.Body)
	}
}

func TestDeprecatedTokenIsWarnedOf(t *testing.T) {
	log, out := logger()
	ask(New(Config{}, newFake(), log), "GET", "/v1/kv/a?token=x", "")
	if !strings.Contains(out.String(), "[WARN]") {
		t.Errorf("log: %s", out)
	}
}

// Every endpoint answers with exactly the metadata that belongs to it.
func TestMetadata(t *testing.T) {
	meta := []string{"X-Consul-Index", "X-Consul-Knownleader", "X-Consul-Lastcontact", "X-Consul-Query-Backend"}
	for _, c := range []struct {
		target string
		meta   bool
	}{
		{"GET /v1/kv/a", true}, {"GET /v1/kv/none", true}, {"GET /v1/kv/?recurse", true}, {"GET /v1/kv/none?recurse", true},
		{"GET /v1/kv/?keys", true}, {"GET /v1/kv/none?keys", true}, {"GET /v1/kv/a?raw", true}, {"GET /v1/snapshot", true},
		{"PUT /v1/kv/a", false}, {"DELETE /v1/kv/a", false}, {"PUT /v1/snapshot", false},
		{"GET /v1/status/leader", false}, {"GET /v1/status/peers", false}, {"GET /v1/agent/self", false},
		{"GET /v1/agent/members", false}, {"GET /v1/agent/version", false}, {"GET /v1/operator/raft/configuration", false},
		{"GET /v1/catalog/datacenters", false}, {"GET /", false},
	} {
		t.Run(c.target, func(t *testing.T) {
			f := newFake()
			f.put(t, "a")
			method, path, _ := strings.Cut(c.target, " ")
			got := ask(newHandler(f, Config{}), method, path, "").Header()
			for _, name := range meta {
				if (got.Get(name) != "") != c.meta {
					t.Errorf("%s is %q", name, got.Get(name))
				}
			}
			for name := range got {
				if http.CanonicalHeaderKey(name) != name {
					t.Errorf("header %q is not canonical", name)
				}
			}
			if got.Get("X-Consul-Effective-Consistency") != "" {
				t.Error("an effective consistency is told")
			}
		})
	}
}

func TestMetadataValues(t *testing.T) {
	f := newFake()
	f.contact, f.leaderOut = 1500*1e6, true
	got := ask(newHandler(f, Config{}), "GET", "/v1/kv/a?stale", "").Header()
	for name, want := range map[string]string{"X-Consul-Index": "1", "X-Consul-KnownLeader": "false", "X-Consul-LastContact": "1500",
		"X-Consul-Query-Backend": "blocking-query"} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
}
