package server

import (
	"strings"
	"testing"
	"time"
)

// Servers that expect each other become one cluster, in whatever order they start and find each other.
func TestExpectedServersBecomeACluster(t *testing.T) {
	for name, c := range map[string]struct {
		order []int
		first bool // whether all start before they find each other
	}{
		"one after another": {[]int{0, 1, 2}, false},
		"backwards":         {[]int{2, 1, 0}, false},
		"found later":       {[]int{1, 2, 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dc := newDatacenter(t)
			for range 3 {
				dc.add(3)
			}
			for _, i := range c.order {
				if dc.all[i].listen(); !c.first {
					dc.all[i].join()
				}
			}
			if c.first {
				dc.all[1].join()
				dc.all[2].join()
			}
			dc.settled("a cluster of three", dc.all...)
			put(t, dc.leader().Server, "k", "v")
			for _, node := range []string{"n1", "n2", "n3"} {
				dc.health(node, "passing")
			}
			dc.agree("k", "v")
			_, found := dc.leader().Store().HealthInstances(nil, "consul")
			if len(found) != 3 {
				t.Errorf("%d servers have the service consul", len(found))
			}
			for i, r := range dc.all {
				_, n, services := r.Store().Node(nil, r.gossip.Name)
				if n.ID != r.config.NodeID || len(services) != 1 || services[0].Port != r.config.Service.Port {
					t.Errorf("server %d is registered as %+v with %+v", i, n, services)
				}
			}
		})
	}
}

// Servers that expect different numbers, or one that is a cluster of its own already, are told about, and found nothing.
func TestConflictingExpectations(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*resident)
		want   string
	}{
		"another number": {func(r *resident) { r.config.BootstrapExpect, r.gossip.Expect = 2, 2 }, "Member has a conflicting expect value"},
		"bootstrap": {func(r *resident) {
			r.config.BootstrapExpect, r.gossip.Expect, r.config.AwaitCluster, r.gossip.Bootstrap = 0, 0, false, true
			r.config.Node = nil // it does not take part here, nor takes the others in: it never leads
			r.config.AutopilotInterval = 0
			r.config.HeartbeatTimeout, r.config.ElectionTimeout, r.config.LeaderLeaseTimeout = time.Hour, time.Hour, time.Hour
		}, "Member has bootstrap mode"},
	} {
		t.Run(name, func(t *testing.T) {
			dc := newDatacenter(t)
			for range 3 {
				dc.add(3)
			}
			odd := dc.add(3)
			c.change(odd)
			for _, r := range []*resident{odd, dc.all[0], dc.all[1]} {
				r.run()
			}
			for _, r := range dc.all[:2] {
				eventually(t, "the conflict in the log", func() bool { return r.log.has(c.want) })
			}
			// The last one sees three that agree with each other, and must know of the odd one before it looks.
			dc.all[2].meet = odd.pool.Self().Addr.String()
			dc.all[2].listen()
			eventually(t, "the conflict in the log", func() bool { return dc.all[2].log.has(c.want) })
			for _, r := range dc.all[:3] {
				if r.log.has("attempting bootstrap") {
					t.Errorf("%s has founded a cluster", r.gossip.Name)
				}
			}
		})
	}
}

// A server that waits for others is none by itself, and says nothing of the kind if it is the only one.
func TestTooFewServersWait(t *testing.T) {
	dc := newDatacenter(t)
	dc.add(3).run()
	dc.add(3).run()
	for _, r := range dc.all {
		eventually(t, "both to be seen", func() bool { return r.log.has("n1 (Addr: tcp/") && r.log.has("n2 (Addr: tcp/") })
		if members, err := r.Members(); err != nil || len(members) != 0 || r.LeaderAddr() != "" {
			t.Errorf("%+v, %v", members, err)
		}
	}
}

// A server with an empty disk that expects as many as are there does not found a second cluster beside the one there is.
func TestLateServerJoinsTheClusterThatIsThere(t *testing.T) {
	dc := found(t, 3, nil)
	put(t, dc.leader().Server, "k", "v")
	lost := dc.follower()
	lost.kill()
	dc.health(lost.gossip.Name, "critical")
	late := dc.add(3)
	late.run()
	eventually(t, "the late server to hear of the cluster", func() bool {
		return late.log.has("Existing Raft peers reported by 127.0.0.1:")
	})
	eventually(t, "the late server to have a vote", func() bool {
		members, err := dc.leader().Members()
		return err == nil && len(members) == 4 && members[3].Voter
	})
	dc.agree("k", "v")
	if late.log.has("attempting bootstrap") {
		t.Error("it has founded a cluster of its own")
	}
}

func TestConfigurationThatCannotWork(t *testing.T) {
	dc := newDatacenter(t)
	for name, change := range map[string]func(*Config){
		"expects others without a pool": func(c *Config) { c.Pool, c.BootstrapExpect = nil, 3 },
		"cannot ask others":             func(c *Config) { c.FetchStats = nil },
	} {
		c := dc.add(3).config
		c.Pool, c.Address = noPool{}, "127.0.0.1:1"
		change(&c)
		if s, err := New(c); err == nil || !strings.Contains(err.Error(), "needs") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}
