//go:build heavy && linux

package chaos

import (
	"errors"
	"fmt"
	"time"
)

// nothing is the end of a fault that is over by itself.
func nothing() error { return nil }

// kill kills servers; the end starts them again.
func kill(tr *trial, victims ...*server) func() error {
	for _, s := range victims {
		s.kill()
	}
	return func() error {
		for _, s := range victims {
			s.start(tr.t)
		}
		return nil
	}
}

var killLeader = fault{"the leader is killed", func(tr *trial) (func() error, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	return kill(tr, leader), nil
}}

var killFollower = fault{"a follower is killed", func(tr *trial) (func() error, error) {
	follower, err := tr.follower()
	if err != nil {
		return nil, err
	}
	return kill(tr, follower), nil
}}

// killSome kills as many as the cluster can do without, or at times one more.
var killSome = fault{"some are killed", func(tr *trial) (func() error, error) {
	return kill(tr, tr.some(1+tr.rng.IntN(len(tr.cluster.servers)/2+1))...), nil
}}

var killAll = fault{"all are killed", func(tr *trial) (func() error, error) {
	return kill(tr, tr.some(len(tr.cluster.servers))...), nil
}}

// holdLeader stops the leader for longer than its lease.
var holdLeader = fault{"the leader is held", func(tr *trial) (func() error, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	return func() error { return leader.hold(false) }, leader.hold(true)
}}

// pulse lets a server run for a moment, and holds it for another, again and again: a machine that is far too slow.
var pulse = fault{"a server is slow", func(tr *trial) (func() error, error) {
	victim := tr.some(1)[0]
	if tr.rng.IntN(2) == 0 {
		leader, err := tr.leader()
		if err != nil {
			return nil, err
		}
		victim = leader
	}
	on, off := between(tr.rng, 5*time.Millisecond, 30*time.Millisecond), between(tr.rng, 50*time.Millisecond, 600*time.Millisecond)
	for over := time.Now().Add(between(tr.rng, 2*time.Second, 6*time.Second)); time.Now().Before(over); {
		if err := victim.hold(true); err != nil {
			return nil, err
		}
		pause(nil, off)
		if err := victim.hold(false); err != nil {
			return nil, err
		}
		pause(nil, on)
	}
	return nothing, nil
}}

// rolling restarts all servers, one after the other, each once the one before is back.
var rolling = fault{"all are restarted in turn", func(tr *trial) (func() error, error) {
	for _, s := range tr.some(len(tr.cluster.servers)) {
		if err := s.terminate(tr.t); err != nil {
			return nil, err
		}
		s.start(tr.t)
		if err := tr.recover(); err != nil {
			return nil, fmt.Errorf("after the restart of %s: %w", s.Name, err)
		}
	}
	return nothing, nil
}}

// cut cuts the ways from some servers to others; the end heals the network.
func (tr *trial) cut(from, to []*server) (func() error, error) {
	var faults []error
	for _, f := range from {
		for _, to := range to {
			faults = append(faults, tr.cluster.network.cut(f.n, to.n))
		}
	}
	return tr.cluster.network.heal, errors.Join(faults...)
}

var isolateLeader = fault{"the leader is cut off", func(tr *trial) (func() error, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	return tr.divide([]*server{leader}, tr.cluster.others(leader))
}}

var muteLeader = fault{"the leader cannot send", func(tr *trial) (func() error, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	return tr.cut([]*server{leader}, tr.cluster.others(leader))
}}

var deafenLeader = fault{"the leader cannot receive", func(tr *trial) (func() error, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	return tr.cut(tr.cluster.others(leader), []*server{leader})
}}

// bipartition divides the cluster into two random parts.
var bipartition = fault{"the network is divided", func(tr *trial) (func() error, error) {
	all := tr.some(len(tr.cluster.servers))
	size := 1 + tr.rng.IntN(len(all)-1)
	return tr.divide(all[:size], all[size:])
}}

// bridge cuts one way between two servers at random, in one direction or both, while both reach the others.
var bridge = fault{"two servers do not reach each other", func(tr *trial) (func() error, error) {
	pair := tr.some(2)
	if tr.rng.IntN(2) == 0 {
		return tr.cut(pair[:1], pair[1:])
	}
	return tr.divide(pair[:1], pair[1:])
}}

func (tr *trial) divide(a, b []*server) (func() error, error) {
	heal, err := tr.cut(a, b)
	_, back := tr.cut(b, a)
	return heal, errors.Join(err, back)
}

// slowNetwork lets a server send no more than a trickle.
var slowNetwork = fault{"a server sends slowly", func(tr *trial) (func() error, error) {
	victim := tr.some(1)[0]
	return func() error { return tr.cluster.network.throttle(victim.n, 0) }, tr.cluster.network.throttle(victim.n, 100+tr.rng.IntN(400))
}}

// double cuts off the leader while another server is down: of five, three can go on.
var double = fault{"a server is killed and the leader cut off", func(tr *trial) (func() error, error) {
	restart, err := killFollower.strike(tr)
	if err != nil {
		return nil, err
	}
	heal, err := isolateLeader.strike(tr)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(restart(), heal()) }, nil
}}

// some are n servers at random.
func (tr *trial) some(n int) (list []*server) {
	for _, i := range tr.rng.Perm(len(tr.cluster.servers))[:n] {
		list = append(list, tr.cluster.servers[i])
	}
	return list
}

// follower is a server at random that does not lead.
func (tr *trial) follower() (*server, error) {
	leader, err := tr.leader()
	if err != nil {
		return nil, err
	}
	others := tr.cluster.others(leader)
	return others[tr.rng.IntN(len(others))], nil
}
