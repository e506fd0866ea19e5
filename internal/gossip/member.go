package gossip

import (
	"maps"
	"net"
	"net/netip"
	"strconv"

	"github.com/hashicorp/serf/serf"
)

// Roles of members, as the pool knows them.
const (
	roleServer = "lictor"
	roleClient = "lictor-client"
)

// Tags that are this package's business. Others are the agent's own.
const (
	tagRole       = "role"
	tagDatacenter = "dc"
	tagID         = "id"
	tagPort       = "port"
	tagExpect     = "expect"
	tagBootstrap  = "bootstrap"
)

// TagWANPort is the tag by which a server tells the port of its gossip with other datacenters, if it is in that pool.
const TagWANPort = "wan_join_port"

// TagReconnect is the tag by which a member says how long it is to be remembered after it failed, as a duration.
const TagReconnect = "rc_tm"

// A Status is what the pool thinks of a member. The numbers are those of Consul's API.
type Status int

// The states of members.
const (
	StatusNone    = Status(serf.StatusNone)
	StatusAlive   = Status(serf.StatusAlive)
	StatusLeaving = Status(serf.StatusLeaving)
	StatusLeft    = Status(serf.StatusLeft)
	StatusFailed  = Status(serf.StatusFailed)
)

// String is the status in Consul's words.
func (s Status) String() string { return serf.MemberStatus(s).String() }

// A Member is an agent in the pool.
type Member struct {
	Name string
	ID   string // node ID
	// Datacenter is where it is.
	Datacenter string
	Addr       netip.AddrPort // of its gossip
	Status     Status
	Server     bool
	// Expect is how many servers a server waits for before there is a cluster; 0 if it waits for none.
	Expect int
	// Bootstrap says that a server is a cluster of its own unless it has joined one.
	Bootstrap bool
	// ServerPort is the port that servers talk to each other on, 0 for a client.
	ServerPort uint16
	Tags       map[string]string // all tags, role included

	ProtocolMin, ProtocolMax, ProtocolCur uint8
	DelegateMin, DelegateMax, DelegateCur uint8
}

// ServerAddr is the address of a server's port for other servers.
func (m *Member) ServerAddr() netip.AddrPort { return netip.AddrPortFrom(m.Addr.Addr(), m.ServerPort) }

// memberOf is what serf tells about a member.
func memberOf(s *serf.Member) Member {
	ip, _ := netip.AddrFromSlice(s.Addr) // serf takes no other lengths in
	m := Member{
		Name: s.Name, ID: s.Tags[tagID], Datacenter: s.Tags[tagDatacenter], Addr: netip.AddrPortFrom(ip.Unmap(), s.Port), Status: Status(s.Status),
		Server: s.Tags[tagRole] == roleServer, Bootstrap: s.Tags[tagBootstrap] == "1", Tags: s.Tags,
		ProtocolMin: s.ProtocolMin, ProtocolMax: s.ProtocolMax, ProtocolCur: s.ProtocolCur,
		DelegateMin: s.DelegateMin, DelegateMax: s.DelegateMax, DelegateCur: s.DelegateCur,
	}
	if n, err := strconv.Atoi(s.Tags[tagExpect]); err == nil && n > 0 {
		m.Expect = n
	}
	if port, err := strconv.ParseUint(s.Tags[tagPort], 10, 16); err == nil && m.Server {
		m.ServerPort = uint16(port)
	}
	return m
}

// tags are those that others know this member by.
func (c *Config) tags() map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, c.Tags)
	tags[tagRole], tags[tagDatacenter], tags[tagID] = roleClient, c.Datacenter, c.NodeID
	if c.ServerPort != 0 {
		tags[tagRole], tags[tagPort] = roleServer, strconv.Itoa(int(c.ServerPort))
		if c.Bootstrap {
			tags[tagBootstrap] = "1"
		}
		if c.Expect > 0 {
			tags[tagExpect] = strconv.Itoa(c.Expect)
		}
	}
	return tags
}

// networks are prefixes in the form that memberlist wants.
func networks(prefixes []netip.Prefix) []net.IPNet {
	var all []net.IPNet
	for _, p := range prefixes {
		all = append(all, net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	return all
}
