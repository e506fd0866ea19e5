package httpapi

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
)

// askFrom sends a GET from an address.
func askFrom(h http.Handler, from, target string) *httptest.ResponseRecorder {
	req := httptest.NewRequest("GET", target, nil)
	req.RemoteAddr = from
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestAutopilotConfiguration(t *testing.T) {
	const path = "/v1/operator/autopilot/configuration"
	f := newFake()
	initial := record.DefaultAutopilot()
	mustApply(t, f, fsm.SetAutopilot(&initial, false)) // at index 11
	h := newHandler(f, Config{})
	for _, c := range []struct {
		name, query, body string
		status            int
		want, stored      string
	}{
		{"late cas", "?cas=10", `{"MaxTrailingLogs":1}`, 200, "false", `"MaxTrailingLogs":250`},
		{"cas", "?cas=11", `{"MaxTrailingLogs":1,"LastContactThreshold":"1m"}`, 200, "true", `"LastContactThreshold":"1m0s","MaxTrailingLogs":1`},
		{"defaults", "", `{"LastContactThreshold":null,"MinQuorum":3}`, 200, "true",
			`{"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"MinQuorum":3,"ServerStabilizationTime":"10s"`},
		{"number", "", `{"ServerStabilizationTime":1000000}`, 200, "true", `"ServerStabilizationTime":"1ms"`},
		{"bad duration", "", `{"LastContactThreshold":"x"}`, 400, "Error parsing autopilot config: ", `"CreateIndex":11`},
		{"negative", "", `{"LastContactThreshold":"-1s"}`, 400, "Error parsing autopilot config: LastContactThreshold", `"CreateIndex":11`},
		{"zones", "", `{"RedundancyZoneTag":"zone"}`, 400, "Consul Enterprise", `"RedundancyZoneTag":""`},
		{"bad cas", "?cas=x", `{}`, 400, "Error parsing cas value: ", `"CreateIndex":11`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if w := ask(h, "PUT", path+c.query, c.body); w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.want) && !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w := ask(h, "GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), c.stored) {
				t.Errorf("stored %s; want %s", w.Body, c.stored)
			}
		})
	}
}

func TestAutopilotHealth(t *testing.T) {
	since := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	server := func(id string, healthy bool) ServerHealth {
		return ServerHealth{ID: id, Name: "n" + id, Healthy: healthy, Voter: true, Leader: id == "1", LastContact: Duration(time.Second), StableSince: since}
	}
	for _, c := range []struct {
		name    string
		servers []ServerHealth
		status  int
		want    string
	}{
		{"one", []ServerHealth{server("1", true)}, 200, `{"Healthy":true,"FailureTolerance":0,"Servers":[{"ID":"1","Name":"n1"`},
		{"three", []ServerHealth{server("1", true), server("2", true), server("3", true)}, 200, `{"Healthy":true,"FailureTolerance":1,`},
		{"one of three fails", []ServerHealth{server("1", true), server("2", false), server("3", true)}, 429, `{"Healthy":false,"FailureTolerance":0,`},
		{"none", nil, 429, `{"Healthy":false,"FailureTolerance":0,"Servers":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.health = c.servers
			h := newHandler(f, Config{})
			w := ask(h, "GET", "/v1/operator/autopilot/health", "")
			if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.want) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("health: %d %s; want %d %s", w.Code, w.Body, c.status, c.want)
			}
			if len(c.servers) == 0 {
				return
			}
			w = ask(h, "GET", "/v1/operator/autopilot/state", "")
			for _, want := range []string{`"Servers":{"1":{`, `"Leader":"1"`, `"Voters":["1"`, `"Status":"leader"`, `"LastContact":"1s"`, `"StableSince":"2025-01-02T03:04:05Z"`} {
				if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
					t.Errorf("state: %d %s; want %s", w.Code, w.Body, want)
				}
			}
		})
	}
}

func TestRaftOperations(t *testing.T) {
	for _, c := range []struct {
		name, request string
		status        int
		body          string
		call          string
	}{
		{"nobody", "DELETE /v1/operator/raft/peer", 400, "Must specify either ?id with the server's ID or ?address with IP:port of peer to remove", ""},
		{"both", "DELETE /v1/operator/raft/peer?id=a&address=b", 400, "Must specify only one of ?id or ?address", ""},
		{"by ID", "DELETE /v1/operator/raft/peer?id=a", 200, "", "remove a"},
		{"by address", "DELETE /v1/operator/raft/peer?address=b:1", 200, "", "remove b:1"},
		{"transfer", "POST /v1/operator/raft/transfer-leader?id=a", 200, `{"Success":true}`, "transfer a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			method, target, _ := strings.Cut(c.request, " ")
			w := ask(newHandler(f, Config{}), method, target, "")
			if w.Code != c.status || w.Body.String() != c.body || strings.Join(f.calls, ",") != c.call {
				t.Errorf("%d %s, calls %q", w.Code, w.Body, f.calls)
			}
		})
	}
}

func TestOperatorUsage(t *testing.T) {
	w := ask(newHandler(withQueries(t), Config{}), "GET", "/v1/operator/usage?global", "")
	want := `{"Usage":{"dc1":{"Services":1,"ServiceInstances":3,"ConnectServiceInstances":{"api-gateway":0,"connect-native":0,"connect-proxy":0,` +
		`"ingress-gateway":0,"mesh-gateway":0,"terminating-gateway":0},"BillableServiceInstances":3,"Nodes":3}},"Index":`
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOperatorRights(t *testing.T) {
	reads := []string{"GET /v1/operator/raft/configuration", "GET /v1/operator/autopilot/configuration", "GET /v1/operator/autopilot/health",
		"GET /v1/operator/autopilot/state", "GET /v1/operator/usage"}
	writes := []string{"PUT /v1/operator/autopilot/configuration", "DELETE /v1/operator/raft/peer?id=a", "POST /v1/operator/raft/transfer-leader"}
	for _, request := range slices.Concat(reads, writes) {
		t.Run(request, func(t *testing.T) {
			f := newFake()
			f.rights = map[string]*acl.Authorizer{"reader": grant(t, `operator = "read"`), "writer": grant(t, `operator = "write"`), "other": grant(t, `acl = "write"`)}
			h := newHandler(f, Config{})
			method, target, _ := strings.Cut(request, " ")
			for _, token := range []string{"reader", "writer", "other"} {
				denied := token == "other" || token == "reader" && slices.Contains(writes, request)
				w := ask(h, method, target, "{}", "X-Consul-Token: "+token)
				if got := w.Code == 403 && strings.Contains(w.Body.String(), "lacks permission 'operator:"); got != denied {
					t.Errorf("%s: %d %s", token, w.Code, w.Body)
				}
			}
		})
	}
}
