package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/httpapi"
)

func TestJoinAndForceLeave(t *testing.T) {
	config := load(t, "-dev")
	a := start(t, config)
	own := config.SerfLAN.Port()
	for _, c := range []struct {
		name, path string
		status     int
		want       string // a part of the body
	}{
		{"itself", fmt.Sprint("join/127.0.0.1:", own), 200, ""},
		{"itself by name", fmt.Sprint("join/localhost:", own), 200, ""},
		{"itself without a port", "join/127.0.0.1", 200, ""},
		{"nobody listens", "join/127.0.0.1:1", 500, "1 error occurred:\n\t* failed to join 127.0.0.1:1: dial tcp 127.0.0.1:1"},
		{"the only member", "force-leave/test?prune=1", 200, ""},
		{"nobody", "force-leave/nope", 500, "agent: No node found with name 'nope'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, body := do(t, a, "PUT", "/v1/agent/"+c.path, nil)
			if status != c.status || !strings.Contains(string(body), c.want) || c.want == "" && len(body) > 0 {
				t.Errorf("%d %s; want %d %s", status, body, c.status, c.want)
			}
		})
	}
	if status, _, body := do(t, a, "GET", "/v1/agent/members", nil); status != 200 || !strings.Contains(string(body), `"Status":1`) {
		t.Errorf("the only member is gone: %d %s", status, body)
	}
}

func TestLeaveIsHandedOn(t *testing.T) {
	a := start(t, load(t, "-dev"))
	go func() {
		<-a.Leaving()
		a.Depart(t.Context())
	}()
	for range 2 { // the second is no other wish
		if status, _, body := do(t, a, "PUT", "/v1/agent/leave", nil); status != 200 || len(body) > 0 {
			t.Errorf("%d %s", status, body)
		}
	}
}

func TestSelfShowsTheConfiguration(t *testing.T) {
	config := load(t, "-dev", `-hcl=service { name = "web" token = "s3cret" } telemetry { metrics_prefix = "p" }`)
	a := start(t, config)
	_, _, body := do(t, a, "GET", "/v1/agent/self", nil)
	var self struct{ DebugConfig map[string]any }
	if err := json.Unmarshal(body, &self); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"SerfAdvertiseAddrLAN": fmt.Sprint("tcp://127.0.0.1:", config.SerfLAN.Port()), "NodeName": "test", "DevMode": true,
		"HTTPPort":   float64(config.HTTPPort),
		"ServerPort": float64(config.ServerPort), "MaxQueryTime": "10m0s", "ServerMode": true, "DNSPort": -1.0, "ACLsEnabled": false,
	} {
		if got := self.DebugConfig[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if want := []any{"tcp://" + config.HTTPListeners[0].Address}; fmt.Sprint(self.DebugConfig["HTTPAddrs"]) != fmt.Sprint(want) {
		t.Errorf("HTTPAddrs is %v, want %v", self.DebugConfig["HTTPAddrs"], want)
	}
	if strings.Contains(string(body), "s3cret") {
		t.Error("a token is shown")
	}
}

func TestHost(t *testing.T) {
	a := start(t, load(t, "-dev"))
	status, _, body := do(t, a, http.MethodGet, "/v1/agent/host", nil)
	var host httpapi.HostInfo
	if err := json.Unmarshal(body, &host); err != nil || status != 200 {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	if host.CollectionTime == 0 || host.Host.OS == "" || host.Host.Hostname == "" {
		t.Errorf("%s", body)
	}
	if host.Host.OS != "linux" {
		return
	}
	switch {
	case len(host.Errors) > 0, host.Memory.Total == 0, host.Memory.Used > host.Memory.Total, len(host.CPU) == 0, host.Disk.Total == 0,
		host.Host.KernelVersion == "", host.Host.BootTime == 0, host.Host.Procs == 0:
		t.Errorf("%s", body)
	}
}
