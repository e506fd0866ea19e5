package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// maxTxnOps is how many operations a transaction may have.
const maxTxnOps = 128

func (h *Handler) txnRoutes() []route {
	return []route{{path: "/v1/txn", reads: true, methods: []method{{http.MethodPut, h.txn}}}}
}

// A txnRequestOp is one operation in the body of a transaction.
type txnRequestOp struct {
	KV *struct {
		Verb    string
		Key     string
		Value   []byte
		Flags   uint64
		Index   uint64
		Session string
	}
	Node *struct {
		Verb string
		Node struct {
			ID, Node, Address, Datacenter string
			TaggedAddresses, Meta         map[string]string
			ModifyIndex                   uint64
		}
	}
	Service *struct {
		Verb    string
		Node    string
		Service record.NodeService
	}
	Check *struct {
		Verb  string
		Check record.HealthCheck
	}
	Session *struct {
		Verb    string
		Session struct{ ID string }
	}
}

func (h *Handler) txn(w http.ResponseWriter, r *request) error {
	body, err := readBody(r, h.cfg.TxnMaxSize, "txn_max_req_len")
	if err != nil {
		return err
	}
	var requested []txnRequestOp
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&requested); err != nil {
		return badRequest("Failed to parse body: %v", err)
	}
	if len(requested) > maxTxnOps {
		return refuse(http.StatusRequestEntityTooLarge, "Transaction contains too many operations (%d > %d)", len(requested), maxTxnOps)
	}
	var ops []state.TxnOp
	readOnly := true
	for i := range requested {
		if op, ok := h.txnOp(&requested[i]); ok {
			readOnly = readOnly && op.ReadOnly()
			ops = append(ops, op)
		}
	}
	if denied := h.txnDenied(r, ops); len(denied) > 0 {
		return writeTxn(w, r, nil, denied, nil)
	}
	if readOnly {
		return h.txnRead(w, r, ops)
	}
	result, err := h.backend.Apply(r.Context(), fsm.Txn(ops))
	if err != nil {
		return err
	}
	outcome := result.Value.(fsm.TxnOutcome)
	return writeTxn(w, r, outcome.Results, outcome.Errors, nil)
}

// txnOp is the operation that a request asks for; false for an empty one, which does nothing.
func (h *Handler) txnOp(op *txnRequestOp) (state.TxnOp, bool) {
	switch {
	case op.KV != nil:
		return state.TxnOp{KV: &state.TxnKV{Verb: op.KV.Verb, Entry: record.KVEntry{Key: op.KV.Key, Value: op.KV.Value, Flags: op.KV.Flags,
			ModifyIndex: op.KV.Index, Session: op.KV.Session}}}, true
	case op.Node != nil:
		n := op.Node.Node
		return state.TxnOp{Node: &state.TxnNode{Verb: op.Node.Verb, Node: record.Register{ID: n.ID, Node: n.Node, Address: n.Address,
			Datacenter: h.backend.Datacenter(), TaggedAddresses: n.TaggedAddresses, NodeMeta: n.Meta, ModifyIndex: n.ModifyIndex}}}, true
	case op.Service != nil:
		s := op.Service.Service
		if s.ID == "" {
			s.ID = s.Service
		}
		s.Weights = weightsOf(&s)
		return state.TxnOp{Service: &state.TxnService{Verb: op.Service.Verb, Node: op.Service.Node, Service: s}}, true
	case op.Check != nil:
		c := op.Check.Check
		if c.CheckID == "" {
			c.CheckID = c.Name
		}
		if c.Status == "" {
			c.Status = "critical"
		}
		c.Type = checkType(&c)
		return state.TxnOp{Check: &state.TxnCheck{Verb: op.Check.Verb, Check: c}}, true
	case op.Session != nil:
		return state.TxnOp{Session: &state.TxnSession{Verb: op.Session.Verb, ID: op.Session.Session.ID}}, true
	}
	return state.TxnOp{}, false
}

// txnDenied returns an error for each operation that the caller has no right to, or that cannot be now because of a lock delay.
func (h *Handler) txnDenied(r *request, ops []state.TxnOp) (errs []state.TxnError) {
	for i, op := range ops {
		if err := h.txnMay(r, op); err != nil {
			errs = append(errs, state.TxnError{OpIndex: i, What: err.Error()})
		}
	}
	return errs
}

func (h *Handler) txnMay(r *request, op state.TxnOp) error {
	access := acl.Write
	if op.ReadOnly() {
		access = acl.Read
	}
	switch {
	case op.KV != nil:
		if op.KV.Verb == "delete-tree" {
			return r.needPrefix(acl.Key, acl.Write, op.KV.Entry.Key)
		}
		if op.KV.Verb == "get-tree" {
			return nil // filtered afterwards
		}
		if op.KV.Verb == "lock" && h.backend.Store().LockDelayed(op.KV.Entry.Key) {
			return fmt.Errorf("failed to lock key %q, its lock delay has not passed", op.KV.Entry.Key)
		}
		return r.need(acl.Key, access, op.KV.Entry.Key)
	case op.Node != nil:
		return r.need(acl.Node, access, h.txnNodeName(&op.Node.Node))
	case op.Service != nil:
		return r.need(acl.Service, access, h.txnServiceName(op.Service))
	case op.Check != nil:
		return r.mayTxnCheck(h.backend.Store(), &op.Check.Check, access)
	case op.Session != nil:
		if _, s := h.backend.Store().Session(nil, op.Session.ID); s != nil {
			return r.need(acl.Session, acl.Write, s.Node)
		}
	}
	return nil
}

// txnNodeName is the name of the node that an operation is about, which it may know by its ID only.
func (h *Handler) txnNodeName(n *record.Register) string {
	if n.Node != "" || n.ID == "" {
		return n.Node
	}
	_, nodes := h.backend.Store().Nodes(nil)
	for _, x := range nodes {
		if x.ID == n.ID {
			return x.Node
		}
	}
	return ""
}

// txnServiceName is the name of the service that an operation is about, which it may know by its ID only.
func (h *Handler) txnServiceName(op *state.TxnService) string {
	_, _, services := h.backend.Store().Node(nil, op.Node)
	for _, s := range services {
		if s.ID == op.Service.ID && (op.Service.Service == "" || op.ReadsOrDeletes()) {
			return s.Service
		}
	}
	return op.Service.Service
}

func (r *request) mayTxnCheck(store Store, c *record.HealthCheck, access acl.Access) error {
	serviceID := c.ServiceID
	_, checks := store.NodeChecks(nil, c.Node)
	for _, x := range checks {
		if x.CheckID == c.CheckID && serviceID == "" {
			serviceID = x.ServiceID
		}
	}
	_, _, services := store.Node(nil, c.Node)
	for _, s := range services {
		if s.ID == serviceID && serviceID != "" {
			return r.need(acl.Service, access, s.Service)
		}
	}
	return r.need(acl.Node, access, c.Node)
}

// txnReadMeta is what the answer to a transaction says that only read.
type txnReadMeta struct {
	Index                 uint64
	LastContact           int64
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int
	ResultsFilteredByACLs bool
}

func (h *Handler) txnRead(w http.ResponseWriter, r *request, ops []state.TxnOp) error {
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	if err := h.barrier(r.Context(), f); err != nil {
		return err
	}
	began := time.Now()
	results, errs := h.backend.Store().TxnRead(ops)
	metrics.MeasureSince(telemetry.TxnRead, began)
	results = visible(r, results, func(x state.TxnResult) bool { return x.KV == nil || r.may(acl.Key, acl.Read, x.KV.Key) })
	meta := &txnReadMeta{Index: 1, LastContact: h.backend.LastContact().Milliseconds(), KnownLeader: h.backend.KnownLeader(),
		ResultsFilteredByACLs: r.hidden}
	h.setMeta(w, 1)
	delete(w.Header(), "X-Consul-Index")
	delete(w.Header(), "X-Consul-Query-Backend")
	h.setHidden(w, r)
	return writeTxn(w, r, results, errs, meta)
}

type txnView struct {
	KV      *record.KVEntry     `json:",omitempty"`
	Node    *nodeView           `json:",omitempty"`
	Service *record.NodeService `json:",omitempty"`
	Check   *record.HealthCheck `json:",omitempty"`
}

// writeTxn answers with the results of a transaction, or with the errors of one that was rolled back.
func writeTxn(w http.ResponseWriter, r *request, results []state.TxnResult, errs []state.TxnError, meta *txnReadMeta) error {
	answer := struct {
		Results []txnView
		Errors  []state.TxnError
		*txnReadMeta
	}{Errors: errs, txnReadMeta: meta}
	if len(errs) > 0 {
		answer.txnReadMeta = nil
		w.WriteHeader(http.StatusConflict)
		return writeJSON(w, r, answer)
	}
	answer.Results = []txnView{}
	for _, x := range results {
		v := txnView{KV: x.KV}
		if x.Node != nil {
			v.Node = viewNode(x.Node)
		}
		if x.Service != nil {
			v.Service = viewService(x.Service)
		}
		if x.Check != nil {
			v.Check = x.Check // a check of a node has null for tags here, and an empty list elsewhere
		}
		answer.Results = append(answer.Results, v)
	}
	return writeJSON(w, r, answer)
}
