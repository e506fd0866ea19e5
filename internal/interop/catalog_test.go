//go:build unix

package interop

import (
	"time"

	"github.com/hashicorp/consul/api"
)

// nodes are of no agent: whoever gets them must leave them alone.
var nodes = []string{"interop-a", "interop-b"}

var registrations = []*api.CatalogRegistration{
	{
		Node: "interop-a", ID: "9c1f5b1e-21a6-4c7e-8d52-5c2b6f1c3d10", Address: "10.1.0.1",
		TaggedAddresses: map[string]string{"lan": "10.1.0.1", "wan": "198.51.100.1"},
		NodeMeta:        map[string]string{"external-node": "true", "rack": "7"},
		Check: &api.AgentCheck{
			Node: "interop-a", CheckID: "interop-host", Name: "host", Status: api.HealthPassing, Notes: "by hand", Output: "fine",
			Definition: api.HealthCheckDefinition{TCP: "10.1.0.1:22", IntervalDuration: 10 * time.Second, TimeoutDuration: time.Second},
		},
	},
	{
		Node: "interop-a", Address: "10.1.0.1", SkipNodeUpdate: true,
		Service: &api.AgentService{
			ID: "interop-web-1", Service: "interop-web", Tags: []string{"v1", "primary"}, Port: 8080, Address: "10.1.0.2",
			Meta: map[string]string{"version": "1.2"}, EnableTagOverride: true, Weights: api.AgentWeights{Passing: 5, Warning: 2},
			TaggedAddresses: map[string]api.ServiceAddress{"lan_ipv4": {Address: "10.1.0.2", Port: 8080}},
		},
		Check: &api.AgentCheck{
			Node: "interop-a", CheckID: "interop-web-1-http", Name: "http", Status: api.HealthWarning, ServiceID: "interop-web-1",
		},
	},
	{
		Node: "interop-b", Address: "10.1.0.3",
		Service: &api.AgentService{ID: "interop-web-2", Service: "interop-web", Port: 8081},
	},
	{Node: "interop-b", Address: "10.1.0.3", Check: &api.AgentCheck{
		Node: "interop-b", CheckID: "interop-host", Name: "host", Status: api.HealthCritical,
	}},
}

func fillCatalog(c *api.Client) error {
	return each(registrations, func(r *api.CatalogRegistration) error {
		_, err := c.Catalog().Register(r, nil)
		return err
	})
}

// catalog is what an agent has of the nodes that fillCatalog registered.
type catalog struct {
	Nodes   []*api.CatalogNode
	Checks  []api.HealthChecks
	Service []*api.ServiceEntry
}

func readCatalog(c *api.Client) (any, error) {
	var all catalog
	for _, name := range nodes {
		node, _, err := c.Catalog().Node(name, consistent())
		if err != nil {
			return nil, err
		}
		checks, _, err := c.Health().Node(name, consistent())
		if err != nil {
			return nil, err
		}
		all.Nodes, all.Checks = append(all.Nodes, node), append(all.Checks, checks)
	}
	var err error
	all.Service, _, err = c.Health().Service("interop-web", "", false, consistent())
	return all, err
}
