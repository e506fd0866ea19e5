package main

import (
	"strings"
	"testing"
)

func TestRemovePeer(t *testing.T) {
	for _, c := range []asking{
		{"by ID", "operator raft remove-peer -id=id-1", "", ok(`Removed peer with id "id-1"`), "DELETE /v1/operator/raft/peer?id=id-1"},
		{"by address", "operator raft remove-peer -address=10.0.0.3:8300 -datacenter=dc1", "", ok(`Removed peer with address "10.0.0.3:8300"`),
			"DELETE /v1/operator/raft/peer?address=10.0.0.3%3A8300&dc=dc1"},
		{"nobody", "operator raft remove-peer", "", failed("Error removing peer: an address or id is required for the peer to remove"), ""},
		{"two ways", "operator raft remove-peer -id=a -address=b", "", failed("Error removing peer: cannot give both an address and id"), ""},
		{"fails", "operator raft remove-peer -id=id-1", "peer", failed("Error removing peer: Unexpected response code: 500 (refused by the test)"),
			"DELETE /v1/operator/raft/peer?id=id-1"},
		{"stale", "operator raft remove-peer -stale -id=id-1", "",
			result{0, "Removed peer with id \"id-1\"\n", "Warning: -stale has no effect on a write and is ignored\n"}, "DELETE /v1/operator/raft/peer?id=id-1"},
	} {
		c.test(t, "DELETE /v1/operator/raft/peer")
	}
}

func TestTransferLeader(t *testing.T) {
	for _, c := range []struct {
		name, line, answer string
		status             int
		want               result
		calls              string
	}{
		{"anybody", "", `{"Success":true}`, 0, ok("Success"), "POST /v1/operator/raft/transfer-leader"},
		{"one", "-id=id-2", `{"Success":true}`, 0, ok("Success"), "POST /v1/operator/raft/transfer-leader?id=id-2"},
		{"without success", "", `{"Success":false}`, 0,
			failed("Error transferring leadership: the leader did not succeed; see its log, and operator raft list-peers"), "POST /v1/operator/raft/transfer-leader"},
		{"fails", "", "", 500, failed("Error transferring leadership: Unexpected response code: 500 (refused by the test)"),
			"POST /v1/operator/raft/transfer-leader"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.answers["POST /v1/operator/raft/transfer-leader"] = c.answer
			if c.status != 0 {
				f.refuse["transfer-leader"] = c.status
			}
			check(t, lictor(words("operator raft transfer-leader "+c.line)...), c.want)
			if got := f.calls(); got != c.calls {
				t.Errorf("asked %q, want %q", got, c.calls)
			}
		})
	}
}

const autopilotConfig = `{"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"MinQuorum":0,` +
	`"ServerStabilizationTime":"10s","RedundancyZoneTag":"zone","DisableUpgradeMigration":true,"UpgradeVersionTag":"v","CreateIndex":4,"ModifyIndex":9}`

func TestAutopilotGetConfig(t *testing.T) {
	f := newFake(t)
	f.answers["GET /v1/operator/autopilot/configuration"] = autopilotConfig
	check(t, lictor(words("operator autopilot get-config")...), ok(`CleanupDeadServers = true
LastContactThreshold = 200ms
MaxTrailingLogs = 250
MinQuorum = 0
ServerStabilizationTime = 10s
RedundancyZoneTag = "zone"
DisableUpgradeMigration = true
UpgradeVersionTag = "v"`))
	got := lictor(words("operator autopilot get-config -stale -format=json")...)
	if compact := strings.NewReplacer(" ", "", "\n", "").Replace(got.out); compact != autopilotConfig || got.code != 0 || !f.last(t).URL.Query().Has("stale") {
		t.Errorf("exit %d, stdout %s, stderr %q", got.code, compact, got.err)
	}
	check(t, lictor(words("operator autopilot get-config -format=xml")...), failed("Unknown format: xml"))
	f.refuse["configuration"] = 500
	check(t, lictor(words("operator autopilot get-config")...),
		failed("Error querying Autopilot configuration: Unexpected response code: 500 (refused by the test)"))
}

// A change keeps what it does not name, and is made only if nobody else made
// one in between.
func TestAutopilotSetConfig(t *testing.T) {
	const get, put = "GET /v1/operator/autopilot/configuration", "PUT /v1/operator/autopilot/configuration"
	for _, c := range []struct {
		name, line, answer, refuse string
		want                       result
		sent                       []string // old and new parts of the configuration, by turns
	}{
		{"all", "-cleanup-dead-servers=false -last-contact-threshold=1s -max-trailing-logs=500 -min-quorum=3 -server-stabilization-time=1m", "true", "",
			ok("Configuration updated!"), []string{`"CleanupDeadServers":true`, `"CleanupDeadServers":false`, "200ms", "1s", "250", "500",
				`"MinQuorum":0`, `"MinQuorum":3`, "10s", "1m0s"}},
		{"one", "-min-quorum=3", "true", "", ok("Configuration updated!"), []string{`"MinQuorum":0`, `"MinQuorum":3`}},
		{"a boolean alone", "-cleanup-dead-servers", "true", "", ok("Configuration updated!"), []string{"", ""}},
		{"clear", "-redundancy-zone-tag= -upgrade-version-tag= -disable-upgrade-migration=false", "true", "", ok("Configuration updated!"),
			[]string{`"zone"`, `""`, `"v"`, `""`, `"DisableUpgradeMigration":true`, `"DisableUpgradeMigration":false`}},
		{"changed in between", "-min-quorum=3", "false", "", failed("Configuration could not be atomically updated, please try again"),
			[]string{`"MinQuorum":0`, `"MinQuorum":3`}},
		{"write fails", "-min-quorum=3", "", put, failed("Error setting Autopilot configuration: Unexpected response code: 500 (refused by the test)"),
			[]string{`"MinQuorum":0`, `"MinQuorum":3`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.answers[get], f.answers[put] = autopilotConfig, c.answer
			if c.refuse != "" {
				f.refuse[c.refuse] = 500
			}
			check(t, lictor(words("operator autopilot set-config "+c.line)...), c.want)
			want := get + "\n" + put + "?cas=9 " + strings.NewReplacer(c.sent...).Replace(autopilotConfig)
			if c.sent[0] == "" {
				want = get + "\n" + put + "?cas=9 " + autopilotConfig
			}
			if got := f.calls(); got != want {
				t.Errorf("asked\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAutopilotSetConfigSendsNothing(t *testing.T) {
	const enterprise = "this is a feature of Consul Enterprise, which neither Lictor nor Consul without it acts on"
	for _, c := range []struct {
		name, line string
		code       int
		err        string // its first line
	}{
		{"nothing to change", "", 0, "Warning: no option was given, so nothing is changed"},
		{"zones", "-redundancy-zone-tag=zone", 1, `invalid value "zone" for flag -redundancy-zone-tag: ` + enterprise},
		{"versions", "-upgrade-version-tag=v", 1, `invalid value "v" for flag -upgrade-version-tag: ` + enterprise},
		{"migration", "-disable-upgrade-migration", 1, `invalid boolean flag disable-upgrade-migration: ` + enterprise},
		{"no number", "-min-quorum=-1", 1, `invalid value "-1" for flag -min-quorum: not a whole number from 0`},
		{"no duration", "-last-contact-threshold=5", 1, `invalid value "5" for flag -last-contact-threshold: not a duration from 0, such as 200ms or 10s`},
		{"negative duration", "-server-stabilization-time=-5s", 1,
			`invalid value "-5s" for flag -server-stabilization-time: not a duration from 0, such as 200ms or 10s`},
		{"no boolean", "-cleanup-dead-servers=x", 1, `invalid boolean value "x" for -cleanup-dead-servers: strconv.ParseBool: parsing "x": invalid syntax`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			got := lictor(words("operator autopilot set-config " + c.line)...)
			if first, _, _ := strings.Cut(got.err, "\n"); got.code != c.code || first != c.err || got.out != "" {
				t.Errorf("exit %d, stdout %q, stderr %q", got.code, got.out, got.err)
			}
			if calls := f.calls(); calls != "" {
				t.Errorf("asked %s", calls)
			}
		})
	}
	newFake(t).refuse["configuration"] = 500
	check(t, lictor(words("operator autopilot set-config -min-quorum=1")...),
		failed("Error querying Autopilot configuration: Unexpected response code: 500 (refused by the test)"))
}

const autopilotServers = `{"Healthy":true,"FailureTolerance":1,"OptimisticFailureTolerance":1,"Servers":{
 "id-2":{"ID":"id-2","Name":"s2","Address":"10.0.0.2:8300","NodeStatus":"alive","Version":"1.21.4","LastContact":"19.8ms","LastTerm":3,"LastIndex":90,
  "Healthy":true,"StableSince":"2025-01-02T03:04:05Z","ReadReplica":false,"Status":"voter","Meta":{"rack":"r1","a":""},"NodeType":"voter"},
 "id-1":{"ID":"id-1","Name":"s1","Address":"10.0.0.1:8300","NodeStatus":"alive","Version":"1.21.4","LastContact":"0s","LastTerm":3,"LastIndex":91,
  "Healthy":true,"StableSince":"2025-01-02T03:04:05Z","ReadReplica":false,"Status":"leader","Meta":{},"NodeType":"voter"}},
 "Leader":"id-1","Voters":["id-1","id-2"]}`

func TestAutopilotState(t *testing.T) {
	f := newFake(t)
	f.answers["GET /v1/operator/autopilot/state"] = autopilotServers
	check(t, lictor(words("operator autopilot state")...), ok(`Healthy:                      true
Failure Tolerance:            1
Optimistic Failure Tolerance: 1
Leader:                       id-1
Voters:
   id-1
   id-2
Servers:
   id-1
      Name:           s1
      Address:        10.0.0.1:8300
      Version:        1.21.4
      Status:         leader
      Node Type:      voter
      Node Status:    alive
      Healthy:        true
      Stable Since:   2025-01-02T03:04:05Z
      Last Contact:   0s
      Last Term:      3
      Last Index:     91
   id-2
      Name:           s2
      Address:        10.0.0.2:8300
      Version:        1.21.4
      Status:         voter
      Node Type:      voter
      Node Status:    alive
      Healthy:        true
      Stable Since:   2025-01-02T03:04:05Z
      Last Contact:   19.8ms
      Last Term:      3
      Last Index:     90
      Meta:
         "a": ""
         "rack": "r1"`))
	got := lictor(words("operator autopilot state -format=json")...)
	for _, want := range []string{`"Leader": "id-1"`, `"LastContact": "19.8ms"`, `"rack": "r1"`} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("exit %d, stdout %s lacks %s", got.code, got.out, want)
		}
	}
	f.answers["GET /v1/operator/autopilot/state"] = `{"Healthy":false,"Servers":{},"Voters":[],"ReadReplicas":["id-9"]}`
	check(t, lictor(words("operator autopilot state -stale")...), ok("Healthy:                      false\nFailure Tolerance:            0\n"+
		"Optimistic Failure Tolerance: 0\nLeader:                       \nVoters:\nRead Replicas:\n   id-9\nServers:"))
	if !f.last(t).URL.Query().Has("stale") {
		t.Error("stale was not sent")
	}
}

func TestAutopilotStateFails(t *testing.T) {
	f := newFake(t)
	check(t, lictor(words("operator autopilot state -format=xml")...), failed("Unknown format: xml"))
	f.refuse["state"] = 500
	check(t, lictor(words("operator autopilot state")...),
		failed("Error querying Autopilot state: Unexpected response code: 500 (refused by the test)"))
}

// The commands of an operator work with a server of our own.
func TestOperatorCommandsAgainstAServer(t *testing.T) {
	startServer(t)
	for _, c := range []struct {
		line string
		code int
		want string // a part of what is printed
	}{
		{"operator autopilot get-config", 0, "CleanupDeadServers = true\nLastContactThreshold = 200ms\nMaxTrailingLogs = 250\n"},
		{"operator autopilot set-config -max-trailing-logs=500 -cleanup-dead-servers=false -redundancy-zone-tag=", 0, "Configuration updated!"},
		{"operator autopilot get-config", 0, "CleanupDeadServers = false\nLastContactThreshold = 200ms\nMaxTrailingLogs = 500\n"},
		{"operator autopilot state", 0, "Healthy:                      true\n"},
		{"operator autopilot state -format=json", 0, `"Status": "leader"`},
		{"operator raft remove-peer -id=x", 1, `Error removing peer: Unexpected response code: 500 (id "x" was not found in the Raft configuration)`},
		{"operator raft transfer-leader", 1, "500 (cannot find peer)"},
		{"force-leave nobody", 1, "Error force leaving: Unexpected response code: 500 (agent: No node found with name 'nobody')"},
		{"members -filter=Name==srv -format=json", 0, `"Name": "srv"`},
		{"members -filter=Name==nobody", 2, ""},
		{"members -wan", 1, "this agent is in no WAN pool"},
		{"join -wan 10.0.0.1", 1, "this agent is in no WAN pool"},
		{"keyring -list", 1, "Error listing keys: Unexpected response code: 500 (Keyring is empty (encryption not enabled))"},
		{"keyring -use=bm9uZQ==", 1, "500 (No keyring to modify (encryption not enabled))"},
	} {
		got := lictor(words(c.line)...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) {
			t.Errorf("%s: exit %d\n%s%s\nwant exit %d and %q", c.line, got.code, got.out, got.err, c.code, c.want)
		}
	}
}
