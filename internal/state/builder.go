package state

import (
	"fmt"
	"reflect"
	"strings"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// A Builder makes a store out of the records of a snapshot. It is how a restore builds the new state aside; nothing sees the store
// before Store is called.
type Builder struct {
	store   *Store
	txn     *memdb.Txn
	header  record.Header
	rank    int               // of the last record of a known type, for unknown ones
	highest map[string]uint64 // index of each table as far as its records tell
	exact   []*record.Index
}

// NewBuilder starts an empty store for a stream with the given header.
func NewBuilder(header record.Header) *Builder {
	s := New()
	return &Builder{store: s, txn: s.db.Txn(true), header: header, rank: -1, highest: map[string]uint64{}}
}

// Add adds one record, decoded by record.Decode. Records must come in the order of the stream. The builder keeps v.
func (b *Builder) Add(t record.Type, v any) error {
	if r := t.Rank(); r >= 0 {
		b.rank = r
	}
	if err := b.add(v); err != nil {
		return fmt.Errorf("build %s: %w", t, err)
	}
	return nil
}

func (b *Builder) add(v any) error {
	kv := &b.store.kv
	switch v := v.(type) {
	case *record.KVEntry:
		kv.entries.Load(v)
		kv.locked(v)
		kv.index = max(kv.index, v.ModifyIndex)
	case *record.Tombstone:
		kv.tombstones.Load(v)
		kv.tombIndex = max(kv.tombIndex, v.ModifyIndex)
	case *record.Register:
		return b.register(v)
	case *record.Coordinates:
		return b.coordinates(*v)
	case *record.Index:
		b.exact = append(b.exact, v)
	case *record.Opaque:
		b.store.opaque.add(v, b.rank)
	case *record.Session:
		return b.insert(tableSessions, v, v.ModifyIndex)
	case *record.PreparedQuery:
		return b.insert(tableQueries, v, v.ModifyIndex)
	case *record.ACLToken:
		return b.insert(tableTokens, v, v.ModifyIndex)
	case *record.ACLPolicy:
		return b.insert(tablePolicies, v, v.ModifyIndex)
	case *record.ACLRole:
		return b.insert(tableRoles, v, v.ModifyIndex)
	case *record.ACLBindingRule:
		return b.insert(tableBindingRules, v, v.ModifyIndex)
	case *record.ACLAuthMethod:
		return b.insert(tableAuthMethods, v, v.ModifyIndex)
	case *record.SystemMetadata:
		return b.insert(tableSystemMetadata, v, v.ModifyIndex)
	case *record.Autopilot:
		return b.txn.Insert(tableAutopilot, v)
	default:
		return fmt.Errorf("no table holds %T", v)
	}
	return nil
}

// insert adds a row to a table that has an index of its own name.
func (b *Builder) insert(table string, row any, modifyIndex uint64) error {
	b.raise(table, modifyIndex)
	return b.txn.Insert(table, row)
}

func (b *Builder) raise(key string, index uint64) { b.highest[key] = max(b.highest[key], index) }

// register adds a node, and the service or check that comes with it.
func (b *Builder) register(r *record.Register) error {
	if err := b.node(r); err != nil {
		return err
	}
	peer := peerKey(r.PeerName)
	if r.Service != nil {
		b.raise("services", b.header.LastIndex)
		b.raise(peer+"services", b.header.LastIndex)
		if err := b.txn.Insert(tableServices, &service{r.PeerName, r.Node, r.Service}); err != nil {
			return err
		}
	}
	if r.Check != nil {
		b.raise("checks", b.header.LastIndex)
		b.raise(peer+"checks", b.header.LastIndex)
		return b.txn.Insert(tableChecks, &check{r.PeerName, r.Node, r.Check})
	}
	return nil
}

// peerKey begins the keys of Index records that are about one peer, ~ for the local cluster.
func peerKey(peer string) string {
	if peer == "" {
		return "peer.~:"
	}
	return "peer." + fold(peer) + ":"
}

// node adds the node of a registration. One that is there already stays, unless it differs; one with the ID of another replaces it.
func (b *Builder) node(r *record.Register) error {
	n := *r
	n.Service, n.Check = nil, nil
	if n.CreateIndex == 0 && n.ModifyIndex == 0 { // written before 1.8
		n.CreateIndex, n.ModifyIndex = b.header.LastIndex, b.header.LastIndex
	}
	old, err := b.txn.First(tableNodes, indexID, n.PeerName, fold(n.Node))
	if err != nil {
		return err
	}
	if old == nil {
		if err := b.replaceByID(&n); err != nil {
			return err
		}
	} else if was := old.(*node).Register; sameNode(was, &n) {
		return nil
	} else {
		n.CreateIndex, n.ModifyIndex = was.CreateIndex, b.header.LastIndex
	}
	b.raise("nodes", n.ModifyIndex)
	b.raise(peerKey(n.PeerName)+"nodes", n.ModifyIndex)
	return b.txn.Insert(tableNodes, &node{&n})
}

// sameNode compares all but the indexes. What is absent is so in two ways: left out by a request, or a nil that was decoded.
func sameNode(a, b *record.Register) bool {
	x, y := *a, *b
	x.CreateIndex, x.ModifyIndex = y.CreateIndex, y.ModifyIndex
	for _, n := range []*record.Register{&x, &y} {
		if n.Checks.IsZero() {
			n.Checks = nil
		}
		if n.Locality.IsZero() {
			n.Locality = nil
		}
	}
	return reflect.DeepEqual(x, y)
}

// replaceByID removes a node of another name that has the ID of n, with what is registered on it: n is that node, renamed.
func (b *Builder) replaceByID(n *record.Register) error {
	if n.ID == "" {
		return nil
	}
	old, err := b.txn.First(tableNodes, indexUUID, n.PeerName, fold(n.ID))
	if err != nil || old == nil {
		return err
	}
	for _, table := range []string{tableServices, tableChecks} {
		if _, err := b.txn.DeleteAll(table, indexID+"_prefix", n.PeerName, fold(old.(*node).Node)); err != nil {
			return err
		}
	}
	return b.txn.Delete(tableNodes, old)
}

func (b *Builder) coordinates(batch record.Coordinates) error {
	b.raise("coordinates", b.header.LastIndex)
	for i := range batch {
		if err := b.txn.Insert(tableCoordinates, &batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// Store finishes the store as of the log entry at index, of the given term. The builder is of no use afterwards.
func (b *Builder) Store(index, term uint64) (*Store, error) {
	s := b.store
	s.index, s.term = index, term
	for key, value := range b.highest {
		if err := b.txn.Insert(tableIndex, &record.Index{Key: key, Value: value}); err != nil {
			return nil, err
		}
	}
	for _, x := range b.exact { // what the stream says beats what its records suggest
		switch strings.ToLower(x.Key) {
		case "kvs":
			s.kv.index = x.Value
		case "tombstones":
			s.kv.tombIndex = x.Value
		default:
			if err := b.txn.Insert(tableIndex, x); err != nil {
				return nil, err
			}
		}
	}
	b.txn.Commit()
	return s, nil
}
