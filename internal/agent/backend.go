package agent

import (
	"context"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/server"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/version"
)

// backend is the server as the HTTP API sees it.
type backend struct{ *Agent }

var _ httpapi.Backend = (*backend)(nil)

func (b *backend) Datacenter() string { return b.config.Datacenter }

func (b *backend) NodeName() string { return b.config.NodeName }

// noState is what a client agent has.
var noState = state.New()

func (b *backend) Store() httpapi.Store {
	if b.server == nil {
		return noState
	}
	return b.server.Store()
}

func (b *backend) LastContact() time.Duration {
	if b.server == nil {
		return 0
	}
	if d := b.server.LastContact(); d >= 0 {
		return d
	}
	return time.Since(b.opened) // it has never heard from one
}

func (b *backend) KnownLeader() bool { return b.LeaderAddr() != "" }

func (b *backend) LeaderAddr() string {
	if b.server == nil {
		return ""
	}
	return b.server.LeaderAddr()
}

func (b *backend) ReadBarrier(ctx context.Context, c httpapi.Consistency) error {
	switch c {
	case httpapi.Stale:
		return nil
	case httpapi.Consistent:
		return notLeader(b.server.ConsistentRead(ctx))
	}
	return notLeader(b.server.WaitLeader(ctx))
}

func (b *backend) KVApply(ctx context.Context, verb string, e *record.KVEntry) (bool, error) {
	done, err := b.server.ApplyKV(ctx, state.KVOp(verb), e)
	return done, notLeader(err)
}

func (b *backend) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	result, err := b.server.Apply(ctx, entry)
	return result, notLeader(err)
}

func (b *backend) RenewSession(ctx context.Context, id string) error {
	return notLeader(b.server.RenewSession(ctx, id))
}

func (b *backend) Local() *localstate.State { return b.local }

func (b *backend) MeshRoot() *meshca.Root { return b.meshRoot }

func (b *backend) Save(ctx context.Context, stale bool) (httpapi.Saved, error) {
	saved, err := b.server.Save(ctx, stale)
	if err != nil {
		return nil, notLeader(err)
	}
	return saved, nil
}

func (b *backend) Restore(ctx context.Context, archive io.Reader, allow []record.Type) error {
	return notLeader(b.server.Restore(ctx, archive, allow))
}

func (b *backend) PeerAddrs() ([]string, error) {
	members, err := b.server.Members()
	if err != nil {
		return nil, err
	}
	addrs := make([]string, 0, len(members))
	for _, m := range members {
		addrs = append(addrs, m.Address)
	}
	return addrs, nil
}

func (b *backend) RaftConfiguration() (httpapi.RaftConfiguration, error) {
	state, err := b.server.AutopilotState()
	if err != nil {
		return httpapi.RaftConfiguration{}, err
	}
	members, err := b.server.Members()
	if err != nil {
		return httpapi.RaftConfiguration{}, err
	}
	last := map[string]uint64{} // as the leader has heard from them
	for _, x := range state.Servers {
		last[x.ID] = x.LastIndex
	}
	var c httpapi.RaftConfiguration
	for _, m := range members {
		c.Servers = append(c.Servers, httpapi.RaftServer{
			ID: m.ID, Node: b.nodeName(m), Address: m.Address, Leader: m.Leader, ProtocolVersion: "3", Voter: m.Voter,
			LastIndex: max(m.LastIndex, last[m.ID]),
		})
	}
	return c, nil
}

func (b *backend) RemovePeer(ctx context.Context, id, address string) error {
	return notLeader(b.server.RemovePeer(ctx, id, address))
}

func (b *backend) TransferLeadership(ctx context.Context, id string) error {
	return notLeader(b.server.TransferLeadership(ctx, id))
}

func (b *backend) ServerHealth() ([]httpapi.ServerHealth, error) {
	state, err := b.server.AutopilotState()
	if err != nil {
		return nil, err
	}
	var all []httpapi.ServerHealth
	for _, x := range state.Servers {
		all = append(all, httpapi.ServerHealth{
			ID: x.ID, Name: x.Name, Address: x.Address, SerfStatus: x.NodeStatus, Version: x.Version, Leader: x.Leader,
			LastContact: httpapi.Duration(x.LastContact), LastTerm: x.LastTerm, LastIndex: x.LastIndex, Healthy: x.Healthy, Voter: x.Voter,
			StableSince: x.StableSince,
		})
	}
	return all, nil
}

// nodeName names a Raft server, as the pool knows it.
func (b *backend) nodeName(m server.Member) string {
	for _, x := range b.pool.Members() {
		if x.ID == m.ID {
			return x.Name
		}
	}
	return "(unknown)"
}

func (b *backend) Self() httpapi.AgentSelf {
	build := version.ReadBuild()
	return httpapi.AgentSelf{
		Config: httpapi.AgentConfig{
			Datacenter: b.config.Datacenter, PrimaryDatacenter: b.config.PrimaryDatacenter, NodeName: b.config.NodeName,
			NodeID: b.config.NodeID, Revision: build.Revision, Server: b.config.Server, Version: version.Full, BuildDate: build.Date,
		},
		DebugConfig: b.debugConfig(),
		Member:      viewMember(b.pool.Self()),
		Stats:       b.stats(),
		Meta:        b.config.NodeMeta,
	}
}

// registryStats counts what is registered with the agent.
func (b *backend) registryStats() map[string]string {
	checks, byType := b.local.Checks(), map[string]int{}
	for _, c := range checks {
		byType[c.Type]++
	}
	return map[string]string{
		"check_monitors": strconv.Itoa(byType[definition.KindScript]), "check_ttls": strconv.Itoa(byType[definition.KindTTL]), "checks": strconv.Itoa(len(checks)),
		"services": strconv.Itoa(len(b.local.Services())),
	}
}

// stats is what `info` prints.
func (b *backend) stats() map[string]map[string]string {
	all := map[string]map[string]string{
		"agent": b.registryStats(),
		"build": {"prerelease": version.Prerelease, "revision": version.ReadBuild().Revision, "version": version.Consul,
			"version_metadata": version.Metadata},
		"consul": {"acl": b.aclStat(), "server": strconv.FormatBool(b.config.Server)},
		"runtime": {
			"arch": runtime.GOARCH, "cpu_count": strconv.Itoa(runtime.NumCPU()), "goroutines": strconv.Itoa(runtime.NumGoroutine()),
			"max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)), "os": runtime.GOOS, "version": runtime.Version(),
		},
		"serf_lan": b.pool.Stats(),
	}
	consul := all["consul"]
	if b.server == nil {
		consul["known_servers"] = strconv.Itoa(len(b.aliveServers()))
		return all
	}
	consul["bootstrap"], consul["known_datacenters"] = strconv.FormatBool(b.config.Bootstrap), strconv.Itoa(len(b.datacenters()))
	consul["leader"], consul["leader_addr"] = strconv.FormatBool(b.server.Leading()), b.server.LeaderAddr()
	if m := b.server.Store().Origin(); m != nil {
		consul["restored_from"] = m.Value
	}
	all["raft"] = b.server.RaftStats()
	if b.wan != nil {
		all["serf_wan"] = b.wan.Stats()
	}
	return all
}
