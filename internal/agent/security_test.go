package agent

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/httpapi"
)

var update = flag.Bool("update", false, "write the table of docs/security.md")

const securityDoc = "../../docs/security.md"

// A probe is a request that tells what a token reaches. Names in braces are replaced by what seed made.
type probe struct {
	endpoint   string // method and path, as Endpoints has them
	what       string // which of the endpoint's uses this is, if there are several
	path, body string
	allowed    int // status for who may, 200 unless it is set
}

var probes = []probe{
	{endpoint: "GET /v1/kv/", what: "a key below app/", path: "/v1/kv/app/x"},
	{endpoint: "GET /v1/kv/", what: "another key", path: "/v1/kv/other"},
	{endpoint: "GET /v1/kv/", what: "all keys", path: "/v1/kv/?recurse"},
	{endpoint: "GET /v1/kv/", what: "all names of keys", path: "/v1/kv/?keys"},
	{endpoint: "PUT /v1/kv/", what: "a key below app/", path: "/v1/kv/app/y", body: "v"},
	{endpoint: "PUT /v1/kv/", what: "another key", path: "/v1/kv/other", body: "v"},
	{endpoint: "DELETE /v1/kv/", what: "a key below app/", path: "/v1/kv/app/y"},
	{endpoint: "DELETE /v1/kv/", what: "another key", path: "/v1/kv/other"},
	{endpoint: "DELETE /v1/kv/", what: "all keys", path: "/v1/kv/?recurse"},
	{endpoint: "PUT /v1/txn", what: "a key below app/", path: "/v1/txn", body: `[{"KV":{"Verb":"set","Key":"app/t","Value":""}}]`},
	{endpoint: "PUT /v1/txn", what: "another key", path: "/v1/txn", body: `[{"KV":{"Verb":"set","Key":"other","Value":""}}]`},
	{endpoint: "PUT /v1/txn", what: "reading another key", path: "/v1/txn", body: `[{"KV":{"Verb":"get","Key":"other"}}]`},
	{endpoint: "PUT /v1/txn", what: "a node", path: "/v1/txn", body: `[{"Node":{"Verb":"set","Node":{"Node":"n1","Address":"10.0.0.1"}}}]`},

	{endpoint: "GET /v1/snapshot", path: "/v1/snapshot"},
	{endpoint: "PUT /v1/snapshot", path: "/v1/snapshot", body: "x", allowed: 500},

	{endpoint: "GET /v1/catalog/datacenters", path: "/v1/catalog/datacenters"},
	{endpoint: "GET /v1/catalog/nodes", path: "/v1/catalog/nodes"},
	{endpoint: "GET /v1/catalog/services", path: "/v1/catalog/services"},
	{endpoint: "GET /v1/catalog/service/", path: "/v1/catalog/service/web"},
	{endpoint: "GET /v1/catalog/connect/", path: "/v1/catalog/connect/web"},
	{endpoint: "GET /v1/catalog/node/", path: "/v1/catalog/node/n1"},
	{endpoint: "GET /v1/catalog/node-services/", path: "/v1/catalog/node-services/n1"},
	{endpoint: "PUT /v1/catalog/register", path: "/v1/catalog/register", body: `{"Node":"n1","Address":"10.0.0.1","Service":{"Service":"web"}}`},
	{endpoint: "PUT /v1/catalog/deregister", path: "/v1/catalog/deregister", body: `{"Node":"n1","ServiceID":"web"}`},
	{endpoint: "GET /v1/health/node/", path: "/v1/health/node/n1"},
	{endpoint: "GET /v1/health/checks/", path: "/v1/health/checks/web"},
	{endpoint: "GET /v1/health/state/", path: "/v1/health/state/any"},
	{endpoint: "GET /v1/health/service/", path: "/v1/health/service/web"},
	{endpoint: "GET /v1/health/connect/", path: "/v1/health/connect/web"},
	{endpoint: "GET /v1/health/ingress/", path: "/v1/health/ingress/web"},
	{endpoint: "GET /v1/coordinate/datacenters", path: "/v1/coordinate/datacenters"},
	{endpoint: "GET /v1/coordinate/nodes", path: "/v1/coordinate/nodes"},
	{endpoint: "GET /v1/coordinate/node/", path: "/v1/coordinate/node/n1"},
	{endpoint: "PUT /v1/coordinate/update", path: "/v1/coordinate/update", body: `{"Node":"n1","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1,"Height":0.1}}`},

	{endpoint: "GET /v1/session/list", path: "/v1/session/list"},
	{endpoint: "GET /v1/session/node/", path: "/v1/session/node/n1"},
	{endpoint: "GET /v1/session/info/", path: "/v1/session/info/{session}"},
	{endpoint: "PUT /v1/session/create", path: "/v1/session/create", body: `{"Node":"n1","NodeChecks":["c"]}`},
	{endpoint: "PUT /v1/session/renew/", path: "/v1/session/renew/{session}"},
	{endpoint: "PUT /v1/session/destroy/", path: "/v1/session/destroy/{session}"},

	{endpoint: "GET /v1/query", path: "/v1/query"},
	{endpoint: "POST /v1/query", path: "/v1/query", body: `{"Name":"q2","Service":{"Service":"web"}}`},
	{endpoint: "GET /v1/query/", what: "its definition", path: "/v1/query/{query}"},
	{endpoint: "GET /v1/query/", what: "execute", path: "/v1/query/q1/execute"},
	{endpoint: "GET /v1/query/", what: "explain", path: "/v1/query/q1/explain"},
	{endpoint: "PUT /v1/query/", path: "/v1/query/{query}", body: `{"Name":"q1","Service":{"Service":"web"}}`},
	{endpoint: "DELETE /v1/query/", path: "/v1/query/{query}"},

	{endpoint: "PUT /v1/event/fire/", path: "/v1/event/fire/deploy"},
	{endpoint: "GET /v1/event/list", path: "/v1/event/list"},

	{endpoint: "PUT /v1/acl/bootstrap", path: "/v1/acl/bootstrap"},
	{endpoint: "GET /v1/acl/replication", path: "/v1/acl/replication"},
	{endpoint: "PUT /v1/acl/token", path: "/v1/acl/token", body: `{}`},
	{endpoint: "GET /v1/acl/token/self", path: "/v1/acl/token/self"},
	{endpoint: "GET /v1/acl/token/", path: "/v1/acl/token/{token}"},
	{endpoint: "PUT /v1/acl/token/", path: "/v1/acl/token/{token}", body: `{}`},
	{endpoint: "DELETE /v1/acl/token/", path: "/v1/acl/token/{token}"},
	{endpoint: "GET /v1/acl/tokens", path: "/v1/acl/tokens"},
	{endpoint: "PUT /v1/acl/policy", path: "/v1/acl/policy", body: `{"Name":"p"}`},
	{endpoint: "GET /v1/acl/policy/name/", path: "/v1/acl/policy/name/global-management"},
	{endpoint: "GET /v1/acl/policy/", path: "/v1/acl/policy/{policy}"},
	{endpoint: "PUT /v1/acl/policy/", path: "/v1/acl/policy/{policy}", body: `{"Name":"app"}`},
	{endpoint: "DELETE /v1/acl/policy/", path: "/v1/acl/policy/{policy}"},
	{endpoint: "GET /v1/acl/policies", path: "/v1/acl/policies"},
	{endpoint: "PUT /v1/acl/role", path: "/v1/acl/role", body: `{"Name":"r"}`},
	{endpoint: "GET /v1/acl/role/name/", path: "/v1/acl/role/name/role"},
	{endpoint: "GET /v1/acl/role/", path: "/v1/acl/role/{role}"},
	{endpoint: "PUT /v1/acl/role/", path: "/v1/acl/role/{role}", body: `{"Name":"role"}`},
	{endpoint: "DELETE /v1/acl/role/", path: "/v1/acl/role/{role}"},
	{endpoint: "GET /v1/acl/roles", path: "/v1/acl/roles"},
	{endpoint: "GET /v1/acl/auth-method/", path: "/v1/acl/auth-method/none", allowed: 404},
	{endpoint: "GET /v1/acl/auth-methods", path: "/v1/acl/auth-methods"},
	{endpoint: "GET /v1/acl/binding-rule/", path: "/v1/acl/binding-rule/none", allowed: 404},
	{endpoint: "GET /v1/acl/binding-rules", path: "/v1/acl/binding-rules"},

	{endpoint: "GET /v1/agent/self", path: "/v1/agent/self"},
	{endpoint: "GET /v1/agent/members", path: "/v1/agent/members"},
	{endpoint: "GET /v1/agent/version", path: "/v1/agent/version"},
	{endpoint: "GET /v1/agent/metrics", path: "/v1/agent/metrics"},
	{endpoint: "GET /v1/agent/metrics/stream", path: "/v1/agent/metrics/stream"},
	{endpoint: "GET /v1/agent/monitor", path: "/v1/agent/monitor"},
	{endpoint: "GET /v1/agent/services", path: "/v1/agent/services"},
	{endpoint: "GET /v1/agent/service/", path: "/v1/agent/service/own"},
	{endpoint: "PUT /v1/agent/service/register", path: "/v1/agent/service/register", body: `{"Name":"own"}`},
	{endpoint: "PUT /v1/agent/service/deregister/", path: "/v1/agent/service/deregister/own"},
	{endpoint: "PUT /v1/agent/service/maintenance/", path: "/v1/agent/service/maintenance/own?enable=false"},
	{endpoint: "GET /v1/agent/health/service/id/", path: "/v1/agent/health/service/id/own"},
	{endpoint: "GET /v1/agent/health/service/name/", path: "/v1/agent/health/service/name/own"},
	{endpoint: "PUT /v1/agent/maintenance", path: "/v1/agent/maintenance?enable=false"},
	{endpoint: "GET /v1/agent/checks", path: "/v1/agent/checks"},
	{endpoint: "PUT /v1/agent/check/register", path: "/v1/agent/check/register", body: `{"Name":"alive","TTL":"10m","Status":"passing"}`},
	{endpoint: "PUT /v1/agent/check/deregister/", path: "/v1/agent/check/deregister/alive"},
	{endpoint: "PUT /v1/agent/check/pass/", path: "/v1/agent/check/pass/alive"},
	{endpoint: "PUT /v1/agent/check/warn/", path: "/v1/agent/check/warn/alive"},
	{endpoint: "PUT /v1/agent/check/fail/", path: "/v1/agent/check/fail/alive"},
	{endpoint: "PUT /v1/agent/check/update/", path: "/v1/agent/check/update/alive", body: `{"Status":"passing"}`},
	{endpoint: "GET /v1/agent/host", path: "/v1/agent/host"},
	{endpoint: "PUT /v1/agent/join/", path: "/v1/agent/join/127.0.0.1"},
	{endpoint: "PUT /v1/agent/force-leave/", path: "/v1/agent/force-leave/test"},
	{endpoint: "PUT /v1/agent/reload", path: "/v1/agent/reload"},
	{endpoint: "PUT /v1/agent/leave", path: "/v1/agent/leave"},
	{endpoint: "PUT /v1/agent/token/", path: "/v1/agent/token/default", body: `{"Token":"x"}`},

	{endpoint: "GET /v1/connect/ca/roots", path: "/v1/connect/ca/roots"},
	{endpoint: "GET /v1/agent/connect/ca/roots", path: "/v1/agent/connect/ca/roots"},
	{endpoint: "GET /v1/operator/raft/configuration", path: "/v1/operator/raft/configuration"},
	{endpoint: "DELETE /v1/operator/raft/peer", path: "/v1/operator/raft/peer?id=x", allowed: 500},
	{endpoint: "POST /v1/operator/raft/transfer-leader", path: "/v1/operator/raft/transfer-leader", allowed: 500},
	{endpoint: "GET /v1/operator/usage", path: "/v1/operator/usage"},
	{endpoint: "GET /v1/operator/autopilot/configuration", path: "/v1/operator/autopilot/configuration"},
	{endpoint: "PUT /v1/operator/autopilot/configuration", path: "/v1/operator/autopilot/configuration", body: `{}`},
	{endpoint: "GET /v1/operator/autopilot/health", path: "/v1/operator/autopilot/health"},
	{endpoint: "GET /v1/operator/autopilot/state", path: "/v1/operator/autopilot/state"},
	{endpoint: "GET /v1/operator/keyring", path: "/v1/operator/keyring", allowed: 500}, // there is no pool
	{endpoint: "POST /v1/operator/keyring", path: "/v1/operator/keyring", body: `{"Key":"x"}`, allowed: 500},
	{endpoint: "PUT /v1/operator/keyring", path: "/v1/operator/keyring", body: `{"Key":"x"}`, allowed: 500},
	{endpoint: "DELETE /v1/operator/keyring", path: "/v1/operator/keyring", body: `{"Key":"x"}`, allowed: 500},
	{endpoint: "GET /v1/status/leader", path: "/v1/status/leader"},
	{endpoint: "GET /v1/status/peers", path: "/v1/status/peers"},
	{endpoint: "GET /debug/pprof/", path: "/debug/pprof/"},
	{endpoint: "GET /debug/pprof/profile", path: "/debug/pprof/profile?seconds=1"},
	{endpoint: "GET /debug/pprof/symbol", path: "/debug/pprof/symbol"},
	{endpoint: "GET /debug/pprof/trace", path: "/debug/pprof/trace?seconds=0.01"},
	{endpoint: "GET /", path: "/"},
}

// What an anonymous, a read-only and a key-scoped token reach with default_policy = "deny" is what docs/security.md says, for every
// endpoint. Whoever manages reaches all of it, so that no probe is refused for another reason.
func TestReachOfTokens(t *testing.T) {
	a := startWithACLs(t, "", "deny", managementSecret, "-hcl=connect { enabled = true }")
	close(a.left) // nobody makes the agent leave: a wish to has been granted at once
	names := seed(t, a)
	tokens := []string{"", names["read-only"], names["key-scoped"]}
	unprobed := map[httpapi.Endpoint]bool{}
	for _, e := range a.handler.Endpoints() {
		unprobed[e] = true
	}
	var table strings.Builder
	table.WriteString("| endpoint | use | anonymous | read-only | key-scoped |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range probes {
		method, path, _ := strings.Cut(p.endpoint, " ")
		if _, there := unprobed[httpapi.Endpoint{Method: method, Path: path}]; !there {
			t.Errorf("%s is no endpoint", p.endpoint)
		}
		unprobed[httpapi.Endpoint{Method: method, Path: path}] = false
		fmt.Fprintf(&table, "| `%s` | %s |", p.endpoint, cmp.Or(p.what, "–"))
		for _, token := range tokens {
			fmt.Fprintf(&table, " %s |", reach(t, a, token, p, names))
		}
		table.WriteString("\n")
	}
	for e, missing := range unprobed {
		if missing {
			t.Errorf("%s %s has no probe: add it", e.Method, e.Path)
		}
	}
	for _, p := range probes { // after the others: these change things
		if r := reach(t, a, managementSecret, p, seed(t, a)); r == "no" && p.endpoint != "PUT /v1/acl/bootstrap" {
			t.Errorf("%s %s is refused to the management token", p.endpoint, p.what)
		}
	}
	compareTable(t, table.String())
}

// compareTable compares the table with that in the document, or writes it there.
func compareTable(t *testing.T, table string) {
	t.Helper()
	doc, err := os.ReadFile(securityDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- reach: begin -->\n", "<!-- reach: end -->"
	before, rest, found := bytes.Cut(doc, []byte(begin))
	old, after, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		t.Fatalf("%s lacks the marks of the table", securityDoc)
	}
	if *update {
		text := slices.Concat(before, []byte(begin), []byte(table), []byte(end), after)
		if err := os.WriteFile(securityDoc, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(old) != table {
		t.Errorf("%s is not what tokens reach; if that is meant, run: go test ./internal/agent -run TestReachOfTokens -update\n%s", securityDoc, table)
	}
}

// reach tells in a word what a token gets.
func reach(t *testing.T, a *Agent, token string, p probe, names map[string]string) string {
	t.Helper()
	path := p.path
	for name, value := range names {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	method, _, _ := strings.Cut(p.endpoint, " ")
	req, err := http.NewRequest(method, "http://"+a.config.HTTPListeners[0].Address+path, strings.NewReader(p.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Consul-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == 200 && strings.Contains("/v1/agent/metrics/stream /v1/agent/monitor", path) {
		return "yes" // and endless
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(body.String())
	switch status := resp.StatusCode; {
	case status == 403, status == 409 && strings.Contains(text, "Permission denied"): // the latter from a transaction
		return "no"
	case status == 404 && p.allowed != 404:
		return "as if not there"
	case p.allowed != 0 && status == p.allowed:
		return "yes"
	case status != 200:
		t.Errorf("%s %s: %d %s", p.endpoint, p.what, status, text)
		return "?"
	case resp.Header.Get("X-Consul-Results-Filtered-By-ACLs") == "true":
		return "what it may read"
	case method == "GET" && slices.Contains([]string{"[]", "{}", "null", ""}, text):
		return "nothing"
	case strings.Contains(text, "hidden"):
		return "yes, secrets hidden"
	}
	return "yes"
}

// seed makes one of everything, again if it has been removed, and returns IDs by name.
func seed(t *testing.T, a *Agent) map[string]string {
	t.Helper()
	names := map[string]string{}
	send := func(name, field, method, path, body string) {
		t.Helper()
		status, text := asToken(t, a, managementSecret, method, path, body)
		if status != 200 {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
		if name == "" {
			return
		}
		var answer map[string]any
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%s: %s", path, text)
		}
		names[name], _ = answer[field].(string)
	}
	send("", "", "PUT", "/v1/kv/app/x", "v")
	send("", "", "PUT", "/v1/kv/app/y", "v")
	send("", "", "PUT", "/v1/kv/other", "v")
	send("", "", "PUT", "/v1/catalog/register", `{"Node":"n1","Address":"10.0.0.1","Service":{"Service":"web","Connect":{"Native":true}},
		"Checks":[{"CheckID":"c","Status":"passing"},{"CheckID":"s","ServiceID":"web","Status":"passing"}]}`)
	send("", "", "PUT", "/v1/coordinate/update", `{"Node":"n1","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1,"Height":0.1}}`)
	send("session", "ID", "PUT", "/v1/session/create", `{"Node":"n1","NodeChecks":["c"]}`)
	for _, q := range []string{"q1", "q2"} {
		for _, old := range queries(t, a, q) {
			send("", "", "DELETE", "/v1/query/"+old, "")
		}
	}
	send("query", "ID", "POST", "/v1/query", `{"Name":"q1","Service":{"Service":"web"}}`)
	send("", "", "PUT", "/v1/agent/service/register", `{"Name":"own"}`)
	send("", "", "PUT", "/v1/agent/check/register", `{"Name":"alive","TTL":"10m","Status":"passing"}`)
	send("", "", "PUT", "/v1/event/fire/deploy", "")
	for _, kind := range []struct{ list, one string }{{"policies", "policy"}, {"roles", "role"}} {
		_, text := asToken(t, a, managementSecret, "GET", "/v1/acl/"+kind.list, "")
		var all []struct{ ID, Name string }
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err, text)
		}
		for _, x := range all {
			if slices.Contains([]string{"app", "p", "role", "r"}, x.Name) {
				send("", "", "DELETE", "/v1/acl/"+kind.one+"/"+x.ID, "")
			}
		}
	}
	send("policy", "ID", "PUT", "/v1/acl/policy", `{"Name":"app","Rules":"key_prefix \"app/\" { policy = \"write\" }"}`)
	send("role", "ID", "PUT", "/v1/acl/role", `{"Name":"role"}`)
	send("token", "AccessorID", "PUT", "/v1/acl/token", `{"Description":"somebody's"}`)
	send("read-only", "SecretID", "PUT", "/v1/acl/token", `{"Policies":[{"Name":"builtin/global-read-only"}]}`)
	send("key-scoped", "SecretID", "PUT", "/v1/acl/token", `{"Policies":[{"Name":"app"}]}`)
	return names
}

// queries returns the IDs of the prepared queries of a name.
func queries(t *testing.T, a *Agent, name string) (ids []string) {
	t.Helper()
	_, text := asToken(t, a, managementSecret, "GET", "/v1/query", "")
	var all []struct{ ID, Name string }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err, text)
	}
	for _, q := range all {
		if q.Name == name {
			ids = append(ids, q.ID)
		}
	}
	return ids
}
