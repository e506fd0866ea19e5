package localstate

import (
	"cmp"
	"context"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// The IDs of the checks that take a node, or the service whose ID follows, out on purpose.
const (
	NodeMaintenance    = "_node_maintenance"
	ServiceMaintenance = "_service_maintenance:"
)

const (
	defaultServiceReason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."
	defaultNodeReason    = "Maintenance mode is enabled for this node, but no reason was provided. This is a default message."
)

// EnableServiceMaintenance adds a critical check to a service. The reason may be empty. Where the check is there already, nothing
// changes.
func (s *State) EnableServiceMaintenance(ctx context.Context, id, reason, token string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	owner, ok := s.ServiceRecord(id)
	if !ok {
		return unknownService(id)
	}
	return s.enable(ctx, token, &record.HealthCheck{
		CheckID: ServiceMaintenance + id, Name: "Service Maintenance Mode", Notes: cmp.Or(reason, defaultServiceReason),
		ServiceID: id, ServiceName: owner.Service, ServiceTags: owner.Tags,
	})
}

// DisableServiceMaintenance removes that check. That it is not there is no error.
func (s *State) DisableServiceMaintenance(ctx context.Context, id string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	if _, ok := s.ServiceRecord(id); !ok {
		return unknownService(id)
	}
	if s.dropCheck(ctx, ServiceMaintenance+id) {
		s.log.Info("Service left maintenance mode", "service", id)
	}
	return nil
}

// EnableNodeMaintenance adds a critical check to the node. The reason may be empty.
func (s *State) EnableNodeMaintenance(ctx context.Context, reason, token string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.enable(ctx, token, &record.HealthCheck{
		CheckID: NodeMaintenance, Name: "Node Maintenance Mode", Notes: cmp.Or(reason, defaultNodeReason), ServiceTags: []string{},
	})
}

// DisableNodeMaintenance removes that check. That it is not there is no error.
func (s *State) DisableNodeMaintenance(ctx context.Context) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	if s.dropCheck(ctx, NodeMaintenance) {
		s.log.Info("Node left maintenance mode")
	}
	return nil
}

func (s *State) enable(ctx context.Context, token string, hc *record.HealthCheck) error {
	if _, err := s.Check(hc.CheckID); err == nil {
		return nil
	}
	hc.Node, hc.Type, hc.Status = s.config.Node.Node, "maintenance", definition.Critical
	c := &check{record: hc, token: token, source: FromFile}
	if err := s.persistCheck(ctx, c); err != nil {
		return err
	}
	s.putCheck(c)
	s.log.Info("Maintenance mode entered", "check", hc.CheckID, "reason", hc.Notes)
	return nil
}
