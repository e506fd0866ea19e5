package selective

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// node is a registered node with a service and checks.
func node(name, address string, service *record.NodeService, checks ...*record.HealthCheck) fsm.Entry {
	for _, c := range checks {
		c.Node = name
	}
	return fsm.Register(&state.Registration{
		Node:    &record.Register{Node: name, Address: address, Datacenter: "dc1", NodeMeta: map[string]string{"of": name}},
		Service: service, Checks: checks,
	})
}

func service(id string, port int) *record.NodeService {
	return &record.NodeService{ID: id, Service: strings.TrimRight(id, "0123456789"), Port: port, Tags: []string{"a", "b"}, Meta: map[string]string{"v": "1"},
		Weights: &record.Weights{Passing: 3, Warning: 1}}
}

func healthCheck(id, service, status string) *record.HealthCheck {
	return &record.HealthCheck{CheckID: id, Name: id, ServiceID: service, Status: status,
		Definition: record.CheckDefinition{TCP: "10.0.0.1:80", Interval: 10 * time.Second}}
}

// Nodes that are no members come back with what was on them; members are left to their agents.
func TestCatalog(t *testing.T) {
	old := newCluster(t)
	old.do(t,
		node("ext", "10.0.0.1", service("web1", 80), healthCheck("tcp", "web1", "passing"), healthCheck("alive", "", "passing")),
		node("ext", "10.0.0.1", service("db", 5432)),
		node("gone", "10.0.0.2", service("web2", 81), healthCheck(serfHealth, "", "passing")),
		node("member", "10.0.0.3", service("web3", 82), healthCheck(serfHealth, "", "passing")))
	archive := old.records(t)

	c := newCluster(t)
	c.do(t,
		node("ext", "10.9.9.9", service("web1", 8080), healthCheck("tcp", "web1", "critical")),
		node("added", "10.0.0.9", service("web9", 89), healthCheck("tcp", "web9", "passing")),
		node("member", "10.7.7.7", service("mine", 1), healthCheck(serfHealth, "", "passing")))
	before := c.records(t)
	only := "node:,service:,check:"
	file := filepath.Join(t.TempDir(), "undo")
	p := plan(t, c.target(""), archive, deleting(options(t, only)))
	got := text(t, p)
	for _, want := range []string{"a member of the cluster", "the cluster's own", "- added", "~ ext", "+ gone", "Not removed:"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan does not say %q:\n%s", want, got)
		}
	}
	wantEqual(t, apply(t, p, file))
	_, ext, services := c.Store().Node(nil, "ext")
	_, checks := c.Store().NodeChecks(nil, "ext")
	if ext == nil || ext.Address != "10.0.0.1" || len(services) != 2 || len(checks) != 2 {
		t.Errorf("ext: %+v with %d services and %d checks", ext, len(services), len(checks))
	}
	if _, n, _ := c.Store().Node(nil, "added"); n != nil {
		t.Error("what was added is there")
	}
	if _, n, s := c.Store().Node(nil, "member"); n.Address != "10.7.7.7" || len(s) != 1 || s[0].ID != "mine" {
		t.Errorf("the member: %+v", n)
	}
	if _, checks := c.Store().NodeChecks(nil, "gone"); len(checks) != 0 {
		t.Errorf("the node that is no member has checks: %+v", checks)
	}
	if again := plan(t, c.target(""), archive, deleting(options(t, only))); again.Len() > 0 {
		t.Errorf("done again, something differs:\n%s", text(t, again))
	}
	back, out := undo(t, c.target(""), file)
	wantEqual(t, out)
	if rest := plan(t, c.target(""), before, deleting(options(t, only))); rest.Len() > 0 || len(back.Changed) > 0 {
		t.Errorf("taken back, something differs: %v\n%s", back.Changed, text(t, rest))
	}
}

// What is not named goes with nothing, and what needs something that is not there is not made.
func TestCatalogReasons(t *testing.T) {
	old := newCluster(t)
	old.do(t, node("ext", "10.0.0.1", service("web1", 80), healthCheck("tcp", "web1", "passing")))
	for _, tt := range []struct {
		name, only string
		live       []fsm.Entry
		archive    *cluster
		want       string
		changes    int
	}{
		{"a service without its node", "service:web1", nil, old, "its node is not in the datacenter and not named: node:ext", 0},
		{"a check without its service", "check:tcp", []fsm.Entry{node("ext", "10.0.0.1", nil)}, old,
			"its service is not in the datacenter and not named: service:web1", 0},
		{"a service on a node that is there", "service:web1", []fsm.Entry{node("ext", "10.0.0.7", nil)}, old, "", 1},
		{"a service by its name", "service:web", []fsm.Entry{node("ext", "10.0.0.7", nil)}, old, "", 1},
		{"a node that has services", "node:ext", []fsm.Entry{node("ext", "10.0.0.1", service("web1", 80))}, newCluster(t),
			"the service web1 on ext would go with it", 0},
		{"a service that has checks", "service:web1", []fsm.Entry{node("ext", "10.0.0.1", service("web1", 80), healthCheck("tcp", "web1", "passing"))},
			newCluster(t), "the check tcp on ext would go with it", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			c.do(t, tt.live...)
			p := plan(t, c.target(""), tt.archive.records(t), deleting(options(t, tt.only)))
			if got := text(t, p); !strings.Contains(got, tt.want) || p.Len() != tt.changes {
				t.Errorf("%d changes, want %d and %q:\n%s", p.Len(), tt.changes, tt.want, got)
			}
			wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
		})
	}
}

// A node that was changed between the plan and its execution is left alone.
func TestCatalogChangedMeanwhile(t *testing.T) {
	old := newCluster(t)
	old.do(t, node("ext", "10.0.0.1", nil), node("two", "10.0.0.2", nil))
	c := newCluster(t)
	c.do(t, node("ext", "10.0.0.8", nil))
	p := plan(t, c.target(""), old.records(t), options(t, "node:"))
	c.do(t, node("ext", "10.0.0.9", nil), node("two", "10.0.0.9", nil))
	out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
	if len(out.Conflicts) != 2 || out.Done() != 0 {
		t.Errorf("conflicts %v, done %d", out.Conflicts, out.Done())
	}
}

// A node whose ID is another one keeps it.
func TestNodeWithAnotherID(t *testing.T) {
	old, c := newCluster(t), newCluster(t)
	for x, id := range map[*cluster]string{old: token1, c: token2} {
		x.do(t, fsm.Register(&state.Registration{Node: &record.Register{Node: "ext", ID: id, Address: "10.0.0." + id[35:], Datacenter: "dc1"}}))
	}
	p := plan(t, c.target(""), old.records(t), options(t, "node:"))
	wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
	if _, n, _ := c.Store().Node(nil, "ext"); n.ID != token2 || n.Address != "10.0.0.1" || !strings.Contains(text(t, p), "its ID is another one") {
		t.Errorf("%+v\n%s", n, text(t, p))
	}
}
