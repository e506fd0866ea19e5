package gossip

import (
	"fmt"

	"github.com/hashicorp/serf/serf"
)

// merge decides who may be in the pool. Serf asks it before it takes other members' word for anything.
type merge struct {
	wan                  bool
	datacenter, name, id string
}

// NotifyMerge refuses members that do not belong here, by an error that says why.
func (m *merge) NotifyMerge(members []*serf.Member) error {
	for _, s := range members {
		switch other := memberOf(s); {
		case s.Tags[tagRole] != roleServer && s.Tags[tagRole] != roleClient:
			return fmt.Errorf("member %q (%s) is no Lictor agent (its role is %q): Lictor and Consul do not share a pool", other.Name, other.Addr, s.Tags[tagRole])
		case m.wan && !other.Server:
			return fmt.Errorf("member %q (%s) is no server: the WAN pool is that of servers", other.Name, other.Addr)
		case !m.wan && s.Tags[tagDatacenter] != m.datacenter:
			return fmt.Errorf("member %q (%s) is of datacenter %q, and this pool of %q: servers of several datacenters are joined with join -wan or "+
				"retry_join_wan", other.Name, other.Addr, s.Tags[tagDatacenter], m.datacenter)
		case other.ID == "":
			return fmt.Errorf("member %q (%s) has no node ID", other.Name, other.Addr)
		case other.ID == m.id && other.Name != m.name:
			return fmt.Errorf("member %q (%s) has the node ID of this agent, %s: give each a node_id of its own", other.Name, other.Addr, m.id)
		}
	}
	return nil
}
