package server

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"

	"github.com/lictor-dr/lictor/internal/fsm"
)

// state is what the leader's autopilot says; empty while it says nothing.
func (dc *datacenter) state() AutopilotState {
	dc.t.Helper()
	state, err := dc.leader().AutopilotState()
	if err != nil {
		dc.t.Fatal(err)
	}
	return state
}

// Autopilot tells how the servers are, as one fails and comes back.
func TestAutopilotState(t *testing.T) {
	dc := found(t, 3, nil)
	eventually(t, "all to be healthy", func() bool { x := dc.state(); return x.Healthy && len(x.Servers) == 3 })
	leader, x := dc.leader(), dc.state()
	if x.FailureTolerance != 1 || x.Leader != leader.config.NodeID || len(x.Voters) != 3 || x.Voters[0] != x.Leader {
		t.Errorf("%+v", x)
	}
	for i, one := range x.Servers {
		r := dc.all[i]
		if one.ID != r.config.NodeID || one.Name != r.gossip.Name || one.Address != r.config.Address || one.NodeStatus != "alive" ||
			one.Version != "1.2.3" || !one.Healthy || !one.Voter || one.Leader != (r == leader) || one.LastTerm == 0 || one.LastIndex == 0 ||
			one.StableSince.IsZero() {
			t.Errorf("%+v", one)
		}
	}
	failed := dc.follower()
	failed.kill()
	of := func(x AutopilotState) ServerState {
		return x.Servers[slices.IndexFunc(x.Servers, func(one ServerState) bool { return one.ID == failed.config.NodeID })]
	}
	eventually(t, "the failure", func() bool { x := dc.state(); return !x.Healthy && of(x).NodeStatus == "failed" })
	if x := dc.state(); x.FailureTolerance != 0 || of(x).Healthy || !of(x).Voter || of(x).LastContact <= 0 {
		t.Errorf("%+v", x)
	}
	failed.run()
	eventually(t, "all to be healthy again", func() bool { x := dc.state(); return x.Healthy && x.FailureTolerance == 1 })

	follower := dc.follower()
	seen, err := follower.AutopilotState()
	if err != nil || len(seen.Servers) != 3 || seen.Healthy || seen.Leader != x.Leader || seen.Servers[0].Name != "n1" {
		t.Errorf("a follower sees %+v, %v", seen, err)
	}
}

// A server that is alive and does not answer is not healthy; its figures are the last ones known.
func TestServerThatDoesNotAnswer(t *testing.T) {
	dc := found(t, 3, nil)
	silent := dc.follower()
	leader := dc.leader()
	eventually(t, "all to be healthy", func() bool { x := dc.state(); return x.Healthy && len(x.Servers) == 3 })
	p := newPilot(leader.Server)
	servers := p.KnownServers()
	id := servers[asID(silent)].ID
	first := p.FetchServerStats(t.Context(), servers)
	if len(first) != 3 || first[id].LastIndex == 0 || first[id].LastContact < 0 {
		t.Errorf("%+v", first)
	}
	dc.silence()
	p.heard[id] = report{p.heard[id].stats, time.Now().Add(-time.Minute)}
	second := p.FetchServerStats(t.Context(), servers)
	if second[id].LastContact < time.Minute || second[id].LastIndex != first[id].LastIndex {
		t.Errorf("%+v, before that %+v", second[id], first[id])
	}
	if own := second[asID(leader)]; own.LastContact != 0 || own.LastIndex == 0 {
		t.Errorf("the leader itself: %+v", own)
	}
	delete(p.heard, id)
	if never := p.FetchServerStats(t.Context(), servers)[id]; never.LastContact >= 0 {
		t.Errorf("it never answered: %+v", never)
	}
}

// A dead server stays while the configuration says so. Told otherwise, autopilot removes it everywhere, but never below the least number.
func TestDeadServersAreRemoved(t *testing.T) {
	dc := found(t, 4, nil)
	dead := dc.follower()
	dead.kill()
	dc.health(dead.gossip.Name, "critical")
	c := *dc.leader().Store().Autopilot()
	c.CleanupDeadServers, c.MinQuorum = true, 4
	apply(t, dc.leader().Server, fsm.SetAutopilot(&c, false))
	eventually(t, "autopilot to refuse", func() bool {
		return dc.leader().log.has("will not remove server node as it would leave less voters than the minimum number allowed")
	})
	if members, err := dc.leader().Members(); err != nil || len(members) != 4 {
		t.Errorf("%+v, %v", members, err)
	}
	c.MinQuorum = 3
	apply(t, dc.leader().Server, fsm.SetAutopilot(&c, false))
	dc.settled("the three that live", dc.running()...)
	dc.health(dead.gossip.Name, "")

	dead.run()
	dc.settled("all four", dc.all...)
}

// A leader that has just begun may not have found everybody in the pool: it removes nobody for that.
func TestNewLeadersAreNotHasty(t *testing.T) {
	for _, c := range []struct {
		interval time.Duration
		want     int
	}{{time.Hour, 0}, {time.Microsecond, 1}} {
		conf := testConfig("")
		conf.ReconcileInterval = c.interval
		s := start(t, conf)
		defer closeServer(t, s)
		failed := (&promoter{server: s}).FilterFailedServerRemovals(nil, nil, &autopilot.FailedServers{
			StaleVoters: []raft.ServerID{"a"}, StaleNonVoters: []raft.ServerID{"b"}, FailedVoters: []*autopilot.Server{{ID: "c"}},
		})
		if len(failed.StaleVoters) != c.want || len(failed.StaleNonVoters) != c.want || len(failed.FailedVoters) != 1 {
			t.Errorf("after %s: %+v", c.interval, failed)
		}
	}
}

// Without a pool a server tells what it knows by itself.
func TestStateOfAClusterOfOne(t *testing.T) {
	s := start(t, registering(testConfig(""), time.Hour))
	defer closeServer(t, s)
	x, err := s.AutopilotState()
	if err != nil || !x.Healthy || x.FailureTolerance != 0 || x.Leader != s.config.NodeID || len(x.Voters) != 1 || len(x.Servers) != 1 {
		t.Fatalf("%+v, %v", x, err)
	}
	if one := x.Servers[0]; one.Name != "Server-1" || one.NodeStatus != "alive" || one.Version == "" || !one.Leader || !one.Voter || !one.Healthy ||
		one.LastContact != 0 || one.LastTerm == 0 || one.LastIndex == 0 || one.StableSince.IsZero() {
		t.Errorf("%+v", one)
	}
}
