package agent

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// raw sends bytes as they are and returns the answer.
func raw(t *testing.T, a *Agent, text string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", a.config.HTTPListeners[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// What a client sends comes back in no header of its own making, and in no second answer.
func TestHeaderInjection(t *testing.T) {
	a := start(t, load(t, "-dev"))
	for _, target := range []string{
		"/v1/kv/a/../b%0d%0aX-Evil:%20yes", "/v1/kv/..%2f%0d%0aX-Evil:%20yes", "/v1/kv/x?index=%0d%0aX-Evil:%20yes",
		"/v1/catalog/nodes?filter=%0d%0aX-Evil:%20yes", "/v1//kv/x?a=%0d%0aX-Evil:%20yes", "/v1/agent/metrics?format=%0d%0aX-Evil:%20yes",
		"/v1/event/list?name=%0d%0aX-Evil:%20yes", "/v1/kv?%0d%0aX-Evil:%20yes",
	} {
		resp := raw(t, a, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if resp.Header.Get("X-Evil") != "" {
			t.Errorf("%s: %v", target, resp.Header)
		}
		resp.Body.Close()
	}
	for _, request := range []string{
		"GET /v1/kv/x HTTP/1.1\r\nHost: x\r\nX-Consul-Token: a\nX-Evil: yes\x00\r\n\r\n",
		"PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	} {
		resp := raw(t, a, request)
		if resp.StatusCode < 400 {
			t.Errorf("%q: %s", request, resp.Status)
		}
		resp.Body.Close()
	}
	if status, _, _ := do(t, a, "GET", "/v1/kv/x", nil); status != 404 {
		t.Errorf("a malformed request wrote: %d", status)
	}
}

// Names that clients choose do not become paths: files appear only where the agent means to put them.
func TestNamesAreNoPaths(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "data")
	a := start(t, load(t, "-server", "-bootstrap-expect=1", "-data-dir="+dir))
	for _, name := range []string{"../../evil", "..", "/etc/evil", `..\evil`, "a/../../../evil"} {
		for path, body := range map[string]string{
			"/v1/agent/service/register": fmt.Sprintf(`{"ID":%q,"Name":"web"}`, name),
			"/v1/agent/check/register":   fmt.Sprintf(`{"ID":%q,"Name":"alive","TTL":"10m"}`, name),
			"/v1/agent/token/" + name:    `{"Token":"x"}`,
		} {
			do(t, a, "PUT", path, strings.NewReader(body))
		}
	}
	services, _ := filepath.Glob(filepath.Join(dir, "services", "*"))
	if len(services) == 0 {
		t.Error("no service was registered: the test shows nothing")
	}
	err := filepath.WalkDir(outer, func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(path, "evil") || err == nil && filepath.Dir(path) == outer && path != dir {
			t.Errorf("%s was made", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
