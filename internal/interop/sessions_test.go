//go:build unix

package interop

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

var sessions = []*api.SessionEntry{
	{
		Name: "interop-release", Node: "interop-a", NodeChecks: []string{"interop-host"},
		LockDelay: 3 * time.Second, Behavior: api.SessionBehaviorRelease,
	},
	{
		Name: "interop-delete", Node: "interop-a", NodeChecks: []string{"interop-host"}, TTL: "3600s",
		LockDelay: 15 * time.Second, Behavior: api.SessionBehaviorDelete,
	},
}

// fillSessions makes sessions that hang on a check of a node, and has each of them hold a lock.
func fillSessions(c *api.Client) error {
	if err := fillCatalog(c); err != nil {
		return err
	}
	return each(sessions, func(s *api.SessionEntry) error {
		id, _, err := c.Session().Create(s, nil)
		if err != nil {
			return err
		}
		held, _, err := c.KV().Acquire(&api.KVPair{Key: "interop/lock/" + s.Name, Session: id}, nil)
		if err == nil && !held {
			err = errors.New("the lock was not given")
		}
		return err
	})
}

// held is what an agent has of the sessions that fillSessions made.
type held struct {
	Sessions []*api.SessionEntry
	Locks    api.KVPairs
}

func readSessions(c *api.Client) (any, error) {
	var all held
	var err error
	if all.Sessions, _, err = c.Session().Node("interop-a", consistent()); err != nil {
		return nil, err
	}
	slices.SortFunc(all.Sessions, func(a, b *api.SessionEntry) int { return cmp.Compare(a.CreateIndex, b.CreateIndex) })
	all.Locks, _, err = c.KV().List("interop/lock/", consistent())
	return all, err
}
