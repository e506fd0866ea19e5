package server

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// ReconcileInterval is how often the leader compares the catalog with who is a member of the cluster.
const ReconcileInterval = 60 * time.Second

const (
	serfName  = "Serf Health Status"
	serfAlive = "Agent alive and reachable"
	serfDead  = "Agent not live or unreachable"
)

// reconcile makes the catalog agree with the membership: beside what followMembers does, nodes that were members, which their check
// serfHealth tells, and are not any more are removed with all that depends on them. Nodes without that check stay.
func (s *Server) reconcile() {
	defer metrics.MeasureSince(telemetry.LeaderReconcile, time.Now())
	s.followMembers()
	if s.config.Pool != nil {
		s.dismissVanished(s.roll())
	}
	if s.config.Node == nil {
		return
	}
	for _, name := range s.staleMembers() {
		if !s.Leading() {
			return
		}
		s.deregister(name, "reaped")
	}
}

// followMembers takes in how the members are: who is alive is registered as such, who has failed is critical, who has left is removed.
// Servers are taken into Raft's configuration and removed from it likewise.
func (s *Server) followMembers() {
	members := s.roll()
	if s.config.Node != nil {
		if err := s.registerSelf(); err != nil {
			s.log.Error("registering this server in the catalog failed", "error", err)
		}
	}
	s.followServers(members)
	if s.config.Node == nil {
		return
	}
	for _, m := range members {
		if err := s.followMember(&m); err != nil {
			s.log.Error("failed to reconcile member", "member", m.Name, "status", m.Status, "error", err)
		}
	}
}

// followMember makes the catalog agree with the state of a member.
func (s *Server) followMember(m *gossip.Member) error {
	switch m.Status {
	case gossip.StatusAlive:
		return s.register(s.registrationOf(m))
	case gossip.StatusFailed:
		return s.markFailed(m.Name)
	case gossip.StatusLeft:
		return s.removeLeft(m)
	}
	return nil // one that is leaving will be gone soon
}

// registrationOf is what the leader registers of a member. What only the member itself knows, and has registered, stays.
func (s *Server) registrationOf(m *gossip.Member) *state.Registration {
	node := &record.Register{ID: m.ID, Node: m.Name, Address: m.Addr.Addr().String(), Datacenter: s.config.Datacenter}
	_, old, _ := s.Store().Node(nil, m.Name)
	if old != nil && (old.ID == "" || strings.EqualFold(old.ID, m.ID)) {
		node.TaggedAddresses, node.NodeMeta, node.Locality, node.Extra = old.TaggedAddresses, old.NodeMeta, old.Locality, old.Extra
	}
	r := &state.Registration{Node: node, Checks: serfHealth(m.Name, "passing", serfAlive)}
	// The member may register itself at the same time, and knows more.
	r.SkipNodeUpdate = old == nil || strings.EqualFold(old.ID, m.ID) && old.Address == node.Address
	if m.Server && s.config.Service != nil {
		r.Service = s.serviceOf(m)
	}
	return r
}

// serviceTags are the tags of a server that tell what its service has in its metadata, by the latter.
var serviceTags = map[string]string{"version": "build", "raft_version": "raft_vsn", "grpc_port": "grpc_port", "grpc_tls_port": "grpc_tls_port"}

// serviceOf is the service that all servers have, as another server has it.
func (s *Server) serviceOf(m *gossip.Member) *record.NodeService {
	service := *s.config.Service
	service.Port = int(m.ServerPort)
	service.Meta = maps.Clone(service.Meta)
	if service.Meta == nil {
		return &service
	}
	for key, tag := range serviceTags {
		if value, ok := m.Tags[tag]; ok {
			service.Meta[key] = value
		}
	}
	service.Meta["serf_protocol_min"] = strconv.Itoa(int(m.ProtocolMin))
	service.Meta["serf_protocol_max"] = strconv.Itoa(int(m.ProtocolMax))
	service.Meta["serf_protocol_current"] = strconv.Itoa(int(m.ProtocolCur))
	return &service
}

// serfHealth is the check that marks a node as a member, and says how it is.
func serfHealth(node, status, output string) []*record.HealthCheck {
	return []*record.HealthCheck{{
		CheckID: state.SerfHealth, Name: serfName, Node: node, Status: status, Output: output, ServiceTags: []string{},
	}}
}

// markFailed makes a member critical that has failed. What is not registered cannot be critical.
func (s *Server) markFailed(name string) error {
	_, n, _ := s.Store().Node(nil, name)
	if n == nil || s.serfStatus(name) == "critical" {
		return nil
	}
	s.log.Info("member failed, marking health critical", "member", name)
	return s.applyInternal(markCritical(name))
}

func markCritical(name string) fsm.Entry {
	return fsm.Register(&state.Registration{
		Node: &record.Register{Node: name}, SkipNodeUpdate: true, Checks: serfHealth(name, "critical", serfDead),
	})
}

// removeLeft removes a member that has left from the catalog, unless its name is that of a node which never was a member.
func (s *Server) removeLeft(m *gossip.Member) error {
	_, n, _ := s.Store().Node(nil, m.Name)
	if n == nil || s.serfStatus(m.Name) == "" && !strings.EqualFold(n.ID, m.ID) {
		return nil
	}
	s.deregister(n.Node, "left")
	return nil
}

func (s *Server) deregister(name, reason string) {
	s.log.Info("deregistering member", "member", name, "reason", reason)
	if err := s.applyInternal(fsm.Deregister(name, "", "")); err != nil {
		s.log.Error("deregistering a node failed that is no member", "node", name, "error", err)
	}
}

// staleMembers are the nodes in the catalog that were members and are not any more. Who is in Raft's configuration still is one.
func (s *Server) staleMembers() []string {
	members := map[string]bool{strings.ToLower(s.config.Node.Node): true}
	for _, m := range s.roll() {
		if m.Status != gossip.StatusLeft {
			members[strings.ToLower(m.Name)] = true
		}
	}
	stale := s.Store().StaleMembers(members)
	if s.config.Pool == nil {
		return stale
	}
	servers, err := s.servers()
	if err != nil {
		return nil // Raft is about to stop
	}
	return slices.DeleteFunc(stale, func(name string) bool {
		_, n, _ := s.Store().Node(nil, name)
		isServer := func(x raft.Server) bool { return strings.EqualFold(string(x.ID), n.ID) }
		return n != nil && slices.ContainsFunc(servers, isServer)
	})
}

// announceStale tells, after a restore, which of the restored nodes the next reconcile will remove.
func (s *Server) announceStale() {
	if s.config.Node == nil {
		return
	}
	if stale := s.staleMembers(); len(stale) > 0 {
		s.log.Warn("restored nodes that are no members of this cluster will be deregistered, with their services, sessions and locks, "+
			"by the next reconcile", "within", s.config.ReconcileInterval, "nodes", stale)
	}
}

// registerSelf registers this server's node, the service that all servers have, and the check that marks members.
func (s *Server) registerSelf() error {
	return s.register(&state.Registration{
		Node: s.config.Node, Service: s.config.Service, Checks: serfHealth(s.config.Node.Node, "passing", serfAlive),
	})
}

// register registers a member that is alive, unless all of it is there.
func (s *Server) register(r *state.Registration) error {
	if s.registered(r) {
		return nil
	}
	if err := s.retireNamesake(r.Node); err != nil {
		return err
	}
	s.log.Info("member joined, marking health alive", "member", r.Node.Node)
	return s.applyInternal(fsm.Register(r))
}

// retireNamesake marks a node as failed that has a member's name and another ID: the machine before it was rebuilt, or as a restored
// archive knows it. A node that seems alive keeps its name, and the member could never be registered.
func (s *Server) retireNamesake(now *record.Register) error {
	_, n, _ := s.Store().Node(nil, now.Node)
	if n == nil || n.ID == "" || strings.EqualFold(n.ID, now.ID) {
		return nil
	}
	s.log.Info("member has a new ID, marking the old one failed", "member", now.Node, "old_id", n.ID, "id", now.ID)
	return s.applyInternal(markCritical(now.Node))
}

// registered tells whether a registration would change nothing.
func (s *Server) registered(r *state.Registration) bool {
	_, n, services := s.Store().Node(nil, r.Node.Node)
	if n == nil || n.ID != r.Node.ID || n.Address != r.Node.Address || !maps.Equal(n.NodeMeta, r.Node.NodeMeta) ||
		!maps.Equal(n.TaggedAddresses, r.Node.TaggedAddresses) {
		return false
	}
	there := r.Service == nil
	for _, x := range services {
		there = there || x.ID == r.Service.ID && x.Port == r.Service.Port && reflect.DeepEqual(x.Meta, r.Service.Meta)
	}
	return there && s.serfStatus(r.Node.Node) == "passing"
}

// serfStatus is the status of the check that marks a node as a member, empty if it has none.
func (s *Server) serfStatus(node string) string {
	_, checks := s.Store().NodeChecks(nil, node)
	for _, c := range checks {
		if c.CheckID == state.SerfHealth {
			return c.Status
		}
	}
	return ""
}
