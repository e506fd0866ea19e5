package fsm

import (
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// An Entry is a log entry, encoded.
type Entry []byte

// Values of log entries.
type (
	kvCommand struct {
		Entry record.KVEntry
		Op    string
	}
	reapCommand struct { // of the tombstones left at or before an index
		Index uint64
	}
	registerCommand struct {
		Checks         []*record.HealthCheck
		Node           record.Register
		Service        *record.NodeService
		SkipNodeUpdate bool
	}
	deregisterCommand struct {
		CheckID   string
		Node      string
		ServiceID string
	}
	sessionCommand struct { // the creation of a session, or with only an ID its end
		ID      string
		Session *record.Session
	}
	queryCommand struct { // as sessionCommand
		ID    string
		Query *record.PreparedQuery
	}
	txnCommand struct {
		Ops []txnOp
	}
	txnOp struct {
		Check   *txnCheck
		KV      *kvCommand
		Node    *txnNode
		Service *txnService
		Session *txnSession
	}
	txnCheck struct {
		Check record.HealthCheck
		Verb  string
	}
	txnNode struct {
		Node record.Register
		Verb string
	}
	txnService struct {
		Node    string
		Service record.NodeService
		Verb    string
	}
	txnSession struct {
		ID   string
		Verb string
	}
	autopilotCommand struct {
		CAS    bool
		Config *record.Autopilot
	}
	tokenCommand struct {
		Bootstrap bool // with Reset
		Initial   bool // the configured management token
		Reset     uint64
		Token     record.ACLToken
	}
	deleteCommand struct {
		IDs []string
	}
	metadataCommand struct {
		Key   string
		Value string
	}
)

func entry(t record.Type, v any) Entry {
	return msgpack.Append(Entry{byte(t)}, v)
}

// KV is an operation on the KV table.
func KV(op state.KVOp, e *record.KVEntry) Entry {
	b := make([]byte, 0, 160+len(e.Key)+len(e.Value))
	return msgpack.Append(append(b, byte(record.TypeKVS)), kvCommand{*e, string(op)})
}

// ReapTombstones removes the tombstones left at or before index.
func ReapTombstones(index uint64) Entry { return entry(record.TypeTombstone, reapCommand{index}) }

// Register registers a node, and a service and checks on it.
func Register(r *state.Registration) Entry {
	return entry(record.TypeRegister, registerCommand{r.Checks, *r.Node, r.Service, r.SkipNodeUpdate})
}

// Deregister removes a service, a check or, with neither, a node.
func Deregister(node, serviceID, checkID string) Entry {
	return entry(record.TypeDeregister, deregisterCommand{checkID, node, serviceID})
}

// CreateSession creates a session.
func CreateSession(s *record.Session) Entry {
	return entry(record.TypeSession, sessionCommand{Session: s})
}

// DestroySession ends a session.
func DestroySession(id string) Entry { return entry(record.TypeSession, sessionCommand{ID: id}) }

// SetQuery creates or changes a prepared query.
func SetQuery(q *record.PreparedQuery) Entry {
	return entry(record.TypePreparedQuery, queryCommand{Query: q})
}

// DeleteQuery removes a prepared query.
func DeleteQuery(id string) Entry { return entry(record.TypePreparedQuery, queryCommand{ID: id}) }

// SetCoordinates updates network coordinates.
func SetCoordinates(batch record.Coordinates) Entry { return entry(record.TypeCoordinates, batch) }

// SetAutopilot sets the autopilot configuration; with cas only if the one that is there has the ModifyIndex of a.
func SetAutopilot(a *record.Autopilot, cas bool) Entry {
	return entry(record.TypeAutopilot, autopilotCommand{cas, a})
}

// Txn is a transaction. Its Result has a [TxnOutcome] as Value.
func Txn(ops []state.TxnOp) Entry {
	c := txnCommand{Ops: make([]txnOp, len(ops))}
	for i, op := range ops {
		x := &c.Ops[i]
		switch {
		case op.KV != nil:
			x.KV = &kvCommand{op.KV.Entry, op.KV.Verb}
		case op.Node != nil:
			x.Node = &txnNode{op.Node.Node, op.Node.Verb}
		case op.Service != nil:
			x.Service = &txnService{op.Service.Node, op.Service.Service, op.Service.Verb}
		case op.Check != nil:
			x.Check = &txnCheck{op.Check.Check, op.Check.Verb}
		case op.Session != nil:
			x.Session = &txnSession{op.Session.ID, op.Session.Verb}
		}
	}
	return entry(record.TypeTxn, c)
}

// A TxnOutcome is what a transaction gave.
type TxnOutcome struct {
	Results []state.TxnResult
	Errors  []state.TxnError
}

func (c txnCommand) ops() []state.TxnOp {
	ops := make([]state.TxnOp, len(c.Ops))
	for i, op := range c.Ops {
		x := &ops[i]
		switch {
		case op.KV != nil:
			x.KV = &state.TxnKV{Verb: op.KV.Op, Entry: op.KV.Entry}
		case op.Node != nil:
			x.Node = &state.TxnNode{Verb: op.Node.Verb, Node: op.Node.Node}
		case op.Service != nil:
			x.Service = &state.TxnService{Verb: op.Service.Verb, Node: op.Service.Node, Service: op.Service.Service}
		case op.Check != nil:
			x.Check = &state.TxnCheck{Verb: op.Check.Verb, Check: op.Check.Check}
		case op.Session != nil:
			x.Session = &state.TxnSession{Verb: op.Session.Verb, ID: op.Session.ID}
		}
	}
	return ops
}

// Bootstrap makes t the first management token; reset is the index that allows it once more.
func Bootstrap(t *record.ACLToken, reset uint64) Entry {
	return entry(record.TypeACLToken, tokenCommand{Bootstrap: true, Reset: reset, Token: *t})
}

// SetToken creates or changes a token; initial says that it is the configured management token.
func SetToken(t *record.ACLToken, initial bool) Entry {
	return entry(record.TypeACLToken, tokenCommand{Initial: initial, Token: *t})
}

// DeleteTokens removes tokens, by their accessor IDs.
func DeleteTokens(accessors []string) Entry {
	return entry(record.TypeACLTokenDelete, deleteCommand{accessors})
}

// SetPolicy creates or changes a policy.
func SetPolicy(p *record.ACLPolicy) Entry { return entry(record.TypeACLPolicy, p) }

// DeletePolicy removes a policy.
func DeletePolicy(id string) Entry {
	return entry(record.TypeACLPolicyDelete, deleteCommand{[]string{id}})
}

// SetRole creates or changes a role.
func SetRole(r *record.ACLRole) Entry { return entry(record.TypeACLRole, r) }

// DeleteRole removes a role.
func DeleteRole(id string) Entry { return entry(record.TypeACLRoleDelete, deleteCommand{[]string{id}}) }

// TakeOverACLs takes over a part of another datacenter's ACLs.
func TakeOverACLs(b *state.ACLBatch) Entry { return entry(typeACLBatch, b) }

// SetSystemMetadata sets a value of the cluster's own.
func SetSystemMetadata(key, value string) Entry {
	return entry(record.TypeSystemMetadata, metadataCommand{key, value})
}
