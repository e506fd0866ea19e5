package localstate

import (
	"context"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

// A write brings one thing into the catalog, or out of it.
type write func(ctx context.Context) error

// pending are the writes to be made: removals, the node, services with their checks, then the remaining checks. Each looks at the
// registry again when its turn comes.
func (s *State) pending() []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	var writes []write
	for i := range s.gone {
		writes = append(writes, func(ctx context.Context) error { return s.writeRemoval(ctx, i) })
	}
	if !s.nodeInSync {
		writes = append(writes, s.writeNode)
	}
	for id, entry := range s.services {
		if !entry.inSync {
			writes = append(writes, func(ctx context.Context) error { return s.writeService(ctx, id) })
		}
	}
	now := time.Now()
	for id, c := range s.checks {
		if !c.deferred.IsZero() && !now.Before(c.deferred) {
			c.inSync, c.deferred = false, time.Time{}
		}
		if !c.inSync {
			writes = append(writes, func(ctx context.Context) error { return s.writeCheck(ctx, id) })
		}
	}
	return writes
}

func (s *State) writeRemoval(ctx context.Context, i item) error {
	s.mu.Lock()
	token, still := s.gone[i]
	s.mu.Unlock()
	if !still {
		return nil
	}
	what, id := "service", i.service
	if i.check != "" {
		what, id = "check", i.check
	}
	err := s.config.Catalog.Deregister(ctx, token, s.config.Node.Node, i.service, i.check)
	if err != nil && !denied(err) {
		return describe(err, "deregistering "+what, id)
	}
	s.mu.Lock()
	if s.gone[i] == token {
		delete(s.gone, i)
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("Deregistration blocked by ACLs", what, id, "error", err)
		return nil
	}
	s.log.Info("Deregistered "+what, what, id)
	return nil
}

func (s *State) writeNode(ctx context.Context) error {
	s.mu.Lock()
	node := s.node
	s.mu.Unlock()
	err := s.config.Catalog.Register(ctx, s.agentToken(), Registration{NodeInfo: node})
	if err != nil && !denied(err) {
		return describe(err, "registering node", node.Node)
	}
	s.mu.Lock()
	s.nodeInSync = sameNode(s.node, node)
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("Node info update blocked by ACLs", "node", node.ID, "error", err)
		return nil
	}
	s.log.Info("Synced node info")
	return nil
}

// writeService writes a service and those of its checks that have the same token.
func (s *State) writeService(ctx context.Context, id string) error {
	s.mu.Lock()
	entry := s.services[id]
	if entry == nil || entry.inSync {
		s.mu.Unlock()
		return nil
	}
	token := s.token(entry.token, entry.source)
	r := Registration{NodeInfo: s.node, SkipNodeUpdate: s.nodeInSync, Service: entry.record}
	for _, c := range s.checks {
		if c.record.ServiceID == id && !c.inSync && s.token(c.token, c.source) == token {
			r.Checks = append(r.Checks, c.record)
		}
	}
	s.mu.Unlock()
	err := s.config.Catalog.Register(ctx, token, r)
	if err != nil && !denied(err) {
		return describe(err, "registering service", id)
	}
	s.mu.Lock()
	if now := s.services[id]; now != nil && now.record == r.Service {
		now.inSync = true
	}
	s.written(r.Checks)
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("Service registration blocked by ACLs", "service", id, "error", err)
		return nil
	}
	s.log.Info("Synced service", "service", id)
	return nil
}

// written notes checks that were written, unless they changed meanwhile. The caller holds mu.
func (s *State) written(checks []*record.HealthCheck) {
	for _, c := range checks {
		if now := s.checks[c.CheckID]; now != nil && now.record == c {
			now.inSync, now.deferred = true, time.Time{}
		}
	}
}

func (s *State) writeCheck(ctx context.Context, id string) error {
	s.mu.Lock()
	c := s.checks[id]
	if c == nil || c.inSync {
		s.mu.Unlock()
		return nil
	}
	if owner := s.services[c.record.ServiceID]; owner != nil && !owner.inSync {
		s.mu.Unlock()
		return nil // the service could not be written: its error tells
	}
	token := s.token(c.token, c.source)
	r := Registration{NodeInfo: s.node, SkipNodeUpdate: s.nodeInSync, Checks: []*record.HealthCheck{c.record}}
	s.mu.Unlock()
	err := s.config.Catalog.Register(ctx, token, r)
	if err != nil && !denied(err) {
		return describe(err, "registering check", id)
	}
	s.mu.Lock()
	s.written(r.Checks)
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("Check registration blocked by ACLs", "check", id, "error", err)
		return nil
	}
	s.log.Info("Synced check", "check", id)
	return nil
}
