//go:build unix

package interop

import (
	"cmp"
	"slices"

	"github.com/hashicorp/consul/api"
)

var queries = []*api.PreparedQueryDefinition{
	{
		Name: "interop-web",
		Service: api.ServiceQuery{
			Service: "interop-web", Tags: []string{"!v0"}, Near: "interop-a", IgnoreCheckIDs: []string{"interop-host"},
			NodeMeta: map[string]string{"rack": "7"}, ServiceMeta: map[string]string{"version": "1.2"},
			Failover: api.QueryFailoverOptions{NearestN: 2, Datacenters: []string{"dc2"}},
		},
		DNS: api.QueryDNSOptions{TTL: "10s"},
	},
	{
		Name:     "interop-tmpl-",
		Service:  api.ServiceQuery{Service: "${match(1)}", Tags: []string{"${match(2)}"}},
		Template: api.QueryTemplate{Type: "name_prefix_match", Regexp: "^interop-tmpl-(.*?)-([^-]*)$", RemoveEmptyTags: true},
	},
}

func fillQueries(c *api.Client) error {
	if err := fillCatalog(c); err != nil {
		return err
	}
	return each(queries, func(q *api.PreparedQueryDefinition) error {
		_, _, err := c.PreparedQuery().Create(q, nil)
		return err
	})
}

// answered is what an agent has of the queries that fillQueries made, and what it answers to them.
type answered struct {
	Queries []*api.PreparedQueryDefinition
	Nodes   map[string][]string // the services found, by the name that was asked for
}

func readQueries(c *api.Client) (any, error) {
	all := answered{Nodes: map[string][]string{}}
	var err error
	if all.Queries, _, err = c.PreparedQuery().List(consistent()); err != nil {
		return nil, err
	}
	slices.SortFunc(all.Queries, func(a, b *api.PreparedQueryDefinition) int { return cmp.Compare(a.Name, b.Name) })
	for _, name := range []string{"interop-web", "interop-tmpl-interop-web-v1"} {
		found, _, err := c.PreparedQuery().Execute(name, consistent())
		if err != nil {
			return nil, err
		}
		for _, n := range found.Nodes {
			all.Nodes[name] = append(all.Nodes[name], n.Service.ID)
		}
		slices.Sort(all.Nodes[name]) // the answer is shuffled
	}
	return all, nil
}
