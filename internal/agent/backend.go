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

func (b *backend) Datacenter() string         { return b.config.Datacenter }
func (b *backend) Store() httpapi.Store       { return b.server.Store() }
func (b *backend) LastContact() time.Duration { return 0 } // the only server is the leader, or there is none
func (b *backend) KnownLeader() bool          { return b.server.LeaderAddr() != "" }
func (b *backend) LeaderAddr() string         { return b.server.LeaderAddr() }

func (b *backend) ReadBarrier(ctx context.Context, c httpapi.Consistency) error {
	switch c {
	case httpapi.Stale:
		return nil
	case httpapi.Consistent:
		return b.server.ConsistentRead(ctx)
	}
	return b.server.WaitLeader(ctx)
}

func (b *backend) KVApply(ctx context.Context, verb string, e *record.KVEntry) (bool, error) {
	return b.server.ApplyKV(ctx, state.KVOp(verb), e)
}

func (b *backend) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	return b.server.Apply(ctx, entry)
}

func (b *backend) RenewSession(ctx context.Context, id string) error {
	return b.server.RenewSession(ctx, id)
}

func (b *backend) Local() *localstate.State { return b.local }

func (b *backend) MeshRoot() *meshca.Root { return b.meshRoot }

func (b *backend) Save(ctx context.Context, stale bool) (httpapi.Saved, error) {
	saved, err := b.server.Save(ctx, stale)
	if err != nil {
		return nil, err
	}
	return saved, nil
}

func (b *backend) Restore(ctx context.Context, archive io.Reader, allow []record.Type) error {
	return b.server.Restore(ctx, archive, allow)
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
	members, err := b.server.Members()
	if err != nil {
		return httpapi.RaftConfiguration{}, err
	}
	var c httpapi.RaftConfiguration
	for _, m := range members {
		c.Servers = append(c.Servers, httpapi.RaftServer{
			ID: m.ID, Node: b.nodeName(m), Address: m.Address, Leader: m.Leader, ProtocolVersion: "3", Voter: m.Voter, LastIndex: m.LastIndex,
		})
	}
	return c, nil
}

func (b *backend) RemovePeer(ctx context.Context, id, address string) error {
	return b.server.RemovePeer(ctx, id, address)
}

func (b *backend) TransferLeadership(ctx context.Context, id string) error {
	return b.server.TransferLeadership(ctx, id)
}

// ServerHealth calls the leader healthy. Of other servers nothing is known.
func (b *backend) ServerHealth() ([]httpapi.ServerHealth, error) {
	members, err := b.server.Members()
	if err != nil {
		return nil, err
	}
	var all []httpapi.ServerHealth
	for _, m := range members {
		health := httpapi.ServerHealth{ID: m.ID, Name: b.nodeName(m), Address: m.Address, SerfStatus: "none", Leader: m.Leader, Voter: m.Voter}
		if m.ID == b.config.NodeID {
			health.SerfStatus, health.Version = "alive", version.Full
			health.LastTerm, health.LastIndex = b.server.Term(), m.LastIndex
			health.Healthy, health.StableSince = b.server.Leading(), b.server.LeadingSince().UTC()
		}
		all = append(all, health)
	}
	return all, nil
}

// nodeName names a Raft server. Only this one's name is known.
func (b *backend) nodeName(m server.Member) string {
	if m.ID == b.config.NodeID {
		return b.config.NodeName
	}
	return "(unknown)"
}

func (b *backend) Members() []httpapi.Member { return []httpapi.Member{b.member()} }

func (b *backend) member() httpapi.Member {
	tags := map[string]string{
		"role": "consul", "dc": b.config.Datacenter, "id": b.config.NodeID, "port": strconv.Itoa(b.config.ServerPort),
		"build": version.Full, "vsn": "2", "vsn_min": "2", "vsn_max": "3", "raft_vsn": "3", "acls": b.aclTag(), "segment": "",
	}
	if b.config.Bootstrap || b.config.DevMode {
		tags["bootstrap"] = "1"
	}
	return httpapi.Member{
		Name: b.config.NodeName, Addr: b.config.AdvertiseAddr.String(), Port: uint16(b.config.ServerPort), Tags: tags, Status: 1,
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

func (b *backend) Self() httpapi.AgentSelf {
	build := version.ReadBuild()
	return httpapi.AgentSelf{
		Config: httpapi.AgentConfig{
			Datacenter: b.config.Datacenter, PrimaryDatacenter: b.config.Datacenter, NodeName: b.config.NodeName,
			NodeID: b.config.NodeID, Revision: build.Revision, Server: true, Version: version.Full, BuildDate: build.Date,
		},
		DebugConfig: b.debugConfig(),
		Member:      b.member(),
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
	return map[string]map[string]string{
		"agent": b.registryStats(),
		"build": {"prerelease": version.Prerelease, "revision": version.ReadBuild().Revision, "version": version.Consul,
			"version_metadata": version.Metadata},
		"consul": {
			"acl": b.aclStat(), "bootstrap": strconv.FormatBool(b.config.Bootstrap), "known_datacenters": "1",
			"leader": strconv.FormatBool(b.server.Leading()), "leader_addr": b.server.LeaderAddr(), "server": "true",
		},
		"raft": b.server.RaftStats(),
		"runtime": {
			"arch": runtime.GOARCH, "cpu_count": strconv.Itoa(runtime.NumCPU()), "goroutines": strconv.Itoa(runtime.NumGoroutine()),
			"max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)), "os": runtime.GOOS, "version": runtime.Version(),
		},
	}
}
