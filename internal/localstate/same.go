package localstate

import (
	"bytes"
	"maps"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// sameNode compares nodes; what is empty and what is missing are the same.
func sameNode(a, b NodeInfo) bool {
	return a.Node == b.Node && a.ID == b.ID && a.Address == b.Address &&
		maps.Equal(a.TaggedAddresses, b.TaggedAddresses) && maps.Equal(a.Meta, b.Meta)
}

// sameService compares what an agent registers of a service. The JSON forms are compared, for the catalog's records may have been
// through JSON, where nil and empty, 1 and 1.0 are the same.
func sameService(a, b *record.NodeService) bool {
	x, err1 := definition.ServiceJSON(plain(a))
	y, err2 := definition.ServiceJSON(plain(b))
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// plain is a service without what the catalog adds.
func plain(s *record.NodeService) *record.NodeService {
	p := *s
	p.CreateIndex, p.ModifyIndex, p.PeerName, p.Extra = 0, 0, "", nil
	p.Connect.PeerMeta, p.Connect.SidecarService = nil, nil
	if len(p.Tags) == 0 {
		p.Tags = nil
	}
	if len(p.Meta) == 0 {
		p.Meta = nil
	}
	if p.Weights == nil {
		p.Weights = &record.Weights{Passing: 1, Warning: 1}
	}
	return &p
}

// sameCheck compares what an agent registers of a check; the service's name and tags are the catalog's to fill in.
func sameCheck(a, b *record.HealthCheck) bool {
	return a.Node == b.Node && a.CheckID == b.CheckID && a.Name == b.Name && a.Status == b.Status && a.Notes == b.Notes &&
		a.Output == b.Output && a.ServiceID == b.ServiceID && a.Type == b.Type && a.Interval == b.Interval &&
		a.Timeout == b.Timeout && a.ExposedPort == b.ExposedPort
}
