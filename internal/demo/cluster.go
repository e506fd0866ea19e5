package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"
)

// A cluster is servers that run and are to have one leader.
type cluster []*process

// names lists the servers as a sentence does.
func (c cluster) names() string {
	var all []string
	for _, p := range c {
		all = append(all, p.name)
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// without is the cluster but for some servers.
func (c cluster) without(others ...*process) (left cluster) {
	for _, p := range c {
		if !slices.Contains(others, p) {
			left = append(left, p)
		}
	}
	return left
}

// formed tells whether the servers are one cluster: each lists all of them as alive and as voters, all know the same leader, and
// all are in the catalog.
func (c cluster) formed(ctx context.Context) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	for _, p := range c {
		if err := c.listed(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return c.registered(ctx, leader)
}

// settled returns a look that finds no fault once the cluster is formed and writes nothing of its own any more.
func (c cluster) settled() func(context.Context) error {
	var last uint64
	return func(ctx context.Context) error {
		if err := c.formed(ctx); err != nil {
			return err
		}
		now, err := c[0].applied(ctx)
		if err == nil && now != last {
			last, err = now, errors.New("the cluster is not at rest yet")
		}
		return err
	}
}

// leader is the server that all of them know as their leader.
func (c cluster) leader(ctx context.Context) (*process, error) {
	var address string
	for i, p := range c {
		known, err := p.leader(ctx)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", p.name, err)
		case known == "":
			return nil, fmt.Errorf("%s knows of no leader", p.name)
		case i > 0 && known != address:
			return nil, fmt.Errorf("%s and %s know different leaders, %s and %s", c[0].name, p.name, address, known)
		}
		address = known
	}
	for _, p := range c {
		if p.port == address {
			return p, nil
		}
	}
	return nil, fmt.Errorf("the leader, %s, is none of %s", address, c.names())
}

// elected waits until the servers have a leader, and returns it.
func (c cluster) elected(ctx context.Context) (leader *process, err error) {
	err = await(ctx, c, func(ctx context.Context) (fault error) {
		leader, fault = c.leader(ctx)
		return fault
	})
	return leader, err
}

// follower is a server that follows the leader, once there is one.
func (c cluster) follower(ctx context.Context) (*process, error) {
	leader, err := c.elected(ctx)
	if err != nil {
		return nil, err
	}
	return c.without(leader)[0], nil
}

// listed tells whether a server has everybody on its lists.
func (c cluster) listed(ctx context.Context, p *process) error {
	var members []struct {
		Name   string
		Status int
	}
	if err := p.ask(ctx, "/v1/agent/members", &members); err != nil {
		return err
	}
	peers, err := p.api.Operator().RaftGetConfiguration((&api.QueryOptions{AllowStale: true}).WithContext(ctx))
	if err != nil {
		return err
	}
	const statusAlive = 1
	alive, voters := 0, 0
	for _, m := range members {
		if m.Status == statusAlive {
			alive++
		}
	}
	for _, x := range peers.Servers {
		if x.Voter {
			voters++
		}
	}
	if alive != len(c) || voters != len(c) {
		return fmt.Errorf("%d of %d servers are alive, %d have a vote", alive, len(c), voters)
	}
	return nil
}

// registered tells whether everybody is in the catalog for good: servers tell their addresses themselves, and the leader registers them as
// members with a check, in whichever order. Nothing of that comes later, then.
func (c cluster) registered(ctx context.Context, leader *process) error {
	consistent := (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
	nodes, _, err := leader.api.Catalog().Nodes(consistent)
	if err != nil {
		return err
	}
	checks, _, err := leader.api.Health().State(api.HealthPassing, consistent)
	if err != nil {
		return err
	}
	members := map[string]bool{}
	for _, check := range checks {
		if check.CheckID == "serfHealth" {
			members[check.Node] = true
		}
	}
	complete := 0
	for _, n := range nodes {
		if len(n.TaggedAddresses) > 0 && members[n.Node] {
			complete++
		}
	}
	if complete != len(c) {
		return fmt.Errorf("%d of %d servers are in the catalog", complete, len(c))
	}
	return nil
}

// level tells whether every server has applied what the leader has.
func (c cluster) level(ctx context.Context) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	want, err := leader.applied(ctx)
	if err != nil {
		return err
	}
	for _, p := range c {
		if got, err := p.applied(ctx); err != nil || got < want {
			return errors.Join(fmt.Errorf("%s has applied %d of %d entries", p.name, got, want), err)
		}
	}
	return nil
}

// leaderless tells whether no server knows of a leader.
func (c cluster) leaderless(ctx context.Context) error {
	for _, p := range c {
		if known, err := p.leader(ctx); err != nil || known != "" {
			return errors.Join(fmt.Errorf("%s takes %s for its leader", p.name, known), err)
		}
	}
	return nil
}

// leader is the address of the leader that the server knows of, empty without one.
func (p *process) leader(ctx context.Context) (address string, err error) {
	err = p.ask(ctx, "/v1/status/leader", &address)
	return address, err
}

// applied is the index up to which the server has applied the log.
func (p *process) applied(ctx context.Context) (uint64, error) {
	var self struct {
		Stats struct{ Raft map[string]string }
	}
	if err := p.ask(ctx, "/v1/agent/self", &self); err != nil {
		return 0, err
	}
	return strconv.ParseUint(self.Stats.Raft["applied_index"], 10, 64)
}

// ask asks the server for something.
func (p *process) ask(ctx context.Context, path string, answer any) error {
	_, err := p.api.Raw().Query(path, answer, (&api.QueryOptions{}).WithContext(ctx))
	return err
}
