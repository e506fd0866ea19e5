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
	indexID       = "id"
	indexUUID     = "uuid"     // nodes, by peer and node ID
	indexName     = "name"     // by name; services, by peer and name
	indexConnect  = "connect"  // services, by peer and the service that they make reachable through the mesh
	indexService  = "service"  // checks, by peer, node and service ID
	indexStatus   = "status"   // checks, by peer and status
	indexNode     = "node"     // sessions, by node
	indexCheck    = "check"    // sessions, by node and each check that they depend on
	indexAccessor = "accessor" // tokens, by accessor ID
	indexSession  = "session"  // queries, by the session that they end with
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
	table(tableServices,
		by(indexID, func(s *service) []string { return []string{s.peer, fold(s.node), fold(s.ID)} }),
		several(by(indexName, func(s *service) []string { return []string{s.peer, fold(s.Service)} })),
		several(optional(by(indexConnect, func(s *service) []string { return nonEmpty(meshName(s), s.peer, fold(meshName(s))) })))),
	table(tableChecks,
		by(indexID, func(c *check) []string { return []string{c.peer, fold(c.node), fold(c.CheckID)} }),
		several(by(indexService, func(c *check) []string { return []string{c.peer, fold(c.node), fold(c.ServiceID)} })),
		several(by(indexName, func(c *check) []string { return []string{c.peer, fold(c.ServiceName)} })),
		several(by(indexStatus, func(c *check) []string { return []string{c.peer, c.Status} }))),
	table(tableCoordinates, by(indexID, func(c *record.Coordinate) []string { return []string{fold(c.Node), c.Segment, c.Partition} })),
	table(tableSessions,
		by(indexID, func(s *record.Session) []string { return []string{s.ID} }),
		several(by(indexNode, func(s *record.Session) []string { return []string{fold(s.Node)} })),
		&memdb.IndexSchema{Name: indexCheck, AllowMissing: true, Indexer: sessionChecks{}}),
	table(tableTokens,
		by(indexID, func(t *record.ACLToken) []string { return []string{t.SecretID} }),
		by(indexAccessor, func(t *record.ACLToken) []string { return []string{fold(t.AccessorID)} })),
	table(tablePolicies,
		by(indexID, func(p *record.ACLPolicy) []string { return []string{p.ID} }),
		several(by(indexName, func(p *record.ACLPolicy) []string { return []string{fold(p.Name)} }))),
	table(tableRoles,
		by(indexID, func(r *record.ACLRole) []string { return []string{r.ID} }),
		several(by(indexName, func(r *record.ACLRole) []string { return []string{fold(r.Name)} }))),
	table(tableBindingRules, by(indexID, func(r *record.ACLBindingRule) []string { return []string{r.ID} })),
	table(tableAuthMethods, by(indexID, func(m *record.ACLAuthMethod) []string { return []string{fold(m.Name)} })),
	table(tableQueries,
		by(indexID, func(q *record.PreparedQuery) []string { return []string{q.ID} }),
		several(optional(by(indexName, func(q *record.PreparedQuery) []string { return nonEmpty(q.Name, fold(q.Name)) }))),
		several(optional(by(indexSession, func(q *record.PreparedQuery) []string { return nonEmpty(q.Session, q.Session) })))),
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

// several lets rows share a key.
func several(x *memdb.IndexSchema) *memdb.IndexSchema {
	x.Unique = false
	return x
}

// meshName is the service that an instance makes reachable through the mesh, empty if it does not.
func meshName(s *service) string {
	switch {
	case s.Kind == "connect-proxy":
		return s.Proxy.DestinationServiceName
	case s.Connect.Native:
		return s.Service
	}
	return ""
}

// sessionChecks indexes sessions by each check that they depend on.
type sessionChecks struct{}

// FromObject returns one key for each check of a session.
func (sessionChecks) FromObject(row any) (bool, [][]byte, error) {
	s := row.(*record.Session)
	var keys [][]byte
	for _, id := range checksOf(s) {
		keys = append(keys, joinKey([]string{fold(s.Node), fold(id)}))
	}
	return len(keys) > 0, keys, nil
}

// FromArgs returns the key for a node and a check.
func (sessionChecks) FromArgs(args ...any) ([]byte, error) {
	return partsIndex[*record.Session]{}.FromArgs(args...)
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
		if strings.ContainsAny(p, "\x00\x01") {
			p = escapeNUL.Replace(p)
		}
		b = append(append(b, p...), 0)
	}
	return b
}

// escapeNUL keeps a NUL inside a name from ending it, so that node a does not have what is on node a\x00b. The order stays.
var escapeNUL = strings.NewReplacer("\x00", "\x01\x01", "\x01", "\x01\x02")
