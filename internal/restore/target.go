package restore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// State is what a target holds before a restore. A number is nil where it could not be found out; Problems say why.
type State struct {
	Address    string
	Reached    bool   // whether anything answered
	Datacenter string `json:",omitempty"`
	Leader     string `json:",omitempty"`
	Keys       *int64
	Nodes      *int64
	Services   *int64
	// Live are the nodes whose agents are alive, as the catalog knows them; nil if that is not known.
	Live     []string
	Problems []string `json:",omitempty"`
}

// An Inspector tells what a target holds.
type Inspector interface {
	// State never fails: what cannot be found out is a problem in the result.
	State(ctx context.Context) *State
}

// patience bounds how long a target may take for all its answers.
const patience = 30 * time.Second

// State asks the cluster for its leader, and for how much it holds.
func (c *Cluster) State(ctx context.Context) *State {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := &State{Address: c.Config.Scheme + "://" + c.Config.Address + c.Config.PathPrefix, Datacenter: c.Config.Datacenter}
	q := new(api.QueryOptions).WithContext(ctx)
	for _, question := range []struct {
		what string
		ask  func() error
	}{
		{"leader", func() (err error) { s.Leader, err = c.Client.Status().LeaderWithQueryOptions(q); return err }},
		{"datacenter", func() error { return c.askDatacenter(ctx, s) }},
		{"keys", func() error {
			n, err := c.countKeys(ctx)
			return keep(&s.Keys, n, err)
		}},
		{"nodes", func() error {
			nodes, _, err := c.Client.Catalog().Nodes(q)
			return keep(&s.Nodes, int64(len(nodes)), err)
		}},
		{"services", func() error {
			services, _, err := c.Client.Catalog().Services(q)
			return keep(&s.Services, int64(len(services)), err)
		}},
		{"live nodes", func() (err error) { s.Live, err = c.live(q); return err }},
	} {
		err := question.ask()
		var unreachable *url.Error
		if errors.As(err, &unreachable) {
			s.Problems = append(s.Problems, err.Error())
			return s // what does not answer now is not asked again
		}
		s.Reached = true
		if err != nil {
			s.Problems = append(s.Problems, fmt.Sprintf("%s: %v", question.what, err))
		}
	}
	return s
}

func keep(to **int64, n int64, err error) error {
	if err == nil {
		*to = &n
	}
	return err
}

func (c *Cluster) askDatacenter(ctx context.Context, s *State) error {
	if s.Datacenter != "" {
		return nil
	}
	var self struct{ Config struct{ Datacenter string } }
	_, err := c.Client.Raw().Query("/v1/agent/self", &self, new(api.QueryOptions).WithContext(ctx))
	s.Datacenter = self.Config.Datacenter
	return err
}

// serfHealth is the check by which a node's agent shows that it is alive.
const serfHealth = "serfHealth"

// Live asks for the nodes whose agents are alive.
func (c *Cluster) Live(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.live(new(api.QueryOptions).WithContext(ctx))
}

// ReplicatesACLs asks whether the cluster takes its ACLs over from another datacenter.
func (c *Cluster) ReplicatesACLs(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, _, err := c.Client.ACL().Replication(new(api.QueryOptions).WithContext(ctx))
	return err == nil && status.Enabled
}

// live asks for the nodes whose agents are alive. Servers too old for the filter send all checks.
func (c *Cluster) live(q *api.QueryOptions) ([]string, error) {
	filtered := *q
	filtered.Filter = `CheckID == "` + serfHealth + `"`
	checks, _, err := c.Client.Health().State(api.HealthPassing, &filtered)
	var status api.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return c.liveMembers()
	}
	if err != nil {
		return nil, err
	}
	live := []string{}
	for _, check := range checks {
		if check.CheckID == serfHealth {
			live = append(live, check.Node)
		}
	}
	slices.Sort(live)
	return live, nil
}

// memberAlive is the state of a gossip member that answers.
const memberAlive = 1

// liveMembers asks a server that has no health endpoints which members it knows to be alive.
func (c *Cluster) liveMembers() ([]string, error) {
	members, err := c.Client.Agent().Members(false)
	if err != nil {
		return nil, err
	}
	live := []string{}
	for _, m := range members {
		if m.Status == memberAlive {
			live = append(live, m.Name)
		}
	}
	slices.Sort(live)
	return live, nil
}
