package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/serverport"
)

// A datacenter is servers in this process that find each other by gossip.
type datacenter struct {
	t  *testing.T
	mu sync.Mutex // guards what runs where, and mute

	all  []*resident
	mute bool // whether nobody answers questions
}

// A resident is a server of a datacenter. Its server is nil while it is stopped.
type resident struct {
	peer
	dc     *datacenter
	gossip gossip.Config
	pool   *gossip.Pool
	log    logText

	address string // of the server while it runs
	meet    string // whose pool it knows as a whole before its server starts
}

// logText is what a server logs.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (l *logText) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newDatacenter(t *testing.T) *datacenter {
	dc := &datacenter{t: t}
	t.Cleanup(func() {
		for _, r := range dc.all {
			r.kill()
		}
		if t.Failed() && os.Getenv("LICTOR_TEST_LOG") != "" {
			for _, r := range dc.all {
				t.Logf("%s:\n%s", r.gossip.Name, r.log.all())
			}
		}
	})
	return dc
}

// add makes a server that expects so many, 0 to be taken in by others, and does not start it.
func (dc *datacenter) add(expect int) *resident {
	dc.t.Helper()
	n := len(dc.all) + 1
	r := &resident{dc: dc, peer: peer{config: testConfig(dc.t.TempDir())}}
	c := &r.config
	c.NodeID, c.Address = fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n), ""
	c.Scratch = filepath.Dir(c.Dir)
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 400*time.Millisecond
	c.AwaitCluster, c.BootstrapExpect = true, expect
	c.ReconcileInterval, c.AutopilotInterval, c.HoldTimeout = time.Hour, 500*time.Millisecond, 30*time.Second
	c.Autopilot = record.Autopilot{LastContactThreshold: 10 * time.Second, MaxTrailingLogs: 250}
	c.Autopilot.ServerStabilizationTime = 100 * time.Millisecond
	c.FetchPeers, c.FetchStats = dc.fetchPeers, dc.fetchStats
	c.Logger = hclog.New(&hclog.LoggerOptions{Output: &r.log, Level: hclog.Debug})
	name := fmt.Sprintf("n%d", n)
	c.Node = &record.Register{ID: c.NodeID, Node: name, Address: "127.0.0.1", Datacenter: "dc1"}
	c.Service = &record.NodeService{ID: "consul", Service: "consul", Weights: &record.Weights{Passing: 1, Warning: 1}, Tags: []string{}}
	r.gossip = gossip.Config{
		Name: name, NodeID: c.NodeID, Datacenter: "dc1", Bind: netip.MustParseAddrPort("127.0.0.1:0"), Expect: expect,
		Tags: map[string]string{"build": "1.2.3"}, Timing: fastGossip(), Logger: hclog.NewNullLogger(),
	}
	dc.mu.Lock()
	defer dc.mu.Unlock()
	dc.all = append(dc.all, r)
	return r
}

// fastGossip is fast, but not so fast that a busy machine makes members seem dead.
func fastGossip() gossip.Timing {
	timing := gossip.DefaultTiming()
	timing.GossipInterval, timing.ProbeInterval, timing.ProbeTimeout = 10*time.Millisecond, 250*time.Millisecond, 200*time.Millisecond
	timing.LeaveDelay, timing.ReclaimDelay = 50*time.Millisecond, 1
	return timing
}

// run starts a server, in the pool of those that run.
func (r *resident) run() {
	r.dc.t.Helper()
	r.listen()
	r.join()
}

// listen starts a server in a pool of its own, on the port it had before or another one.
func (r *resident) listen() {
	t := r.dc.t
	t.Helper()
	if err := r.tryListen(); err != nil {
		t.Fatal(err)
	}
}

func (r *resident) tryListen() (err error) {
	address := r.config.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	if r.port, err = serverport.Listen(address, hclog.NewNullLogger()); err != nil {
		return err
	}
	r.config.Address, r.config.Stream = r.port.Addr().String(), r.port.RaftStream("dc1", nil)
	port := netip.MustParseAddrPort(r.config.Address).Port()
	r.gossip.ServerPort, r.config.Service.Port = port, int(port)
	if r.pool, err = gossip.Open(r.gossip); err != nil {
		r.port.Close()
		return err
	}
	if r.meet != "" {
		if _, err := r.pool.Join([]string{r.meet}); err != nil {
			return errors.Join(err, r.pool.Close(), r.port.Close())
		}
	}
	r.config.Pool, r.config.ForceLeave = r.pool, func(name string) error { return r.pool.ForceLeave(name, false) }
	s, err := New(r.config)
	if err != nil {
		r.pool.Close()
		r.port.Close()
		return err
	}
	r.dc.mu.Lock()
	defer r.dc.mu.Unlock()
	r.Server, r.address = s, r.config.Address
	return nil
}

// join joins the pool of another server that runs.
func (r *resident) join() {
	t := r.dc.t
	t.Helper()
	for _, other := range r.dc.running() {
		if other != r {
			if _, err := r.pool.Join([]string{other.pool.Self().Addr.String()}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

// kill stops a server without a word to the others.
func (r *resident) kill() {
	r.dc.mu.Lock()
	s := r.Server
	r.Server = nil
	r.dc.mu.Unlock()
	if s == nil {
		return
	}
	for _, end := range []func() error{r.pool.Close, s.Close, r.port.Close} {
		if err := end(); err != nil {
			r.dc.t.Error(err)
		}
	}
}

// running are the servers that run.
func (dc *datacenter) running() []*resident {
	dc.mu.Lock()
	defer dc.mu.Unlock()
	var all []*resident
	for _, r := range dc.all {
		if r.Server != nil {
			all = append(all, r)
		}
	}
	return all
}

// keep forgets all servers but some.
func (dc *datacenter) keep(some ...*resident) {
	dc.mu.Lock()
	defer dc.mu.Unlock()
	dc.all = some
}

// at is the server that runs at an address.
func (dc *datacenter) at(address string) (*Server, error) {
	dc.mu.Lock()
	defer dc.mu.Unlock()
	i := slices.IndexFunc(dc.all, func(r *resident) bool { return r.Server != nil && r.address == address })
	if i < 0 || dc.mute {
		return nil, fmt.Errorf("nobody answers at %s", address)
	}
	return dc.all[i].Server, nil
}

// silence makes all servers keep their figures to themselves.
func (dc *datacenter) silence() {
	dc.mu.Lock()
	defer dc.mu.Unlock()
	dc.mute = true
}

func (dc *datacenter) fetchPeers(_ context.Context, address string) (peers []string, err error) {
	s, err := dc.at(address)
	if err != nil {
		return nil, err
	}
	members, err := s.Members()
	for _, m := range members {
		peers = append(peers, m.Address)
	}
	return peers, err
}

func (dc *datacenter) fetchStats(_ context.Context, address string) (*Stats, error) {
	s, err := dc.at(address)
	if err != nil {
		return nil, err
	}
	stats := s.Stats()
	return &stats, nil
}

// found starts so many servers that expect each other, and returns once they are a cluster.
func found(t *testing.T, size int, change func(*resident)) *datacenter {
	t.Helper()
	dc := newDatacenter(t)
	for range size {
		r := dc.add(size)
		if change != nil {
			change(r)
		}
	}
	for _, r := range dc.all {
		r.run()
	}
	dc.settled("a cluster of all", dc.all...)
	return dc
}

// leader waits until one of the servers that run leads.
func (dc *datacenter) leader() *resident {
	dc.t.Helper()
	var found *resident
	eventually(dc.t, "a leader", func() bool {
		all := dc.running()
		i := slices.IndexFunc(all, func(r *resident) bool { return r.Leading() })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// follower is a server that runs and does not lead.
func (dc *datacenter) follower() *resident {
	dc.t.Helper()
	leader := dc.leader()
	all := dc.running()
	return all[slices.IndexFunc(all, func(r *resident) bool { return r != leader })]
}

// settled waits until all servers that run agree that exactly the given ones are voters, at their addresses.
func (dc *datacenter) settled(what string, voters ...*resident) {
	dc.t.Helper()
	want := map[string]bool{}
	for _, r := range voters {
		want[r.config.NodeID+"@"+r.config.Address] = true
	}
	dc.leader()
	eventually(dc.t, what, func() bool {
		for _, r := range dc.running() {
			members, err := r.Members()
			if err != nil || len(members) != len(want) ||
				slices.ContainsFunc(members, func(m Member) bool { return !m.Voter || !want[m.ID+"@"+m.Address] }) {
				return false
			}
		}
		return true
	})
}

// health waits until the leader's catalog has a node's serfHealth in a state, empty without the node.
func (dc *datacenter) health(node, status string) {
	dc.t.Helper()
	eventually(dc.t, fmt.Sprintf("%s to be %q", node, status), func() bool {
		s := dc.leader().Server
		return s.serfStatus(node) == status && isRegistered(s, node) == (status != "")
	})
}

// agree waits until all servers that run have a key's value, and the same records.
func (dc *datacenter) agree(key, value string) {
	dc.t.Helper()
	var cluster []*peer
	for _, r := range dc.running() {
		cluster = append(cluster, &r.peer)
	}
	agree(dc.t, cluster, key, value)
}
