package httpapi

import (
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/version"
)

func TestInformation(t *testing.T) {
	const n1 = `{"Name":"n1","Addr":"127.0.0.1","Port":8301,"Tags":{"dc":"dc1","role":"consul"},"Status":1,` +
		`"ProtocolMin":0,"ProtocolMax":0,"ProtocolCur":0,"DelegateMin":0,"DelegateMax":0,"DelegateCur":0}`
	for _, c := range []struct {
		name, target string
		change       func(*fakeBackend)
		status       int
		body         string
	}{
		{name: "leader", target: "/v1/status/leader", status: 200, body: `"127.0.0.1:8300"`},
		{name: "no leader", target: "/v1/status/leader", change: func(f *fakeBackend) { f.leaderOut = true }, status: 200, body: `""`},
		{name: "peers", target: "/v1/status/peers", change: func(f *fakeBackend) { f.peers = []string{"a:1", "b:2"} }, status: 200, body: `["a:1","b:2"]`},
		{name: "no peers", target: "/v1/status/peers", status: 200, body: `[]`},
		{name: "datacenters", target: "/v1/catalog/datacenters", status: 200, body: `["dc1"]`},
		{name: "Raft", target: "/v1/operator/raft/configuration", status: 200,
			body: `{"Servers":[{"ID":"aaaa","Node":"n1","Address":"127.0.0.1:8300","Leader":true,"ProtocolVersion":"3","Voter":true,"LastIndex":233}],"Index":0}`},
		{name: "Raft, stale without a leader", target: "/v1/operator/raft/configuration?stale", change: func(f *fakeBackend) { f.err = statusErr(500) }, status: 200,
			body: `{"Servers":[{"ID":"aaaa","Node":"n1","Address":"127.0.0.1:8300","Leader":true,"ProtocolVersion":"3","Voter":true,"LastIndex":233}],"Index":0}`},
		{name: "self", target: "/v1/agent/self", status: 200,
			body: `{"Config":{"Datacenter":"dc1","PrimaryDatacenter":"","NodeName":"n1","NodeID":"","Revision":"","Server":true,"Version":"","BuildDate":""},` +
				`"DebugConfig":{},"Coord":null,"Member":` + n1 + `,"Stats":{"raft":{"state":"Leader"}},"Meta":{}}`},
		{name: "members by tag", target: "/v1/agent/members?segment=_all&filter=" + `Tags%5B%22role%22%5D+%3D%3D+consul`, status: 200, body: "[" + n1 + "]"},
		{name: "members by name", target: "/v1/agent/members?filter=Name==n3", status: 200, body: "[]"},
		{name: "members of no pool", target: "/v1/agent/members?wan=1", status: 400,
			body: `Invalid query parameter: "wan" - this agent is in no WAN pool: that takes a server and ports.serf_wan`},
		{name: "members of a segment", target: "/v1/agent/members?segment=x", status: 400,
			body: `Invalid query parameter: "segment" - Network segments are a Consul Enterprise feature`},
		{name: "members, bad selector", target: "/v1/agent/members?filter=Nope==1", status: 500,
			body: `Failed to create boolean expression evaluator: Selector "Nope" is not valid`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			if c.change != nil {
				c.change(f)
			}
			w := ask(newHandler(f, Config{}), "GET", c.target, "")
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%d\n got %s\nwant %s", w.Code, w.Body, c.body)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	w := ask(newHandler(newFake(), Config{}), "GET", "/v1/agent/version", "")
	if !strings.Contains(w.Body.String(), `"HumanVersion":"`+version.Full+`","FIPS":""}`) {
		t.Errorf("%s", w.Body)
	}
}
