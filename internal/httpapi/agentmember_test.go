package httpapi

import (
	"context"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
)

func (f *fakeBackend) Join(_ context.Context, address string, wan bool) error {
	if wan {
		address += ", wan"
	}
	f.calls = append(f.calls, "join "+address)
	return f.err
}

func (f *fakeBackend) ForceLeave(node string, prune, wan bool) error {
	call := "force-leave " + node
	if wan {
		call += ", wan"
	}
	if prune {
		call += ", prune"
	}
	f.calls = append(f.calls, call)
	return f.err
}

func (f *fakeBackend) Leave(context.Context) error {
	f.calls = append(f.calls, "leave")
	return f.err
}

func (f *fakeBackend) Reread() error {
	f.calls = append(f.calls, "reload")
	return f.err
}

func (f *fakeBackend) Host() HostInfo {
	return HostInfo{Host: &HostSystem{Hostname: "h1", OS: "linux"}, CollectionTime: 7, Errors: []string{"memory: no"}}
}

func TestMembership(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		err                  error
		status               int
		body                 string
		call                 string // what the agent is told to do; empty for nothing
	}{
		{"join", "PUT", "/v1/agent/join/10.0.0.9:8301", nil, 200, "", "join 10.0.0.9:8301"},
		{"join fails", "PUT", "/v1/agent/join/h", statusErr(500), 500, "chosen by the backend", "join h"},
		{"join nobody", "PUT", "/v1/agent/join/", nil, 400, "Missing address to join", ""},
		{"join over the WAN", "PUT", "/v1/agent/join/h?wan=1", nil, 200, "", "join h, wan"},
		{"leave", "PUT", "/v1/agent/leave", nil, 200, "", "leave"},
		{"leave fails", "PUT", "/v1/agent/leave", statusErr(500), 500, "chosen by the backend", "leave"},
		{"leave by mistake", "GET", "/v1/agent/leave", nil, 405, "method GET not allowed", ""},
		{"force-leave", "PUT", "/v1/agent/force-leave/n2", nil, 200, "", "force-leave n2"},
		{"force-leave and forget", "PUT", "/v1/agent/force-leave/n2?prune=1", nil, 200, "", "force-leave n2, prune"},
		{"force-leave fails", "PUT", "/v1/agent/force-leave/n3", statusErr(500), 500, "chosen by the backend", "force-leave n3"},
		{"force-leave nobody", "PUT", "/v1/agent/force-leave/", nil, 400, "Missing node name", ""},
		{"force-leave over the WAN", "PUT", "/v1/agent/force-leave/n2?wan=1", nil, 200, "", "force-leave n2, wan"},
		{"reload", "PUT", "/v1/agent/reload", nil, 200, "", "reload"},
		{"reload fails", "PUT", "/v1/agent/reload", statusErr(500), 500, "chosen by the backend", "reload"},
		{"host", "GET", "/v1/agent/host", nil, 200, `{"Memory":null,"CPU":null,` +
			`"Host":{"hostname":"h1","uptime":0,"bootTime":0,"procs":0,` +
			`"os":"linux","platform":"","platformVersion":"","kernelVersion":"","kernelArch":""},"Disk":null,"CollectionTime":7,"Errors":["memory: no"]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.err = c.err
			w := ask(newHandler(f, Config{}), c.method, c.target, "")
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d %q; want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if got := strings.Join(f.calls, ";"); got != c.call {
				t.Errorf("the agent did %q, want %q", got, c.call)
			}
		})
	}
}

// Nobody makes the agent do anything without the right to.
func TestMembershipRights(t *testing.T) {
	for _, c := range []struct {
		method, target, rule, lacks string
	}{
		{"PUT", "/v1/agent/join/h", `agent "n1" { policy = "write" }`, "agent:write"},
		{"PUT", "/v1/agent/leave", `agent "n1" { policy = "write" }`, "agent:write"},
		{"PUT", "/v1/agent/reload", `agent "n1" { policy = "write" }`, "agent:write"},
		{"PUT", "/v1/agent/force-leave/n2", `operator = "write"`, "operator:write"},
		{"GET", "/v1/agent/host", `operator = "read"`, "operator:read"},
	} {
		t.Run(c.target, func(t *testing.T) {
			f := newFake()
			other := `key_prefix "" { policy = "write" } agent_prefix "" { policy = "read" }`
			f.rights = map[string]*acl.Authorizer{"enough": grant(t, c.rule), "other": grant(t, other)}
			h := newHandler(f, Config{})
			w := ask(h, c.method, c.target, "", "X-Consul-Token: other")
			if w.Code != 403 || !strings.Contains(w.Body.String(), c.lacks) || len(f.calls) > 0 {
				t.Errorf("without the right: %d %s, %q", w.Code, w.Body, f.calls)
			}
			w = ask(h, c.method, c.target, "", "X-Consul-Token: enough")
			if w.Code != 200 || c.method == "PUT" && len(f.calls) != 1 {
				t.Errorf("with the right: %d %s, %q", w.Code, w.Body, f.calls)
			}
		})
	}
}
