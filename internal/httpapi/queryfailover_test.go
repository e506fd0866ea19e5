package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// knowing makes the servers of dc1 know other datacenters, the nearest first.
func (f *federated) knowing(datacenters ...string) {
	for _, m := range []*fakeMember{f.leader1, f.follower1} {
		m.known = append([]string{"dc1"}, datacenters...)
	}
}

// applyAll writes into the stores of several members.
func applyAll(t *testing.T, entry fsm.Entry, members ...*fakeMember) {
	t.Helper()
	for _, m := range members {
		mustApply(t, m.fakeBackend, entry)
	}
}

// offer registers a service on nodes of a datacenter: NAME=STATUS, …
func offer(t *testing.T, service, datacenter, nodes string, members ...*fakeMember) {
	t.Helper()
	for i, node := range strings.Fields(nodes) {
		name, status, _ := strings.Cut(node, "=")
		applyAll(t, fsm.Register(&state.Registration{
			Node: &record.Register{Node: name, Address: fmt.Sprint("10.2.0.", i+1), Datacenter: datacenter,
				TaggedAddresses: map[string]string{"lan": fmt.Sprint("10.2.0.", i+1), "wan": fmt.Sprint("192.0.2.", i+1)}},
			Service: &record.NodeService{ID: service, Service: service, Tags: []string{"on-" + name}, Port: 80,
				TaggedAddresses: map[string]record.ServiceAddress{"wan": {Address: fmt.Sprint("198.51.100.", i+1), Port: 8080}}},
			Checks: []*record.HealthCheck{{Node: name, CheckID: "c", Name: "c", ServiceID: service, Status: status}},
		}), members...)
	}
}

// store makes a prepared query in dc1 that is called q.
func (f *federated) store(t *testing.T, token string, s record.QueryService) {
	t.Helper()
	q := &record.PreparedQuery{ID: queryID, Name: "q", Token: token, Service: s, DNS: record.QueryDNS{TTL: "7s"}}
	applyAll(t, fsm.SetQuery(q), f.leader1, f.follower1)
}

// An executed is the part of an execution's answer that tells where it comes from.
type executed struct {
	Service    string
	Nodes      []healthView
	DNS        struct{ TTL string }
	Datacenter string
	Failovers  int

	ResultsFilteredByACLs bool
}

func execution(t *testing.T, body []byte) (e executed, nodes string) {
	t.Helper()
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var names []string
	for _, n := range e.Nodes {
		names = append(names, n.Node.Node)
	}
	slices.Sort(names)
	return e, strings.Join(names, " ")
}

// A query that finds nothing here goes on to other datacenters, in the order that it names, and says where it has found something and after
// how many tries. One that cannot be reached is a try.
func TestQueryFailsOver(t *testing.T) {
	f := federation(t, Config{HoldTimeout: time.Second})
	f.knowing("dc3", "dc2")
	f.leader1.abroad["dc3"] = []string{"127.0.0.1:1"}
	offer(t, "web", "dc2", "a=passing b=warning c=critical", f.leader2, f.follower2)
	offer(t, "local", "dc1", "x=passing", f.leader1, f.follower1)
	in := func(datacenters ...string) record.QueryFailover {
		return record.QueryFailover{Datacenters: datacenters}
	}
	targets := func(ts ...record.QueryTarget) record.QueryFailover { return record.QueryFailover{Targets: ts} }
	for _, c := range []struct {
		name       string
		query      record.QueryService
		params     string
		nodes      string // "#2" for any two
		datacenter string
		failovers  int
	}{
		{"found here", record.QueryService{Service: "local", Failover: in("dc2")}, "", "x", "dc1", 0},
		{"no failover", record.QueryService{Service: "web"}, "", "", "dc1", 0},
		{"to the next", record.QueryService{Service: "web", Failover: in("dc2")}, "", "a b", "dc2", 1},
		{"past one that is unknown and one that is dead", record.QueryService{Service: "web", Failover: in("dc9", "dc3", "dc1", "dc2", "dc3")}, "", "a b", "dc2", 3},
		{"nowhere", record.QueryService{Service: "db", Failover: in("dc2", "dc3")}, "", "", "dc1", 2},
		{"the nearest", record.QueryService{Service: "web", Failover: record.QueryFailover{NearestN: 1, Datacenters: []string{"dc3", "dc2"}}}, "", "a b", "dc2", 2},
		{"the nearest alone", record.QueryService{Service: "web", Failover: record.QueryFailover{NearestN: 1}}, "", "", "dc1", 1},
		{"targets", record.QueryService{Service: "web", Failover: targets(record.QueryTarget{Datacenter: "dc3"}, record.QueryTarget{Datacenter: "dc2"})}, "", "a b", "dc2", 2},
		{"a peer is passed over", record.QueryService{Service: "web", Failover: targets(record.QueryTarget{Peer: "p"}, record.QueryTarget{Datacenter: "dc2"})}, "", "a b", "dc2", 1},
		{"what is asked for is asked there", record.QueryService{Service: "web", OnlyPassing: true, Failover: in("dc2")}, "", "a", "dc2", 1},
		{"tags", record.QueryService{Service: "web", Tags: []string{"!on-a"}, Failover: in("dc2")}, "", "b", "dc2", 1},
		{"limit", record.QueryService{Service: "web", Failover: in("dc2")}, "?limit=1", "#1", "dc2", 1},
		{"near has no meaning there", record.QueryService{Service: "web", Near: "_ip", Failover: in("dc2")}, "?near=_agent", "a b", "dc2", 1},
		{"only the mesh", record.QueryService{Service: "web", Failover: in("dc2")}, "?connect", "", "dc1", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.store(t, "", c.query)
			w := ask(f.leader1.handler, "GET", "/v1/query/q/execute"+c.params, "")
			e, nodes := execution(t, w.Body.Bytes())
			if c.nodes == "#1" && len(e.Nodes) == 1 {
				nodes = c.nodes
			}
			if w.Code != 200 || nodes != c.nodes || e.Datacenter != c.datacenter || e.Failovers != c.failovers {
				t.Errorf("%d %q of %s after %d; want %q of %s after %d: %s", w.Code, nodes, e.Datacenter, e.Failovers, c.nodes, c.datacenter, c.failovers, w.Body)
			}
			if e.Service != c.query.Service || e.DNS.TTL != "7s" {
				t.Errorf("%s", w.Body)
			}
		})
	}
}

// The other datacenter answers as surely as the client wants it, whoever was asked, and its own server finds its own leader.
func TestQueryFailoverTakesItsWay(t *testing.T) {
	f := federation(t, Config{HoldTimeout: time.Second})
	f.knowing("dc2")
	offer(t, "web", "dc2", "old=passing", f.follower2)
	offer(t, "web", "dc2", "new=passing", f.leader2)
	f.store(t, "", record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc2"}}})
	for _, c := range []struct {
		name, params string
		asked        *fakeMember
		nodes        string
		hops         [4]int // follower1, leader1, follower2, leader2
	}{
		{"through a client agent", "", f.client, "new", [4]int{1, 1, 1, 1}},
		{"through a follower, surely", "?consistent", f.follower1, "new", [4]int{0, 1, 1, 1}},
		{"stale at both ends", "?stale", f.follower1, "old", [4]int{0, 0, 1, 0}},
		{"not too stale", "?max_stale=1h", f.leader1, "old", [4]int{0, 0, 1, 0}},
		{"explained, which asks nobody", "explain", f.leader1, "", [4]int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := "/v1/query/q/execute" + c.params
			if c.params == "explain" {
				target = "/v1/query/q/explain"
			}
			w := ask(c.asked.handler, "GET", target, "")
			if _, nodes := execution(t, w.Body.Bytes()); w.Code != 200 || nodes != c.nodes {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := [4]int{f.follower1.count(), f.leader1.count(), f.follower2.count(), f.leader2.count()}; got != c.hops {
				t.Errorf("requests to follower1, leader1, follower2, leader2: %v, want %v", got, c.hops)
			}
		})
	}
}

// With ?dc= the other datacenter's query is executed there, and fails over from there; near= means nothing to it.
func TestQueryOfAnotherDatacenter(t *testing.T) {
	f := federation(t, Config{HoldTimeout: time.Second})
	for _, m := range []*fakeMember{f.leader2, f.follower2} {
		m.known = []string{"dc2", "dc1"}
	}
	offer(t, "web", "dc1", "here=passing", f.leader1, f.follower1)
	applyAll(t, fsm.SetQuery(&record.PreparedQuery{ID: queryID, Name: "theirs", Service: record.QueryService{Service: "web",
		Failover: record.QueryFailover{NearestN: 1}}}), f.leader2, f.follower2)
	w := ask(f.leader1.handler, "GET", "/v1/query/theirs/execute?dc=dc2&near=_ip", "")
	if e, nodes := execution(t, w.Body.Bytes()); w.Code != 200 || nodes != "here" || e.Datacenter != "dc1" || e.Failovers != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(f.client.handler, "GET", "/v1/query/theirs/explain?dc=dc2", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"NearestN":1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(f.leader1.handler, "GET", "/v1/query/theirs/execute", ""); w.Code != 404 {
		t.Errorf("it is not ours: %d %s", w.Code, w.Body)
	}
}

// The token of the query, else of the caller, else of the agent that was asked is looked up there, and travels in the header alone.
func TestQueryFailoverRights(t *testing.T) {
	const web, none = `service "web" { policy = "read" } node_prefix "" { policy = "read" }`, ``
	for _, c := range []struct {
		name           string
		query, caller  string // tokens
		agent          string
		sent           string
		nodes          string
		filtered, none bool
	}{
		{"the query's", "reader", "nobody", "", "reader", "a", false, false},
		{"the caller's", "", "reader", "nobody", "reader", "a", false, false},
		{"the agent's", "", "", "reader", "reader", "a", false, false},
		{"nobody's", "", "", "", acl.AnonymousSecretID, "", true, false},
		{"one without rights", "nobody", "reader", "", "nobody", "", true, false},
		{"one that is unknown there", "", "local", "", "local", "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := federation(t, Config{HoldTimeout: time.Second})
			f.knowing("dc2")
			offer(t, "web", "dc2", "a=passing", f.leader2, f.follower2)
			f.store(t, c.query, record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc2"}}})
			f.client.tokens = map[agenttoken.Kind]string{agenttoken.Default: c.agent}
			rights := map[string]*acl.Authorizer{"reader": grant(t, web), "nobody": grant(t, none), acl.AnonymousSecretID: grant(t, none)}
			for _, m := range []*fakeMember{f.leader2, f.follower2} {
				m.rights = rights
			}
			f.leader1.rights = map[string]*acl.Authorizer{"local": grant(t, web), "reader": grant(t, web), "nobody": grant(t, none),
				acl.AnonymousSecretID: grant(t, none)}
			f.follower2.intercept = func(req *http.Request) error {
				body, err := io.ReadAll(req.Body)
				req.Body = io.NopCloser(bytes.NewReader(body))
				if got := req.Header.Get("X-Consul-Token"); got != c.sent || strings.Contains(string(body), c.sent) {
					t.Errorf("token %q, body %s", got, body)
				}
				return err
			}
			w := ask(f.client.handler, "GET", "/v1/query/q/execute", "", "X-Consul-Token: "+c.caller)
			e, nodes := execution(t, w.Body.Bytes())
			if w.Code != 200 || nodes != c.nodes || e.ResultsFilteredByACLs != c.filtered || e.Failovers != 1 || (e.Datacenter == "dc1") != (nodes == "") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// silence is an address that takes connections, and never says a word.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// A server that does not answer is given up in time for another one of its datacenter, and a whole datacenter for the next.
func TestQueryFailoverIsBounded(t *testing.T) {
	const limit = 400 * time.Millisecond
	for _, c := range []struct {
		name      string
		dc3       func(*testing.T, *federated) []string
		found     string
		failovers int
	}{
		{"one silent server", func(t *testing.T, f *federated) []string { return []string{silence(t), f.follower2.address} }, "dc3", 1},
		{"all silent", func(t *testing.T, _ *federated) []string { return []string{silence(t), silence(t), silence(t)} }, "dc2", 2},
		{"a word that is none", func(t *testing.T, _ *federated) []string {
			return []string{otherServer(t, `{"Nodes":[{}]}`)}
		}, "dc2", 2},
		{"no JSON", func(t *testing.T, _ *federated) []string { return []string{otherServer(t, `{`)} }, "dc2", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := federation(t, Config{HoldTimeout: time.Second, FailoverTimeout: limit})
			f.knowing("dc3", "dc2")
			f.leader1.abroad["dc3"] = c.dc3(t, &f)
			offer(t, "web", "dc2", "a=passing", f.leader2)
			f.store(t, "", record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc3", "dc2"}}})
			began := time.Now()
			w := ask(f.leader1.handler, "GET", "/v1/query/q/execute", "")
			if e, nodes := execution(t, w.Body.Bytes()); nodes != "a" || e.Datacenter != c.found || e.Failovers != c.failovers {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if took := time.Since(began); took > 10*limit {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// otherServer is a server that answers everything with a text.
func otherServer(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := forward.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }), 0, hclog.NewNullLogger())
	go web.Serve(l)
	t.Cleanup(func() { web.Close() })
	return l.Addr().String()
}

// A leader that dies over a query of another datacenter is replaced: the query has changed nothing.
func TestQueryFailoverIsRepeated(t *testing.T) {
	f := federation(t, Config{HoldTimeout: 5 * time.Second})
	f.knowing("dc2")
	offer(t, "web", "dc2", "a=passing", f.leader2, f.follower2)
	f.store(t, "", record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc2"}}})
	f.leader2.intercept = func(*http.Request) error {
		f.leader2.follow(nil)
		f.follower2.follow(f.follower2)
		return errors.New("cut")
	}
	w := ask(f.leader1.handler, "GET", "/v1/query/q/execute", "")
	if _, nodes := execution(t, w.Body.Bytes()); nodes != "a" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What agents ask each other is not there for clients.
func TestInternalPathsAreNotForClients(t *testing.T) {
	f := federation(t, Config{})
	for _, path := range []string{internalQueryPath, internalKeyringPath} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			w := ask(f.leader1.handler, method, path, "{}")
			if w.Code != 404 || w.Body.String() != errOutsideAPI.Error() {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
	for _, e := range f.leader1.handler.Endpoints() {
		if strings.HasPrefix(e.Path, "/internal/") {
			t.Errorf("%v is listed", e)
		}
	}
}

// What other datacenters find is shown as they would show it: the instances of a real Consul cross unchanged.
func TestInstancesCross(t *testing.T) {
	store := restoreFile(t, "full.snap")
	_, services := store.Instances(nil)
	crossed := 0
	for _, x := range services {
		_, found := store.HealthInstances(nil, x.Service.Service)
		for _, y := range found {
			sent, err := json.Marshal(remoteNodes{[]*healthView{viewHealth(y)}})
			if err != nil {
				t.Fatal(err)
			}
			var arrived remoteNodes
			if err := json.Unmarshal(sent, &arrived); err != nil {
				t.Fatal(err)
			}
			instances, err := arrived.instances()
			if err != nil {
				t.Fatal(err)
			}
			shown, err := json.Marshal(remoteNodes{viewResults(instances)})
			if err != nil || string(shown) != string(sent) {
				t.Errorf("%s\nbecame %s, %v", sent, shown, err)
			}
			crossed++
		}
	}
	if crossed < 5 {
		t.Errorf("only %d instances", crossed)
	}
}

// Whatever another datacenter answers is instances that can be shown, or an error.
func FuzzRemoteNodes(f *testing.F) {
	for _, body := range []string{`{"Nodes":[{"Node":{"Node":"a","TaggedAddresses":{"wan":"1"}},"Service":{"ID":"s","Tags":["t"]},"Checks":[{"Status":"passing"}]}]}`,
		`{"Nodes":[null]}`, `{"Nodes":[{"Node":{},"Service":{},"Checks":[null]}]}`, `{"Nodes":[{"Node":{}}]}`, `{}`, `null`, `[`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var nodes remoteNodes
		if json.Unmarshal(body, &nodes) != nil {
			return
		}
		instances, err := nodes.instances()
		if err != nil {
			return
		}
		views := viewResults(instances)
		for _, v := range views {
			v.useWAN()
		}
		if _, err := json.Marshal(views); err != nil || len(views) != len(nodes.Nodes) {
			t.Errorf("%d instances shown of %d: %v", len(views), len(nodes.Nodes), err)
		}
	})
}

// Whatever is sent to be executed, the answer is what is found, or says what is wrong.
func FuzzRemoteQuery(f *testing.F) {
	for _, body := range []string{`{"Query":{"ID":"x","Service":{"Service":"web","Tags":["!a"]}},"Limit":1,"Connect":true}`,
		`{"Query":{"Service":{"Service":"web","Peer":"p"}}}`, `{"Query":null}`, `{}`, `{"Query":7}`, `{"Limit":"x"}`, `[`, ``} {
		f.Add([]byte(body))
	}
	b := newFake()
	h := forward.NewServer(newHandler(b, Config{}), 0, hclog.NewNullLogger()).Handler
	entry := fsm.Register(&state.Registration{Node: &record.Register{Node: "n", Address: "10.0.0.1", Datacenter: "dc1"},
		Service: &record.NodeService{ID: "web", Service: "web"}})
	if _, err := b.Apply(f.Context(), entry); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := ask(h, "POST", internalQueryPath, string(body), "Lictor-Datacenter: dc2", "Lictor-Between: 1")
		var found remoteNodes
		if w.Code == 200 && json.Unmarshal(w.Body.Bytes(), &found) != nil || w.Code != 200 && w.Code != 400 && w.Code != 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
