package acl

// Resource is a kind of thing that rules govern.
type Resource string

// The resources. Rules of ACL, Keyring, Mesh, Operator and Peering hold for the cluster; those of the others for names: a node
// (Agent, Node, Session), a key, or the name of an event, a prepared query or a service.
const (
	ACL      Resource = "acl" // snapshots too
	Agent    Resource = "agent"
	Event    Resource = "event"
	Key      Resource = "key"
	Keyring  Resource = "keyring"
	Mesh     Resource = "mesh"
	Node     Resource = "node"
	Operator Resource = "operator"
	Peering  Resource = "peering"
	Query    Resource = "query"
	Service  Resource = "service"
	Session  Resource = "session"
)

// word is what a word at the top of a rule stands for.
type word struct {
	resource Resource
	named    bool // takes a segment
	prefix   bool // which is a prefix
}

var words = func() map[string]word {
	all := map[string]word{}
	for _, r := range []Resource{ACL, Keyring, Mesh, Operator, Peering} {
		all[string(r)] = word{resource: r}
	}
	for _, r := range []Resource{Agent, Event, Key, Node, Query, Service, Session} { // as in hasNames
		all[string(r)] = word{resource: r, named: true}
		all[string(r)+"_prefix"] = word{resource: r, named: true, prefix: true}
	}
	return all
}()

// hasNames reports whether rules of the resource take a segment.
func (r Resource) hasNames() bool {
	switch r {
	case Agent, Event, Key, Node, Query, Service, Session:
		return true
	}
	return false
}

// isKnown reports whether r is one of the constants.
func (r Resource) isKnown() bool {
	w, ok := words[string(r)]
	return ok && w.resource == r
}
