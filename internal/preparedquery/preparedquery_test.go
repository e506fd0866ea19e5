package preparedquery

import (
	"context"
	"errors"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// store is a Queries.
type store []*record.PreparedQuery

func (s store) ByID(id string) *record.PreparedQuery {
	for _, q := range s {
		if q.ID == id {
			return q
		}
	}
	return nil
}

func (s store) ByName(name string) *record.PreparedQuery {
	for _, q := range s {
		if q.Template.Type == "" && q.Name != "" && strings.EqualFold(q.Name, name) {
			return q
		}
	}
	return nil
}

func (s store) Templates() []*record.PreparedQuery {
	var templates []*record.PreparedQuery
	for _, q := range s {
		if q.Template.Type != "" {
			templates = append(templates, q)
		}
	}
	return templates
}

// source is a Source whose datacenters are scripted.
type source struct {
	instances   map[string][]Instance // by service; those of the mesh under "connect:" and the service
	coordinates map[string][]record.Coordinate
	addresses   map[string]string
	err         error // of ServiceInstances

	datacenters    []string
	datacentersErr error
	remote         map[string]answer // by datacenter

	asked   []string // datacenters, in the order they were asked
	options []Options
}

type answer struct {
	nodes []Instance
	err   error
	then  func() // if not nil, happens first
}

func (s *source) ServiceInstances(_ context.Context, name string, connect bool) ([]Instance, error) {
	if connect {
		name = "connect:" + name
	}
	return s.instances[name], s.err
}

func (s *source) Coordinates(node string) []record.Coordinate {
	return s.coordinates[strings.ToLower(node)]
}

func (s *source) NodeAt(ip string) string { return s.addresses[ip] }

func (s *source) Datacenters(context.Context) ([]string, error) {
	return s.datacenters, s.datacentersErr
}

func (s *source) Remote(_ context.Context, dc string, q *record.PreparedQuery, o Options) (*Result, error) {
	s.asked, s.options = append(s.asked, dc), append(s.options, o)
	a, ok := s.remote[dc]
	if !ok {
		return nil, errors.New("No path to datacenter")
	}
	if a.then != nil {
		a.then()
	}
	if a.err != nil {
		return nil, a.err
	}
	return &Result{Service: q.Service.Service, Nodes: a.nodes, DNS: DNS{q.DNS.TTL}, Datacenter: dc}, nil
}

// instance makes an instance of web with checks that are given as ID=status.
func instance(node string, checks ...string) Instance {
	i := Instance{Node: &record.Register{Node: node}, Service: &record.NodeService{ID: "web", Service: "web"}}
	for _, c := range checks {
		id, status, _ := strings.Cut(c, "=")
		i.Checks = append(i.Checks, &record.HealthCheck{Node: node, CheckID: id, Status: status})
	}
	return i
}

func instances(nodes ...string) []Instance {
	var out []Instance
	for _, n := range nodes {
		out = append(out, instance(n))
	}
	return out
}

// names lists the nodes of instances, separated by blanks.
func names(is []Instance) string {
	var out []string
	for _, i := range is {
		out = append(out, i.Node.Node)
	}
	return strings.Join(out, " ")
}

// template makes a template with that ID, prefix and service.
func template(id, prefix, service string) *record.PreparedQuery {
	return &record.PreparedQuery{
		ID: id, Name: prefix, Template: record.QueryTemplate{Type: "name_prefix_match"}, Service: record.QueryService{Service: service},
	}
}
