package agent

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/retryjoin"
	"github.com/lictor-dr/lictor/internal/version"
)

// openPool makes the agent a member of a gossip pool: its own, until it joins another.
func (a *Agent) openPool() error {
	c := a.config
	name := "client.serf.lan"
	if c.Server {
		name = "server.serf.lan"
	}
	g := gossip.Config{
		Name: c.NodeName, NodeID: c.NodeID, Datacenter: c.Datacenter,
		Bind: c.SerfLAN, Advertise: netip.AddrPortFrom(c.AdvertiseAddr, c.SerfLAN.Port()),
		Tags: a.poolTags(),
		Key:  c.Encrypt.Key, KeyringFile: c.KeyringFile(), VerifyIncoming: c.Encrypt.VerifyIncoming, VerifyOutgoing: c.Encrypt.VerifyOutgoing,
		RejoinAfterLeave: c.RejoinAfterLeave, Allowed: c.SerfAllowed, ReconnectTimeout: c.ReconnectTimeout,
		UserEvent: a.receiveEvent, DisableCoordinates: c.DisableCoordinates,
		Timing: gossip.DefaultTiming(), Logger: a.log.Named(name),
	}
	if c.Server {
		g.ServerPort, g.Bootstrap = uint16(c.ServerPort), c.Bootstrap || c.DevMode
		if c.BootstrapExpect > 1 {
			g.Expect = c.BootstrapExpect
		}
	}
	if a.dir != nil && !c.DevMode {
		g.Snapshot = a.dir.Path("serf/local.snapshot")
	}
	t := &g.Timing
	t.GossipInterval, t.GossipNodes = c.Gossip.Interval, c.Gossip.Nodes
	t.ProbeInterval, t.ProbeTimeout = c.Gossip.ProbeInterval, c.Gossip.ProbeTimeout
	t.SuspicionMult, t.RetransmitMult = c.Gossip.SuspicionMult, c.Gossip.RetransmitMult
	pool, err := gossip.Open(g)
	if err != nil {
		kind := "client"
		if c.Server {
			kind = "server"
		}
		return fmt.Errorf("Failed to start Consul %s: Failed to start LAN Serf: %w", kind, err)
	}
	a.pool = pool
	return nil
}

// poolTags are what other agents learn of this one beside what the gossip itself needs.
func (a *Agent) poolTags() map[string]string {
	tags := map[string]string{"build": version.Full, "vsn": "2", "vsn_min": "2", "vsn_max": "3", "segment": "", "acls": a.aclTag()}
	if a.config.Server {
		tags["raft_vsn"] = "3"
	}
	if d := a.config.AdvertiseReconnectTimeout; d > 0 {
		tags[gossip.TagReconnect] = d.String()
	}
	return tags
}

// Members are the pool's members, with Consul's names for their roles.
func (b *backend) Members() []httpapi.Member {
	var all []httpapi.Member
	for _, m := range b.pool.Members() {
		all = append(all, viewMember(m))
	}
	return all
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
func (a *Agent) Join(_ context.Context, address string) error {
	n, err := a.pool.Join([]string{address})
	if n == 0 && err != nil {
		return err
	}
	a.log.Info("(LAN) joined", "number_of_nodes", n)
	return nil
}

// ForceLeave makes a failed member one that has left.
func (b *backend) ForceLeave(node string, prune bool) error {
	b.log.Info("Force leaving node", "node", node)
	return b.pool.ForceLeave(node, prune)
}

// startJoining joins the pool of others, again and again until that succeeds.
func (a *Agent) startJoining() error {
	for _, entry := range a.config.RetryJoin {
		if err := retryjoin.CheckEntry(entry); err != nil {
			return fmt.Errorf("retry_join: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stopJoining = stop
	a.serving.Go(func() {
		err := retryjoin.Run(ctx, retryjoin.Config{
			Addresses: a.config.RetryJoin, Interval: a.config.RetryInterval, MaxAttempts: a.config.RetryMaxAttempts,
			Join: a.pool.Join, Logger: a.log,
		})
		if err != nil {
			a.log.Error("Retry join failed", "error", err)
			a.fail(err)
		}
	})
	return nil
}

// Leaving delivers a client's wish that the agent leaves. Who has opened the agent makes it leave and closes it.
func (a *Agent) Leaving() <-chan struct{} { return a.leaving }

// Leave asks whoever runs the agent to make it leave.
func (a *Agent) Leave() {
	select {
	case a.leaving <- struct{}{}:
	default: // has been asked already
	}
}

// Depart leaves the pool and, on a server, the cluster, for good. Requests are answered on for the drain time, in which others may not
// have noticed yet.
func (a *Agent) Depart(ctx context.Context) error {
	a.stopJoining()
	if a.server == nil {
		a.log.Named("client").Info("client starting leave")
		return a.pool.Leave()
	}
	alone := len(a.aliveOthers()) == 0
	if err := a.server.Leave(ctx, a.pool.Leave); err != nil || alone {
		return err
	}
	a.log.Named("server").Info("Waiting to drain RPC traffic", "drain_time", a.config.LeaveDrainTime)
	select {
	case <-time.After(a.config.LeaveDrainTime):
	case <-ctx.Done():
	}
	return ctx.Err()
}
