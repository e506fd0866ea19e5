package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/server"
)

// leaderHint is what a client agent has been told of who leads.
type leaderHint struct {
	mu      sync.Mutex
	address string
	turns   int // how often any server was asked for
}

func (b *backend) IsServer() bool { return b.server != nil }

func (b *backend) Leading() bool { return b.server != nil && b.server.Leading() }

func (b *backend) Leader() (string, <-chan struct{}) {
	if b.server != nil {
		return b.server.OtherLeader()
	}
	b.hint.mu.Lock()
	defer b.hint.mu.Unlock()
	return b.hint.address, nil
}

// findTimeout is how long servers may take to tell who leads.
const findTimeout = 5 * time.Second

func (b *backend) FindLeader(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	for range b.aliveServers() {
		var address string
		if err := b.askServer(ctx, b.Server(), "/v1/status/leader", "", &address); err == nil && address != "" {
			b.LeaderIs(address)
			return address
		}
	}
	return ""
}

func (b *backend) LeaderIs(address string) {
	b.hint.mu.Lock()
	defer b.hint.mu.Unlock()
	b.hint.address = address
}

// Server goes through the servers that are alive, one after the other.
func (b *backend) Server() string {
	servers := b.aliveServers()
	if len(servers) == 0 {
		return ""
	}
	b.hint.mu.Lock()
	defer b.hint.mu.Unlock()
	b.hint.turns++
	return servers[b.hint.turns%len(servers)].ServerAddr().String()
}

// aliveOthers are the other members of the pool that seem to be alive.
func (a *Agent) aliveOthers() []gossip.Member {
	return slices.DeleteFunc(a.pool.Members(), func(m gossip.Member) bool {
		return m.Status != gossip.StatusAlive || m.ID == a.config.NodeID
	})
}

// aliveServers are the other servers in the pool that seem to be alive.
func (a *Agent) aliveServers() []gossip.Member {
	return slices.DeleteFunc(a.aliveOthers(), func(m gossip.Member) bool { return !m.Server })
}

var errNoServers = errors.New("No known Consul servers")

func (b *backend) NoLeader() error {
	switch {
	case b.server != nil:
		return notLeader(b.server.NoLeader())
	case len(b.aliveServers()) == 0:
		return &unledError{errNoServers}
	}
	return httpapi.ErrNotLeader
}

func (b *backend) AgentToken(kind agenttoken.Kind) string { return b.tokens.Get(kind) }

// notLeader makes of a server's word that it does not lead one that the API understands.
func notLeader(err error) error {
	if errors.Is(err, server.ErrNoLeader) {
		return &unledError{err}
	}
	return err
}

// An unledError is httpapi.ErrNotLeader in other words.
type unledError struct{ cause error }

func (e *unledError) Error() string        { return e.cause.Error() }
func (e *unledError) Is(target error) bool { return target == httpapi.ErrNotLeader }
func (e *unledError) Unwrap() error        { return e.cause }
