package localstate

import (
	"maps"
	"slices"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// Maintenance is the aggregated status of a service that is taken out on purpose.
const Maintenance = "maintenance"

// Health is the health of one instance of a service.
type Health struct {
	Status  string // aggregated: maintenance, critical, warning or passing
	Service *record.NodeService
	Checks  []*record.HealthCheck // those of the service, then those of the node
}

// ServiceHealth is the health of a service by its ID.
func (s *State) ServiceHealth(id string) (Health, bool) {
	r, ok := s.ServiceRecord(id)
	if !ok {
		return Health{}, false
	}
	return s.healthOf(r), true
}

// ServiceHealthByName is the health of all instances of a name, sorted by ID, and the worst of their statuses; both are empty if there
// are none.
func (s *State) ServiceHealthByName(name string) (all []Health, worst string) {
	services := s.Services()
	for _, id := range slices.Sorted(maps.Keys(services)) {
		if r := services[id]; r.Service == name {
			h := s.healthOf(r)
			all, worst = append(all, h), worse(worst, h.Status)
		}
	}
	return all, worst
}

func (s *State) healthOf(r *record.NodeService) Health {
	h := Health{Status: definition.Passing, Service: r, Checks: append(s.checksOf(r.ID), s.checksOf("")...)}
	for _, c := range h.Checks {
		status := c.Status
		if c.CheckID == NodeMaintenance || c.CheckID == ServiceMaintenance+r.ID {
			status = Maintenance
		}
		h.Status = worse(h.Status, status)
	}
	return h
}

// severity orders statuses from good to bad.
var severity = []string{"", definition.Passing, definition.Warning, definition.Critical, Maintenance}

func worse(a, b string) string {
	if slices.Index(severity, a) >= slices.Index(severity, b) {
		return a
	}
	return b
}
