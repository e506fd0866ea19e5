package preparedquery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/record"
)

// The nodes that Near may name without knowing them.
const (
	nearAgent = "_agent" // that of the agent that was asked
	nearIP    = "_ip"    // the one with the address that the request came from
)

// An Instance is an instance of a service, with its node and with the checks of both.
type Instance struct {
	Node    *record.Register // only what describes the node
	Service *record.NodeService
	Checks  []*record.HealthCheck
}

// A Catalog is what a query finds in one datacenter, as far as the token that it runs with may see it.
type Catalog interface {
	// ServiceInstances returns all instances of a service, healthy or not; with connect those that take part in the mesh for it. An
	// unknown service has none.
	ServiceInstances(ctx context.Context, name string, connect bool) ([]Instance, error)
	// Coordinates returns the network coordinates of a node, one per segment, or none. Names are compared without case.
	Coordinates(node string) []record.Coordinate
	// NodeAt returns the name of the node with that IP address, or nothing.
	NodeAt(ip string) string
}

// A Source is a catalog and the way to other datacenters.
type Source interface {
	Catalog
	// Datacenters returns the names of all known datacenters, the nearest first. Whether the own one is among them makes no
	// difference.
	Datacenters(ctx context.Context) ([]string, error)
	// Remote executes q, already filled in, in another datacenter and without failover: there, [ExecuteHere] does it with these
	// options, which name that datacenter. The result is never nil without an error.
	Remote(ctx context.Context, datacenter string, q *record.PreparedQuery, o Options) (*Result, error)
}

// An Agent is the one that a client has asked.
type Agent struct {
	Datacenter string
	Node       string
	Segment    string // of the network
}

// Options are those of one execution.
type Options struct {
	Datacenter string // in which the query is executed
	Agent      Agent
	ClientIP   string // where the request came from
	Near       string // a node, _agent or _ip; if given it goes before the query's own
	Limit      int    // how many instances are wanted at most; all if it is not positive
	Connect    bool   // only what takes part in the mesh, also if the query does not ask for that

	Logger  hclog.Logger                     // nil: no log
	Shuffle func(n int, swap func(i, j int)) // nil: at random
}

func (o *Options) logger() hclog.Logger {
	if o.Logger == nil {
		return hclog.NewNullLogger()
	}
	return o.Logger
}

// Execute executes q, which [Lookup] has returned: first here, then, if nothing is found, in the datacenters that q names for that. A
// datacenter that fails is passed over with a line in the log; a failure here is an error.
func Execute(ctx context.Context, src Source, q *record.PreparedQuery, o Options) (*Result, error) {
	r, err := ExecuteHere(ctx, src, q, o)
	if err != nil || len(r.Nodes) > 0 {
		return r, err
	}
	return failover(ctx, src, q, o, r)
}

// ExecuteHere executes q in this datacenter only. Instances come in random order; if q or the options say near what, sorted by
// the round-trip time to that, unless the request comes from another datacenter, whose coordinates tell nothing here.
func ExecuteHere(ctx context.Context, c Catalog, q *record.PreparedQuery, o Options) (*Result, error) {
	if err := served(q); err != nil {
		return nil, fmt.Errorf("execute prepared query %s: %w", q.ID, err)
	}
	all, err := c.ServiceInstances(ctx, q.Service.Service, q.Service.Connect || o.Connect)
	if err != nil {
		return nil, fmt.Errorf("execute prepared query %s: %w", q.ID, err)
	}
	nodes := filter(all, &q.Service)
	shuffle := o.Shuffle
	if shuffle == nil {
		shuffle = rand.Shuffle
	}
	shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	if near := nearNode(c, q, &o); near != "" {
		coordinate.Sort(nodes, near, func(i Instance) string { return i.Node.Node }, c.Coordinates)
	}
	if o.Limit > 0 && len(nodes) > o.Limit {
		nodes = nodes[:o.Limit]
	}
	return &Result{Service: q.Service.Service, Nodes: nodes, DNS: DNS{TTL: q.DNS.TTL}, Datacenter: o.Datacenter}, nil
}

// nearNode returns the name of the node to sort by, or nothing.
func nearNode(c Catalog, q *record.PreparedQuery, o *Options) string {
	if !strings.EqualFold(o.Agent.Datacenter, o.Datacenter) {
		return ""
	}
	near := q.Service.Near
	if o.Near != "" {
		near = o.Near
	}
	switch near {
	case nearAgent:
		return o.Agent.Node
	case nearIP:
		return c.NodeAt(o.ClientIP)
	}
	return near
}
