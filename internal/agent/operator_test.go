package agent

import (
	"strings"
	"testing"
)

// The only server is a healthy leader that can neither be removed nor hand over; its autopilot starts as configured.
func TestOperatorOfOneServer(t *testing.T) {
	a := start(t, load(t, "-dev", `-hcl=autopilot { max_trailing_logs = 7 last_contact_threshold = "3s" }`))
	id := a.config.NodeID
	for _, c := range []struct {
		request string
		status  int
		want    string
	}{
		{"GET /v1/operator/autopilot/configuration", 200, `"CleanupDeadServers":true,"LastContactThreshold":"3s","MaxTrailingLogs":7,`},
		{"GET /v1/operator/autopilot/health", 200, `{"Healthy":true,"FailureTolerance":0,"Servers":[{"ID":"` + id + `","Name":"test"`},
		{"GET /v1/operator/autopilot/state", 200, `"Leader":"` + id + `"`},
		{"DELETE /v1/operator/raft/peer?id=x", 500, `id "x" was not found in the Raft configuration`},
		{"DELETE /v1/operator/raft/peer?address=x", 500, `address "x" was not found in the Raft configuration`},
		{"DELETE /v1/operator/raft/peer?id=" + id, 500, `remove server ` + id},
		{"POST /v1/operator/raft/transfer-leader", 500, `cannot find peer`},
		{"POST /v1/operator/raft/transfer-leader?id=x", 500, `Could not find address for server id x`},
		{"GET /v1/kv/x?consistent", 404, ""},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		status, _, body := do(t, a, method, path, nil)
		if status != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s: %d %s; want %d %s", c.request, status, body, c.status, c.want)
		}
	}
	since := a.server.LeadingSince()
	if _, _, body := do(t, a, "GET", "/v1/operator/autopilot/health", nil); since.IsZero() || !strings.Contains(string(body), `"StableSince":"2`) {
		t.Errorf("leading since %v: %s", since, body)
	}
}
