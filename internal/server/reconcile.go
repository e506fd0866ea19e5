package server

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/fsm"
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

// reconcile makes the catalog agree with the membership: members are registered and alive, and nodes that were members, which their
// check serfHealth tells, and are not any more are removed with all that depends on them. Nodes without that check stay.
func (s *Server) reconcile() {
	if s.config.Node == nil {
		return
	}
	defer metrics.MeasureSince(telemetry.LeaderReconcile, time.Now())
	if err := s.registerSelf(); err != nil {
		s.log.Error("registering this server in the catalog failed", "error", err)
	}
	for _, name := range s.staleMembers() {
		s.log.Info("deregistering member", "member", name, "reason", "reaped")
		if err := s.applyInternal(fsm.Deregister(name, "", "")); err != nil {
			s.log.Error("deregistering a node failed that is no member", "node", name, "error", err)
		}
	}
}

// staleMembers are the nodes in the catalog that were members and are not any more.
func (s *Server) staleMembers() []string {
	return s.Store().StaleMembers(map[string]bool{strings.ToLower(s.config.Node.Node): true})
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

// registerSelf registers this server's node, the service that all servers have, and the check that marks members, unless they are there.
func (s *Server) registerSelf() error {
	r := &state.Registration{
		Node:    s.config.Node,
		Service: s.config.Service,
		Checks: []*record.HealthCheck{{CheckID: state.SerfHealth, Name: serfName, Node: s.config.Node.Node, Status: "passing",
			Output: serfAlive, ServiceTags: []string{}}},
	}
	if s.registered(r) {
		return nil
	}
	if err := s.retireNamesake(); err != nil {
		return err
	}
	s.log.Info("member joined, marking health alive", "member", r.Node.Node)
	return s.applyInternal(fsm.Register(r))
}

// retireNamesake marks a node as failed that has this server's name and another ID: the server before it was rebuilt, as a restored
// archive knows it. A node that seems alive keeps its name, and this server could never be registered.
func (s *Server) retireNamesake() error {
	name := s.config.Node.Node
	_, n, _ := s.Store().Node(nil, name)
	if n == nil || n.ID == "" || strings.EqualFold(n.ID, s.config.Node.ID) {
		return nil
	}
	s.log.Info("member has a new ID, marking the old one failed", "member", name, "old_id", n.ID, "id", s.config.Node.ID)
	return s.applyInternal(fsm.Register(&state.Registration{Node: &record.Register{Node: name}, SkipNodeUpdate: true,
		Checks: []*record.HealthCheck{{CheckID: state.SerfHealth, Name: serfName, Node: name, Status: "critical", Output: serfDead,
			ServiceTags: []string{}}}}))
}

// registered tells whether a registration would change nothing.
func (s *Server) registered(r *state.Registration) bool {
	_, n, services := s.Store().Node(nil, r.Node.Node)
	if n == nil || n.ID != r.Node.ID || n.Address != r.Node.Address || !maps.Equal(n.NodeMeta, r.Node.NodeMeta) ||
		!maps.Equal(n.TaggedAddresses, r.Node.TaggedAddresses) {
		return false
	}
	there := false
	for _, x := range services {
		there = there || x.ID == r.Service.ID && x.Port == r.Service.Port && reflect.DeepEqual(x.Meta, r.Service.Meta)
	}
	_, checks := s.Store().NodeChecks(nil, r.Node.Node)
	for _, c := range checks {
		if c.CheckID == state.SerfHealth {
			return there && c.Status == "passing"
		}
	}
	return false
}
