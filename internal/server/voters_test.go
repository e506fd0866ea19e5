package server

import (
	"context"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// noPool has no members.
type noPool struct{}

func (noPool) Members() []gossip.Member { return nil }
func (noPool) Changed() <-chan struct{} { return nil }

// A server that joins gets a vote; one that fails is critical until it is back; one that leaves is out of Raft and the catalog.
func TestServersComeAndGo(t *testing.T) {
	dc := found(t, 3, nil)
	put(t, dc.leader().Server, "k", "v")
	fourth := dc.add(0)
	fourth.run()
	dc.settled("four voters", dc.all...)
	dc.health("n4", "passing")

	fourth.kill()
	dc.health("n4", "critical")
	fourth.run()
	dc.health("n4", "passing")
	dc.settled("four voters again", dc.all...)

	if err := fourth.Leave(t.Context(), fourth.pool.Leave); err != nil {
		t.Fatal(err)
	}
	fourth.kill()
	dc.settled("three voters", dc.all[:3]...)
	dc.health("n4", "")
	dc.agree("k", "v")

	fourth.run()
	dc.settled("four voters once more", dc.all...)
	dc.health("n4", "passing")
}

// A server that comes back under another address is corrected; so are all, if nobody has kept his.
func TestServersUnderNewAddresses(t *testing.T) {
	if racing {
		t.Skip("raft 1.8.0 reads a peer's ID without its lock while it corrects the address; the ID is the same before and after")
	}
	dc := found(t, 3, nil)
	put(t, dc.leader().Server, "k", "v")
	one := dc.follower()
	one.kill()
	dc.health(one.gossip.Name, "critical")
	one.config.Address = ""
	one.run()
	dc.settled("the new address of one", dc.all...)

	for _, r := range dc.all {
		r.kill()
		r.config.Address = ""
	}
	for _, r := range dc.all {
		r.run()
	}
	dc.settled("the new addresses of all", dc.all...)
	dc.agree("k", "v")
}

// A server that was rebuilt has a new ID: under its old address, the old ID goes at once; under a new one, autopilot removes it.
func TestRebuiltServerTakesItsPlace(t *testing.T) {
	for name, move := range map[string]bool{"at its old address": false, "at a new one": true} {
		t.Run(name, func(t *testing.T) {
			dc := found(t, 3, func(r *resident) {
				r.config.Autopilot.CleanupDeadServers, r.config.Autopilot.MinQuorum, r.config.ReconcileInterval = true, 3, time.Second
			})
			old := dc.follower()
			old.kill()
			dc.health(old.gossip.Name, "critical")
			rebuilt := dc.add(0)
			rebuilt.gossip.Name, rebuilt.config.Node.Node = old.gossip.Name, old.gossip.Name
			if !move {
				rebuilt.config.Address = old.config.Address
			}
			rebuilt.run()
			want := []*resident{rebuilt}
			for _, r := range dc.all[:3] {
				if r != old {
					want = append(want, r)
				}
			}
			dc.settled("the rebuilt one in the place of the old", want...)
			eventually(t, "the new ID in the catalog", func() bool {
				_, n, _ := dc.leader().Store().Node(nil, old.gossip.Name)
				return n != nil && n.ID == rebuilt.config.NodeID && dc.leader().serfStatus(n.Node) == "passing"
			})
		})
	}
}

// A leader that leaves hands over first.
func TestLeaderLeaves(t *testing.T) {
	dc := found(t, 3, nil)
	put(t, dc.leader().Server, "k", "v")
	old := dc.leader()
	if err := old.Leave(t.Context(), old.pool.Leave); err != nil {
		t.Fatal(err)
	}
	if !old.log.has("successfully transferred leadership") {
		t.Error("it has not handed over")
	}
	old.kill()
	dc.settled("the other two", dc.running()...)
	dc.health(old.gossip.Name, "")
	dc.agree("k", "v")
}

// A server without others stays in its own configuration when it leaves: it can start again.
func TestLoneServerLeaves(t *testing.T) {
	dc := newDatacenter(t)
	alone := dc.add(0)
	alone.config.AwaitCluster = false
	alone.run()
	put(t, dc.leader().Server, "k", "v")
	if err := alone.Leave(context.Background(), alone.pool.Leave); err != nil {
		t.Fatal(err)
	}
	alone.kill()
	alone.run()
	dc.settled("itself", alone)
	dc.agree("k", "v")
}

// Of two servers that each were told to be a cluster of their own, neither takes the other in.
func TestTwoBootstrapServers(t *testing.T) {
	dc := newDatacenter(t)
	for range 2 {
		r := dc.add(0)
		r.config.AwaitCluster, r.gossip.Bootstrap = false, true
		r.listen()
		eventually(t, "it to lead", r.Leading)
	}
	dc.all[1].join()
	for _, r := range dc.all {
		eventually(t, "the refusal in the log", func() bool { return r.log.has("are both in bootstrap mode") })
		if members, err := r.Members(); err != nil || len(members) != 1 {
			t.Errorf("%+v, %v", members, err)
		}
	}
}
