package state

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/lictor-dr/lictor/internal/record"
)

const (
	statusCritical = "critical"
	// SerfHealth is the ID of the check that marks a node as a member of the gossip pool.
	SerfHealth = "serfHealth"
)

var (
	errNoNode    = errors.New("Must provide node")
	errNoService = errors.New("Must provide service name (Service.Service) when registering a service")
	errNoCheck   = errors.New("Must provide an ID or a name (CheckID, Name) when registering a check")
)

// A Registration is what one request registers: a node, and a service and checks on it.
type Registration struct {
	Node           *record.Register // its Service and Check are not looked at
	SkipNodeUpdate bool             // leaves a node as it is that is registered already
	Service        *record.NodeService
	Checks         []*record.HealthCheck
}

// Register applies, as the log entry at index, a registration. What is there already, and equal, is left alone. The store keeps what
// r points to.
func (s *Store) Register(index, term uint64, r *Registration) error {
	return s.apply(index, term, func(c *change) error {
		old := first[*node](c.db, tableNodes, indexID, "", fold(r.Node.Node))
		if old == nil || !r.SkipNodeUpdate {
			if err := c.setNode(r.Node); err != nil {
				return err
			}
		}
		name := first[*node](c.db, tableNodes, indexID, "", fold(r.Node.Node)).Node // as it is spelled in the catalog
		if r.Service != nil {
			if err := c.setService(name, r.Service); err != nil {
				return err
			}
		}
		for _, x := range r.Checks {
			if err := c.setCheck(name, x); err != nil {
				return err
			}
		}
		return nil
	})
}

// imported refuses what a request claims to be of a peer: it would be lost among the local things, and no server could restore it.
func imported(what, id, peer string) error {
	if peer == "" {
		return nil
	}
	return fmt.Errorf("%s %q has PeerName %q: only what is of the local cluster can be registered", what, id, peer)
}

// setNode adds or changes a node. A node is known by its ID, if it has one: one of another name with that ID is renamed.
func (c *change) setNode(r *record.Register) error {
	if r.Node == "" {
		return errNoNode
	}
	n := *r
	n.Service, n.Check, n.Checks, n.SkipNodeUpdate, n.Token = nil, nil, nil, false, ""
	n.CreateIndex, n.ModifyIndex = c.index, c.index
	old := first[*node](c.db, tableNodes, indexID, "", fold(n.Node))
	if old != nil && n.ID != "" && old.ID != "" && fold(old.ID) != fold(n.ID) && c.alive(old.Node) {
		return fmt.Errorf("failed inserting node: Error while renaming Node ID: %q: Node name %s is reserved by node %s with name %s (%s)",
			n.ID, n.Node, old.ID, old.Node, old.Address)
	}
	if n.ID != "" {
		if same := first[*node](c.db, tableNodes, indexUUID, "", fold(n.ID)); same != nil && fold(same.Node) != fold(n.Node) {
			c.removeNode(same)
		}
	}
	if old != nil {
		n.CreateIndex = old.CreateIndex
		if sameNode(old.Register, &n) {
			return nil
		}
	}
	c.insert(tableNodes, &node{&n})
	c.raise(nodeKeys("", n.Node)...)
	c.raiseServicesOn(n.Node)
	if old != nil && old.Node != n.Node {
		c.respellChecks(n.Node)
	}
	return nil
}

// respellChecks gives the checks on a node its name as it is spelled now: the name in a check must be the node's, or no server restores
// the check.
func (c *change) respellChecks(nodeName string) {
	for _, old := range all[*check](c.db, tableChecks, indexID+"_prefix", "", fold(nodeName)) {
		next := *old.HealthCheck
		next.Node, next.ModifyIndex = nodeName, c.index
		c.insert(tableChecks, &check{node: nodeName, HealthCheck: &next})
		c.raise("checks", localChecks)
	}
}

// alive tells whether a node is a member of the gossip pool, and has not failed.
func (c *change) alive(name string) bool {
	serf := first[*check](c.db, tableChecks, indexID, "", fold(name), fold(SerfHealth))
	return serf != nil && serf.Status != statusCritical
}

// raiseServicesOn wakes the queries for services that have an instance on a node.
func (c *change) raiseServicesOn(name string) {
	for _, x := range all[*service](c.db, tableServices, indexID+"_prefix", "", fold(name)) {
		c.raise(serviceKeys("", x.NodeService)...)
	}
}

// setService adds or changes an instance of a service on a registered node.
func (c *change) setService(nodeName string, x *record.NodeService) error {
	if x.ID == "" || x.Service == "" {
		return errNoService
	}
	if err := imported("service", x.ID, x.PeerName); err != nil {
		return err
	}
	x.CreateIndex, x.ModifyIndex = c.index, c.index
	old := first[*service](c.db, tableServices, indexID, "", fold(nodeName), fold(x.ID))
	if old != nil {
		x.CreateIndex, x.ModifyIndex = old.CreateIndex, old.ModifyIndex
		if reflect.DeepEqual(old.NodeService, x) {
			return nil
		}
		x.ModifyIndex = c.index
	}
	isNew := first[*service](c.db, tableServices, indexName, "", fold(x.Service)) == nil
	c.insert(tableServices, &service{node: nodeName, NodeService: x})
	if isNew {
		c.raise(kindNameKeys(x)...)
	}
	c.raise("services", localServices)
	c.raise(serviceKeys("", x)...)
	c.raise(nodeKeys("", nodeName)...)
	if old != nil {
		if fold(old.Service) != fold(x.Service) {
			c.serviceGone(old.NodeService)
		}
		c.renameChecks(nodeName, x)
	}
	return nil
}

// renameChecks gives the checks of an instance its service's name and tags.
func (c *change) renameChecks(nodeName string, x *record.NodeService) {
	for _, old := range all[*check](c.db, tableChecks, indexService, "", fold(nodeName), fold(x.ID)) {
		if old.ServiceName == x.Service && reflect.DeepEqual(old.ServiceTags, x.Tags) {
			continue
		}
		next := *old.HealthCheck
		next.ServiceName, next.ServiceTags, next.ModifyIndex = x.Service, x.Tags, c.index
		c.insert(tableChecks, &check{node: old.node, HealthCheck: &next})
		c.raise("checks", localChecks)
	}
}

// serviceGone follows the end of an instance: the last one takes the service's index with it.
func (c *change) serviceGone(x *record.NodeService) {
	keys := serviceKeys("", x)
	if first[*service](c.db, tableServices, indexName, "", fold(x.Service)) != nil {
		c.raise(keys...)
		return
	}
	c.dropIndex(keys[0])
	c.raise(keys[1:]...)
	c.raise(localServiceExtinction)
	c.raise(kindNameKeys(x)...)
}

// setCheck adds or changes a check on a registered node. The sessions that depend on a check end when it becomes critical.
func (c *change) setCheck(nodeName string, x *record.HealthCheck) error {
	if x.CheckID == "" {
		return errNoCheck
	}
	if err := imported("check", x.CheckID, x.PeerName); err != nil {
		return err
	}
	x.Node, x.CreateIndex, x.ModifyIndex = nodeName, c.index, c.index
	var of *service
	if x.ServiceID != "" {
		of = first[*service](c.db, tableServices, indexID, "", fold(nodeName), fold(x.ServiceID))
		if of == nil {
			return fmt.Errorf("Unknown service ID '%s' for check ID '%s'", x.ServiceID, x.CheckID)
		}
		x.ServiceName, x.ServiceTags = of.Service, of.Tags
	}
	if old := first[*check](c.db, tableChecks, indexID, "", fold(nodeName), fold(x.CheckID)); old != nil {
		x.CreateIndex, x.ModifyIndex = old.CreateIndex, old.ModifyIndex
		if reflect.DeepEqual(old.HealthCheck, x) {
			return nil
		}
		x.ModifyIndex = c.index
		if fold(old.ServiceID) != fold(x.ServiceID) {
			c.checkChanged(nodeName, c.serviceOf(old))
		}
	}
	c.insert(tableChecks, &check{node: nodeName, HealthCheck: x})
	c.checkChanged(nodeName, of)
	if x.Status == statusCritical {
		c.endSessionsOfCheck(nodeName, x.CheckID)
	}
	return nil
}

// checkChanged wakes the queries that see a check: those for its service or, for a check of the node, for all services on it.
func (c *change) checkChanged(nodeName string, of *service) {
	c.raise("checks", localChecks)
	if of != nil {
		c.raise(serviceKeys("", of.NodeService)...)
	} else {
		c.raiseServicesOn(nodeName)
	}
}

// Deregister applies, as the log entry at index, the removal of a service, a check, or with neither of a node and all that is
// registered on it. What is not there is no error.
func (s *Store) Deregister(index, term uint64, nodeName, serviceID, checkID string) error {
	return s.apply(index, term, func(c *change) error {
		switch {
		case serviceID != "":
			if x := first[*service](c.db, tableServices, indexID, "", fold(nodeName), fold(serviceID)); x != nil {
				c.removeService(x)
			}
		case checkID != "":
			if x := first[*check](c.db, tableChecks, indexID, "", fold(nodeName), fold(checkID)); x != nil {
				c.removeCheck(x)
			}
		default:
			if n := first[*node](c.db, tableNodes, indexID, "", fold(nodeName)); n != nil {
				c.removeNode(n)
			}
		}
		return nil
	})
}

// removeNode removes a node with its services, checks, coordinates and sessions.
func (c *change) removeNode(n *node) {
	name := fold(n.Node)
	for _, x := range all[*service](c.db, tableServices, indexID+"_prefix", "", name) {
		c.removeService(x)
	}
	for _, x := range all[*check](c.db, tableChecks, indexID+"_prefix", "", name) {
		c.removeCheck(x)
	}
	for _, x := range all[*record.Coordinate](c.db, tableCoordinates, indexID+"_prefix", name) {
		c.delete(tableCoordinates, x)
		c.raise(tableCoordinates)
	}
	c.delete(tableNodes, n)
	c.raise(nodeKeys("", n.Node)[:2]...)
	c.dropIndex(nodeKey("", n.Node))
	c.raise(localNodeExtinction)
	c.endSessionsOfNode(name)
}

// removeService removes an instance with its checks.
func (c *change) removeService(x *service) {
	for _, k := range all[*check](c.db, tableChecks, indexService, "", fold(x.node), fold(x.ID)) {
		c.removeCheck(k)
	}
	c.delete(tableServices, x)
	c.raise("services", localServices)
	c.raise(nodeKeys("", x.node)...)
	c.serviceGone(x.NodeService)
}

// removeCheck removes a check; the sessions that depend on it end.
func (c *change) removeCheck(x *check) {
	c.delete(tableChecks, x)
	c.checkChanged(x.node, c.serviceOf(x))
	c.endSessionsOfCheck(x.node, x.CheckID)
}

// serviceOf is the instance that a check is of, nil for a check of the node.
func (c *change) serviceOf(x *check) *service {
	if x.ServiceID == "" {
		return nil
	}
	return first[*service](c.db, tableServices, indexID, "", fold(x.node), fold(x.ServiceID))
}

// SetCoordinates applies, as the log entry at index, new network coordinates of nodes. Those of nodes that are not registered are
// left out. The store keeps batch.
func (s *Store) SetCoordinates(index, term uint64, batch record.Coordinates) error {
	return s.apply(index, term, func(c *change) error {
		for i := range batch {
			if first[*node](c.db, tableNodes, indexID, "", fold(batch[i].Node)) != nil {
				c.insert(tableCoordinates, &batch[i])
				c.raise(tableCoordinates)
			}
		}
		return nil
	})
}
