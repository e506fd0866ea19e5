package state

import (
	"slices"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// Queries of the catalog see what is registered in the local cluster; what was imported from peers is carried, and not shown. Names
// of nodes and services are compared without case.

// An Instance is an instance of a service with its node. Checks are those of the node and of the instance, where they were asked for.
type Instance struct {
	Node    *record.Register // without a service or check
	Service *record.NodeService
	Checks  []*record.HealthCheck
}

// Nodes returns all nodes, by name.
func (s *Store) Nodes(w *Watch) (uint64, []*record.Register) {
	txn := s.read(w, localNodes)
	var nodes []*record.Register
	for _, n := range all[*node](txn, tableNodes, indexID+"_prefix", "") {
		nodes = append(nodes, n.Register)
	}
	return highest(txn, localNodes), nodes
}

// Node returns a node and the services on it, by ID; nil if it is not registered.
func (s *Store) Node(w *Watch, name string) (uint64, *record.Register, []*record.NodeService) {
	key := nodeKey("", name)
	txn := s.read(w, key)
	n := first[*node](txn, tableNodes, indexID, "", fold(name))
	if n == nil {
		return s.absent(txn, localNodeExtinction, localNodes), nil, nil
	}
	var services []*record.NodeService
	for _, x := range all[*service](txn, tableServices, indexID+"_prefix", "", fold(name)) {
		services = append(services, x.NodeService)
	}
	return max(highest(txn, key), n.ModifyIndex), n.Register, services
}

// absent is the index of a query that found nothing: that of the last such thing that went away, or of its table.
func (s *Store) absent(txn *memdb.Txn, extinction, table string) uint64 {
	if gone := highest(txn, extinction); gone > 0 {
		return gone
	}
	return highest(txn, table)
}

// Instances returns all instances of all services, without their checks, ordered by node and service ID.
func (s *Store) Instances(w *Watch) (uint64, []Instance) {
	txn := s.read(w, localServices, localNodes)
	return highest(txn, localServices), withNodes(txn, all[*service](txn, tableServices, indexID+"_prefix", ""))
}

// ServiceInstances returns the instances of a service, without their checks.
func (s *Store) ServiceInstances(w *Watch, name string) (uint64, []Instance) {
	index, txn, found := s.serviceRows(w, name)
	return index, withNodes(txn, found)
}

// HealthInstances returns the instances of a service with their checks.
func (s *Store) HealthInstances(w *Watch, name string) (uint64, []Instance) {
	index, txn, found := s.serviceRows(w, name)
	return index, withChecks(txn, withNodes(txn, found))
}

// serviceRows finds the instances of a service. A query for one service wakes for that service only.
func (s *Store) serviceRows(w *Watch, name string) (uint64, *memdb.Txn, []*service) {
	key := serviceKey("", name)
	txn := s.read(w, key)
	found := all[*service](txn, tableServices, indexName, "", fold(name))
	if len(found) == 0 {
		return s.absent(txn, localServiceExtinction, localServices), txn, nil
	}
	index := highest(txn, key)
	if index == 0 { // restored from an archive without the entry
		index = highest(txn, localServices)
	}
	return index, txn, found
}

// ConnectInstances returns the instances through which a service can be reached in the mesh: proxies, and those that speak for
// themselves.
func (s *Store) ConnectInstances(w *Watch, name string) (uint64, []Instance) {
	txn := s.read(w, localServices, localNodes, localChecks)
	found := all[*service](txn, tableServices, indexConnect, "", fold(name))
	return highest(txn, localServices, localNodes, localChecks), withChecks(txn, withNodes(txn, found))
}

func withNodes(txn *memdb.Txn, services []*service) []Instance {
	instances := make([]Instance, 0, len(services))
	for _, x := range services {
		if n := first[*node](txn, tableNodes, indexID, x.peer, fold(x.node)); n != nil {
			instances = append(instances, Instance{Node: n.Register, Service: x.NodeService})
		}
	}
	return instances
}

func withChecks(txn *memdb.Txn, instances []Instance) []Instance {
	for i := range instances {
		x := &instances[i]
		x.Checks = appendChecks(nil, all[*check](txn, tableChecks, indexService, "", fold(x.Node.Node), ""))
		x.Checks = appendChecks(x.Checks, all[*check](txn, tableChecks, indexService, "", fold(x.Node.Node), fold(x.Service.ID)))
	}
	return instances
}

func appendChecks(checks []*record.HealthCheck, rows []*check) []*record.HealthCheck {
	for _, c := range rows {
		checks = append(checks, c.HealthCheck)
	}
	return checks
}

// NodeChecks returns the checks on a node, those of its services among them, by ID.
func (s *Store) NodeChecks(w *Watch, name string) (uint64, []*record.HealthCheck) {
	return s.checks(w, indexID+"_prefix", "", fold(name))
}

// ServiceChecks returns the checks of all instances of a service, without those of their nodes.
func (s *Store) ServiceChecks(w *Watch, name string) (uint64, []*record.HealthCheck) {
	index, checks := s.checks(w, indexName, "", fold(name))
	return index, slices.DeleteFunc(checks, func(c *record.HealthCheck) bool { return c.ServiceID == "" })
}

// ChecksInState returns the checks with a status, or all if it is "any".
func (s *Store) ChecksInState(w *Watch, status string) (uint64, []*record.HealthCheck) {
	if status == "any" {
		return s.checks(w, indexID+"_prefix", "")
	}
	return s.checks(w, indexStatus, "", status)
}

func (s *Store) checks(w *Watch, index string, args ...any) (uint64, []*record.HealthCheck) {
	txn := s.read(w, localChecks)
	return highest(txn, localChecks), appendChecks(nil, all[*check](txn, tableChecks, index, args...))
}

// NodeMeta returns the metadata of nodes, and the index of the table of nodes, for filters of checks by the metadata of their nodes.
func (s *Store) NodeMeta(w *Watch) (uint64, func(node string) map[string]string) {
	txn := s.read(w, localNodes)
	return highest(txn, localNodes), func(name string) map[string]string {
		if n := first[*node](txn, tableNodes, indexID, "", fold(name)); n != nil {
			return n.NodeMeta
		}
		return nil
	}
}

// Coordinates returns the network coordinates of all nodes, by node and segment.
func (s *Store) Coordinates(w *Watch) (uint64, []*record.Coordinate) {
	txn := s.read(w, tableCoordinates)
	return highest(txn, tableCoordinates), all[*record.Coordinate](txn, tableCoordinates, indexID)
}

// NodeCoordinates returns the network coordinates of one node, one for each of its segments.
func (s *Store) NodeCoordinates(w *Watch, name string) (uint64, []*record.Coordinate) {
	txn := s.read(w, tableCoordinates)
	return highest(txn, tableCoordinates), all[*record.Coordinate](txn, tableCoordinates, indexID+"_prefix", fold(name))
}

// Usage counts what is registered.
type Usage struct {
	Nodes, Services, Instances, ConnectInstances, KV int
}

// Usage counts what is registered in the local cluster.
func (s *Store) Usage() (uint64, Usage) {
	index, instances := s.Instances(nil)
	_, nodes := s.Nodes(nil)
	u := Usage{Nodes: len(nodes), Instances: len(instances)}
	names := map[string]bool{}
	for _, x := range instances {
		names[fold(x.Service.Service)] = true
		if x.Service.Connect.Native || x.Service.Kind != "" {
			u.ConnectInstances++
		}
	}
	u.Services = len(names)
	s.mu.RLock()
	defer s.mu.RUnlock()
	u.KV = s.kv.entries.Len()
	return index, u
}

// StaleMembers returns the names of the nodes that a check marks as members of the gossip pool, and that are not among members, given
// by folded name.
func (s *Store) StaleMembers(members map[string]bool) (names []string) {
	txn := s.read(nil)
	for _, n := range all[*node](txn, tableNodes, indexID+"_prefix", "") {
		if !members[fold(n.Node)] && first[*check](txn, tableChecks, indexID, "", fold(n.Node), fold(SerfHealth)) != nil {
			names = append(names, n.Node)
		}
	}
	return names
}
