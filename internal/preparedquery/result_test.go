package preparedquery

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestAnswer(t *testing.T) {
	r := &Result{Service: "web", DNS: DNS{"10s"}, Datacenter: "dc2", Failovers: 1}
	meta := NewQueryMeta()
	meta.KnownLeader, meta.ResultsFilteredByACLs = true, true
	text, err := json.Marshal(r.Answer([]api.ServiceEntry{}, meta))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Service":"web","Nodes":[],"DNS":{"TTL":"10s"},"Datacenter":"dc2","PeerName":"","Failovers":1,` +
		`"Index":1,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":true}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestExplain(t *testing.T) {
	q, err := Lookup(store{template(id1, "geo-", "${name.suffix}")}, "geo-web", "")
	if err != nil {
		t.Fatal(err)
	}
	q = Redact(q)
	text, err := json.Marshal(Explain(q, NewQueryMeta()))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Query":{"ID":"` + id1 + `","Name":"geo-","Session":"","Token":"",` +
		`"Template":{"Type":"name_prefix_match","Regexp":"","RemoveEmptyTags":false},` +
		`"Service":{"Service":"web","SamenessGroup":"","Failover":{"NearestN":0,"Datacenters":null,"Targets":null},"OnlyPassing":false,` +
		`"IgnoreCheckIDs":null,"Near":"","Tags":null,"NodeMeta":null,"ServiceMeta":null,"Connect":false,"Peer":""},` +
		`"DNS":{"TTL":""},"CreateIndex":0,"ModifyIndex":0},` +
		`"Index":1,"LastContact":0,"KnownLeader":false,"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if got := Forms([]*record.PreparedQuery{}); got == nil {
		t.Error("no queries are null instead of an empty list")
	}
}
