package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const (
	queryID    = "1f6b9be3-3d67-0ba2-66ef-137462792f41"
	templateID = "89899dba-ae42-bcb9-4486-067601c94855"
	namelessID = "54f5c52c-e4c9-d76d-c2db-f6ee681fe9ef"
)

func mustApply(t *testing.T, f *fakeBackend, entry fsm.Entry) {
	t.Helper()
	if result, err := f.Apply(t.Context(), entry); err != nil || result.Err != nil {
		t.Fatal(err, result.Err)
	}
}

// withQueries has three nodes with the service web, the last of them critical, and three queries.
func withQueries(t *testing.T) *fakeBackend {
	f := newFake()
	for i, name := range []string{"n1", "n2", "n3"} {
		status := []string{"passing", "passing", "critical"}[i]
		mustApply(t, f, fsm.Register(&state.Registration{
			Node:    &record.Register{Node: name, Address: fmt.Sprint("10.0.0.", i+1), Datacenter: "dc1"},
			Service: &record.NodeService{ID: "web", Service: "web"},
			Checks:  []*record.HealthCheck{{Node: name, CheckID: "c", Name: "c", ServiceID: "web", Status: status}},
		}))
		vec := make([]float64, coordinate.Dimensions)
		vec[0] = float64(i)
		mustApply(t, f, fsm.SetCoordinates(record.Coordinates{{Node: name, Coord: record.Coord{Vec: vec}}}))
	}
	mustApply(t, f, fsm.CreateSession(&record.Session{ID: session, Node: "n1", Behavior: "release"}))
	for _, q := range []*record.PreparedQuery{
		{ID: queryID, Name: "web-query", Token: "secret", Service: record.QueryService{Service: "web"}},
		{ID: namelessID, Session: session, Service: record.QueryService{Service: "web", Near: "_ip"}},
		{ID: templateID, Name: "geo-", Template: record.QueryTemplate{Type: "name_prefix_match"}, Service: record.QueryService{Service: "${name.suffix}"}},
	} {
		mustApply(t, f, fsm.SetQuery(q))
	}
	return f
}

func grant(t *testing.T, rules string) *acl.Authorizer {
	t.Helper()
	p, err := acl.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return acl.New(false, p)
}

func TestPreparedQueryRefusals(t *testing.T) {
	const unknown = "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct {
		name, request, body string
		status              int
		text                string
	}{
		{"unknown", "GET /v1/query/" + unknown, "", 404, "Query not found"},
		{"no UUID", "GET /v1/query/web-query", "", 500, "failed prepared query lookup: index error: UUID must be 36 characters"},
		{"change of nothing", "PUT /v1/query/" + unknown, `{"Name":"x"}`, 500, "Cannot modify non-existent prepared query: '" + unknown + "'"},
		{"removal of nothing", "DELETE /v1/query/x", "", 500, "Cannot modify non-existent prepared query: 'x'"},
		{"execution of nothing", "GET /v1/query/nope/execute", "", 404, "Query not found"},
		{"explanation of nothing", "GET /v1/query/nope/explain", "", 404, "Query not found"},
		{"writing an execution", "PUT /v1/query/nope/execute", "{}", 405, "method PUT not allowed"},
		{"limit", "GET /v1/query/web-query/execute?limit=x", "", 500, "Bad limit: "},
		{"connect", "GET /v1/query/web-query/execute?connect=x", "", 400, "Invalid value for ?connect"},
		{"template by ID", "GET /v1/query/" + templateID + "/execute", "", 500, "is a template"},
		{"no JSON", "POST /v1/query", "{", 400, "Request decode failed: "},
		{"chosen ID", "POST /v1/query", `{"ID":"x","Name":"x","Service":{"Service":"web"}}`, 400, "ID must be empty"},
		{"unbound", "POST /v1/query", `{"Service":{"Service":"web"}}`, 500, "Invalid prepared query: Must be bound to a session"},
		{"taken", "POST /v1/query", `{"Name":"web-query","Service":{"Service":"web"}}`, 500,
			"raft apply failed: name 'web-query' aliases an existing query name"},
		{"session", "POST /v1/query", `{"Session":"x","Service":{"Service":"web"}}`, 500, `raft apply failed: invalid session "x"`},
		{"template", "POST /v1/query", `{"Template":{"Type":"zz"},"Service":{"Service":"web"}}`, 500,
			"raft apply failed: failed compiling template: Bad Template.Type 'zz'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, target, _ := strings.Cut(c.request, " ")
			w := ask(newHandler(withQueries(t), Config{}), method, target, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%d %s; want %d %s", w.Code, w.Body, c.status, c.text)
			}
		})
	}
}

func TestPreparedQueryLifecycle(t *testing.T) {
	h := newHandler(withQueries(t), Config{})
	w := ask(h, "POST", "/v1/query", `{"Name":"new","Service":{"Service":"web"}}`)
	var created struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &created); err != nil || !isUUID(created.ID) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	path := "/v1/query/" + created.ID
	if w := ask(h, "PUT", path, `{"ID":"ignored","Name":"newer","Service":{"Service":"db"}}`); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("change: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/v1/query/"+strings.ToUpper(created.ID), ""); !strings.Contains(w.Body.String(), `"Name":"newer"`) ||
		w.Header().Get("X-Consul-Index") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "DELETE", path, ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("removal: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", path, ""); w.Code != 404 {
		t.Errorf("after removal: %d %s", w.Code, w.Body)
	}
}

// found returns the nodes of an execution, in order.
func found(t *testing.T, body []byte) (nodes []string) {
	t.Helper()
	var answer struct {
		Nodes []struct{ Node struct{ Node string } }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, n := range answer.Nodes {
		nodes = append(nodes, n.Node.Node)
	}
	return nodes
}

func TestPreparedQueryExecution(t *testing.T) {
	for _, c := range []struct{ name, target, want string }{
		{"name, near a node", "web-query/execute?near=n2", "n2 n1"},
		{"case, near the agent", "WEB-query/execute?near=_agent", "n1 n2"},
		{"near the client", namelessID + "/execute", "n2 n1"},
		{"limit", "web-query/execute?near=n3&limit=1", "n2"},
		{"template", "geo-web/execute?near=n1", "n1 n2"},
		{"nothing there", "geo-db/execute", ""},
		{"only the mesh", "web-query/execute?connect=true", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandler(withQueries(t), Config{})
			w := askFrom(h, "10.0.0.2:4000", "/v1/query/"+c.target)
			if got := strings.Join(found(t, w.Body.Bytes()), " "); w.Code != 200 || got != c.want {
				t.Errorf("%d: got %q, want %q: %s", w.Code, got, c.want, w.Body)
			}
			if !strings.Contains(w.Body.String(), `"Datacenter":"dc1","PeerName":"","Failovers":0,"Index":1,`) || strings.Contains(w.Body.String(), `"Nodes":null`) {
				t.Errorf("%s", w.Body)
			}
			if c.want != "" && !strings.Contains(w.Body.String(), `"ServiceTags":null`) {
				t.Errorf("tags of checks are not as in Consul: %s", w.Body)
			}
		})
	}
}

func TestPreparedQueryRights(t *testing.T) {
	const all, web = `query_prefix "" { policy = "read" }`, `service "web" { policy = "read" } node_prefix "" { policy = "read" }`
	rights := map[string]string{"": "", "secret": web, "reader": all, "manager": `acl = "write"` + all, "web": web}
	hidden := `"Token":"\u003chidden\u003e"`
	for _, c := range []struct {
		name, token, request string
		status               int
		want, not            string
	}{
		{"list of nothing", "", "GET /v1/query", 200, "[]", ""},
		{"list without a token's value", "reader", "GET /v1/query", 200, hidden, `"secret"`},
		{"list without the nameless", "reader", "GET /v1/query", 200, "geo-", namelessID},
		{"whole list", "manager", "GET /v1/query", 200, `"Token":"secret"`, hidden},
		{"the nameless", "manager", "GET /v1/query", 200, namelessID, hidden},
		{"nameless by ID", "", "GET /v1/query/" + namelessID, 200, namelessID, ""},
		{"one", "reader", "GET /v1/query/" + queryID, 200, hidden, `"secret"`},
		{"one, denied", "web", "GET /v1/query/" + queryID, 403, `lacks permission 'query:read' on "web-query"`, queryID},
		{"removal, denied", "reader", "DELETE /v1/query/" + queryID, 403, `lacks permission 'query:write' on "web-query"`, ""},
		{"explanation", "reader", "GET /v1/query/web-query/explain", 200, hidden, `"secret"`},
		{"explanation, denied", "web", "GET /v1/query/web-query/explain", 403, `'query:read'`, hidden},
		{"execution with the query's token", "", "GET /v1/query/web-query/execute", 200, `"ResultsFilteredByACLs":false`, `"Nodes":[]`},
		{"execution without rights", "", "GET /v1/query/geo-web/execute", 200, `"ResultsFilteredByACLs":true`, "n1"},
		{"execution with rights", "web", "GET /v1/query/geo-web/execute", 200, `"Node":"n1"`, `"Nodes":[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := withQueries(t)
			f.rights = map[string]*acl.Authorizer{}
			for secret, rules := range rights {
				f.rights[secret] = grant(t, rules)
			}
			method, target, _ := strings.Cut(c.request, " ")
			w := ask(newHandler(f, Config{}), method, target, "", "X-Consul-Token: "+c.token)
			body := w.Body.String()
			if w.Code != c.status || !strings.Contains(body, c.want) || c.not != "" && strings.Contains(body, c.not) {
				t.Errorf("%d %s; want %d with %q and without %q", w.Code, body, c.status, c.want, c.not)
			}
		})
	}
}
