package localstate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// converged tells what differs between registry and catalog.
func converged(s *State, catalog *fakeCatalog) error {
	remote := catalog.now()
	if remote == nil {
		return errors.New("no node")
	}
	if !sameNode(remote.NodeInfo, s.config.Node) {
		return fmt.Errorf("node is %+v", remote.NodeInfo)
	}
	services, checks := s.Services(), s.Checks()
	for id, r := range remote.Services {
		if id != "consul" && (services[id] == nil || !sameService(r, services[id])) {
			return fmt.Errorf("service %s is %+v", id, r)
		}
		delete(services, id)
	}
	for id, r := range remote.Checks {
		if id != "serfHealth" && (checks[id] == nil || !sameCheck(r, checks[id])) {
			return fmt.Errorf("check %s is %+v", id, r)
		}
		delete(checks, id)
	}
	if len(services)+len(checks) > 0 {
		return fmt.Errorf("missing: %v %v", services, checks)
	}
	return nil
}

// TestSyncConverges begins with random differences and random faults, changes the registry meanwhile, and must end with none.
func TestSyncConverges(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			catalog := &fakeCatalog{node: randomNode(r)}
			s := newState(t, catalog, nil)
			defer s.Close()
			change := func() {
				id := fmt.Sprintf("s%d", r.IntN(5))
				switch r.IntN(4) {
				case 0:
					s.register(t, fmt.Sprintf(`{"Name":%q,"Port":%d,"Check":{"TTL":"10h"}}`, id, r.IntN(3)))
				case 1:
					_ = s.RemoveService(t.Context(), id)
				case 2:
					_ = s.UpdateCheck(t.Context(), "service:"+id, []string{"passing", "warning", "critical"}[r.IntN(3)], "o")
				case 3:
					if err := s.AddCheck(t.Context(), checkOf(t, fmt.Sprintf(`{"Name":"n%d","TTL":"10h"}`, r.IntN(3))), "", FromAPI); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range r.IntN(10) {
				change()
			}
			catalog.fail = func(string) error {
				if rand.IntN(3) == 0 {
					return errors.New("no leader")
				}
				return nil
			}
			s.Start(t.Context())
			for range r.IntN(20) {
				<-time.After(rand.N(5 * time.Second))
				change()
			}
			catalog.change(func() { catalog.fail = nil })
			<-time.After(3 * time.Minute)
			synctest.Wait()
			if err := converged(s, catalog); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if remote := catalog.now(); remote.Services["consul"] == nil || remote.Checks["serfHealth"] == nil {
				t.Errorf("seed %d: the leader's registrations are gone", seed)
			}
		})
	}
}

// randomNode is a node with things that the registry has, has not, or has otherwise.
func randomNode(r *rand.Rand) *NodeState {
	n := &NodeState{
		NodeInfo: NodeInfo{Node: "n1", Address: "10.9.9.9"},
		Services: map[string]*record.NodeService{"consul": {ID: "consul", Service: "consul"}},
		Checks:   map[string]*record.HealthCheck{"serfHealth": {Node: "n1", CheckID: "serfHealth", Status: "passing"}},
	}
	for range r.IntN(6) {
		id := fmt.Sprintf("s%d", r.IntN(8))
		n.Services[id] = &record.NodeService{ID: id, Service: "other", Port: r.IntN(3)}
		n.Checks["service:"+id] = &record.HealthCheck{Node: "n1", CheckID: "service:" + id, ServiceID: id, Status: "passing"}
		n.Checks[fmt.Sprintf("n%d", r.IntN(6))] = &record.HealthCheck{Node: "n1", CheckID: id, Status: "passing"}
	}
	return n
}

// synced starts a registry and waits until all is written.
func synced(t *testing.T, catalog *fakeCatalog, s *State) {
	t.Helper()
	s.Start(t.Context())
	<-time.After(time.Second)
	synctest.Wait()
	if err := converged(s, catalog); err != nil {
		t.Fatal(err)
	}
}

func TestLocalChangesAreWrittenAtOnceAndOnlyThose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog := &fakeCatalog{}
		s := newState(t, catalog, nil)
		defer s.Close()
		s.register(t, `{"Name":"a","Token":"own","Check":{"TTL":"10h"}}`)
		s.load(t, []*definition.Service{serviceOf(t, `{"Name":"f"}`)}, nil)
		synced(t, catalog, s)
		got := catalog.took()
		slices.Sort(got)
		if want := []string{"node agent", "service a own", "service f file"}; !slices.Equal(got, want) {
			t.Errorf("at the start: %q", got)
		}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got := catalog.took(); !slices.Equal(got, want) {
				t.Errorf("written %q, want %q", got, want)
			}
		}
		s.update(t, "service:a", "passing", "")
		expect("check service:a own")
		s.register(t, `{"Name":"a","Token":"own","Check":{"TTL":"10h"}}`)
		expect()
		s.register(t, `{"Name":"b"}`)
		expect("service b default")
		if err := s.RemoveService(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		expect("remove a own")
		node := s.config.Node
		node.Meta = map[string]string{"new": "1"}
		s.config.Node = node
		s.SetNode(node)
		expect("node agent")
		<-time.After(10 * time.Minute)
		expect()
	})
}

func TestResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog := &fakeCatalog{}
		s := newState(t, catalog, nil)
		defer s.Close()
		s.register(t, `{"Name":"a","Check":{"TTL":"10h"}}`)
		synced(t, catalog, s)
		catalog.change(func() { catalog.node = nil })
		s.Resync()
		synctest.Wait()
		if err := converged(s, catalog); err != nil {
			t.Error(err)
		}
		catalog.change(func() { catalog.node = randomNode(rand.New(rand.NewPCG(1, 1))) })
		<-time.After(90 * time.Second) // nobody asks
		synctest.Wait()
		if err := converged(s, catalog); err != nil {
			t.Error(err)
		}
	})
}

func TestOutputOnlyChangesAreDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog := &fakeCatalog{}
		s := newState(t, catalog, func(c *Config) { c.CheckUpdateInterval = 5 * time.Minute })
		defer s.Close()
		s.register(t, `{"Name":"a","Check":{"TTL":"10h"}}`)
		synced(t, catalog, s)
		catalog.took()
		s.update(t, "service:a", "critical", "one")
		<-time.After(2 * time.Minute) // full comparisons do not write it either
		s.update(t, "service:a", "critical", "two")
		synctest.Wait()
		if got := catalog.took(); len(got) != 0 {
			t.Errorf("written %q", got)
		}
		<-time.After(6 * time.Minute)
		synctest.Wait()
		if got := catalog.took(); len(got) != 1 || catalog.now().Checks["service:a"].Output != "two" {
			t.Errorf("written %q", got)
		}
		s.update(t, "service:a", "critical", "three")
		s.update(t, "service:a", "passing", "four")
		synctest.Wait()
		if got := catalog.took(); len(got) != 1 || catalog.now().Checks["service:a"].Output != "four" {
			t.Errorf("a new status was not written at once: %q", got)
		}
	})
}

func TestTagOverride(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog := &fakeCatalog{}
		s := newState(t, catalog, nil)
		defer s.Close()
		s.register(t, `{"Name":"yes","Tags":["mine"],"EnableTagOverride":true}`)
		s.register(t, `{"Name":"no","Tags":["mine"]}`)
		synced(t, catalog, s)
		catalog.change(func() {
			for id, r := range catalog.node.Services {
				changed := *r
				changed.Tags = []string{"theirs"}
				catalog.node.Services[id] = &changed
			}
		})
		s.Resync()
		synctest.Wait()
		if got := s.Services()["yes"].Tags; !slices.Equal(got, []string{"theirs"}) {
			t.Errorf("the registry has %q", got)
		}
		if err := converged(s, catalog); err != nil || catalog.now().Services["no"].Tags[0] != "mine" {
			t.Errorf("%v, %v", catalog.now().Services["no"], err)
		}
	})
}

func TestRefusedTokensDoNotHoldUpTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog := &fakeCatalog{}
		asked := 0
		catalog.fail = func(what string) error {
			if what == "service bad" {
				asked++
				return fmt.Errorf("registering: %w", forbidden{})
			}
			return nil
		}
		s := newState(t, catalog, nil)
		defer s.Close()
		s.register(t, `{"Name":"bad"}`)
		s.register(t, `{"Name":"good","Check":{"TTL":"10h"}}`)
		s.Start(t.Context())
		<-time.After(30 * time.Second)
		synctest.Wait()
		remote := catalog.now()
		if remote.Services["good"] == nil || remote.Checks["service:good"] == nil || remote.Services["bad"] != nil {
			t.Errorf("got %+v", remote)
		}
		catalog.change(func() {
			if asked != 1 {
				t.Errorf("asked %d times between two comparisons", asked)
			}
			catalog.fail = nil
		})
		<-time.After(time.Minute)
		synctest.Wait()
		if err := converged(s, catalog); err != nil {
			t.Error(err)
		}
	})
}
