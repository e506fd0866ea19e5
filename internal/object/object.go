package object

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// The families of objects, as reports name them. Records of types that are not known are of families of their own.
const (
	FamilyKey        = "key"
	FamilyNode       = "node"
	FamilyService    = "service"
	FamilyCheck      = "check"
	FamilySession    = "session"
	FamilyQuery      = "prepared query"
	FamilyToken      = "ACL token"
	FamilyPolicy     = "ACL policy"
	FamilyRole       = "ACL role"
	FamilyRule       = "ACL binding rule"
	FamilyMethod     = "ACL auth method"
	FamilyAutopilot  = "autopilot configuration"
	FamilyMetadata   = "system metadata entry"
	FamilyIndex      = "index"
	FamilyConfig     = "config entry"
	FamilyIntention  = "intention"
	FamilyRoot       = "CA root"
	FamilyCAState    = "CA provider state"
	FamilyCAConfig   = "CA configuration"
	FamilyFederation = "federation state"
	FamilyVirtualIP  = "virtual IP"
	FamilyFreeIP     = "free virtual IP"
	FamilyLegacyACL  = "legacy ACL"
	FamilyBootstrap  = "legacy ACL bootstrap"
	FamilyPeering    = "peering"
	FamilyBundle     = "peering trust bundle"
	FamilySecrets    = "peering secret"
	FamilyResource   = "resource"
)

// An Object is one thing that a record holds.
type Object struct {
	Family            string
	ID                ID
	Name              string // without secrets; empty where there is but one
	Created, Modified uint64 // indexes
	Indexed           bool   // it has them
	Value             any    // a pointer to a struct of package record, a Node, a Service, a Check, or Carried
}

// The parts that a registration is taken apart into.
type (
	// Node is the node of a registration, whatever else that holds.
	Node struct{ *record.Register }
	// Service is an instance of a service.
	Service struct {
		*record.NodeService
		On *record.Register
	}
	// Check is a check of a node or of a service.
	Check struct {
		*record.HealthCheck
		On *record.Register
	}
)

// newObject makes an object of a value that has indexes. The parts identify it in its family and among its tenants.
func newObject(family string, value any, name string, created, modified uint64, extra msgpack.Extra, parts ...string) *Object {
	o := &Object{Family: family, Name: name, Created: created, Modified: modified, Indexed: true, Value: value}
	if t := Tenancy(extra); t != "" {
		o.Name += " (" + t + ")"
		parts = append(parts, t)
	} else {
		parts = append(parts, "")
	}
	o.ID = IDOf(family, parts...)
	return o
}

// Tenancy is the partition and namespace that an object of Consul Enterprise is in, empty for the default ones.
func Tenancy(extra msgpack.Extra) string {
	if len(extra) == 0 {
		return ""
	}
	var parts []string
	for _, key := range []string{"Partition", "Namespace"} {
		for _, e := range extra {
			var value string
			if e.Key == key && msgpack.Unmarshal(e.Value, &value) == nil && value != "" && value != "default" {
				parts = append(parts, Fold(key)+" "+value)
			}
		}
	}
	return strings.Join(parts, ", ")
}

// A Splitter takes the records of one stream apart into objects.
type Splitter struct {
	nodes map[ID]bool // the forms in which nodes have come
}

// NewSplitter makes a splitter for one stream.
func NewSplitter() *Splitter { return &Splitter{map[ID]bool{}} }

// Each calls visit for each object of a record.
func (s *Splitter) Each(raw record.Raw, visit func(*Object) error) error {
	if Bookkeeping(raw) {
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
		return visit(CarriedObject(v))
	}
	o := typedObject(value)
	if o == nil {
		return raw.Fault(fmt.Errorf("%T is nothing that can be compared", value))
	}
	return visit(o)
}

// registration splits a registration. A node comes again with all that is registered on it; it counts once, unless it comes in another
// form.
func (s *Splitter) registration(r *record.Register, visit func(*Object) error) error {
	n := newObject(FamilyNode, Node{r}, ofPeer(r.Node, r.PeerName), r.CreateIndex, r.ModifyIndex, r.Extra, Fold(r.PeerName), Fold(r.Node))
	sum, err := n.Digest()
	if err != nil {
		return err
	}
	if form := IDOf(FamilyNode, string(n.ID[:]), string(sum[:])); !s.nodes[form] {
		s.nodes[form] = true
		if err := visit(n); err != nil {
			return err
		}
	}
	if x := r.Service; x != nil {
		if err := visit(onNode(FamilyService, Service{x, r}, r, x.ID, x.CreateIndex, x.ModifyIndex, x.Extra)); err != nil {
			return err
		}
	}
	if x := r.Check; x != nil {
		return visit(onNode(FamilyCheck, Check{x, r}, r, x.CheckID, x.CreateIndex, x.ModifyIndex, x.Extra))
	}
	return nil
}

// onNode makes the object of what is registered on a node.
func onNode(family string, value any, r *record.Register, name string, created, modified uint64, extra msgpack.Extra) *Object {
	at := NodeID(r)
	return newObject(family, value, ofPeer(name+" on "+r.Node, r.PeerName), created, modified, extra, string(at[:]), Fold(name))
}

// NodeID is the ID of the node of a registration.
func NodeID(r *record.Register) ID {
	return IDOf(FamilyNode, Fold(r.PeerName), Fold(r.Node), Tenancy(r.Extra))
}

// CheckID is the ID of a check on the node of a registration.
func CheckID(on *record.Register, check string) ID {
	return onNode(FamilyCheck, nil, on, check, 0, 0, nil).ID
}

// SessionID is the ID of a session.
func SessionID(session string) ID { return IDOf(FamilySession, session, "") }

func ofPeer(name, peer string) string {
	if peer == "" {
		return name
	}
	return name + " of peer " + peer
}

// typedObject makes an object of a decoded record, nil if that is of no family.
func typedObject(value any) *Object {
	switch v := value.(type) {
	case *record.KVEntry:
		return newObject(FamilyKey, v, v.Key, v.CreateIndex, v.ModifyIndex, v.Extra, v.Key)
	case *record.Session:
		return newObject(FamilySession, v, v.ID, v.CreateIndex, v.ModifyIndex, nil, v.ID)
	case *record.PreparedQuery:
		return newObject(FamilyQuery, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, nil, Fold(v.ID))
	case *record.Autopilot:
		return newObject(FamilyAutopilot, v, "", v.CreateIndex, v.ModifyIndex, nil)
	case *record.SystemMetadata:
		return newObject(FamilyMetadata, v, v.Key, v.CreateIndex, v.ModifyIndex, nil, v.Key)
	case *record.Index:
		return newObject(FamilyIndex, v, bootstrapKey, v.Value, v.Value, nil, bootstrapKey)
	}
	return aclObject(value)
}

func aclObject(value any) *Object {
	switch v := value.(type) {
	case *record.ACLToken:
		if v.AccessorID == "" { // of Consul 1.3 and before: only its secret identifies it
			return newObject(FamilyToken, v, strings.TrimSpace(v.Description+" (without an accessor)"), v.CreateIndex, v.ModifyIndex, nil, "secret", v.SecretID)
		}
		return newObject(FamilyToken, v, v.AccessorID, v.CreateIndex, v.ModifyIndex, nil, Fold(v.AccessorID))
	case *record.ACLPolicy:
		return newObject(FamilyPolicy, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, v.Extra, Fold(v.ID))
	case *record.ACLRole:
		return newObject(FamilyRole, v, cmp.Or(v.Name, v.ID), v.CreateIndex, v.ModifyIndex, v.Extra, Fold(v.ID))
	case *record.ACLBindingRule:
		return newObject(FamilyRule, v, v.ID, v.CreateIndex, v.ModifyIndex, v.Extra, Fold(v.ID))
	case *record.ACLAuthMethod:
		return newObject(FamilyMethod, v, v.Name, v.CreateIndex, v.ModifyIndex, v.Extra, Fold(v.Name))
	}
	return nil
}

// Digest digests what of an object is compared.
func (o *Object) Digest() (ID, error) {
	b, err := o.content()
	return shorten(sha256.Sum256(b)), err
}
