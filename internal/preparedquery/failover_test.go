package preparedquery

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestFailover(t *testing.T) {
	type f = record.QueryFailover
	broken := answer{err: errors.New("link down")}
	targets := func(ts ...string) []record.QueryTarget { // peer/NAME or NAME
		var out []record.QueryTarget
		for _, name := range ts {
			peer, isPeer := strings.CutPrefix(name, "peer/")
			if isPeer {
				out = append(out, record.QueryTarget{Peer: peer})
			} else {
				out = append(out, record.QueryTarget{Datacenter: name})
			}
		}
		return out
	}
	near := []string{"dc1", "dc3", "dc2", "dc4"}
	for _, c := range []struct {
		name        string
		failover    f
		local       []Instance
		datacenters []string
		found       []string // datacenters that have an instance
		broken      []string // datacenters that fail
		asked       string
		datacenter  string
		failovers   int
		logged      string // a part of the log, "" for an empty one
	}{
		{"found here", f{Datacenters: []string{"dc2"}}, instances("a"), near, []string{"dc2"}, nil, "", "dc1", 0, ""},
		{"only critical here", f{Datacenters: []string{"dc2"}}, []Instance{instance("a", "x=critical")}, near,
			[]string{"dc2"}, nil, "dc2", "dc2", 1, ""},
		{"no failover", f{}, nil, near, []string{"dc2"}, nil, "", "dc1", 0, ""},
		{"in order", f{Datacenters: []string{"dc4", "dc2"}}, nil, near, []string{"dc2"}, nil, "dc4 dc2", "dc2", 2, ""},
		{"stops at the first", f{Datacenters: []string{"dc4", "dc2"}}, nil, near, []string{"dc2", "dc4"}, nil, "dc4", "dc4", 1, ""},
		{"nearest", f{NearestN: 2}, nil, near, []string{"dc4"}, nil, "dc3 dc2", "dc1", 2, ""},
		{"more than there are", f{NearestN: 9}, nil, near, []string{"dc4"}, nil, "dc3 dc2 dc4", "dc4", 3, ""},
		{"nearest, then named, each once", f{NearestN: 1, Datacenters: []string{"dc4", "DC3", "dc4", "dc2"}}, nil, near, nil, nil,
			"dc3 dc4 dc2", "dc1", 3, ""},
		{"never here", f{Datacenters: []string{"dc1", "dc2"}}, nil, near, nil, nil, "dc2", "dc1", 1, ""},
		{"none is known to be near", f{NearestN: 2, Datacenters: []string{"dc2"}}, nil, nil,
			[]string{"dc2"}, nil, "dc2", "dc2", 1, "cannot tell the nearest"},
		{"goes on after an error", f{Datacenters: []string{"dc2", "dc3"}}, nil, near,
			[]string{"dc3"}, []string{"dc2"}, "dc2 dc3", "dc3", 2, "link down"},
		{"all fail", f{Datacenters: []string{"dc2", "dc3"}}, nil, near, nil, []string{"dc2", "dc3"}, "dc2 dc3", "dc1", 2, "link down"},
		{"unknown datacenter", f{Datacenters: []string{"dc9", "dc3"}}, nil, near,
			[]string{"dc3"}, nil, "dc9 dc3", "dc3", 2, "No path to datacenter"},
		{"targets", f{Targets: targets("dc3", "dc2")}, nil, near, []string{"dc2"}, nil, "dc3 dc2", "dc2", 2, ""},
		{"targets without peers", f{Targets: targets("peer/b", "dc2")}, nil, near, []string{"dc2"}, nil, "dc2", "dc2", 1, "peers are not served"},
		{"targets that a template left empty", f{Targets: targets("", "dc2")}, nil, near, []string{"dc2"}, nil, "dc2", "dc2", 1, ""},
		{"a restored query with everything", f{Targets: targets("dc2"), NearestN: 1, Datacenters: []string{"dc4"}}, nil, near, nil, nil,
			"dc2 dc3 dc4", "dc1", 3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &source{instances: map[string][]Instance{"web": c.local}, datacenters: c.datacenters, remote: map[string]answer{
				"dc2": {}, "dc3": {}, "dc4": {},
			}}
			if c.datacenters == nil {
				src.datacentersErr = errors.New("no coordinates")
			}
			for _, dc := range c.found {
				src.remote[dc] = answer{nodes: instances("in-" + dc)}
			}
			for _, dc := range c.broken {
				src.remote[dc] = broken
			}
			q := &record.PreparedQuery{
				ID: "q", Token: "secret", DNS: record.QueryDNS{TTL: "5s"}, Service: record.QueryService{Service: "web", Failover: c.failover},
			}
			var log bytes.Buffer
			o := Options{Datacenter: "dc1", Agent: Agent{Datacenter: "dc1"}, Limit: 3, Logger: hclog.New(&hclog.LoggerOptions{Output: &log})}
			r, err := Execute(context.Background(), src, q, o)
			if err != nil {
				t.Fatal(err)
			}
			if asked := strings.Join(src.asked, " "); asked != c.asked || r.Datacenter != c.datacenter || r.Failovers != c.failovers {
				t.Errorf("asked %q, result of %s after %d; want %q, %s, %d", asked, r.Datacenter, r.Failovers, c.asked, c.datacenter, c.failovers)
			}
			if (r.Datacenter != "dc1") != (names(r.Nodes) == "in-"+r.Datacenter) || r.Service != "web" || r.DNS.TTL != "5s" {
				t.Errorf("result %+v", r)
			}
			for i, there := range src.options {
				if there.Datacenter != src.asked[i] || there.Agent.Datacenter != "dc1" || there.Limit != 3 {
					t.Errorf("options for %s: %+v", src.asked[i], there)
				}
			}
			if (log.Len() > 0) != (c.logged != "") || !strings.Contains(log.String(), c.logged) || strings.Contains(log.String(), "secret") {
				t.Errorf("log %q, want one with %q", log.String(), c.logged)
			}
		})
	}
}

func TestFailoverEndsWithItsContext(t *testing.T) {
	for _, c := range []struct {
		name        string
		datacenters []string
		asked       int
	}{
		{"between two", []string{"dc2", "dc3"}, 1},
		{"in the last", []string{"dc2"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			src := &source{remote: map[string]answer{"dc2": {then: cancel, err: context.Canceled}, "dc3": {nodes: instances("x")}}}
			q := &record.PreparedQuery{Service: record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: c.datacenters}}}
			_, err := Execute(ctx, src, q, Options{Datacenter: "dc1"})
			if !errors.Is(err, context.Canceled) || len(src.asked) != c.asked {
				t.Errorf("error %v after %v", err, src.asked)
			}
		})
	}
}
