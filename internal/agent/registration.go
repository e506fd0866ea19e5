package agent

import (
	"maps"
	"strconv"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/version"
)

// registration is what this server says of itself in the catalog: its node, and the service that all servers have.
func (a *Agent) registration() (*record.Register, *record.NodeService) {
	meta := map[string]string{"consul-network-segment": "", "consul-version": version.Full}
	maps.Copy(meta, a.config.NodeMeta)
	node := &record.Register{
		ID: a.config.NodeID, Node: a.config.NodeName, Address: a.config.AdvertiseAddr.String(), Datacenter: a.config.Datacenter, NodeMeta: meta,
		TaggedAddresses: a.config.TaggedAddresses,
	}
	service := &record.NodeService{
		ID: "consul", Service: "consul", Tags: []string{}, Port: a.config.ServerPort, Weights: &record.Weights{Passing: 1, Warning: 1},
		Meta: map[string]string{"grpc_port": strconv.Itoa(-1), "grpc_tls_port": strconv.Itoa(-1), "non_voter": "false",
			"read_replica": "false", "raft_version": "3", "serf_protocol_current": "2", "serf_protocol_max": "5", "serf_protocol_min": "1",
			"version": version.Full},
	}
	return node, service
}
