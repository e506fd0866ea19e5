package fsm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// An operation is one log entry, and what it does to the model.
type operation struct {
	text  string
	entry Entry
	model func(*model) outcome
}

// outcome is what an operation answers.
type outcome struct {
	ok, err bool
	failed  []int    // operations of a transaction
	results []string // of a transaction
}

// A generator makes operations up. Names are few, so that they meet.
type generator struct {
	*rand.Rand
	sessions int // created so far
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) key() string  { return pick(g, "a", "a/b", "a/c", "a/b/c", "ab", "b", "c/") }
func (g *generator) node() string { return pick(g, "n1", "n1", "n2", "N2", "n3", "N3") }
func (g *generator) id() string {
	return pick(g, "", "", "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000001")
}
func (g *generator) service() string { return pick(g, "s1", "S1", "s2", "s3") }
func (g *generator) check() string   { return pick(g, "serfHealth", "c1", "C1", "c2") }
func (g *generator) status() string  { return pick(g, "passing", "passing", "warning", "critical") }

// session is mostly one that exists.
func (g *generator) session(m *model) string {
	if there := slices.Sorted(maps.Keys(m.sessions)); len(there) > 0 && g.IntN(8) > 0 {
		return there[g.IntN(len(there))]
	}
	return pick(g, "", "no-such-session", fmt.Sprint("session-", g.sessions))
}

// near is an index to compare with, which is often that of the last change of key.
func (g *generator) near(m *model, changed uint64) uint64 {
	return pick(g, changed, changed, changed, 0, m.now)
}

func (g *generator) operation(m *model) operation {
	switch n := g.IntN(100); {
	case n < 40:
		verb, key, e, index := g.kv(m)
		return operation{
			text:  fmt.Sprintf("kv %s %q value %q flags %d session %q index %d", verb, key, e.value, e.flags, e.session, index),
			entry: KV(state.KVOp(verb), kvRecord(key, e, index)),
			model: func(m *model) outcome {
				held, valid := m.kvOp(verb, key, e, index)
				return outcome{ok: held, err: !valid}
			},
		}
	case n < 50:
		return g.createSession()
	case n < 53:
		id := g.session(m)
		return operation{"destroy session " + id, DestroySession(id), func(m *model) outcome { m.endSession(id); return outcome{ok: true} }}
	case n < 73:
		return g.register()
	case n < 80:
		return g.deregister()
	case n < 83:
		id, session := pick(g, "q1", "q2"), g.session(m)
		return operation{"set query " + id + " of session " + session, SetQuery(&record.PreparedQuery{ID: id, Name: "name of " + id, Session: session}),
			func(m *model) outcome { return whether(m.setQuery(id, session)) }}
	case n < 84:
		id := pick(g, "q1", "q2")
		return operation{"delete query " + id, DeleteQuery(id), func(m *model) outcome { m.deleteQuery(id); return outcome{ok: true} }}
	case n < 86:
		upTo := m.now - min(m.now, uint64(g.IntN(40)))
		return operation{fmt.Sprint("reap up to ", upTo), ReapTombstones(upTo), func(m *model) outcome { m.reap(upTo); return outcome{ok: true} }}
	}
	return g.txn(m)
}

func whether(ok bool) outcome { return outcome{ok: ok, err: !ok} }

func (g *generator) kv(m *model) (verb, key string, e mKV, index uint64) {
	verb, key = pick(g, "set", "cas", "lock", "lock", "unlock", "delete", "delete-cas", "delete-tree"), g.key()
	if verb == "delete-tree" {
		key = pick(g, "a/", "b", "zz", "a/b", pick(g, "", "a"))
	}
	e = mKV{value: pick(g, "", "1", "2"), flags: uint64(g.IntN(2))}
	if verb == "lock" || verb == "unlock" {
		e.session = g.session(m)
		if held := m.kv[key].session; verb == "unlock" && held != "" && g.IntN(3) > 0 {
			e.session = held
		}
	}
	if strings.HasSuffix(verb, "cas") {
		index = g.near(m, m.kv[key].changed)
	}
	return verb, key, e, index
}

func kvRecord(key string, e mKV, index uint64) *record.KVEntry {
	return &record.KVEntry{Key: key, Value: []byte(e.value), Flags: e.flags, Session: e.session, ModifyIndex: index}
}

func (g *generator) createSession() operation {
	g.sessions++
	id := fmt.Sprint("session-", g.sessions)
	s := mSession{node: g.node(), deletes: g.IntN(2) == 0, delay: g.IntN(2) == 0}
	for range g.IntN(3) {
		s.checks = append(s.checks, g.check())
	}
	r := &record.Session{ID: id, Node: s.node, Behavior: "release"}
	for i, c := range s.checks {
		switch (g.sessions + i) % 3 {
		case 0:
			r.Checks = append(r.Checks, c)
		case 1:
			r.NodeChecks = append(r.NodeChecks, c)
		case 2:
			r.ServiceChecks = append(r.ServiceChecks, record.SessionServiceCheck{ID: c})
		}
	}
	if s.deletes {
		r.Behavior = "delete"
	}
	if s.delay {
		r.LockDelay = time.Hour
	}
	return operation{fmt.Sprintf("create %s %+v", id, s), CreateSession(r), func(m *model) outcome { return whether(m.createSession(id, s)) }}
}

func (g *generator) register() operation {
	n := mNode{name: g.node(), id: g.id(), address: pick(g, "x", "y")}
	r := &state.Registration{Node: &record.Register{Node: n.name, ID: n.id, Address: n.address}, SkipNodeUpdate: g.IntN(2) == 0}
	text := fmt.Sprintf("register %+v skip %v", n, r.SkipNodeUpdate)
	var s *mService
	if g.IntN(2) == 0 {
		s = &mService{node: n.name, id: g.service(), name: pick(g, "web", "Web", "db"), tag: pick(g, "", "t")}
		r.Service = serviceRecord(*s)
		text += fmt.Sprintf(" %+v", *s)
	}
	var checks []mCheck
	for range g.IntN(3) {
		c := mCheck{node: n.name, id: g.check(), status: g.status()}
		if g.IntN(2) == 0 {
			c.service = g.service()
			if s != nil && g.IntN(3) > 0 {
				c.service = s.id
			}
		}
		checks = append(checks, c)
		r.Checks = append(r.Checks, checkRecord(c))
		text += fmt.Sprintf(" %+v", c)
	}
	return operation{text, Register(r), func(m *model) outcome {
		return whether(m.all(func() bool {
			_, there := m.nodes[lower(n.name)]
			if (!there || !r.SkipNodeUpdate) && !m.setNode(n) {
				return false
			}
			if s != nil && !m.setService(*s) {
				return false
			}
			for _, c := range checks {
				if !m.setCheck(c) {
					return false
				}
			}
			return true
		}))
	}}
}

func serviceRecord(s mService) *record.NodeService {
	return &record.NodeService{ID: s.id, Service: s.name, Tags: tags(s.tag)}
}

func checkRecord(c mCheck) *record.HealthCheck {
	return &record.HealthCheck{Node: c.node, CheckID: c.id, Status: c.status, ServiceID: c.service}
}

func tags(tag string) []string {
	if tag == "" {
		return nil
	}
	return []string{tag}
}

func (g *generator) deregister() operation {
	node, service, check := g.node(), "", ""
	switch g.IntN(5) {
	case 0, 1:
		service = g.service()
	case 2, 3:
		check = g.check()
	}
	return operation{fmt.Sprintf("deregister %q %q %q", node, service, check), Deregister(node, service, check), func(m *model) outcome {
		switch {
		case service != "":
			m.removeService(node, service)
		case check != "":
			m.removeCheck(node, check)
		default:
			m.removeNode(node)
		}
		return outcome{ok: true}
	}}
}
