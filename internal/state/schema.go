package state

import (
	"fmt"
	"strings"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// The tables of all families but KV. Rows are pointers to the structs of package record.
const (
	tableNodes          = "nodes"
	tableServices       = "services"
	tableChecks         = "checks"
	tableCoordinates    = "coordinates"
	tableSessions       = "sessions"
	tableTokens         = "acl-tokens"
	tablePolicies       = "acl-policies"
	tableRoles          = "acl-roles"
	tableBindingRules   = "acl-binding-rules"
	tableAuthMethods    = "acl-auth-methods"
	tableQueries        = "prepared-queries"
	tableAutopilot      = "autopilot-config"
	tableSystemMetadata = "system-metadata"
	tableIndex          = "index"
)

const (
	indexID   = "id"
	indexUUID = "uuid" // nodes, by peer and node ID
)

// A node is the part of a registration that describes the node; a service or check knows its node by name.
type node struct{ *record.Register }

type service struct {
	peer, node string
	*record.NodeService
}

type check struct {
	peer, node string
	*record.HealthCheck
}

var schema = &memdb.DBSchema{Tables: tables(
	table(tableNodes,
		by(indexID, func(n *node) []string { return []string{n.PeerName, fold(n.Node)} }),
		optional(by(indexUUID, func(n *node) []string { return nonEmpty(n.ID, n.PeerName, fold(n.ID)) }))),
	table(tableServices, by(indexID, func(s *service) []string { return []string{s.peer, fold(s.node), fold(s.ID)} })),
	table(tableChecks, by(indexID, func(c *check) []string { return []string{c.peer, fold(c.node), fold(c.CheckID)} })),
	table(tableCoordinates, by(indexID, func(c *record.Coordinate) []string { return []string{fold(c.Node), c.Segment, c.Partition} })),
	table(tableSessions, by(indexID, func(s *record.Session) []string { return []string{s.ID} })),
	table(tableTokens, by(indexID, func(t *record.ACLToken) []string { return []string{t.SecretID} })),
	table(tablePolicies, by(indexID, func(p *record.ACLPolicy) []string { return []string{p.ID} })),
	table(tableRoles, by(indexID, func(r *record.ACLRole) []string { return []string{r.ID} })),
	table(tableBindingRules, by(indexID, func(r *record.ACLBindingRule) []string { return []string{r.ID} })),
	table(tableAuthMethods, by(indexID, func(m *record.ACLAuthMethod) []string { return []string{fold(m.Name)} })),
	table(tableQueries, by(indexID, func(q *record.PreparedQuery) []string { return []string{q.ID} })),
	table(tableAutopilot, by(indexID, func(*record.Autopilot) []string { return []string{"only"} })),
	table(tableSystemMetadata, by(indexID, func(m *record.SystemMetadata) []string { return []string{m.Key} })),
	table(tableIndex, by(indexID, func(i *record.Index) []string { return []string{fold(i.Key)} })),
)}

// fold is how names that are compared without case are compared.
func fold(name string) string { return strings.ToLower(name) }

// compareFold orders names without case.
func compareFold(a, b string) int { return strings.Compare(fold(a), fold(b)) }

// nonEmpty returns key, or nil if value is empty.
func nonEmpty(value string, key ...string) []string {
	if value == "" {
		return nil
	}
	return key
}

func tables(all ...*memdb.TableSchema) map[string]*memdb.TableSchema {
	m := map[string]*memdb.TableSchema{}
	for _, t := range all {
		m[t.Name] = t
	}
	return m
}

func table(name string, indexes ...*memdb.IndexSchema) *memdb.TableSchema {
	t := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{}}
	for _, x := range indexes {
		t.Indexes[x.Name] = x
	}
	return t
}

func by[T any](name string, parts func(T) []string) *memdb.IndexSchema {
	return &memdb.IndexSchema{Name: name, Unique: true, Indexer: partsIndex[T]{parts}}
}

func optional(x *memdb.IndexSchema) *memdb.IndexSchema {
	x.AllowMissing = true
	return x
}

// A partsIndex orders rows by strings, one after the other. Rows whose parts are nil are not in the index.
type partsIndex[T any] struct{ parts func(T) []string }

// FromObject returns the key of a row.
func (x partsIndex[T]) FromObject(row any) (bool, []byte, error) {
	parts := x.parts(row.(T))
	return parts != nil, joinKey(parts), nil
}

// FromArgs returns the key for the given parts.
func (x partsIndex[T]) FromArgs(args ...any) ([]byte, error) {
	parts := make([]string, len(args))
	for i, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("argument %d must be a string, not %T", i, a)
		}
		parts[i] = s
	}
	return joinKey(parts), nil
}

// PrefixFromArgs returns the common beginning of all keys whose first parts are given.
func (x partsIndex[T]) PrefixFromArgs(args ...any) ([]byte, error) { return x.FromArgs(args...) }

// joinKey ends each part with a NUL, so that keys sort by their first part, then by the next.
func joinKey(parts []string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	return b
}
