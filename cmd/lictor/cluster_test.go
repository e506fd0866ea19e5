package main

import (
	"strings"
	"testing"
)

func TestListPeers(t *testing.T) {
	const leader = `{"ID":"id-1","Node":"s1","Address":"10.0.0.1:8300","Leader":true,"ProtocolVersion":"3","Voter":true,"LastIndex":100}`
	const header = "Node  ID    Address        State     Voter  RaftProtocol  Commit Index  Trails Leader By\n"
	follower := func(index string) string {
		return `{"ID":"id-2","Node":"s2","Address":"10.0.0.2:8300","Leader":false,"ProtocolVersion":"3","Voter":false,"LastIndex":` + index + `}`
	}
	row := func(index, trails string) string {
		return "s2    id-2  10.0.0.2:8300  follower  false  3             " + index + strings.Repeat(" ", 14-len(index)) + trails
	}
	const first = "s1    id-1  10.0.0.1:8300  leader    true   3             100           -\n"
	tests := []struct {
		name    string
		servers string
		want    string
	}{
		{"level", leader + "," + follower("100"), header + first + row("100", "0 commits")},
		{"one behind", leader + "," + follower("99"), header + first + row("99", "1 commit")},
		{"far behind", leader + "," + follower("8"), header + first + row("8", "92 commits")},
		{"ahead of the leader's answer", leader + "," + follower("101"), header + first + row("101", "0 commits")},
		{"no leader", follower("33"), header + row("33", "unknown")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.peers = `{"Servers":[` + tt.servers + `],"Index":0}`
			check(t, lictor(words("operator raft list-peers -stale")...), ok(tt.want))
			if !f.last(t).URL.Query().Has("stale") {
				t.Error("stale was not sent")
			}
		})
	}
}

func TestListPeersAsJSON(t *testing.T) {
	newFake(t).peers = `{"Servers":[{"ID":"id-1","Node":"s1","Address":"10.0.0.1:8300","Leader":true,"ProtocolVersion":"3","Voter":true,"LastIndex":7}],"Index":0}`
	check(t, lictor(words("operator raft list-peers -format=json")...), ok(`{
   "Servers": [
      {
         "ID": "id-1",
         "Node": "s1",
         "Address": "10.0.0.1:8300",
         "Leader": true,
         "ProtocolVersion": "3",
         "Voter": true,
         "LastIndex": 7
      }
   ],
   "Index": 0
}`))
	check(t, lictor(words("operator raft list-peers -format=xml")...), failed("Unknown format: xml"))
}

func TestListPeersFails(t *testing.T) {
	f := newFake(t)
	f.refuse["configuration"] = 500
	check(t, lictor(words("operator raft list-peers")...),
		failed("Error getting peers: Failed to retrieve raft configuration: Unexpected response code: 500 (refused by the test)"))
	if f.last(t).URL.Query().Has("stale") {
		t.Error("stale was sent")
	}
}

const memberList = `[
 {"Name":"s2","Addr":"10.0.0.2","Port":8301,"Status":4,"Tags":{"role":"consul","dc":"dc1","build":"1.21.4:0a1b","vsn":"2"}},
 {"Name":"c1","Addr":"10.0.0.9","Port":8301,"Status":1,"Tags":{"role":"node","dc":"dc1","build":"1.20.0","vsn":"2"}},
 {"Name":"c2","Addr":"fd00::7","Port":8301,"Status":3,"Tags":{"role":"node","dc":"dc1","vsn":"2","segment":"red","ap":"team"}},
 {"Name":"s1","Addr":"10.0.0.1","Port":8301,"Status":1,"Tags":{"role":"consul","dc":"dc1","build":"1.21.4+lictor.0.1.0:","vsn":"2"}}]`

func TestMembers(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		want  result
		query string // that must be in the request
	}{
		{"all", nil, ok(`Node  Address         Status  Type    Build                Protocol  DC   Partition  Segment
c1    10.0.0.9:8301   alive   client  1.20.0               2         dc1  default    <default>
c2    [fd00::7]:8301  left    client  -                    2         dc1  team       red
s1    10.0.0.1:8301   alive   server  1.21.4+lictor.0.1.0  2         dc1  default    <all>
s2    10.0.0.2:8301   failed  server  1.21.4               2         dc1  default    <all>`), "segment=_all"},
		{"detailed", words("-detailed -status=failed"), ok(`Node  Address        Status  Tags
s2    10.0.0.2:8301  failed  build=1.21.4:0a1b,dc=dc1,role=consul,vsn=2`), ""},
		{"status", words("-status=^(left|failed)$ -wan"), ok(`Node  Address         Status  Type    Build   Protocol  DC   Partition  Segment
c2    [fd00::7]:8301  left    client  -       2         dc1  team       red
s2    10.0.0.2:8301   failed  server  1.21.4  2         dc1  default    <all>`), "wan=1"},
		{"none", words("-status=leaving"), result{code: 2}, ""},
		{"none as JSON", words("-status=leaving -format=json"), result{code: 2}, ""},
		{"JSON", words("-status=failed -format=json"), ok(`[
   {
      "Name": "s2",
      "Addr": "10.0.0.2",
      "Port": 8301,
      "Tags": {
         "build": "1.21.4:0a1b",
         "dc": "dc1",
         "role": "consul",
         "vsn": "2"
      },
      "Status": 4,
      "ProtocolMin": 0,
      "ProtocolMax": 0,
      "ProtocolCur": 0,
      "DelegateMin": 0,
      "DelegateMax": 0,
      "DelegateCur": 0
   }
]`), ""},
		{"unknown format", words("-format=JSON"), failed("Unknown format: JSON"), ""},
		{"bad expression", words("-status=("), failed("Failed to compile status regexp: error parsing regexp: missing closing ): `(`"), ""},
		{"filter", words("-status=leaving -filter=x==y"), result{code: 2}, "filter=x%3D%3Dy"},
		{"segment", words("-status=leaving -segment=red"), result{code: 2}, "segment=red"},
		{"partition", words("-status=leaving -partition=team"), result{code: 2}, "partition=team"},
		{"arguments", words("-status=leaving x y"), result{2, "", "Warning: arguments are ignored: x y\n"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.members = memberList
			check(t, lictor(append([]string{"members"}, tt.args...)...), tt.want)
			if tt.query != "" && !strings.Contains(f.last(t).URL.RawQuery, tt.query) {
				t.Errorf("request %q lacks %q", f.last(t).URL.RawQuery, tt.query)
			}
		})
	}
}

func TestMembersFails(t *testing.T) {
	newFake(t).refuse["members"] = 403
	check(t, lictor("members"), failed("Error retrieving members: Unexpected response code: 403 (refused by the test)"))
}

func TestInfo(t *testing.T) {
	tests := []struct {
		name string
		self string
		want result
	}{
		{"sections and keys sorted",
			`{"Config":{"NodeName":"s1"},"Stats":{"raft":{"term":"2","state":"Leader"},"agent":{"checks":"0"},"build":{}},"Coord":null}`,
			ok("agent:\n\tchecks = 0\nbuild:\nraft:\n\tstate = Leader\n\tterm = 2")},
		{"no statistics", `{"Config":{}}`, failed("Error querying agent: its answer holds no statistics")},
		{"not JSON", `<html>`, failed("Error querying agent: invalid character '<' looking for beginning of value")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newFake(t).self = tt.self
			check(t, lictor("info"), tt.want)
		})
	}
}

func TestInfoFails(t *testing.T) {
	newFake(t).refuse["self"] = 500
	check(t, lictor("info"), failed("Error querying agent: Unexpected response code: 500 (refused by the test)"))
}
