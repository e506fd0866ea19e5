package comparison

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// The families of objects that Lictor knows by their structs, as reports name them.
const (
	familyKey        = "key"
	familyNode       = "node"
	familyService    = "service"
	familyCheck      = "check"
	familySession    = "session"
	familyQuery      = "prepared query"
	familyToken      = "ACL token"
	familyPolicy     = "ACL policy"
	familyRole       = "ACL role"
	familyRule       = "ACL binding rule"
	familyMethod     = "ACL auth method"
	familyAutopilot  = "autopilot configuration"
	familyMetadata   = "system metadata entry"
	familyIndex      = "index"
	familyConfig     = "config entry"
	familyIntention  = "intention"
	familyRoot       = "CA root"
	familyCAState    = "CA provider state"
	familyCAConfig   = "CA configuration"
	familyFederation = "federation state"
	familyVirtualIP  = "virtual IP"
	familyFreeIP     = "free virtual IP"
)

// An object is one thing that a record holds.
type object struct {
	family            string
	id                id
	name              string // without secrets
	created, modified uint64 // indexes
	indexed           bool   // it has them
	value             any    // a pointer to a struct of package record, a part, or carried
}

// The parts that a registration is taken apart into.
type (
	node    struct{ *record.Register }
	service struct {
		*record.NodeService
		on *record.Register
	}
	check struct {
		*record.HealthCheck
		on *record.Register
	}
)

// newObject makes an object of a value that has indexes. The parts identify it in its family and among its tenants.
func newObject(family string, value any, name string, created, modified uint64, extra msgpack.Extra, parts ...string) *object {
	o := &object{family: family, name: name, created: created, modified: modified, indexed: true, value: value}
	if t := tenancy(extra); t != "" {
		o.name += " (" + t + ")"
		parts = append(parts, t)
	} else {
		parts = append(parts, "")
	}
	o.id = idOf(family, parts...)
	return o
}

// tenancy is the partition and namespace that an object of Consul Enterprise is in, empty for the default ones.
func tenancy(extra msgpack.Extra) string {
	if len(extra) == 0 {
		return ""
	}
	var parts []string
	for _, key := range []string{"Partition", "Namespace"} {
		for _, e := range extra {
			var value string
			if e.Key == key && msgpack.Unmarshal(e.Value, &value) == nil && value != "" && value != "default" {
				parts = append(parts, fold(key)+" "+value)
			}
		}
	}
	return strings.Join(parts, ", ")
}

// A splitter takes the records of one stream apart into objects.
type splitter struct {
	nodes map[id]bool // the forms in which nodes have come
}

func newSplitter() *splitter { return &splitter{map[id]bool{}} }

// each calls visit for each object of a record.
func (s *splitter) each(raw record.Raw, visit func(*object) error) error {
	if bookkeeping(raw) {
		return nil
	}
	value, err := record.Decode(raw)
	if err != nil {
		return err
	}
	switch v := value.(type) {
	case *record.Register:
		return s.registration(v, visit)
	case *record.Opaque:
		return visit(carriedObject(v))
	}
	o := typedObject(value)
	if o == nil {
		return raw.Fault(fmt.Errorf("%T is nothing that can be compared", value))
	}
	return visit(o)
}

// registration splits a registration. A node comes again with all that is registered on it; it counts once, unless it comes in another
// form.
func (s *splitter) registration(r *record.Register, visit func(*object) error) error {
	n := newObject(familyNode, node{r}, ofPeer(r.Node, r.PeerName), r.CreateIndex, r.ModifyIndex, r.Extra, fold(r.PeerName), fold(r.Node))
	sum, err := n.digest()
	if err != nil {
		return err
	}
	if form := idOf(familyNode, string(n.id[:]), string(sum[:])); !s.nodes[form] {
		s.nodes[form] = true
		if err := visit(n); err != nil {
			return err
		}
	}
	if x := r.Service; x != nil {
		if err := visit(onNode(familyService, service{x, r}, r, x.ID, x.CreateIndex, x.ModifyIndex, x.Extra)); err != nil {
			return err
		}
	}
	if x := r.Check; x != nil {
		return visit(onNode(familyCheck, check{x, r}, r, x.CheckID, x.CreateIndex, x.ModifyIndex, x.Extra))
	}
	return nil
}

// onNode makes the object of what is registered on a node.
func onNode(family string, value any, r *record.Register, name string, created, modified uint64, extra msgpack.Extra) *object {
	at := nodeID(r)
	return newObject(family, value, ofPeer(name+" on "+r.Node, r.PeerName), created, modified, extra, string(at[:]), fold(name))
}

func nodeID(r *record.Register) id {
	return idOf(familyNode, fold(r.PeerName), fold(r.Node), tenancy(r.Extra))
}

func sessionID(session string) id { return idOf(familySession, session, "") }

func ofPeer(name, peer string) string {
	if peer == "" {
		return name
	}
	return name + " of peer " + peer
}

// typedObject makes an object of a decoded record, nil if that is of no family.
func typedObject(value any) *object {
	switch v := value.(type) {
	case *record.KVEntry:
		return newObject(familyKey, v, v.Key, v.CreateIndex, v.ModifyIndex, v.Extra, v.Key)
	case *record.Session:
		return newObject(familySession, v, v.ID, v.CreateIndex, v.ModifyIndex, nil, v.ID)
	case *record.PreparedQuery:
		return newObject(familyQuery, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, nil, fold(v.ID))
	case *record.Autopilot:
		return newObject(familyAutopilot, v, "", v.CreateIndex, v.ModifyIndex, nil)
	case *record.SystemMetadata:
		return newObject(familyMetadata, v, v.Key, v.CreateIndex, v.ModifyIndex, nil, v.Key)
	case *record.Index:
		return newObject(familyIndex, v, bootstrapKey, v.Value, v.Value, nil, bootstrapKey)
	}
	return aclObject(value)
}

func aclObject(value any) *object {
	switch v := value.(type) {
	case *record.ACLToken:
		if v.AccessorID == "" { // of Consul 1.3 and before: only its secret identifies it
			return newObject(familyToken, v, "without an accessor", v.CreateIndex, v.ModifyIndex, nil, "secret", v.SecretID)
		}
		return newObject(familyToken, v, v.AccessorID, v.CreateIndex, v.ModifyIndex, nil, fold(v.AccessorID))
	case *record.ACLPolicy:
		return newObject(familyPolicy, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, v.Extra, fold(v.ID))
	case *record.ACLRole:
		return newObject(familyRole, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, v.Extra, fold(v.ID))
	case *record.ACLBindingRule:
		return newObject(familyRule, v, v.ID, v.CreateIndex, v.ModifyIndex, v.Extra, fold(v.ID))
	case *record.ACLAuthMethod:
		return newObject(familyMethod, v, v.Name, v.CreateIndex, v.ModifyIndex, v.Extra, fold(v.Name))
	}
	return nil
}

// digest digests what of an object is compared.
func (o *object) digest() (id, error) {
	b, err := o.content()
	return shorten(sha256.Sum256(b)), err
}
