package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const testdata = "../../testdata/consul-1.21.4"

// freePort returns a port on which nobody listens at the moment.
func load(t *testing.T, args ...string) *agentconfig.Config {
	t.Helper()
	args = append([]string{"-bind=127.0.0.1", "-node=test", "-hcl=performance { raft_multiplier = 1 }", fmt.Sprint("-http-port=", testproc.FreePort(t)), fmt.Sprint("-server-port=", testproc.FreePort(t)), fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1"}, args...)
	flags, err := agentconfig.ParseFlags(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := agentconfig.Load(flags)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// quiet is a logger that nobody hears.
func quiet() hclog.InterceptLogger {
	return hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})
}

func start(t *testing.T, config *agentconfig.Config) *Agent {
	t.Helper()
	a, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	do(t, a, "GET", "/v1/kv/x?consistent", nil) // waits for the election
	<-a.local.Synced()                          // else the agent may register itself in the middle of a test
	return a
}

// do sends a request and returns status, headers and body.
func do(t *testing.T, a *Agent, method, path string, body io.Reader) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+a.config.HTTPListeners[0].Address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Consul-Token", a.config.ACL.InitialManagement)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

// answerTo sends a request and returns status and body.
func answerTo(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func restore(t *testing.T, a *Agent, snap []byte) {
	t.Helper()
	if status, _, body := do(t, a, "PUT", "/v1/snapshot", bytes.NewReader(snap)); status != 200 || len(body) > 0 {
		t.Fatalf("restore: %d %s", status, body)
	}
}

func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// What a real Consul answered before it was saved, the server answers after the archive has been restored into it; and what it
// saves then holds the same records.
func TestRealArchivesOverHTTP(t *testing.T) {
	for _, c := range []struct {
		title, name string
		acls        bool
	}{{"empty", "empty", false}, {"kv", "kv", false}, {"full", "full", false}, {"full with ACLs", "full", true}} {
		t.Run(c.title, func(t *testing.T) {
			name, config := c.name, load(t, "-dev")
			if c.acls {
				config = load(t, "-dev", "-hcl="+aclsOn)
			}
			a := start(t, config)
			snap, err := os.ReadFile(filepath.Join(testdata, name+".snap"))
			if err != nil {
				t.Fatal(err)
			}
			restore(t, a, snap)
			compareAnswers(t, a, name)
			status, header, saved := do(t, a, "GET", "/v1/snapshot", nil)
			if status != 200 || header.Get("X-Consul-Index") == "" || header.Get("Content-Type") != "application/x-gzip" {
				t.Fatalf("save: %d, %v", status, header)
			}
			differences, err := digest.Compare(drill.Archive(opener(snap)), drill.Archive(opener(saved)))
			differences = slices.DeleteFunc(differences, func(d digest.Difference) bool { return c.acls && rewritten(d) })
			if err != nil || len(differences) > 0 {
				t.Errorf("differences %v, %v", differences, err)
			}
			if got, want := opaqueBytes(t, saved), opaqueBytes(t, snap); !reflect.DeepEqual(got, want) {
				t.Error("records that are carried without interpretation changed their bytes")
			}
		})
	}
}

// managementSecret is the secret of the token that full.snap has as its initial management token.
const managementSecret = "deadbeef-fa4e-4000-8000-000000000001"

// aclsOn is the configuration of the server that full.snap was saved from, as far as ACLs go.
const aclsOn = `acl { enabled = true default_policy = "deny" tokens { initial_management = "` + managementSecret + `" agent = "` + managementSecret + `" } }`

// rewritten tells whether a difference is what a leader with ACLs writes anew: the servers' own secret, and with it the index of its table.
func rewritten(d digest.Difference) bool {
	return d.Type == record.TypeSystemMetadata && strings.Contains(d.Name, aclresolve.ServerManagementKey) ||
		d.Type == record.TypeIndex && d.Name == "system-metadata"
}

// notCompared are the beginnings of requests whose answers are not those of the archive: what is carried and not served, and what a
// running server has of its own.
var notCompared = []string{
	"GET /v1/config/", "GET /v1/connect/ca/configuration", "GET /v1/connect/intentions", "GET /v1/internal/", "GET /v1/peerings", // carried, not served
	"GET /v1/operator/raft/configuration", "GET /v1/status/", // the server's own
}

// compareAnswers compares the server's answers with those of the real Consul that the archive was saved from.
func compareAnswers(t *testing.T, a *Agent, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, name+".expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Responses map[string]struct {
			Status  int
			Headers map[string]string
			Body    any
		}
	}
	if err := json.Unmarshal(b, &expected); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for request, want := range expected.Responses {
		if slices.ContainsFunc(notCompared, func(prefix string) bool { return strings.HasPrefix(request, prefix) }) {
			continue
		}
		if strings.Contains(request, "/v1/acl/") && !a.config.ACL.Enabled {
			continue
		}
		method, path, _ := strings.Cut(request, " ")
		status, header, body := do(t, a, method, path, nil)
		var got any = string(body)
		if len(body) > 0 {
			if err := json.Unmarshal(body, &got); err != nil && status == http.StatusOK {
				t.Fatalf("%s: %v: %s", request, err, body)
			}
		}
		compared++
		if status != want.Status {
			t.Errorf("%s: status %d, want %d", request, status, want.Status)
		}
		for _, name := range []string{"X-Consul-Index", "X-Consul-Effective-Consistency"} {
			if want, ok := want.Headers[name]; ok && header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", request, name, header.Get(name), want)
			}
		}
		normalize(path, got)
		normalize(path, want.Body)
		if !reflect.DeepEqual(got, want.Body) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want.Body)
			t.Errorf("%s:\n got %s\nwant %s", request, g, w)
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// normalize undoes what differs without meaning: the order of tags in a list of services, the locality of nodes, which a real
// Consul too loses when it saves, and the fields that only the build of Consul adds to prepared queries which the answers come from.
func normalize(path string, v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			normalize(path, x)
		}
		if strings.HasPrefix(path, "/v1/catalog/services") {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	case map[string]any:
		if _, isNode := v["TaggedAddresses"]; isNode && v["Service"] == nil {
			delete(v, "Locality")
		}
		if strings.HasPrefix(path, "/v1/query") {
			delete(v, "IncludeAll")          // of Service
			delete(v, "SkipLocalDatacenter") // of Service.Failover
		}
		for _, x := range v {
			normalize(path, x)
		}
	}
}

// opaqueBytes returns the values of all records that Lictor does not interpret, in order.
func opaqueBytes(t *testing.T, snap []byte) (all []string) {
	t.Helper()
	err := drill.Archive(opener(snap))(func(raw record.Raw) error {
		v, err := record.Decode(raw)
		if _, opaque := v.(*record.Opaque); opaque {
			all = append(all, raw.Type.String()+string(raw.Value))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeysOverHTTPSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-server", "-bootstrap-expect=1", "-data-dir=" + dir}
	for round := range 2 {
		t.Run(fmt.Sprint("start ", round+1), func(t *testing.T) {
			a := start(t, load(t, args...))
			if round == 0 {
				if status, _, body := do(t, a, "PUT", "/v1/kv/a%2Fb", strings.NewReader("v")); status != 200 || string(body) != "true" {
					t.Fatalf("put: %d %s", status, body)
				}
			}
			if status, _, body := do(t, a, "GET", "/v1/kv/a/b?raw&consistent", nil); status != 200 || string(body) != "v" {
				t.Errorf("get: %d %s", status, body)
			}
		})
	}
	for _, name := range []string{"node-id", "lictor.lock", "lictor-format.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
}

func TestStartFailuresLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"server port", []string{fmt.Sprint("-server-port=", port)}, "Failed to start RPC layer: listen tcp"},
		{"HTTP port", []string{fmt.Sprint("-http-port=", port)}, "address already in use"},
		{"pid file", []string{"-pid-file=/nonexistent/pid"}, "Could not open pid file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-server", "-bootstrap-expect=1", "-data-dir=" + dir}, c.args...)
			for range 2 { // the second time shows that the data directory was let go
				a, err := Open(load(t, args...))
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Start(quiet()); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
			}
		})
	}
}

func TestDataDirectoryInUse(t *testing.T) {
	args := []string{"-server", "-bootstrap-expect=1", "-data-dir=" + t.TempDir()}
	start(t, load(t, args...))
	if _, err := Open(load(t, args...)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("second agent: %v", err)
	}
}

func TestUnixSocketAndPIDFile(t *testing.T) {
	dir := t.TempDir()
	socket, pid := filepath.Join(dir, "http.sock"), filepath.Join(dir, "pid")
	config := load(t, "-dev", "-pid-file="+pid, "-hcl", fmt.Sprintf(`addresses { http = "unix://%s" } unix_sockets { mode = "0660" }`, socket))
	a, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v; want mode 0660", info, err)
	}
	if b, err := os.ReadFile(pid); err != nil || string(b) != fmt.Sprint(os.Getpid()) {
		t.Errorf("pid file: %q, %v", b, err)
	}
	client := http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) },
	}}
	resp, err := client.Get("http://unix/v1/status/leader")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	client.CloseIdleConnections()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{socket, pid} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

func TestSelfAndMembersDescribeTheServer(t *testing.T) {
	a := start(t, load(t, "-dev", "-datacenter=Site-1"))
	do(t, a, "PUT", "/v1/agent/service/register", strings.NewReader(`{"Name":"web","Check":{"TTL":"10m"}}`))
	for path, want := range map[string]string{
		"/v1/agent/self":                  `"Version":"1.21.4+lictor.`,
		"/v1/agent/self?":                 `"agent":{"check_monitors":"0","check_ttls":"1","checks":"1","services":"1"}`,
		"/v1/agent/members":               `"dc":"site-1"`,
		"/v1/catalog/datacenters":         `["site-1"]`,
		"/v1/operator/raft/configuration": `"Node":"test"`,
		"/v1/status/leader?" + url.Values{"dc": {"site-1"}}.Encode(): fmt.Sprintf(`"127.0.0.1:%d"`, a.config.ServerPort),
	} {
		if status, _, body := do(t, a, "GET", path, nil); status != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s; want %s", path, status, body, want)
		}
	}
}

// A damaged archive gets the real Consul's words, over HTTP.
func TestDamagedArchiveOverHTTP(t *testing.T) {
	a := start(t, load(t, "-dev"))
	b, err := os.ReadFile("../../testdata/damaged/wrong-sha256sums.snap")
	if err != nil {
		t.Fatal(err)
	}
	status, header, body := do(t, a, "PUT", "/v1/snapshot", bytes.NewReader(b))
	want := `failed to read snapshot file: failed checking integrity of snapshot: hash check failed for "state.bin"`
	if status != 500 || !strings.HasPrefix(string(body), want) || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %q %s", status, header.Get("Content-Type"), body)
	}
}

// A connection on which nothing is asked does not hold up the end of the agent.
func TestSilentConnectionDoesNotDelayTheStop(t *testing.T) {
	a, err := Open(load(t, "-dev"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", a.config.HTTPListeners[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(t, a, "GET", "/v1/status/leader", nil) // comes after the silent one in the listener's queue
	done := make(chan error, 1)
	go func() { done <- a.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(drainTimeout - time.Second):
		t.Error("the agent waits for a client that asks nothing")
		<-done
	}
}
