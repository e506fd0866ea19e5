package object

import (
	"bytes"
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// kvRoom is the room for an entry of the key/value store beside its texts.
const kvRoom = 128

// content is what of an object is compared: objects that are equal are equal bytes. What servers derive from other objects is left out,
// and so are unknown fields that are empty: whether a server knows them or not, they say nothing.
func (o *Object) content() ([]byte, error) {
	if c, ok := o.Value.(Carried); ok {
		return c.content, nil
	}
	v := o.settled()
	if e, ok := v.(*record.KVEntry); ok && len(e.Extra) == 0 { // such an entry has but one form
		return record.Append(make([]byte, 0, kvRoom+len(e.Key)+len(e.Session)+len(e.Value)), e)
	}
	b, err := record.Append(nil, v)
	if err != nil {
		return nil, err
	}
	return msgpack.AppendCanonical(b[:1:1], b[1:])
}

// settled returns a record of what is compared of an object.
func (o *Object) settled() any {
	switch v := o.Value.(type) {
	case *record.KVEntry:
		if len(v.Extra) == 0 {
			return v
		}
		e := *v
		e.Extra = meaningful(v.Extra)
		return &e
	case Node:
		return o.settledNode(v.Register)
	case Service:
		return &record.Register{Service: settledService(v.NodeService)}
	case Check:
		return &record.Register{Check: settledCheck(v.HealthCheck)}
	case *record.Session:
		return settledSession(v)
	case *record.PreparedQuery:
		q := *v
		q.Extra, q.Service.Extra = meaningful(v.Extra), meaningful(v.Service.Extra)
		q.Service.Failover.Extra = meaningful(v.Service.Failover.Extra)
		return &q
	}
	return settledACL(o.Value)
}

func settledACL(value any) any {
	switch v := value.(type) {
	case *record.ACLToken:
		t := *v
		t.Hash, t.Policies, t.Roles = nil, unnamed(v.Policies), unnamed(v.Roles)
		t.Extra = meaningful(v.Extra, "Type", "Rules") // of Consul 1.4 to 1.14
		t.CreateTime = v.CreateTime.UTC()
		if v.ExpirationTime != nil {
			at := v.ExpirationTime.UTC()
			t.ExpirationTime = &at
		}
		return &t
	case *record.ACLPolicy:
		p := *v
		p.Hash, p.Extra = nil, meaningful(v.Extra, "Syntax")
		return &p
	case *record.ACLRole:
		r := *v
		r.Hash, r.Policies, r.Extra = nil, unnamed(v.Policies), meaningful(v.Extra)
		return &r
	case *record.ACLBindingRule:
		r := *v
		r.Extra = meaningful(v.Extra)
		return &r
	case *record.ACLAuthMethod:
		m := *v
		m.Extra = meaningful(v.Extra)
		return &m
	}
	return value
}

func (o *Object) settledNode(r *record.Register) *record.Register {
	return &record.Register{
		Node: r.Node, ID: r.ID, Address: r.Address, Datacenter: r.Datacenter, PeerName: r.PeerName, NodeMeta: r.NodeMeta,
		TaggedAddresses: r.TaggedAddresses, CreateIndex: o.Created, ModifyIndex: o.Modified, Extra: meaningful(r.Extra),
	}
}

func settledService(v *record.NodeService) *record.NodeService {
	s := *v
	s.Extra = meaningful(v.Extra)
	if s.Weights == nil { // before 1.2.3
		s.Weights = &record.Weights{Passing: 1, Warning: 1}
	}
	return &s
}

func settledCheck(v *record.HealthCheck) *record.HealthCheck {
	c := *v
	c.Extra = meaningful(v.Extra)
	if c.ServiceID != "" {
		c.ServiceName, c.ServiceTags = "", nil
	}
	return &c
}

func settledSession(v *record.Session) *record.Session {
	s := *v
	s.Extra = meaningful(v.Extra)
	if len(s.Checks) > 0 { // before 1.7
		s.Checks, s.NodeChecks = nil, slices.Concat(s.Checks, s.NodeChecks)
	}
	return &s
}

// unnamed is links without the names, which are copies.
func unnamed(links []record.ACLLink) []record.ACLLink {
	bare := slices.Clone(links)
	for i := range bare {
		bare[i].Name = ""
	}
	return bare
}

// meaningful is the unknown fields of a struct that are not empty, without some, and without those that are part of an object's id.
func meaningful(extra msgpack.Extra, without ...string) (kept msgpack.Extra) {
	for _, e := range extra {
		if !slices.Contains(without, e.Key) && e.Key != "Namespace" && e.Key != "Partition" && !empty(e.Value) {
			kept = append(kept, e)
		}
	}
	return kept
}

// empty tells whether a field of a struct has a value that is as good as none.
func empty(value []byte) bool {
	c, err := msgpack.AppendCanonical(nil, value)
	return err == nil && len(c) == 1 && bytes.IndexByte([]byte{0xc0, 0xc2, 0x00, 0xa0, 0x90, 0x80}, c[0]) >= 0
}
