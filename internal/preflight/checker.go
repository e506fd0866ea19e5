package preflight

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/querytemplate"
	"github.com/lictor-dr/lictor/internal/record"
)

// ErrUnrestorable marks a record that decodes but that a Consul 1.21.4 server cannot restore.
var ErrUnrestorable = errors.New("a Consul 1.21.4 server cannot restore this")

// A Checker walks the records of one stream. The zero value is ready.
type Checker struct {
	// Allow lists types that are let through although Consul 1.21.4 Community Edition does not restore them.
	Allow []record.Type

	unknownTypes map[record.Type]int64
	unknownKinds map[string]int64
	seed         maphash.Seed
	services     map[uint64]struct{} // hashes of (peer, node, service ID)
}

// UnknownTypes counts the records seen of types that Consul 1.21.4 Community Edition does not write.
func (c *Checker) UnknownTypes() map[record.Type]int64 { return c.unknownTypes }

// UnknownKinds counts the config entries seen of kinds that Consul 1.21.4 Community Edition does not know.
func (c *Checker) UnknownKinds() map[string]int64 { return c.unknownKinds }

// Check decodes one record and applies the rules to it. It returns the decoded value even if a rule refuses it, and no value if
// it does not decode. Records must be shown in the order of the stream.
func (c *Checker) Check(raw record.Raw) (any, error) {
	v, err := record.Decode(raw)
	if err != nil {
		return nil, err
	}
	if !raw.Type.Restorable() {
		return v, c.unknownType(raw)
	}
	err = c.rule(v)
	switch {
	case err == nil, errors.Is(err, record.ErrCorrupt):
	case isMalformed(err):
		return nil, raw.Fault(err)
	default:
		err = unrestorable(raw, err)
	}
	return v, err
}

// unrestorable reports a broken rule with its place; it is not marked as corrupt.
func unrestorable(raw record.Raw, err error) error {
	return fmt.Errorf("record %d (%s) at byte %d of state.bin: %w: %w", raw.Number, raw.Type, raw.Offset, err, ErrUnrestorable)
}

func (c *Checker) unknownType(raw record.Raw) error {
	if c.unknownTypes == nil {
		c.unknownTypes = map[record.Type]int64{}
	}
	c.unknownTypes[raw.Type]++
	if slices.Contains(c.Allow, raw.Type) {
		return nil
	}
	if raw.Type < 64 {
		return unrestorable(raw, fmt.Errorf("Unrecognized msg type %d", raw.Type))
	}
	return unrestorable(raw, fmt.Errorf("msg type <%d> is a Consul Enterprise log entry. Consul CE cannot restore it", raw.Type))
}

// rule applies the rules for the type of v.
func (c *Checker) rule(v any) error {
	switch v := v.(type) {
	case *record.Register:
		return c.register(v)
	case *record.KVEntry:
		return present("key", v.Key)
	case *record.Tombstone:
		return present("key", v.Key)
	case *record.Session:
		return present("session ID", v.ID)
	case *record.Coordinates:
		return coordinates(*v)
	case *record.PreparedQuery:
		return query(v)
	case *record.ACLToken:
		return token(v)
	case *record.ACLPolicy:
		return errors.Join(present("policy ID", v.ID), present("policy name", v.Name))
	case *record.ACLRole:
		return errors.Join(present("role ID", v.ID), present("role name", v.Name))
	case *record.ACLBindingRule:
		return errors.Join(present("binding rule ID", v.ID), present("auth method of the binding rule", v.AuthMethod))
	case *record.ACLAuthMethod:
		return present("auth method name", v.Name)
	case *record.Index:
		return present("index key", v.Key)
	case *record.SystemMetadata:
		return present("metadata key", v.Key)
	case *record.Opaque:
		return c.opaque(v)
	}
	return nil
}

func present(what, value string) error {
	if value == "" {
		return fmt.Errorf("the %s is empty", what)
	}
	return nil
}

func coordinates(batch record.Coordinates) error {
	for _, c := range batch {
		if c.Node == "" {
			return errors.New("the node of a coordinate is empty")
		}
	}
	return nil
}

func token(t *record.ACLToken) error {
	if t.AccessorID == "" {
		return errors.New("failed inserting acl token: missing value for index 'accessor'")
	}
	return present("token's SecretID", t.SecretID)
}

func query(q *record.PreparedQuery) error {
	if q.ID == "" {
		return errors.New("the query ID is empty")
	}
	_, err := querytemplate.Compile(q)
	return err
}

// register checks a node with at most a service and checks. Each record carries its node, so a service needs no node record before it; a
// check of a service needs that service.
func (c *Checker) register(r *record.Register) error {
	if r.Node == "" {
		return errors.New("the node name is empty")
	}
	if r.Service != nil {
		if err := c.service(r); err != nil {
			return err
		}
	}
	if r.Check != nil {
		return c.check(r)
	}
	return nil
}

func (c *Checker) service(r *record.Register) error {
	s := r.Service
	if err := errors.Join(present("service ID", s.ID), present("service name", s.Service)); err != nil {
		return fmt.Errorf("node %q: %w", r.Node, err)
	}
	if s.PeerName != r.PeerName {
		return fmt.Errorf("service %q on node %q has peer %q, its record has peer %q", s.ID, r.Node, s.PeerName, r.PeerName)
	}
	if c.services == nil {
		c.services, c.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	}
	c.services[c.serviceHash(r.PeerName, r.Node, s.ID)] = struct{}{}
	return nil
}

func (c *Checker) check(r *record.Register) error {
	k := r.Check
	switch {
	case k.CheckID == "":
		return fmt.Errorf("node %q: the check ID is empty", r.Node)
	case k.Node != r.Node:
		return fmt.Errorf("check %q is of node %q, its record of node %q", k.CheckID, k.Node, r.Node)
	case k.PeerName != r.PeerName:
		return fmt.Errorf("check %q on node %q has peer %q, its record has peer %q", k.CheckID, r.Node, k.PeerName, r.PeerName)
	case k.ServiceID == "":
		return nil
	}
	if c.services != nil {
		if _, ok := c.services[c.serviceHash(r.PeerName, r.Node, k.ServiceID)]; ok {
			return nil
		}
	}
	return fmt.Errorf("failed inserting check on node %q: Missing service registration: check %q is of service %q", r.Node, k.CheckID, k.ServiceID)
}

// serviceHash identifies a service instance; names are compared without case.
func (c *Checker) serviceHash(peer, node, id string) uint64 {
	return maphash.String(c.seed, strings.ToLower(peer)+"\x00"+strings.ToLower(node)+"\x00"+strings.ToLower(id))
}
