package main

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/record"
)

// A catalog is a set of nodes, and of services, checks and sessions that are spread over them evenly: the number of services is a multiple
// of that of nodes.
type catalog struct {
	Nodes    int `json:"nodes,omitempty"`
	Services int `json:"services,omitempty"` // instances
	Checks   int `json:"checks,omitempty"`   // one of each node, the others of services
	Sessions int `json:"sessions,omitempty"`
}

func (c catalog) String() string {
	return fmt.Sprintf("%d nodes, %d services, %d checks, %d sessions", c.Nodes, c.Services, c.Checks, c.Sessions)
}

func (c catalog) records() int { return c.Nodes + c.Services + c.Checks + c.Sessions }

// instances is how many a service has.
const instances = 20

// serviceName is the name of instance i.
func (c catalog) serviceName(i int) string { return fmt.Sprintf("service-%04d", i/instances) }

func (c catalog) serviceID(i int) string {
	return fmt.Sprintf("service-%04d-%02d", i/instances, i%instances)
}

func (c catalog) nodeName(i int) string { return fmt.Sprintf("compare-node-%05d", i) }

// nodeCheck is the check that each node has, and on which its sessions depend.
const nodeCheck = "alive"

// write writes the records in the order of a snapshot: node by node, then sessions.
func (c catalog) write(s *stateWriter) {
	index := uint64(firstIndex - 1)
	next := func() uint64 { index++; return index }
	for n := range c.Nodes {
		at := next()
		node := c.node(n)
		node.CreateIndex, node.ModifyIndex = at, at
		s.add(&node)
		for i := n; i < c.Services; i += c.Nodes {
			with := node
			with.Service = c.service(i, next())
			s.add(&with)
		}
		for j := n; j < c.Checks; j += c.Nodes {
			with := node
			with.Check = c.check(j, next())
			s.add(&with)
		}
	}
	registered := index
	for i := range c.Sessions {
		s.add(c.session(i, next()))
	}
	for _, key := range []string{"nodes", "services", "checks"} {
		s.add(&record.Index{Key: key, Value: registered})
	}
	s.add(&record.Index{Key: "sessions", Value: index})
}

func (c catalog) node(i int) record.Register {
	r := newRandom(i, 10)
	address := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
	return record.Register{
		ID: r.uuid(), Node: c.nodeName(i), Address: address, Datacenter: "dc1",
		TaggedAddresses: map[string]string{"lan": address, "lan_ipv4": address, "wan": address, "wan_ipv4": address},
		NodeMeta:        map[string]string{"rack": fmt.Sprintf("r%02d", r.below(40)), "team": teams[r.below(len(teams))]},
	}
}

func (c catalog) service(i int, index uint64) *record.NodeService {
	r := newRandom(i, 11)
	return &record.NodeService{
		ID: c.serviceID(i), Service: c.serviceName(i), Address: fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255), Port: 20_000 + r.below(10_000),
		Tags:        []string{"v" + fmt.Sprint(r.below(9)), words[r.below(len(words))]},
		Meta:        map[string]string{"version": fmt.Sprintf("%d.%d.%d", r.below(9), r.below(30), r.below(30)), "team": teams[r.below(len(teams))]},
		Weights:     &record.Weights{Passing: 1, Warning: 1},
		CreateIndex: index, ModifyIndex: index,
	}
}

// check is the check of a node, or one of a service on it: service i is on node i modulo their number, and so is each of its checks.
func (c catalog) check(j int, index uint64) *record.HealthCheck {
	r := newRandom(j, 12)
	k := &record.HealthCheck{
		Node: c.nodeName(j % c.Nodes), CheckID: nodeCheck, Name: "Node alive", Status: "passing",
		Output: fmt.Sprintf("up %d days, load average: 0.%02d", r.below(400), r.below(100)), CreateIndex: index, ModifyIndex: index,
	}
	if j < c.Nodes {
		return k
	}
	of := (j - c.Nodes) % c.Services
	k.CheckID = fmt.Sprintf("service:%s:%d", c.serviceID(of), (j-c.Nodes)/c.Services)
	k.Node, k.Name, k.ServiceID, k.ServiceName = c.nodeName(of%c.Nodes), "Service answers", c.serviceID(of), c.serviceName(of)
	k.Type, k.Interval, k.Timeout = "http", "10s", "1s"
	k.Output = fmt.Sprintf("HTTP GET http://10.0.0.1:%d/health: 200 OK Output: {\"status\":\"ok\",\"id\":\"%016x\"}", 20_000+r.below(10_000), r.Uint64())
	return k
}

func (c catalog) session(i int, index uint64) *record.Session {
	r := newRandom(i, 13)
	return &record.Session{
		ID: c.sessionID(i), Name: words[r.below(len(words))] + "-lock", Node: c.nodeName(i % c.Nodes), Behavior: "release", LockDelay: 15e9,
		NodeChecks: []string{nodeCheck}, CreateIndex: index, ModifyIndex: index,
	}
}

func (c catalog) sessionID(i int) string { return newRandom(i, 14).uuid() }

func (r *random) uuid() string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&(1<<48-1))
}
