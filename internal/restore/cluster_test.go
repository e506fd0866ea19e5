package restore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// cluster makes a client for a server that answers as told.
func cluster(t *testing.T, handler http.HandlerFunc, change func(*api.Config)) *Cluster {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	config := api.DefaultConfig()
	config.Address = server.URL
	if change != nil {
		change(config)
	}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return &Cluster{Client: client, Config: config}
}

func TestRestoreRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	c := cluster(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}, func(config *api.Config) {
		config.Address += "/prefix"
		config.Token = "secret"
		config.Datacenter = "dc2"
		config.HttpAuth = &api.HttpBasicAuth{Username: "u", Password: "p"}
	})
	if err := c.Restore(t.Context(), strings.NewReader("archive"), 7, []record.Type{64, 70}); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPut || got.URL.Path != "/prefix/v1/snapshot" || string(body) != "archive" || got.ContentLength != 7 {
		t.Errorf("%s %s, %d bytes: %q", got.Method, got.URL, got.ContentLength, body)
	}
	if q := got.URL.Query(); q.Get("allow-types") != "64,70" || q.Get("dc") != "dc2" {
		t.Errorf("parameters %v", q)
	}
	if user, password, _ := got.BasicAuth(); user != "u" || password != "p" || got.Header.Get("X-Consul-Token") != "secret" {
		t.Errorf("headers %v", got.Header)
	}
	if err := c.Restore(t.Context(), strings.NewReader("archive"), 7, nil); err != nil || got.URL.Query().Has("allow-types") {
		t.Errorf("nothing allowed: parameters %v, %v", got.URL.Query(), err)
	}
}

func TestRestoreAnswers(t *testing.T) {
	c := cluster(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "  Permission denied: anonymous token lacks permission 'acl:write'\n", http.StatusForbidden)
	}, nil)
	err := c.Restore(t.Context(), bytes.NewReader(make([]byte, 1<<20)), 1<<20, nil)
	if want := "Unexpected response code: 403 (Permission denied: anonymous token lacks permission 'acl:write')"; err == nil || err.Error() != want || !answered(err) {
		t.Errorf("got %v", err)
	}
	c = cluster(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)
	err = c.Restore(t.Context(), strings.NewReader("x"), 1, nil)
	if err == nil || !strings.HasPrefix(err.Error(), `Put "http://127.0.0.1:`) || answered(err) {
		t.Errorf("got %v", err)
	}
}

// A server sees an upload whose file changed as a broken one.
func TestServerSeesABrokenUpload(t *testing.T) {
	b := golden.Read(t, "consul-1.21.4/large-kv.snap")
	results := make(chan error, 1)
	c := cluster(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		results <- err
	}, nil)
	s, _ := snapshot(t, b)
	p, err := Prepare(t.Context(), s, Options{}, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	p.Report.SHA256[0] ^= 1 // as if the file had been another one
	if err := p.Send(t.Context(), c, quiet{}); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if err := <-results; err == nil {
		t.Error("the server saw a whole body")
	}
}

// answers serves a few fixed bodies; other paths are refused.
func answers(bodies map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.URL.Path]
		switch {
		case !ok:
			http.Error(w, "Permission denied", http.StatusForbidden)
		case body == "":
			http.NotFound(w, r)
		default:
			io.WriteString(w, body)
		}
	}
}

func TestState(t *testing.T) {
	c := cluster(t, answers(map[string]string{
		"/v1/status/leader":        `"10.0.0.1:8300"`,
		"/v1/agent/self":           `{"Config":{"Datacenter":"dc1"}}`,
		"/v1/kv/":                  `["a","b/c","d"]`,
		"/v1/catalog/nodes":        `[{"Node":"n1"},{"Node":"n2"}]`,
		"/v1/catalog/services":     `{"consul":[],"web":["a"]}`,
		"/v1/health/state/passing": `[{"Node":"n2","CheckID":"serfHealth"},{"Node":"n3","CheckID":"other"},{"Node":"n1","CheckID":"serfHealth"}]`,
	}), nil)
	s := c.State(t.Context())
	if !s.Reached || s.Leader != "10.0.0.1:8300" || s.Datacenter != "dc1" || *s.Keys != 3 || *s.Nodes != 2 || *s.Services != 2 ||
		!slices.Equal(s.Live, []string{"n1", "n2"}) || len(s.Problems) > 0 {
		t.Errorf("got %+v", s)
	}
}

func TestLiveNodesOfAServerWithoutHealthEndpoints(t *testing.T) {
	c := cluster(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/agent/members" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `[{"Name":"n2","Status":1},{"Name":"n3","Status":4},{"Name":"n1","Status":1}]`)
	}, nil)
	if s := c.State(t.Context()); !slices.Equal(s.Live, []string{"n1", "n2"}) {
		t.Errorf("live nodes %q, problems %q", s.Live, s.Problems)
	}
}

func TestStateThatIsNotAllKnown(t *testing.T) {
	c := cluster(t, answers(map[string]string{"/v1/status/leader": `""`, "/v1/kv/": ""}), nil)
	s := c.State(t.Context())
	if !s.Reached || *s.Keys != 0 || s.Nodes != nil || s.Live != nil {
		t.Errorf("got %+v", s)
	}
	if len(s.Problems) != 4 || !strings.HasPrefix(s.Problems[0], "datacenter: Unexpected response code: 403") {
		t.Errorf("problems %q", s.Problems)
	}
}

func TestStateOfNobody(t *testing.T) {
	c := cluster(t, nil, func(config *api.Config) { config.Address, config.Datacenter = "127.0.0.1:1", "dc9" })
	s := c.State(t.Context())
	if s.Reached || s.Keys != nil || len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "connection refused") {
		t.Errorf("got %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s := c.State(ctx); s.Reached {
		t.Errorf("got %+v", s)
	}
}

func TestCountItems(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		bad  bool
	}{
		{"[]", 0, false}, {`["a","b"]`, 2, false}, {"null", 0, true}, {`{"a":1}`, 0, true}, {`["a"`, 0, true}, {"", 0, true},
	} {
		n, err := countItems(strings.NewReader(c.text))
		if (err != nil) != c.bad || !c.bad && n != c.want {
			t.Errorf("%q: got %d, %v", c.text, n, err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	c := cluster(t, nil, func(config *api.Config) { config.Address = "unix://" + socket })
	if err := c.Restore(t.Context(), strings.NewReader("archive"), 7, nil); err != nil {
		t.Error(err)
	}
}

func TestReplicatesACLs(t *testing.T) {
	for answer, want := range map[string]bool{`{"Enabled":true,"Running":false}`: true, `{"Enabled":false}`: false, "nonsense": false, "": false} {
		c := cluster(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/acl/replication" || answer == "" {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, answer)
		}, nil)
		if got := c.ReplicatesACLs(t.Context()); got != want {
			t.Errorf("%q: %t", answer, got)
		}
	}
}
