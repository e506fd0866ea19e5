package restore

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// newborn tells whether a state is that of a cluster that nobody has used: it holds what the servers write by themselves, and nothing
// else. In doubt it says no.
type newborn struct {
	content     bool            // something else was seen
	datacenters map[string]bool // of the nodes
	nodes       map[string]int  // by name in lower case: what was seen of it
}

// what makes a node one of the cluster's own servers.
const (
	seenNode = 1 << iota
	seenService
	seenSerf
	ownServer = seenNode | seenService | seenSerf
)

func newNewborn() *newborn {
	return &newborn{datacenters: map[string]bool{}, nodes: map[string]int{}}
}

// empty is the judgement, once all records were shown.
func (n *newborn) empty() bool {
	for _, seen := range n.nodes {
		if seen != ownServer {
			return false
		}
	}
	return !n.content
}

// datacenter is that of the nodes, empty if there is none or more than one.
func (n *newborn) datacenter() string {
	if len(n.datacenters) == 1 {
		for name := range n.datacenters {
			return name
		}
	}
	return ""
}

// add looks at one record.
func (n *newborn) add(value any) {
	switch v := value.(type) {
	case *record.Register:
		n.register(v)
	case *record.ACLPolicy:
		n.content = n.content || !builtin(v)
	case *record.ACLToken:
		n.content = n.content || !anonymous(v)
	case *record.Opaque:
		n.content = n.content || !ownOpaque(v)
	case *record.SystemMetadata, *record.Autopilot, *record.Coordinates, *record.Index:
	default:
		n.content = true
	}
}

func (n *newborn) register(r *record.Register) {
	if r.PeerName != "" {
		n.content = true
		return
	}
	n.datacenters[r.Datacenter] = true
	name := strings.ToLower(r.Node)
	switch {
	case r.Service != nil && r.Service.Service == "consul":
		n.nodes[name] |= seenService
	case r.Service == nil && r.Check != nil && r.Check.CheckID == serfHealth:
		n.nodes[name] |= seenSerf
	case r.Service == nil && r.Check == nil:
		n.nodes[name] |= seenNode
	default:
		n.content = true
	}
}

// builtin tells whether a policy is one that every cluster with ACLs has. Its text differs between versions, and cannot be changed.
func builtin(p *record.ACLPolicy) bool {
	return slices.ContainsFunc(acl.BuiltinPolicies(), func(b *record.ACLPolicy) bool { return b.ID == p.ID && b.Name == p.Name })
}

// anonymous tells whether a token is the anonymous one as it is made, with no rights.
func anonymous(t *record.ACLToken) bool {
	made := acl.AnonymousToken()
	return t.AccessorID == made.AccessorID && t.SecretID == made.SecretID && len(t.Extra) == 0 && bytes.Equal(acl.HashToken(t), made.Hash)
}

// ownOpaque tells whether a record of a feature that Lictor does not serve is written by a newborn Consul.
func ownOpaque(o *record.Opaque) bool {
	switch o.Type {
	case record.TypeConnectCA, record.TypeCAProviderState, record.TypeCAConfig, record.TypeChunkingState:
		return true
	case record.TypeFederationState:
		return noGateways(o.Value)
	}
	return false
}

// noGateways tells whether a federation state is the one that a server writes of its own datacenter at its start.
func noGateways(value msgpack.Raw) bool {
	var f struct {
		State struct{ MeshGateways msgpack.Raw }
	}
	if msgpack.NewDecoder(value).Decode(&f) != nil {
		return false
	}
	gateways := f.State.MeshGateways
	return len(gateways) == 0 || bytes.Equal(gateways, msgpack.AppendNil(nil)) || bytes.Equal(gateways, []byte{0x90}) // an empty array
}
