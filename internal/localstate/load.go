package localstate

import (
	"context"
	"fmt"

	"github.com/lictor-dr/lictor/internal/definition"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// Load takes the definitions of the configuration. The first time, what was persisted is restored as well; later, at a reload, what
// came from configuration and is not there any more is removed, and what is still there keeps its state. Definitions that cannot be
// taken are an error before anything is changed.
func (s *State) Load(ctx context.Context, services []*definition.Service, checks []*definition.Check) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	serviceIDs, checkIDs, err := s.survey(services, checks)
	if err != nil {
		return err
	}
	for _, def := range services {
		if err := s.addService(ctx, def, "", FromFile, false); err != nil {
			return fmt.Errorf("Failed to register service %q: %w", def.ID, err)
		}
	}
	s.forget(ctx, serviceIDs, checkIDs)
	first := !s.restored
	s.restored = true
	if first {
		s.restoreServices()
	}
	for _, def := range checks {
		if err := s.addCheck(ctx, def, "", FromFile); err != nil {
			return fmt.Errorf("Failed to register check '%s': %w", def.CheckID, err)
		}
	}
	if first {
		s.restoreChecks()
	}
	return nil
}

// survey finds what would fail, and the IDs of all that is defined.
func (s *State) survey(services []*definition.Service, checks []*definition.Check) (serviceIDs, checkIDs map[string]bool, err error) {
	serviceIDs, checkIDs = map[string]bool{}, map[string]bool{}
	for _, def := range services {
		serviceIDs[def.ID] = true
		if _, err := def.NodeService(); err != nil {
			return nil, nil, fmt.Errorf("Failed to register service %q: %w", def.ID, err)
		}
		for _, c := range def.AllChecks() {
			checkIDs[c.CheckID] = true
			if err := s.allowed(c, FromFile); err != nil {
				return nil, nil, fmt.Errorf("Failed to register service %q: %w", def.ID, err)
			}
		}
	}
	for _, c := range checks {
		checkIDs[c.CheckID] = true
		err := s.allowed(c, FromFile)
		if err == nil && c.ServiceID != "" && !serviceIDs[c.ServiceID] && !s.staying(c.ServiceID) {
			err = noSuchService(c.ServiceID)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("Failed to register check '%s': %w", c.CheckID, err)
		}
	}
	return serviceIDs, checkIDs, nil
}

// staying tells whether a service that the configuration does not define is there, or on disk.
func (s *State) staying(id string) bool {
	s.mu.Lock()
	entry := s.services[id]
	s.mu.Unlock()
	if entry != nil {
		return entry.source == FromAPI
	}
	return !s.restored && s.isPersisted(id)
}

// forget removes what came from configuration and is not defined any more.
func (s *State) forget(ctx context.Context, serviceIDs, checkIDs map[string]bool) {
	for _, id := range s.serviceIDs(FromFile) {
		if !serviceIDs[id] {
			_ = s.removeService(ctx, id) // it is there: nobody else may change the registry now
		}
	}
	s.mu.Lock()
	var left []string
	for id, c := range s.checks {
		if c.source == FromFile && c.def != nil && !checkIDs[id] {
			left = append(left, id)
		}
	}
	s.mu.Unlock()
	for _, id := range left {
		s.dropCheck(ctx, id)
	}
}
