package localstate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// service is an entry of the registry. Its record is never changed, only replaced.
type service struct {
	record *record.NodeService
	token  string
	source Source
	inSync bool
}

// AddService registers a service with its checks, or replaces one. The token signs the registration unless the definition has its
// own. Checks that the service has beside those of the definition stay, unless replaceChecks. A check that was there before keeps its
// state. An error means that nothing was changed in the registry.
func (s *State) AddService(ctx context.Context, def *definition.Service, token string, source Source, replaceChecks bool) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.addService(ctx, def, token, source, replaceChecks)
}

func (s *State) addService(ctx context.Context, def *definition.Service, token string, source Source, replaceChecks bool) error {
	ns, err := def.NodeService()
	if err != nil {
		return err
	}
	entry := &service{record: ns, token: cmp.Or(def.Token, token), source: source}
	var checks []*check
	for _, d := range def.AllChecks() {
		c, err := s.prepare(d, ns, cmp.Or(d.Token, token), source)
		if err != nil {
			return err
		}
		checks = append(checks, c)
	}
	if err := s.persistAll(ctx, entry, checks); err != nil {
		return err
	}
	s.putService(entry)
	if replaceChecks {
		s.removeOthers(ctx, ns.ID, checks)
	}
	for _, c := range checks {
		s.putCheck(c)
	}
	return nil
}

// persistAll writes a service and its checks. Files of a new service that could not be written as a whole are removed.
func (s *State) persistAll(ctx context.Context, entry *service, checks []*check) error {
	err := s.persistService(ctx, entry)
	for i := 0; i < len(checks) && err == nil; i++ {
		err = s.persistCheck(ctx, checks[i])
	}
	if _, there := s.ServiceRecord(entry.record.ID); err != nil && !there {
		s.removePersisted(servicesDir, entry.record.ID)
		for _, c := range checks {
			s.removePersisted(checksDir, c.record.CheckID)
		}
	}
	return err
}

// putService takes an entry into the registry.
func (s *State) putService(entry *service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := entry.record.ID
	if old := s.services[id]; old != nil {
		entry.inSync = old.inSync && old.token == entry.token && sameService(old.record, entry.record)
	}
	s.services[id] = entry
	delete(s.gone, item{service: id})
	for _, c := range s.checks {
		if c.record.ServiceID == id {
			c.adopt(entry.record)
		}
	}
	s.announce()
	s.wake()
}

// removeOthers removes the checks of a service that are not among those to keep.
func (s *State) removeOthers(ctx context.Context, serviceID string, keep []*check) {
	for _, c := range s.checksOf(serviceID) {
		if !slices.ContainsFunc(keep, func(k *check) bool { return k.record.CheckID == c.CheckID }) {
			s.dropCheck(ctx, c.CheckID)
		}
	}
}

// RemoveService removes a service and its checks.
func (s *State) RemoveService(ctx context.Context, id string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.removeService(ctx, id)
}

func (s *State) removeService(ctx context.Context, id string) error {
	s.mu.Lock()
	entry := s.services[id]
	if entry == nil {
		s.mu.Unlock()
		return unknownService(id)
	}
	delete(s.services, id)
	s.gone[item{service: id}] = s.token(entry.token, entry.source)
	s.announce()
	s.mu.Unlock()
	s.removePersisted(servicesDir, id)
	for _, c := range s.checksOf(id) {
		s.dropCheck(ctx, c.CheckID)
	}
	s.wake()
	return nil
}

// Services are all services by their IDs.
func (s *State) Services() map[string]*record.NodeService {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]*record.NodeService, len(s.services))
	for id, entry := range s.services {
		all[id] = entry.record
	}
	return all
}

// ServiceRecord is a service as the catalog gets it.
func (s *State) ServiceRecord(id string) (*record.NodeService, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry := s.services[id]; entry != nil {
		return entry.record, true
	}
	return nil, false
}

// AgentServices are all services by their IDs as the agent's API shows them, without their ContentHash.
func (s *State) AgentServices() (map[string]*api.AgentService, error) {
	all := map[string]*api.AgentService{}
	for id, r := range s.Services() {
		a, err := definition.AgentService(r, s.config.Datacenter)
		if err != nil {
			return nil, err
		}
		all[id] = a
	}
	return all, nil
}

// Service is a service as the agent's API shows it, with its ContentHash of 16 hex digits. An unknown one is an [*Error] with
// status 404.
func (s *State) Service(id string) (*api.AgentService, error) {
	r, ok := s.ServiceRecord(id)
	if !ok {
		return nil, refuse(http.StatusNotFound, "unknown service ID: %s", id)
	}
	a, err := definition.AgentService(r, s.config.Datacenter)
	if err != nil {
		return nil, err
	}
	a.ContentHash = contentHash(a)
	return a, nil
}

// WaitService is Service once its ContentHash is not hash, or ctx is over. An empty hash does not wait; a service that is removed
// meanwhile ends the wait with the error for an unknown one.
func (s *State) WaitService(ctx context.Context, id, hash string) (*api.AgentService, error) {
	for {
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		a, err := s.Service(id)
		if err != nil || a.ContentHash != hash {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, nil
		case <-moved:
		}
	}
}

// checkService tells whether a service that a check belongs to is there.
func (s *State) checkService(id string) (*record.NodeService, error) {
	if id == "" {
		return nil, nil
	}
	r, ok := s.ServiceRecord(id)
	if !ok {
		return nil, noSuchService(id)
	}
	return r, nil
}

// serviceIDs are the IDs of all services of a source, sorted.
func (s *State) serviceIDs(from Source) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.services)), func(id string) bool { return s.services[id].source != from })
}

// token is the one that signs a registration. The caller may hold mu.
func (s *State) token(own string, source Source) string {
	t := s.config.Tokens
	if source == FromFile {
		return cmp.Or(own, t.ConfigFileRegistration(), t.Default())
	}
	return cmp.Or(own, t.Default())
}

// agentToken signs what the agent does for itself.
func (s *State) agentToken() string {
	return cmp.Or(s.config.Tokens.Agent(), s.config.Tokens.Default())
}

func describe(err error, what, id string) error { return fmt.Errorf("%s %q: %w", what, id, err) }
