package state

import (
	"fmt"
	"io"
	"slices"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// flushAt is how many encoded bytes are gathered before they are written.
const flushAt = 256 << 10

// Encode writes the snapshot as a stream of records, encoded afresh from the tables, families in the order in which Consul writes
// them. The same snapshot always gives the same bytes.
func (s *Snapshot) Encode(w io.Writer) error {
	e := &encoder{w: w, buf: make([]byte, 0, flushAt+64<<10)}
	e.buf = record.AppendHeader(e.buf, record.Header{LastIndex: s.lastIndex()})
	e.opaque(s.opaque.unknown[-1])
	for rank, t := range record.WriteOrder {
		if err := s.family(e, t); err != nil {
			return fmt.Errorf("write %s: %w", t, err)
		}
		e.opaque(s.opaque.unknown[rank])
	}
	e.flush()
	return e.err
}

// An encoder gathers records and writes them in large pieces. The first error stops it.
type encoder struct {
	w    io.Writer
	buf  []byte
	err  error
	node record.NodeRecords // of the node that is written
}

func (e *encoder) add(v any) bool {
	if e.err != nil {
		return false
	}
	buf, err := record.Append(e.buf, v)
	if err != nil {
		e.err = err
		return false
	}
	e.put(buf)
	return e.err == nil
}

// put takes what has been gathered so far.
func (e *encoder) put(buf []byte) {
	if e.buf = buf; len(e.buf) >= flushAt {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) opaque(records []*record.Opaque) {
	for _, o := range records {
		e.add(o)
	}
}

// family writes all records of one type.
func (s *Snapshot) family(e *encoder, t record.Type) error {
	switch t {
	case record.TypeKVS:
		s.kv.entries.Scan(func(x *record.KVEntry) bool { return e.add(x) })
	case record.TypeTombstone:
		s.kv.tombstones.Scan(func(x *record.Tombstone) bool { return e.add(x) })
	case record.TypeRegister:
		return s.registrations(e)
	case record.TypeCoordinates:
		return each(s.txn, tableCoordinates, func(c *record.Coordinate) { e.add(&record.Coordinates{*c}) })
	case record.TypeIndex:
		return s.indexes(func(x *record.Index) { e.add(x) })
	case record.TypeChunkingState:
		s.chunkingState(e)
	default:
		if table, ok := tableOf[t]; ok {
			return each(s.txn, table, func(row any) { e.add(row) })
		}
		e.opaque(s.opaque.known[t])
	}
	return nil
}

// tableOf are the tables whose rows are records as they are.
var tableOf = map[record.Type]string{
	record.TypeSession:        tableSessions,
	record.TypeACLToken:       tableTokens,
	record.TypeACLPolicy:      tablePolicies,
	record.TypeACLRole:        tableRoles,
	record.TypeACLBindingRule: tableBindingRules,
	record.TypeACLAuthMethod:  tableAuthMethods,
	record.TypePreparedQuery:  tableQueries,
	record.TypeAutopilot:      tableAutopilot,
	record.TypeSystemMetadata: tableSystemMetadata,
}

// each calls fn for the rows of a table, in order.
func each[T any](txn *memdb.Txn, table string, fn func(T), prefix ...any) error {
	index := indexID
	if len(prefix) > 0 {
		index += "_prefix"
	}
	rows, err := txn.Get(table, index, prefix...)
	if err != nil {
		return err
	}
	for row := rows.Next(); row != nil; row = rows.Next() {
		fn(row.(T))
	}
	return nil
}

// registrations writes node by node: the node, its services, its checks. Nodes imported from peers come first.
func (s *Snapshot) registrations(e *encoder) error {
	var local, imported []*node
	err := each(s.txn, tableNodes, func(n *node) {
		if n.PeerName == "" {
			local = append(local, n)
		} else {
			imported = append(imported, n)
		}
	})
	for _, n := range slices.Concat(imported, local) {
		if err == nil {
			err = s.registration(e, n)
		}
	}
	return err
}

func (s *Snapshot) registration(e *encoder, n *node) error {
	if err := e.node.Of(n.Register); err != nil {
		return err
	}
	e.put(e.node.AppendNode(e.buf))
	err := each(s.txn, tableServices, func(x *service) {
		e.put(e.node.AppendService(e.buf, x.NodeService))
	}, n.PeerName, fold(n.Node))
	if err != nil {
		return err
	}
	return each(s.txn, tableChecks, func(x *check) {
		e.put(e.node.AppendCheck(e.buf, x.HealthCheck))
	}, n.PeerName, fold(n.Node))
}

// indexes calls fn for all table indexes, in order of their keys.
func (s *Snapshot) indexes(fn func(*record.Index)) error {
	var all []*record.Index
	err := each(s.txn, tableIndex, func(x *record.Index) { all = append(all, x) })
	if s.kv.index > 0 {
		all = append(all, &record.Index{Key: "kvs", Value: s.kv.index})
	}
	if s.kv.tombIndex > 0 {
		all = append(all, &record.Index{Key: "tombstones", Value: s.kv.tombIndex})
	}
	slices.SortFunc(all, func(a, b *record.Index) int { return compareFold(a.Key, b.Key) })
	for _, x := range all {
		fn(x)
	}
	return err
}

// storeTables are the keys of Index records that stand for a table as a whole.
var storeTables = map[string]bool{
	"kvs": true, "tombstones": true, "sessions": true, "nodes": true, "services": true, "checks": true, "coordinates": true,
	"prepared-queries": true, "config-entries": true, "system-metadata": true, "federation-states": true, "peering": true,
	"peering-trust-bundles": true, "service-virtual-ips": true, "gateway-services": true, "mesh-topology": true,
	"connect-intentions": true, "connect-ca-roots": true, "connect-ca-builtin": true, "connect-ca-builtin-serial": true,
	"acl-tokens": true, "acl-policies": true, "acl-roles": true, "acl-binding-rules": true, "acl-auth-methods": true,
}

// lastIndex is the highest index of any table.
func (s *Snapshot) lastIndex() (last uint64) {
	_ = s.indexes(func(x *record.Index) {
		if storeTables[fold(x.Key)] {
			last = max(last, x.Value)
		}
	})
	return last
}

// chunkingState ends the stream as Consul does: with what came, or with the record that says there are no chunks.
func (s *Snapshot) chunkingState(e *encoder) {
	if kept := s.opaque.known[record.TypeChunkingState]; len(kept) > 0 {
		e.opaque(kept)
		return
	}
	e.buf = append(e.buf, byte(record.TypeChunkingState))
	e.buf = append(e.buf, "\x81\xa8ChunkMap\x80"...)
}
