package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// manageAll is a backend with ACLs on, whose callers may do everything.
func manageAll() *fakeBackend {
	f := newFake()
	f.rights = map[string]*acl.Authorizer{"": acl.ManageAll()}
	return f
}

// filtering are paths that take a filter, each for another type of items.
var filtering = []string{
	"/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/web", "/v1/catalog/node-services/ext-node-1",
	"/v1/health/node/ext-node-1", "/v1/health/service/web", "/v1/health/state/any", "/v1/acl/tokens", "/v1/acl/policies", "/v1/acl/roles",
	"/v1/agent/members",
}

// A filter selects, or is refused with the reason; it never brings the server down, whatever it asks for.
func FuzzFilter(f *testing.F) {
	for _, expr := range []string{
		``, `Node == "n1"`, `Meta.rack == r1`, `ServicePort != 80 and "v1" in ServiceTags`, `Service.Weights.Passing == 1`, `Nope == 1`,
		`Checks is empty`, `Service.Tags is not empty or not (Node.Meta contains rack)`, "Name matches `^web.*`", `Output not matches "["`,
		`ServiceProxy.Upstreams is empty`, `Definition.Header["a"] == b`, `ServiceTaggedAddresses.lan.Port in "1"`, `CreateTime == ""`,
		`Policies.Name == x`, `ServiceConnect.PeerMeta.SNI contains x`, `Service.Locality.Zone == z`, `Definition.Interval == "10s"`, `(((`,
		`any Checks as c { c.Status == passing }`, `all Tags as _, t { t == a }`, `"/Meta/a~1b" == c`, `ExpirationTime is empty`, `Hash == ""`,
		strings.Repeat("(", 40) + "Node == a" + strings.Repeat(")", 40), strings.Repeat("not (", 12) + "Node",
	} {
		for i := range filtering {
			f.Add(uint8(i), expr)
		}
	}
	store, err := fsm.Build(golden.State(f, "consul-1.21.4/full.snap"), 1000, 1)
	if err != nil {
		f.Fatal(err)
	}
	backend := manageAll()
	backend.store = store
	h := newHandler(backend, Config{})
	f.Fuzz(func(t *testing.T, which uint8, expr string) {
		path := filtering[int(which)%len(filtering)]
		w := ask(h, http.MethodGet, path+"?filter="+url.QueryEscape(expr), "")
		switch body := w.Body.String(); {
		case w.Code == http.StatusOK && !json.Valid([]byte(body)):
			t.Errorf("%s: the answer is not JSON: %s", path, body)
		case w.Code == http.StatusOK:
		case w.Code != http.StatusInternalServerError || !strings.HasPrefix(body, filterFault) || strings.Count(body, filterFault) > 1:
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	})
}

const (
	fuzzSession = "5e551000-0000-4000-8000-000000000001"
	fuzzQuery   = "9e4e1000-0000-4000-8000-000000000001"
	fuzzPolicy  = "b0110100-0000-4000-8000-000000000001"
	fuzzRole    = "401e1000-0000-4000-8000-000000000001"
	fuzzToken   = "acce5500-0000-4000-8000-000000000001"
)

// someState is a backend with something of everything that a request can be about.
func someState(t *testing.T) *fakeBackend {
	f := manageAll()
	for _, entry := range []fsm.Entry{
		fsm.Register(&state.Registration{Node: &record.Register{Node: "n1", Address: "10.0.0.1", ID: "f0000000-0000-4000-8000-000000000001"},
			Service: &record.NodeService{ID: "web1", Service: "web"},
			Checks:  []*record.HealthCheck{{CheckID: state.SerfHealth, Status: "passing"}, {CheckID: "c1", ServiceID: "web1", Status: "passing"}}}),
		fsm.CreateSession(&record.Session{ID: fuzzSession, Node: "n1", Behavior: "delete", NodeChecks: []string{state.SerfHealth}}),
		fsm.KV(state.KVLock, &record.KVEntry{Key: "locked", Session: fuzzSession}),
		fsm.SetQuery(&record.PreparedQuery{ID: fuzzQuery, Name: "q", Session: fuzzSession}),
		fsm.SetPolicy(&record.ACLPolicy{ID: fuzzPolicy, Name: "p"}),
		fsm.SetRole(&record.ACLRole{ID: fuzzRole, Name: "r", Policies: []record.ACLLink{{ID: fuzzPolicy, Name: "p"}}}),
		fsm.SetToken(&record.ACLToken{AccessorID: fuzzToken, SecretID: fuzzToken, Policies: []record.ACLLink{{ID: fuzzPolicy, Name: "p"}}}, false),
	} {
		mustApply(t, f, entry)
	}
	return f
}

type writingRequest struct {
	method, path string
	bodies       []string
}

// writing are requests with a JSON body that changes the state, each with bodies to begin with.
var writing = []writingRequest{
	{"PUT", "/v1/catalog/register", []string{
		`{"ID":"40e4a748-2192-161a-0510-9bf59fe950b5","Node":"foobar","Address":"192.168.10.10","TaggedAddresses":{"lan":"192.168.10.10"},"NodeMeta":{"somekey":"somevalue"},"Service":{"ID":"redis1","Service":"redis","Tags":["primary","v1"],"Address":"127.0.0.1","TaggedAddresses":{"lan":{"address":"127.0.0.1","port":8000}},"Meta":{"redis_version":"4.0"},"Port":8000},"Check":{"Node":"foobar","CheckID":"service:redis1","Name":"Redis health check","Notes":"Script based health check","Status":"passing","ServiceID":"redis1","Definition":{"TCP":"localhost:8888","Interval":"5s","Timeout":"1s","DeregisterCriticalServiceAfter":"30s"}},"SkipNodeUpdate":false}`,
		`{"Node":"N1","SkipNodeUpdate":true,"Checks":[{"Name":"x"},{"CheckID":"c1","ServiceID":"WEB1","Status":"critical"}]}`,
		`{"Node":"N1","Address":"a","Check":{"CheckID":"serfHealth","Status":"critical"}}`,
		`{"Node":"p","Address":"a","Service":{"Service":"proxy","PeerName":"x","Kind":"connect-proxy","Proxy":{"Config":{"a":[1,2.5,null,{"b":1e400}]},"Upstreams":[{"Config":{"x":1}}]},"Connect":{"SidecarService":{}}}}`,
		`{"Node":"p","Address":"a","Check":{"Name":"c","PeerName":"x"}}`,
		`{"Node":"p","Address":"a","Check":{}}`,
		`{"Node":"n1\u0000","Address":"a","Service":{"Service":"web\u0000"},"Check":{"Name":"\u0001","ServiceID":"web\u0000"}}`,
	}},
	{"PUT", "/v1/catalog/deregister", []string{`{"Node":"N1"}`, `{"Node":"n1","ServiceID":"web1"}`, `{"Node":"n1","CheckID":"serfHealth","Datacenter":"dc1"}`}},
	{"PUT", "/v1/session/create", []string{``, `{"Node":"n1","LockDelay":"15s","Name":"my-service-lock","NodeChecks":["serfHealth"],"ServiceChecks":[{"ID":"c1"}],"Behavior":"release","TTL":"30s"}`,
		`{"Checks":[],"LockDelay":-1e300,"TTL":10000000000}`}},
	{"PUT", "/v1/txn", []string{
		`[{"KV":{"Verb":"set","Key":"k","Value":"dmFsdWU=","Flags":18446744073709551615}},{"KV":{"Verb":"lock","Key":"l","Session":"` + fuzzSession + `"}}]`,
		`[{"KV":{"Verb":"delete-tree","Key":""}},{"KV":{"Verb":"get-tree"}},{"Session":{"Verb":"delete","Session":{"ID":"` + fuzzSession + `"}}}]`,
		`[{"Node":{"Verb":"set","Node":{"Node":"N1","Address":"x"}}},{"Node":{"Verb":"set","Node":{}}}]`,
		`[{"Service":{"Verb":"cas","Node":"n1","Service":{"ID":"web1","Service":"db","PeerName":"p","ModifyIndex":11}}}]`,
		`[{"Service":{"Verb":"set","Node":"n1","Service":{}}}]`,
		`[{"Check":{"Verb":"set","Check":{"Node":"N1","Status":"critical","ServiceID":"web1","CheckID":"c1"}}},{"Check":{"Verb":"set","Check":{"Node":"n1"}}}]`,
		`[{"Node":{"Verb":"delete","Node":{"Node":"n1"}}},{"Service":{"Verb":"get","Node":"n1","Service":{"ID":"web1"}}},{}]`,
	}},
	{"POST", "/v1/query", []string{`{"Name":"x","Service":{"Service":"web","Failover":{"NearestN":3,"Datacenters":["dc2"]}},"DNS":{"TTL":"10s"}}`,
		`{"Name":"geo","Template":{"Type":"name_prefix_match","Regexp":"^geo-(.*)$"},"Service":{"Service":"${match(1)}"}}`, `{"Session":"` + fuzzSession + `","Service":{"Service":"x"}}`}},
	{"PUT", "/v1/query/" + fuzzQuery, []string{`{"Name":"q2","Service":{"Service":"web","Tags":["!a"]}}`}},
	{"PUT", "/v1/acl/token", []string{`{"Description":"d","Policies":[{"ID":"` + fuzzPolicy + `"},{"Name":"p"}],"Roles":[{"Name":"r"}],"ServiceIdentities":[{"ServiceName":"web"}],"NodeIdentities":[{"NodeName":"n1","Datacenter":"dc1"}],"ExpirationTTL":"1h","Local":true}`,
		`{"AccessorID":"` + fuzzToken + `","SecretID":"` + fuzzRole + `","TemplatedPolicies":[{"TemplateName":"builtin/service","TemplateVariables":{"Name":"web"}}]}`}},
	{"PUT", "/v1/acl/token/" + fuzzToken, []string{`{"Description":"other"}`, `{"Policies":[{"Name":"p"}]}`}},
	{"PUT", "/v1/acl/policy", []string{`{"Name":"new","Description":"d","Rules":"key_prefix \"\" { policy = \"read\" }","Datacenters":["dc1"]}`}},
	{"PUT", "/v1/acl/policy/" + fuzzPolicy, []string{`{"Name":"renamed","Rules":"{\"acl\":\"write\"}"}`}},
	{"PUT", "/v1/acl/role", []string{`{"Name":"new","Policies":[{"Name":"p"}],"ServiceIdentities":[{"ServiceName":"web","Datacenters":["dc1"]}]}`}},
	{"PUT", "/v1/acl/role/" + fuzzRole, []string{`{"Name":"renamed"}`}},
	{"PUT", "/v1/acl/bootstrap", []string{``, `{"BootstrapSecret":"` + fuzzRole + `"}`}},
	{"PUT", "/v1/operator/autopilot/configuration", []string{`{"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"ServerStabilizationTime":"10s"}`}},
	{"PUT", "/v1/coordinate/update", []string{`{"Node":"n1","Segment":"","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1.5,"Adjustment":0,"Height":1e-5}}`}},
}

// Whatever a body makes of the state, the state can be saved, the archive is one that a Consul server restores, and restoring it gives
// the same state.
func FuzzBody(f *testing.F) {
	for i, x := range writing {
		for _, body := range x.bodies {
			f.Add(uint8(i), []byte(body))
		}
	}
	addGoldenBodies(f)
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		x := writing[int(which)%len(writing)]
		backend := someState(t)
		before, _ := backend.store.Applied()
		w := ask(newHandler(backend, Config{}), x.method, x.path, string(body))
		after, _ := backend.store.Applied()
		if w.Code >= http.StatusBadRequest && w.Body.Len() == 0 {
			t.Errorf("%d without a reason", w.Code)
		}
		if w.Code == http.StatusBadRequest && after != before {
			t.Errorf("refused with %s, and applied nevertheless", w.Body)
		}
		if after != before {
			restorable(t, backend.store)
		}
	})
}

// JSON of any depth is refused before it comes into the log, or can be read back from there.
func TestNestedBodies(t *testing.T) {
	for depth := range 300 {
		for _, open := range []string{"[", `{"a":`} {
			text := strings.Repeat(open, depth) + "1" + strings.Repeat(map[string]string{"[": "]", `{"a":`: "}"}[open], depth)
			f := newFake()
			w := ask(newHandler(f, Config{}), http.MethodPut, "/v1/catalog/register",
				`{"Node":"n","Address":"a","Service":{"Service":"s","Proxy":{"Config":{"x":`+text+`},"Upstreams":[{"Config":{"x":`+text+`}}]}}}`)
			if w.Code == http.StatusOK {
				restorable(t, f.store)
			} else if depth < 20 || w.Code != http.StatusBadRequest {
				t.Fatalf("depth %d: %d %s", depth, w.Code, w.Body)
			}
		}
	}
}

// addGoldenBodies seeds with objects as a real Consul shows them, each sent where such an object is written.
func addGoldenBodies(f *testing.F) {
	var want expected
	if err := json.Unmarshal(golden.Read(f, "consul-1.21.4/full.expected.json"), &want); err != nil {
		f.Fatal(err)
	}
	shown := map[string]string{ // what is read, and where it is written
		"GET /v1/query/": "/v1/query", "GET /v1/acl/token/": "/v1/acl/token/" + fuzzToken, "GET /v1/acl/policy/": "/v1/acl/policy",
		"GET /v1/acl/role/": "/v1/acl/role", "GET /v1/session/info/": "/v1/session/create",
	}
	for read, written := range shown {
		i := slices.IndexFunc(writing, func(x writingRequest) bool { return x.path == written })
		for request, response := range want.Responses {
			if !strings.HasPrefix(request, read) {
				continue
			}
			body, err := json.Marshal(withoutIDs(response.Body))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), body)
		}
	}
}

// withoutIDs is the object that was answered, or the first of a list, without what the server chooses.
func withoutIDs(object any) any {
	if list, ok := object.([]any); ok && len(list) > 0 {
		object = list[0]
	}
	if fields, ok := object.(map[string]any); ok {
		for _, name := range []string{"ID", "AccessorID", "SecretID"} {
			delete(fields, name)
		}
	}
	return object
}

// restorable checks that a store can be saved and restored.
func restorable(t *testing.T, s *state.Store) {
	t.Helper()
	saved := encodeStore(t, s)
	r, err := record.NewReader(bytes.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	var checker preflight.Checker
	for {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Check(raw); err != nil {
			t.Fatal(err)
		}
	}
	restored, err := fsm.Build(bytes.NewReader(saved), 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if again := encodeStore(t, restored); !bytes.Equal(again, saved) {
		t.Errorf("restored, the state is another:\n%q\nwas\n%q", again, saved)
	}
}

func encodeStore(t *testing.T, s *state.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What lacks the object that an expression looks into is not selected, and does not stand in the way of what has it.
func TestFilterOnWhatIsAbsent(t *testing.T) {
	f := newFake()
	for _, x := range []*record.NodeService{
		{ID: "none", Service: "web"}, {ID: "here", Service: "web", Locality: &record.Locality{Zone: "z"}},
		{ID: "there", Service: "web", Locality: &record.Locality{Zone: "y"}},
	} {
		mustApply(t, f, fsm.Register(&state.Registration{Node: &record.Register{Node: "n1"}, SkipNodeUpdate: true, Service: x}))
	}
	h := newHandler(f, Config{})
	for expr, want := range map[string]string{
		`ServiceLocality.Zone == z`:                        "here",
		`ServiceLocality.Zone != z`:                        "there",
		`not ServiceLocality.Zone == z`:                    "there",
		`ServiceID == none or ServiceLocality.Zone == "z"`: "here,none",
		`ServiceConnect.PeerMeta.Protocol == ""`:           "",
	} {
		w := ask(h, http.MethodGet, "/v1/catalog/service/web?filter="+url.QueryEscape(expr), "")
		var found []struct{ ServiceID string }
		if err := json.Unmarshal(w.Body.Bytes(), &found); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", expr, w.Code, w.Body)
		}
		var ids []string
		for _, x := range found {
			ids = append(ids, x.ServiceID)
		}
		slices.Sort(ids)
		if got := strings.Join(ids, ","); got != want {
			t.Errorf("%s selects %q, want %q", expr, got, want)
		}
	}
}
