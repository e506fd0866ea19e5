package fsm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A step is one operation of a transaction; do returns its results, and whether it succeeded.
type step struct {
	text string
	op   state.TxnOp
	do   func(*model) ([]string, bool)
}

func (g *generator) txn(m *model) operation {
	var steps []step
	var ops []state.TxnOp
	text := "txn"
	for range 1 + g.IntN(5) {
		s := g.step(m)
		steps, ops = append(steps, s), append(ops, s.op)
		text += "; " + s.text
	}
	return operation{text, Txn(ops), func(m *model) (out outcome) {
		out.ok = m.all(func() bool {
			for i, s := range steps {
				results, ok := s.do(m)
				if !ok {
					out.failed = append(out.failed, i)
				}
				out.results = append(out.results, results...)
			}
			return len(out.failed) == 0
		})
		if !out.ok {
			out.results = nil
		}
		return out
	}}
}

func (g *generator) step(m *model) step {
	switch g.IntN(10) {
	case 0:
		return g.nodeStep(m)
	case 1:
		return g.serviceStep(m)
	case 2:
		return g.checkStep(m)
	case 3:
		id := g.session(m)
		return step{"end " + id, state.TxnOp{Session: &state.TxnSession{Verb: "delete", ID: id}}, func(m *model) ([]string, bool) {
			m.endSession(id)
			return nil, true
		}}
	case 4, 5, 6:
		return g.readStep(m)
	}
	verb, key, e, index := g.kv(m)
	return step{fmt.Sprintf("%s %q value %q flags %d session %q index %d", verb, key, e.value, e.flags, e.session, index), kvStep(verb, key, e, index),
		func(m *model) ([]string, bool) {
			held, valid := m.kvOp(verb, key, e, index)
			now, there := m.kv[key]
			if !held || !valid || !there || verb == "delete-tree" {
				return nil, held && valid
			}
			now.value = ""
			return []string{kvText(key, now)}, true
		}}
}

func kvStep(verb, key string, e mKV, index uint64) state.TxnOp {
	return state.TxnOp{KV: &state.TxnKV{Verb: verb, Entry: *kvRecord(key, e, index)}}
}

// readStep is an operation on keys that only reads.
func (g *generator) readStep(m *model) step {
	key := g.key()
	now := m.kv[key]
	verb := pick(g, "get", "get-or-empty", "get-tree", "check-index", "check-session", "check-not-exists")
	index, session := g.near(m, now.changed), pick(g, now.session, now.session, g.session(m))
	return step{fmt.Sprintf("%s %q index %d session %q", verb, key, index, session), kvStep(verb, key, mKV{session: session}, index),
		func(m *model) (results []string, ok bool) {
			e, there := m.kv[key]
			bare := e
			bare.value = ""
			switch verb {
			case "get":
				return []string{kvText(key, e)}, there
			case "get-or-empty":
				return []string{kvText(key, e)}, true
			case "get-tree":
				keys, _ := m.list(key)
				for _, k := range keys {
					results = append(results, kvText(k, m.kv[k]))
				}
				return results, true
			case "check-index":
				return []string{kvText(key, bare)}, there && e.changed == index
			case "check-session":
				return []string{kvText(key, bare)}, there && e.session == session
			}
			return nil, !there
		}}
}

// catalogVerb decides what a verb on a thing of the catalog does that was changed last at had, 0 if it is not there.
func catalogVerb(verb string, had, want uint64) (write, remove, ok bool) {
	switch verb {
	case "get":
		return false, false, had != 0
	case "set":
		return true, false, true
	case "cas":
		return true, false, had == want
	case "delete":
		return false, true, true
	}
	return false, true, had != 0 && had == want
}

func (g *generator) catalogVerb() string {
	return pick(g, "get", "set", "set", "cas", "delete", "delete-cas")
}

func (g *generator) nodeStep(m *model) step {
	verb, n := g.catalogVerb(), mNode{name: g.node(), address: pick(g, "x", "y")} // without an ID it is known by its name
	want := g.near(m, m.nodes[lower(n.name)].changed)
	op := state.TxnOp{Node: &state.TxnNode{Verb: verb, Node: record.Register{Node: n.name, Address: n.address, ModifyIndex: want}}}
	return step{fmt.Sprintf("%s node %+v index %d", verb, n, want), op, func(m *model) ([]string, bool) {
		write, remove, ok := catalogVerb(verb, m.nodes[lower(n.name)].changed, want)
		switch {
		case !ok:
			return nil, false
		case write && !m.setNode(n):
			return nil, false
		case remove:
			m.removeNode(n.name)
			return nil, true
		}
		return []string{nodeText(m.nodes[lower(n.name)])}, true
	}}
}

func (g *generator) serviceStep(m *model) step {
	verb, s := g.catalogVerb(), mService{node: g.node(), id: g.service(), name: pick(g, "web", "db", "")}
	want := g.near(m, m.services[pair(s.node, s.id)].changed)
	r := *serviceRecord(s)
	r.ModifyIndex = want
	op := state.TxnOp{Service: &state.TxnService{Verb: verb, Node: s.node, Service: r}}
	return step{fmt.Sprintf("%s service %+v index %d", verb, s, want), op, func(m *model) ([]string, bool) {
		write, remove, ok := catalogVerb(verb, m.services[pair(s.node, s.id)].changed, want)
		switch {
		case !ok:
			return nil, false
		case write && !m.setService(s):
			return nil, false
		case remove:
			m.removeService(s.node, s.id)
			return nil, true
		}
		return []string{serviceText(m.services[pair(s.node, s.id)])}, true
	}}
}

func (g *generator) checkStep(m *model) step {
	verb, c := g.catalogVerb(), mCheck{node: g.node(), id: g.check(), status: g.status(), service: pick(g, "", g.service())}
	want := g.near(m, m.checks[pair(c.node, c.id)].changed)
	r := *checkRecord(c)
	r.ModifyIndex = want
	op := state.TxnOp{Check: &state.TxnCheck{Verb: verb, Check: r}}
	return step{fmt.Sprintf("%s check %+v index %d", verb, c, want), op, func(m *model) ([]string, bool) {
		write, remove, ok := catalogVerb(verb, m.checks[pair(c.node, c.id)].changed, want)
		switch {
		case !ok:
			return nil, false
		case write && !m.setCheck(c):
			return nil, false
		case remove:
			m.removeCheck(c.node, c.id)
			return nil, true
		}
		return []string{checkText(m.checks[pair(c.node, c.id)])}, true
	}}
}

func kvText(key string, e mKV) string {
	return fmt.Sprintf("key %q value %q flags %d session %q lock %d created %d changed %d", key, e.value, e.flags, e.session, e.lock, e.created, e.changed)
}

func nodeText(n mNode) string {
	return fmt.Sprintf("node %q id %q address %q created %d changed %d", n.name, n.id, n.address, n.created, n.changed)
}

func serviceText(s mService) string {
	return fmt.Sprintf("service %q name %q tags %q created %d changed %d", s.id, s.name, s.tag, s.created, s.changed)
}

func checkText(c mCheck) string {
	return fmt.Sprintf("check %q on %q %s of %q name %q tags %q created %d changed %d", c.id, c.node, c.status, c.service, c.serviceName, c.tag, c.created, c.changed)
}

func kvOf(e *record.KVEntry) string {
	return kvText(e.Key, mKV{value: string(e.Value), flags: e.Flags, session: e.Session, lock: e.LockIndex, created: e.CreateIndex, changed: e.ModifyIndex})
}

func nodeOf(n *record.Register) string {
	return nodeText(mNode{name: n.Node, id: n.ID, address: n.Address, created: n.CreateIndex, changed: n.ModifyIndex})
}

func serviceOf(s *record.NodeService) string {
	return serviceText(mService{id: s.ID, name: s.Service, tag: strings.Join(s.Tags, ","), created: s.CreateIndex, changed: s.ModifyIndex})
}

func checkOf(c *record.HealthCheck) string {
	return checkText(mCheck{id: c.CheckID, node: c.Node, status: c.Status, service: c.ServiceID, serviceName: c.ServiceName,
		tag: strings.Join(c.ServiceTags, ","), created: c.CreateIndex, changed: c.ModifyIndex})
}

// outcomeOf is what the real state answered.
func outcomeOf(r Result) (out outcome) {
	out.ok, out.err = r.OK, r.Err != nil
	txn, _ := r.Value.(TxnOutcome)
	for _, e := range txn.Errors {
		out.failed = append(out.failed, e.OpIndex)
	}
	for _, x := range txn.Results {
		switch {
		case x.KV != nil:
			out.results = append(out.results, kvOf(x.KV))
		case x.Node != nil:
			out.results = append(out.results, nodeOf(x.Node))
		case x.Service != nil:
			out.results = append(out.results, serviceOf(x.Service))
		case x.Check != nil:
			out.results = append(out.results, checkOf(x.Check))
		}
	}
	return out
}

func (o outcome) equal(other outcome) bool {
	return o.ok == other.ok && o.err == other.err && slices.Equal(o.failed, other.failed) && slices.Equal(o.results, other.results)
}
