package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/retryjoin"
	"github.com/lictor-dr/lictor/internal/version"
)

// openPool makes the agent a member of a gossip pool: its own, until it joins another.
func (a *Agent) openPool() error {
	c := a.config
	g := a.poolConfig()
	g.Bind, g.Advertise = c.SerfLAN, netip.AddrPortFrom(c.AdvertiseAddr, c.SerfLAN.Port())
	g.KeyringFile, g.Allowed, g.ReconnectTimeout = c.KeyringFile(), c.SerfAllowed, c.ReconnectTimeout
	g.UserEvent, g.MembersChanged, g.Snapshot = a.receiveEvent, a.lanChanged, a.poolFile("serf/local.snapshot")
	g.Timing = timing(gossip.DefaultTiming(), c.Gossip)
	g.Logger = a.log.Named(a.kind() + ".serf.lan")
	if a.seams.pool != nil {
		a.seams.pool(&g)
	}
	var err error
	if a.pool, err = gossip.Open(g); err != nil {
		return fmt.Errorf("Failed to start Consul %s: Failed to start LAN Serf: %w", a.kind(), err)
	}
	return nil
}

// openWANPool makes a server a member of the pool of the servers of all datacenters.
func (a *Agent) openWANPool() error {
	c := a.config
	if !c.SerfWAN.IsValid() {
		return nil
	}
	g := a.poolConfig()
	g.WAN, g.Bind, g.Advertise = true, c.SerfWAN, netip.AddrPortFrom(c.AdvertiseAddrWAN, c.SerfWAN.Port())
	g.KeyringFile, g.Allowed, g.ReconnectTimeout = c.WANKeyringFile(), c.SerfWANAllowed, c.ReconnectTimeoutWAN
	g.Snapshot = a.poolFile("serf/remote.snapshot")
	g.Timing = timing(gossip.DefaultWANTiming(), c.GossipWAN)
	g.Logger = a.log.Named("server.serf.wan")
	if a.seams.pool != nil {
		a.seams.pool(&g)
	}
	var err error
	if a.wan, err = gossip.Open(g); err != nil {
		return fmt.Errorf("Failed to start Consul server: Failed to start WAN Serf: %w", err)
	}
	return nil
}

// poolConfig is what the configurations of all pools have in common.
func (a *Agent) poolConfig() gossip.Config {
	c := a.config
	g := gossip.Config{
		Name: c.NodeName, NodeID: c.NodeID, Datacenter: c.Datacenter, Tags: a.poolTags(),
		Key: c.Encrypt.Key, VerifyIncoming: c.Encrypt.VerifyIncoming, VerifyOutgoing: c.Encrypt.VerifyOutgoing,
		RejoinAfterLeave: c.RejoinAfterLeave, DisableCoordinates: c.DisableCoordinates,
	}
	if c.Server {
		g.ServerPort, g.Bootstrap = uint16(c.ServerPort), c.Bootstrap || c.DevMode
		if c.BootstrapExpect > 1 {
			g.Expect = c.BootstrapExpect
		}
	}
	return g
}

// kind is what the agent is: server or client.
func (a *Agent) kind() string {
	if a.config.Server {
		return "server"
	}
	return "client"
}

// poolFile is the path of a file in the data directory, empty if the pool is not to be found again after a restart.
func (a *Agent) poolFile(name string) string {
	if a.dir == nil || a.config.DevMode {
		return ""
	}
	return a.dir.Path(name)
}

// timing is what the operator wants of a pool.
func timing(t gossip.Timing, c agentconfig.GossipConfig) gossip.Timing {
	t.GossipInterval, t.GossipNodes = c.Interval, c.Nodes
	t.ProbeInterval, t.ProbeTimeout = c.ProbeInterval, c.ProbeTimeout
	t.SuspicionMult, t.RetransmitMult = c.SuspicionMult, c.RetransmitMult
	return t
}

// poolTags are what other agents learn of this one beside what the gossip itself needs.
func (a *Agent) poolTags() map[string]string {
	tags := map[string]string{"build": version.Full, "vsn": "2", "vsn_min": "2", "vsn_max": "3", "segment": "", "acls": a.aclTag()}
	if a.config.Server {
		tags["raft_vsn"] = "3"
		if a.config.SerfWAN.IsValid() {
			tags[gossip.TagWANPort] = strconv.Itoa(int(a.config.SerfWAN.Port()))
		}
	}
	if d := a.config.AdvertiseReconnectTimeout; d > 0 {
		tags[gossip.TagReconnect] = d.String()
	}
	return tags
}

// poolOf is the pool of the datacenter or, with wan, that of the servers of all datacenters.
func (a *Agent) poolOf(wan bool) (*gossip.Pool, error) {
	switch {
	case !wan:
		return a.pool, nil
	case a.wan == nil:
		return nil, httpapi.ErrNoWAN
	}
	return a.wan, nil
}

// Members are a pool's members, with Consul's names for their roles.
func (b *backend) Members(wan bool) ([]httpapi.Member, error) {
	pool, err := b.poolOf(wan)
	if err != nil {
		return nil, err
	}
	var all []httpapi.Member
	for _, m := range pool.Members() {
		all = append(all, viewMember(m))
	}
	return all, nil
}

func viewMember(m gossip.Member) httpapi.Member {
	tags := make(map[string]string, len(m.Tags))
	for name, value := range m.Tags {
		tags[name] = value
	}
	tags["role"] = "node"
	if m.Server {
		tags["role"] = "consul"
	}
	return httpapi.Member{
		Name: m.Name, Addr: m.Addr.Addr().String(), Port: m.Addr.Port(), Tags: tags, Status: int(m.Status),
		ProtocolMin: m.ProtocolMin, ProtocolMax: m.ProtocolMax, ProtocolCur: m.ProtocolCur,
		DelegateMin: m.DelegateMin, DelegateMax: m.DelegateMax, DelegateCur: m.DelegateCur,
	}
}

// Join joins the pool of the agent at an address.
func (a *Agent) Join(_ context.Context, address string, wan bool) error {
	pool, err := a.poolOf(wan)
	if err != nil {
		return err
	}
	network := "(LAN)"
	if wan {
		network = "(WAN)"
	}
	n, err := pool.Join([]string{address})
	if n == 0 && err != nil {
		a.log.Warn(network+" couldn't join", "number_of_nodes", n, "error", err)
		return err
	}
	a.log.Info(network+" joined", "number_of_nodes", n)
	return nil
}

// ForceLeave makes a failed member one that has left.
func (b *backend) ForceLeave(node string, prune, wan bool) error {
	pool, err := b.poolOf(wan)
	if err != nil {
		return err
	}
	b.log.Info("Force leaving node", "node", node)
	if wan {
		return pool.ForceLeave(node, prune)
	}
	return b.forceLeave(node, prune)
}

// forceLeave makes a failed member one that has left: a server in the pool of all datacenters too.
func (a *Agent) forceLeave(node string, prune bool) error {
	if err := a.pool.ForceLeave(node, prune); err != nil || a.wan == nil {
		return err
	}
	name := node + "." + a.config.Datacenter
	if !slices.ContainsFunc(a.wan.Members(), func(m gossip.Member) bool { return m.Name == name }) {
		return nil
	}
	return a.wan.ForceLeave(name, prune)
}

// startJoining joins the pools of others, again and again until that succeeds.
func (a *Agent) startJoining() error {
	c := a.config
	ctx, stop := context.WithCancel(context.Background())
	a.stopJoining = stop
	lan := retryjoin.Config{Addresses: c.RetryJoin, Interval: c.RetryInterval, MaxAttempts: c.RetryMaxAttempts, Join: a.pool.Join}
	if err := a.join(ctx, lan); err != nil {
		return fmt.Errorf("retry_join: %w", err)
	}
	if a.wan == nil {
		return nil
	}
	wan := retryjoin.Config{Cluster: "WAN", Addresses: c.RetryJoinWAN, Interval: c.RetryIntervalWAN, MaxAttempts: c.RetryMaxAttemptsWAN,
		Join: a.wan.Join}
	if err := a.join(ctx, wan); err != nil {
		return fmt.Errorf("retry_join_wan: %w", err)
	}
	return nil
}

// join joins one pool in the background. The error is that of an entry that cannot be right.
func (a *Agent) join(ctx context.Context, c retryjoin.Config) error {
	for _, entry := range c.Addresses {
		if err := retryjoin.CheckEntry(entry); err != nil {
			return err
		}
	}
	c.Logger = a.log
	a.serving.Go(func() {
		if err := retryjoin.Run(ctx, c); err != nil {
			a.log.Error("Retry join failed", "error", err)
			a.fail(err)
		}
	})
	return nil
}

// Leaving delivers a client's wish that the agent leaves. Who has opened the agent makes it leave and closes it.
func (a *Agent) Leaving() <-chan struct{} { return a.leaving }

// Leave asks whoever runs the agent to make it leave, and waits until it has.
func (a *Agent) Leave(ctx context.Context) error {
	select {
	case a.leaving <- struct{}{}:
	default: // has been asked already
	}
	select {
	case <-a.left:
		return a.leaveErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Depart leaves the pools and, on a server, the cluster, for good. Requests are answered on for the drain time, in which others may not
// have noticed yet. It may be called once.
func (a *Agent) Depart(ctx context.Context) error {
	defer close(a.left)
	a.stopJoining()
	a.leaveErr = a.depart(ctx)
	return a.leaveErr
}

func (a *Agent) depart(ctx context.Context) error {
	if a.server == nil {
		a.log.Named("client").Info("client starting leave")
		return a.pool.Leave()
	}
	alone := len(a.aliveOthers()) == 0
	if err := a.server.Leave(ctx, a.leavePools); err != nil || alone {
		return err
	}
	a.log.Named("server").Info("Waiting to drain RPC traffic", "drain_time", a.config.LeaveDrainTime)
	select {
	case <-time.After(a.config.LeaveDrainTime):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (a *Agent) leavePools() error {
	if a.wan == nil {
		return a.pool.Leave()
	}
	return errors.Join(a.wan.Leave(), a.pool.Leave())
}
