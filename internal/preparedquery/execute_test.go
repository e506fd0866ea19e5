package preparedquery

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// reverse is a shuffle that can be foreseen.
func reverse(n int, swap func(i, j int)) {
	for i := range n / 2 {
		swap(i, n-1-i)
	}
}

// at is a coordinate that far from the origin, in seconds.
func at(node string, seconds float64) []record.Coordinate {
	return []record.Coordinate{{Node: node, Coord: record.Coord{Vec: []float64{seconds, 0, 0, 0, 0, 0, 0, 0}}}}
}

func TestExecuteOrder(t *testing.T) {
	src := &source{
		instances: map[string][]Instance{"web": instances("near", "far", "lost", "middle"), "connect:web": instances("proxy")},
		coordinates: map[string][]record.Coordinate{
			"near": at("near", 0.001), "middle": at("middle", 0.05), "far": at("far", 0.2), "home": at("home", 0), "abroad": at("abroad", 0.3),
		},
		addresses: map[string]string{"10.0.0.1": "abroad"},
	}
	home := Agent{Datacenter: "dc1", Node: "home"}
	const shuffled, fromHome, fromAbroad = "middle lost far near", "near middle far lost", "far middle near lost"
	for _, c := range []struct {
		name    string
		near    string // of the query
		connect bool   // of the query
		o       Options
		want    string
	}{
		{"shuffled", "", false, Options{Agent: home}, shuffled},
		{"near the agent", "_agent", false, Options{Agent: home}, fromHome},
		{"near a node", "abroad", false, Options{Agent: home}, fromAbroad},
		{"near an instance's node", "middle", false, Options{Agent: home}, "middle near far lost"},
		{"near a node without coordinate", "lost", false, Options{Agent: home}, "lost middle far near"},
		{"near an unknown node", "nope", false, Options{Agent: home}, shuffled},
		{"near the client", "_ip", false, Options{Agent: home, ClientIP: "10.0.0.1"}, fromAbroad},
		{"near an unknown client", "_ip", false, Options{Agent: home, ClientIP: "10.0.0.2"}, shuffled},
		{"the option goes first", "abroad", false, Options{Agent: home, Near: "_agent"}, fromHome},
		{"asked by another datacenter", "_agent", false, Options{Agent: Agent{Datacenter: "dc2", Node: "home"}}, shuffled},
		{"limit cuts after sorting", "_agent", false, Options{Agent: home, Limit: 2}, "near middle"},
		{"limit above", "", false, Options{Agent: home, Limit: 9}, shuffled},
		{"mesh by the query", "", true, Options{Agent: home}, "proxy"},
		{"mesh by the option", "", false, Options{Agent: home, Connect: true}, "proxy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &record.PreparedQuery{ID: "q", Service: record.QueryService{Service: "web", Near: c.near, Connect: c.connect}}
			c.o.Datacenter, c.o.Shuffle = "dc1", reverse
			r, err := Execute(context.Background(), src, q, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(r.Nodes); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := names(src.instances["web"]); got != "near far lost middle" {
		t.Errorf("the source's own list is now %q", got)
	}
}

// Each instance comes first sooner or later.
func TestExecuteShuffles(t *testing.T) {
	src := &source{instances: map[string][]Instance{"web": instances("a", "b", "c")}}
	first := map[string]bool{}
	for range 1000 {
		r, err := Execute(context.Background(), src, &record.PreparedQuery{Service: record.QueryService{Service: "web"}}, Options{})
		if err != nil || len(r.Nodes) != 3 {
			t.Fatal(r, err)
		}
		first[r.Nodes[0].Node.Node] = true
	}
	if len(first) != 3 {
		t.Errorf("only %v came first", first)
	}
}

func TestExecuteRefuses(t *testing.T) {
	lost := errors.New("lost")
	for _, c := range []struct {
		name  string
		src   source
		query record.QueryService
		want  string // a part of the error
	}{
		{"peer", source{}, record.QueryService{Service: "web", Peer: "p"}, "services of cluster peers are not served"},
		{"sameness group", source{}, record.QueryService{Service: "web", SamenessGroup: "g"}, "sameness groups"},
		{"failing source", source{err: lost},
			record.QueryService{Service: "web", Failover: record.QueryFailover{Datacenters: []string{"dc2"}}}, "lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Execute(context.Background(), &c.src, &record.PreparedQuery{ID: "q", Token: "secret", Service: c.query}, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if len(c.src.asked) > 0 {
				t.Errorf("%v were asked", c.src.asked)
			}
			if c.src.err != nil && !errors.Is(err, c.src.err) {
				t.Errorf("%v does not wrap its cause", err)
			}
		})
	}
}
