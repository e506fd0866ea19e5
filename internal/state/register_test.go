package state

import (
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

func register(n *record.Register, service *record.NodeService, checks ...*record.HealthCheck) *Registration {
	return &Registration{Node: n, Service: service, Checks: checks}
}

// on is a registration that leaves the node as it is.
func on(name string, service *record.NodeService, checks ...*record.HealthCheck) *Registration {
	return &Registration{Node: &record.Register{Node: name}, SkipNodeUpdate: true, Service: service, Checks: checks}
}

// What each registration and deregistration raises and wakes, and what it must leave asleep.
func TestCatalogEffects(t *testing.T) {
	type change = func(s *Store) error
	reg := func(r *Registration) change { return func(s *Store) error { return s.Register(51, 1, r) } }
	dereg := func(node, service, check string) change {
		return func(s *Store) error { return s.Deregister(51, 1, node, service, check) }
	}
	for _, c := range []struct {
		name string
		do   change
		want effect
		err  string
	}{
		{"same node", reg(register(node1(), nil)), effect{}, ""},
		{"same service and checks", reg(on("N1", &record.NodeService{ID: "web1", Service: "web", Tags: []string{"a"}},
			&record.HealthCheck{CheckID: SerfHealth, Status: "passing"}, &record.HealthCheck{CheckID: "c1", ServiceID: "web1", Status: "passing"})), effect{}, ""},
		{"node renamed", reg(register(&record.Register{Node: "n3", ID: node1().ID, Address: "10.0.0.1"}, nil)),
			effect{"-node.n1 checks coordinates kvs node.n3 node_last_extinction nodes prepared-queries service.web service_kind.typical services sessions",
				"checks,coordinates,health of web,key k,keys,node n1,node n3,nodes,queries,services,sessions,web"}, ""},
		{"node spelled otherwise", reg(register(&record.Register{Node: "N1", ID: node1().ID, Address: "10.0.0.1"}, nil)),
			effect{"checks node.n1 nodes service.web service_kind.typical", "checks,health of web,node n1,nodes,services,web"}, ""},
		{"node with another address", reg(register(&record.Register{Node: "n1", ID: node1().ID, Address: "10.0.0.9"}, nil)),
			effect{"node.n1 nodes service.web service_kind.typical", "health of web,node n1,nodes,services,web"}, ""},
		{"the same, node left alone", reg(on("n1", nil)), effect{}, ""},
		{"name of a live node with another ID", reg(register(&record.Register{Node: "n1", ID: "22222222-0000-4000-8000-000000000001", Address: "x"}, nil)), effect{}, `failed inserting node: Error while renaming Node ID: "22222222-0000-4000-8000-000000000001": Node name n1 is reserved by node 11111111-0000-4000-8000-000000000001 with name n1 (10.0.0.1)`},
		{"name of a node without serfHealth, another ID", reg(register(&record.Register{Node: "n2", ID: "22222222-0000-4000-8000-000000000001", Address: "10.0.0.2"}, nil)),
			effect{"node.n2 nodes service.db service.web service_kind.typical", "db,health of web,node n2,nodes,services,web"}, ""},
		{"new node", reg(register(&record.Register{Node: "n3", Address: "x"}, nil)),
			effect{"node.n3 nodes", "node n3,nodes,services"}, ""},
		{"new node though left alone", reg(on("n3", nil)), effect{"node.n3 nodes", "node n3,nodes,services"}, ""},
		{"node without a name", reg(register(&record.Register{Address: "x"}, nil)), effect{}, `Must provide node`},
		{"new service", reg(on("n1", &record.NodeService{ID: "new1", Service: "new"})),
			effect{"kind_service_names.typical node.n1 nodes service.new service_kind.typical services",
				"new,node n1,nodes,services"}, ""},
		{"another instance", reg(on("n2", &record.NodeService{ID: "web3", Service: "web"})),
			effect{"node.n2 nodes service.web service_kind.typical services", "health of web,node n2,nodes,services,web"}, ""},
		{"service changed", reg(on("n2", &record.NodeService{ID: "db1", Service: "db", Port: 1})),
			effect{"node.n2 nodes service.db service_kind.typical services", "db,node n2,nodes,services"}, ""},
		{"tags of a service with a check changed", reg(on("n1", &record.NodeService{ID: "web1", Service: "web"})),
			effect{"checks node.n1 nodes service.web service_kind.typical services",
				"checks,health of web,node n1,nodes,services,web"}, ""},
		{"instance renamed", reg(on("n1", &record.NodeService{ID: "web1", Service: "new"})),
			effect{"checks kind_service_names.typical node.n1 nodes service.new service.web service_kind.typical services",
				"checks,health of web,new,node n1,nodes,services,web"}, ""},
		{"last instance renamed", reg(on("n2", &record.NodeService{ID: "DB1", Service: "new"})),
			effect{"-service.db kind_service_names.typical node.n2 nodes service.new service_kind.typical service_last_extinction services",
				"db,new,node n2,nodes,services"}, ""},
		{"mesh proxy", reg(on("n2", &record.NodeService{ID: "p", Service: "new", Kind: "connect-proxy"})),
			effect{"kind_service_names.connect-enabled kind_service_names.connect-proxy node.n2 nodes service.new service_kind.connect-proxy services",
				"new,node n2,nodes,services"}, ""},
		{"service without a name", reg(on("n1", &record.NodeService{ID: "x"})), effect{}, `Must provide service name (Service.Service) when registering a service`},
		{"service of a peer", reg(on("n1", &record.NodeService{ID: "x", Service: "x", PeerName: "p"})), effect{}, `service "x" has PeerName "p": only what is of the local cluster can be registered`},
		{"check of the node", reg(on("n2", nil, &record.HealthCheck{CheckID: "c", Status: "critical"})),
			effect{"checks service.db service.web service_kind.typical", "checks,db,health of web,web"}, ""},
		{"check of a service", reg(on("n2", nil, &record.HealthCheck{CheckID: "c", ServiceID: "DB1", Status: "passing"})),
			effect{"checks service.db service_kind.typical", "checks,db"}, ""},
		{"check goes to another service", reg(register(node1(), &record.NodeService{ID: "new1", Service: "new"}, &record.HealthCheck{CheckID: "c1", ServiceID: "new1", Status: "passing"})),
			effect{"checks kind_service_names.typical node.n1 nodes service.new service.web service_kind.typical services",
				"checks,health of web,new,node n1,nodes,services,web"}, ""},
		{"check of an unknown service", reg(on("n1", &record.NodeService{ID: "new1", Service: "new"}, &record.HealthCheck{CheckID: "c", ServiceID: "nope"})), effect{}, `Unknown service ID 'nope' for check ID 'c'`},
		{"check of another node's service", reg(on("n1", nil, &record.HealthCheck{CheckID: "c", ServiceID: "db1"})), effect{}, `Unknown service ID 'db1' for check ID 'c'`},
		{"check without an ID", reg(on("n1", nil, &record.HealthCheck{Status: "passing"})), effect{}, `Must provide an ID or a name (CheckID, Name) when registering a check`},
		{"check of a peer", reg(on("n1", nil, &record.HealthCheck{CheckID: "c", PeerName: "p"})), effect{}, `check "c" has PeerName "p": only what is of the local cluster can be registered`},
		{"serfHealth warning", reg(on("n1", nil, &record.HealthCheck{CheckID: SerfHealth, Status: "warning"})),
			effect{"checks service.web service_kind.typical", "checks,health of web,web"}, ""},
		{"serfHealth critical", reg(on("n1", nil, &record.HealthCheck{CheckID: "SERFHEALTH", Status: "critical"})),
			effect{"checks kvs prepared-queries service.web service_kind.typical sessions",
				"checks,health of web,key k,keys,queries,sessions,web"}, ""},

		{"service removed", dereg("N2", "DB1", ""),
			effect{"-service.db kind_service_names.typical node.n2 nodes service_kind.typical service_last_extinction services",
				"db,node n2,nodes,services"}, ""},
		{"one of two instances removed", dereg("n2", "web2", ""),
			effect{"node.n2 nodes service.web service_kind.typical services", "health of web,node n2,nodes,services,web"}, ""},
		{"service with a check removed", dereg("n1", "web1", ""),
			effect{"checks node.n1 nodes service.web service_kind.typical services",
				"checks,health of web,node n1,nodes,services,web"}, ""},
		{"service before check", dereg("n1", "web1", "c1"),
			effect{"checks node.n1 nodes service.web service_kind.typical services",
				"checks,health of web,node n1,nodes,services,web"}, ""},
		{"check of a service removed", dereg("n1", "", "C1"),
			effect{"checks service.web service_kind.typical", "checks,health of web,web"}, ""},
		{"check that a session needs removed", dereg("n1", "", SerfHealth),
			effect{"checks kvs prepared-queries service.web service_kind.typical sessions",
				"checks,health of web,key k,keys,queries,sessions,web"}, ""},
		{"node removed", dereg("N1", "", ""),
			effect{"-node.n1 checks coordinates kvs node_last_extinction nodes prepared-queries service.web service_kind.typical services sessions",
				"checks,coordinates,health of web,key k,keys,node n1,nodes,queries,services,sessions,web"}, ""},
		{"node without checks removed", dereg("n2", "", ""),
			effect{"-node.n2 -service.db kind_service_names.typical node_last_extinction nodes service.web service_kind.typical service_last_extinction services",
				"db,health of web,node n2,nodes,services,web"}, ""},
		{"unknown node", dereg("n9", "", ""), effect{}, ""},
		{"unknown service", dereg("n1", "db1", ""), effect{}, ""},
		{"unknown check", dereg("n2", "", "c1"), effect{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := withCatalog(t)
			before := everything(t, s)
			got, err := effectOf(t, s, 51, func() error { return c.do(s) })
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if changed := everything(t, s) != before; changed != (c.want.indexes != "") {
				t.Errorf("changed: %v, but the indexes %q", changed, c.want.indexes)
			}
			if c.want.indexes != "" {
				if again := everything(t, build(t, encode(t, s))); again != everything(t, s) {
					t.Error("saved and restored, the state is another")
				}
			}
		})
	}
}

// Names may hold any byte; those that begin like another name are of their own.
func TestNamesWithNULs(t *testing.T) {
	names := []string{"a", "a\x00", "a\x00b", "a\x01", "a\x01\x01", "a\x01\x02", "ab"}
	s := New()
	for i, name := range names {
		r := register(&record.Register{Node: name}, &record.NodeService{ID: name, Service: name}, &record.HealthCheck{CheckID: name, ServiceID: name, Status: "passing"})
		if err := s.Register(uint64(11+i), 1, r); err != nil {
			t.Fatal(err)
		}
	}
	_, nodes := s.Nodes(nil)
	for i, n := range nodes {
		if n.Node != names[i] {
			t.Errorf("node %d is %q, want %q", i, n.Node, names[i])
		}
	}
	if restored := everything(t, build(t, encode(t, s))); restored != everything(t, s) {
		t.Error("saved and restored, the state is another")
	}
	for i, name := range names {
		if err := s.Deregister(uint64(31+i), 1, name, "", ""); err != nil {
			t.Fatal(err)
		}
		for _, other := range names[i+1:] {
			_, n, services := s.Node(nil, other)
			_, instances := s.HealthInstances(nil, other)
			if n == nil || len(services) != 1 || len(instances) != 1 || len(instances[0].Checks) != 1 {
				t.Errorf("without %q, the node %q is %v with %v and %v", name, other, n, services, instances)
			}
		}
	}
}
