package state

import (
	"errors"
	"fmt"

	"github.com/lictor-dr/lictor/internal/record"
)

// A TxnOp is one operation of a transaction: exactly one of the families is set.
type TxnOp struct {
	KV      *TxnKV
	Node    *TxnNode
	Service *TxnService
	Check   *TxnCheck
	Session *TxnSession
}

// TxnKV is an operation on a key: Verb is a [KVOp], or one of those that only read. Entry.ModifyIndex is the index to match.
type TxnKV struct {
	Verb  string
	Entry record.KVEntry
}

// TxnNode is an operation on a node: get, set, cas, delete, delete-cas. It is known by its ID, or else by its name.
type TxnNode struct {
	Verb string
	Node record.Register
}

// TxnService is an operation on an instance of a service: get, set, cas, delete, delete-cas.
type TxnService struct {
	Verb    string
	Node    string
	Service record.NodeService
}

// ReadsOrDeletes tells whether the operation does without the service's name.
func (o *TxnService) ReadsOrDeletes() bool {
	return o.Verb == verbGet || o.Verb == verbDelete || o.Verb == verbDeleteCAS
}

// TxnCheck is an operation on a check: get, set, cas, delete, delete-cas.
type TxnCheck struct {
	Verb  string
	Check record.HealthCheck
}

// TxnSession is the end of a session; its verb is delete.
type TxnSession struct {
	Verb string
	ID   string
}

// A TxnResult is what one operation found or wrote: one of the fields is set.
type TxnResult struct {
	KV      *record.KVEntry // of a verb that writes or compares: without the value
	Node    *record.Register
	Service *record.NodeService
	Check   *record.HealthCheck
}

// A TxnError says why an operation failed.
type TxnError struct {
	OpIndex int
	What    string
}

// verbs of transactions beside those of [KVOp]
const (
	verbGet            = "get"
	verbGetOrEmpty     = "get-or-empty"
	verbGetTree        = "get-tree"
	verbCheckIndex     = "check-index"
	verbCheckSession   = "check-session"
	verbCheckNotExists = "check-not-exists"
	verbSet            = "set"
	verbCAS            = "cas"
	verbDelete         = "delete"
	verbDeleteCAS      = "delete-cas"
)

// ReadOnly tells whether an operation changes nothing.
func (o TxnOp) ReadOnly() bool {
	switch {
	case o.KV != nil:
		switch o.KV.Verb {
		case verbGet, verbGetOrEmpty, verbGetTree, verbCheckIndex, verbCheckSession, verbCheckNotExists:
			return true
		}
		return false
	case o.Node != nil:
		return o.Node.Verb == verbGet
	case o.Service != nil:
		return o.Service.Verb == verbGet
	case o.Check != nil:
		return o.Check.Verb == verbGet
	}
	return o.Session == nil
}

var errTxnFailed = errors.New("transaction failed")

// Txn applies, as the log entry at index, a transaction. Either all operations take effect, or there are errors, one for each that
// failed, and none does. The store keeps what ops point to.
func (s *Store) Txn(index, term uint64, ops []TxnOp) (results []TxnResult, errs []TxnError) {
	err := s.apply(index, term, func(c *change) error {
		if results, errs = c.txn(ops); len(errs) > 0 {
			return errTxnFailed
		}
		return nil
	})
	if err != nil {
		results = nil
	}
	return results, errs
}

// TxnRead performs a transaction of operations that only read, all of them at the same moment.
func (s *Store) TxnRead(ops []TxnOp) (results []TxnResult, errs []TxnError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.begin(s.index)
	defer c.abort()
	if results, errs = c.txn(ops); len(errs) > 0 {
		results = nil
	}
	return results, errs
}

func (c *change) txn(ops []TxnOp) (results []TxnResult, errs []TxnError) {
	for i, op := range ops {
		found, err := c.txnOp(op)
		if err != nil {
			errs = append(errs, TxnError{i, err.Error()})
			continue
		}
		results = append(results, found...)
	}
	return results, errs
}

func (c *change) txnOp(op TxnOp) ([]TxnResult, error) {
	switch {
	case op.KV != nil:
		return c.txnKV(op.KV)
	case op.Node != nil:
		return c.txnNode(op.Node)
	case op.Service != nil:
		return c.txnService(op.Service)
	case op.Check != nil:
		return c.txnCheck(op.Check)
	case op.Session != nil:
		if op.Session.Verb != verbDelete {
			return nil, fmt.Errorf("unknown Session operation: %s", op.Session.Verb)
		}
		if x := first[*record.Session](c.db, tableSessions, indexID, op.Session.ID); x != nil {
			c.endSession(x)
		}
	}
	return nil, nil
}

// txnKV performs an operation on a key. A condition that does not hold is an error here.
func (c *change) txnKV(op *TxnKV) ([]TxnResult, error) {
	e := op.Entry
	if op.Verb != verbGetTree && op.Verb != string(KVDeleteTree) && e.Key == "" {
		return nil, errors.New("Must provide key")
	}
	old := c.s.kv.get(e.Key)
	switch op.Verb {
	case verbGet:
		if old == nil {
			return nil, fmt.Errorf("key %q doesn't exist", e.Key)
		}
		return []TxnResult{{KV: old}}, nil
	case verbGetOrEmpty:
		if old == nil {
			old = &record.KVEntry{Key: e.Key}
		}
		return []TxnResult{{KV: old}}, nil
	case verbGetTree:
		var found []TxnResult
		c.s.kv.scan(e.Key, func(x *record.KVEntry) bool {
			found = append(found, TxnResult{KV: x})
			return true
		})
		return found, nil
	case verbCheckNotExists:
		if old != nil {
			return nil, fmt.Errorf("key %q exists", e.Key)
		}
		return nil, nil
	case verbCheckIndex, verbCheckSession:
		return txnCompare(op, old)
	}
	held, err := c.kv(KVOp(op.Verb), &e)
	switch {
	case err != nil:
		return nil, err
	case !held:
		return nil, fmt.Errorf(txnKVRefusals[KVOp(op.Verb)], e.Key)
	}
	if now := c.s.kv.get(e.Key); now != nil && op.Verb != string(KVDeleteTree) {
		return []TxnResult{withoutValue(now)}, nil
	}
	return nil, nil
}

// txnCompare fails unless the entry is as the operation expects.
func txnCompare(op *TxnKV, old *record.KVEntry) ([]TxnResult, error) {
	switch {
	case old == nil:
		return nil, fmt.Errorf("key %q doesn't exist", op.Entry.Key)
	case op.Verb == verbCheckIndex && old.ModifyIndex != op.Entry.ModifyIndex:
		return nil, fmt.Errorf("current modify index %d, given index %d for key %q", old.ModifyIndex, op.Entry.ModifyIndex, op.Entry.Key)
	case op.Verb == verbCheckSession && old.Session != op.Entry.Session:
		return nil, fmt.Errorf("failed session check for key %q, current session %q != %q", op.Entry.Key, old.Session, op.Entry.Session)
	}
	return []TxnResult{withoutValue(old)}, nil
}

var txnKVRefusals = map[KVOp]string{
	KVCAS:       "failed to set key %q, index is stale",
	KVLock:      "failed to lock key %q, lock is already held",
	KVUnlock:    "failed to unlock key %q, lock isn't held, or is held by another session",
	KVDeleteCAS: "failed to delete key %q, index is stale",
}

func withoutValue(e *record.KVEntry) TxnResult {
	bare := *e
	bare.Value = nil
	return TxnResult{KV: &bare}
}

// txnNode performs an operation on a node.
func (c *change) txnNode(op *TxnNode) ([]TxnResult, error) {
	find := func() *node {
		if op.Node.ID != "" {
			return first[*node](c.db, tableNodes, indexUUID, "", fold(op.Node.ID))
		}
		return first[*node](c.db, tableNodes, indexID, "", fold(op.Node.Node))
	}
	old := find()
	var had *uint64
	if old != nil {
		had = &old.ModifyIndex
	}
	name := fmt.Sprintf("node %q", op.Node.Node)
	write, remove, err := txnVerb("Node", op.Verb, name, had, op.Node.ModifyIndex)
	switch {
	case err != nil:
		return nil, err
	case remove && old != nil:
		c.removeNode(old)
	case write:
		if err := c.setNode(&op.Node); err != nil {
			return nil, err
		}
	}
	if now := find(); now != nil && !remove {
		return []TxnResult{{Node: now.Register}}, nil
	}
	return nil, nil
}

// txnService performs an operation on an instance of a service.
func (c *change) txnService(op *TxnService) ([]TxnResult, error) {
	find := func() *service {
		return first[*service](c.db, tableServices, indexID, "", fold(op.Node), fold(op.Service.ID))
	}
	old := find()
	var had *uint64
	if old != nil {
		had = &old.ModifyIndex
	}
	name := fmt.Sprintf("service %q on node %q", op.Service.ID, op.Node)
	write, remove, err := txnVerb("Service", op.Verb, name, had, op.Service.ModifyIndex)
	switch {
	case err != nil:
		return nil, err
	case remove && old != nil:
		c.removeService(old)
	case write:
		on := first[*node](c.db, tableNodes, indexID, "", fold(op.Node))
		if on == nil {
			return nil, fmt.Errorf("Missing node registration: %q", op.Node)
		}
		if err := c.setService(on.Node, &op.Service); err != nil {
			return nil, err
		}
	}
	if now := find(); now != nil && !remove {
		return []TxnResult{{Service: now.NodeService}}, nil
	}
	return nil, nil
}

// txnCheck performs an operation on a check.
func (c *change) txnCheck(op *TxnCheck) ([]TxnResult, error) {
	nodeName := op.Check.Node
	find := func() *check {
		return first[*check](c.db, tableChecks, indexID, "", fold(nodeName), fold(op.Check.CheckID))
	}
	old := find()
	var had *uint64
	if old != nil {
		had = &old.ModifyIndex
	}
	name := fmt.Sprintf("check %q on node %q", op.Check.CheckID, nodeName)
	write, remove, err := txnVerb("Check", op.Verb, name, had, op.Check.ModifyIndex)
	switch {
	case err != nil:
		return nil, err
	case remove && old != nil:
		c.removeCheck(old)
	case write:
		on := first[*node](c.db, tableNodes, indexID, "", fold(nodeName))
		if on == nil {
			return nil, fmt.Errorf("Missing node registration: %q", nodeName)
		}
		if err := c.setCheck(on.Node, &op.Check); err != nil {
			return nil, err
		}
	}
	if now := find(); now != nil && !remove {
		return []TxnResult{{Check: now.HealthCheck}}, nil
	}
	return nil, nil
}

// txnVerb says what a verb on a thing of the catalog does: had is the ModifyIndex of the thing, nil if it is not there; want is the one
// to match.
func txnVerb(family, verb, name string, had *uint64, want uint64) (write, remove bool, err error) {
	stale := had == nil && want != 0 || had != nil && *had != want
	switch verb {
	case verbGet:
		if had == nil {
			return false, false, fmt.Errorf("%s doesn't exist", name)
		}
		return false, false, nil
	case verbSet:
		return true, false, nil
	case verbCAS:
		if stale {
			return false, false, fmt.Errorf("failed to set %s, index is stale", name)
		}
		return true, false, nil
	case verbDelete:
		return false, true, nil
	case verbDeleteCAS:
		if had == nil || stale {
			return false, false, fmt.Errorf("failed to delete %s, index is stale", name)
		}
		return false, true, nil
	}
	return false, false, fmt.Errorf("unknown %s operation: %s", family, verb)
}
