package restore

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
)

// contents is what a preview needs to know of the records.
type contents struct {
	datacenters map[string]bool
	nodes       map[string]bool   // names in lower case; local ones
	services    map[string]bool   // names
	agents      map[string]string // nodes with the check serfHealth: lower case to name
	servers     []Server
	sessions    map[string]sessionInfo // by ID
	locks       map[string]*locks      // by session ID
	tokens      bool                   // a server-management-token is there
}

type sessionInfo struct {
	node    string // in lower case
	deletes bool   // keys, when it ends
	ttl     bool
}

// locks are the keys that a session holds.
type locks struct {
	count    int64
	examples []string
}

// maxExamples is how many keys of a session are kept by name.
const maxExamples = 3

func newContents() *contents {
	return &contents{
		datacenters: map[string]bool{}, nodes: map[string]bool{}, services: map[string]bool{}, agents: map[string]string{},
		sessions: map[string]sessionInfo{}, locks: map[string]*locks{},
	}
}

func (c *contents) add(value any) {
	switch v := value.(type) {
	case *record.Register:
		c.register(v)
	case *record.Session:
		c.sessions[v.ID] = sessionInfo{strings.ToLower(v.Node), v.Behavior == "delete", v.TTL != ""}
	case *record.KVEntry:
		c.lock(v)
	case *record.SystemMetadata:
		c.tokens = c.tokens || v.Key == "server-management-token"
	}
}

func (c *contents) register(r *record.Register) {
	if r.PeerName != "" { // another cluster's, shown here
		return
	}
	c.datacenters[r.Datacenter] = true
	c.nodes[strings.ToLower(r.Node)] = true
	if r.Check != nil && r.Check.CheckID == serfHealth {
		c.agents[strings.ToLower(r.Node)] = r.Node
	}
	if r.Service == nil {
		return
	}
	c.services[r.Service.Service] = true
	if r.Service.Service == "consul" {
		address := cmp.Or(r.Service.Address, r.Address)
		c.servers = append(c.servers, Server{Name: r.Node, ID: r.ID, Address: address, Version: r.Service.Meta["version"]})
	}
}

func (c *contents) lock(e *record.KVEntry) {
	if e.Session == "" {
		return
	}
	l := c.locks[e.Session]
	if l == nil {
		l = new(locks)
		c.locks[e.Session] = l
	}
	if l.count++; len(l.examples) < maxExamples {
		l.examples = append(l.examples, e.Key)
	}
}

// Server is a server of the cluster that a snapshot is of.
type Server struct {
	Name    string `json:",omitempty"` // empty if the catalog did not know it
	ID      string `json:",omitempty"`
	Address string
	Version string `json:",omitempty"`
}

// Origin is where and when a snapshot was taken, and how much is in it.
type Origin struct {
	SavedAt     *time.Time // nil if the ID does not tell
	Datacenters []string
	Servers     []Server
	Keys        int64
	Nodes       int64
	Services    int64
	Sessions    int64
}

func (c *contents) origin(meta *archive.Meta, keys int64) *Origin {
	return &Origin{
		SavedAt:     savedAt(meta.ID),
		Datacenters: slices.Sorted(maps.Keys(c.datacenters)),
		Servers:     c.allServers(meta.Configuration.Servers),
		Keys:        keys,
		Nodes:       int64(len(c.nodes)),
		Services:    int64(len(c.services)),
		Sessions:    int64(len(c.sessions)),
	}
}

// savedAt reads the time in an ID of the form TERM-INDEX-MILLIS.
func savedAt(id string) *time.Time {
	parts := strings.Split(id, "-")
	if len(parts) != 3 {
		return nil
	}
	millis, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || millis <= 0 {
		return nil
	}
	t := time.UnixMilli(millis).UTC()
	return &t
}

// allServers are the servers of the catalog, and those that only the Raft configuration knows.
func (c *contents) allServers(raft []archive.Server) []Server {
	servers := slices.Clone(c.servers)
	for _, s := range raft {
		if !slices.ContainsFunc(servers, func(known Server) bool { return known.ID == s.ID }) {
			servers = append(servers, Server{ID: s.ID, Address: s.Address})
		}
	}
	return servers
}
