package fsm

import (
	"maps"
	"slices"
	"strings"
)

// model is the replicated state as it could be written down in a few rules: maps, and loops over all of them. It shares nothing with the
// real one, which TestModel compares with it.
type model struct {
	kv       map[string]mKV
	tombs    map[string]uint64
	nodes    map[string]mNode    // by folded name
	services map[string]mService // by folded node/ID
	checks   map[string]mCheck   // by folded node/ID
	sessions map[string]mSession
	queries  map[string]string // ID to session
	delayed  map[string]bool   // keys under a lock delay

	// when a table changed last
	kvIndex, tombIndex, nodeIndex, serviceIndex, checkIndex, sessionIndex, queryIndex uint64

	now uint64 // index of the entry that is applied
}

type mKV struct {
	value, session                string
	flags, lock, created, changed uint64
}

type mNode struct {
	name, id, address string
	created, changed  uint64
}

type mService struct {
	node, id, name, tag string
	created, changed    uint64
}

type mCheck struct {
	node, id, status, service, serviceName, tag string
	created, changed                            uint64
}

type mSession struct {
	node    string
	checks  []string
	deletes bool // its keys when it ends
	delay   bool
	created uint64
}

func newModel() *model {
	return &model{kv: map[string]mKV{}, tombs: map[string]uint64{}, nodes: map[string]mNode{}, services: map[string]mService{},
		checks: map[string]mCheck{}, sessions: map[string]mSession{}, queries: map[string]string{}, delayed: map[string]bool{}}
}

func (m *model) copy() *model {
	c := *m
	c.kv, c.tombs, c.nodes, c.services = maps.Clone(m.kv), maps.Clone(m.tombs), maps.Clone(m.nodes), maps.Clone(m.services)
	c.checks, c.sessions, c.queries, c.delayed = maps.Clone(m.checks), maps.Clone(m.sessions), maps.Clone(m.queries), maps.Clone(m.delayed)
	return &c
}

// all makes a change that is whole or not at all.
func (m *model) all(change func() bool) bool {
	before := m.copy()
	if change() {
		return true
	}
	before.now = m.now
	*m = *before
	return false
}

func lower(s string) string       { return strings.ToLower(s) }
func pair(node, id string) string { return lower(node + "/" + id) }

// kvOp returns whether the condition held, and whether the operation is a valid one.
func (m *model) kvOp(verb, key string, e mKV, index uint64) (held, valid bool) {
	old, there := m.kv[key]
	if key == "" && verb != "delete-tree" {
		return false, false
	}
	switch verb {
	case "set":
		e.session, e.lock = old.session, 0
		m.put(key, e)
	case "cas":
		if there && old.changed != index || !there && index != 0 {
			return false, true
		}
		e.session, e.lock = old.session, 0
		m.put(key, e)
	case "lock":
		if _, known := m.sessions[e.session]; !known {
			return false, false
		}
		if old.session != "" && old.session != e.session {
			return false, true
		}
		e.lock = old.lock
		if old.session == "" {
			e.lock++
		}
		m.put(key, e)
	case "unlock":
		if e.session == "" {
			return false, false
		}
		if old.session != e.session {
			return false, true
		}
		e.session, e.lock = "", old.lock
		m.put(key, e)
	case "delete":
		m.drop(key)
	case "delete-cas":
		if !there || old.changed != index {
			return false, true
		}
		m.drop(key)
	case "delete-tree":
		m.dropTree(key)
	}
	return true, true
}

// put writes an entry; one that says what is there already changes nothing.
func (m *model) put(key string, e mKV) {
	old, there := m.kv[key]
	if there && old.value == e.value && old.flags == e.flags && old.session == e.session {
		return
	}
	e.created, e.changed = m.now, m.now
	if there {
		e.created = old.created
	}
	m.kv[key] = e
	m.kvIndex = m.now
}

func (m *model) drop(key string) {
	if _, there := m.kv[key]; there {
		delete(m.kv, key)
		m.tombs[key] = m.now
		m.kvIndex, m.tombIndex = m.now, m.now
	}
}

func (m *model) dropTree(prefix string) {
	any := false
	for key := range m.kv {
		if strings.HasPrefix(key, prefix) {
			delete(m.kv, key)
			any = true
		}
	}
	if any {
		m.kvIndex = m.now
	}
	switch {
	case any && prefix == "":
		m.tombs = map[string]uint64{}
	case any:
		m.tombs[prefix] = m.now
		m.tombIndex = m.now
	}
}

func (m *model) reap(upTo uint64) {
	maps.DeleteFunc(m.tombs, func(_ string, at uint64) bool { return at <= upTo })
}

// list returns the keys below a prefix, in order, and the index of the query for them.
func (m *model) list(prefix string) (keys []string, index uint64) {
	for _, key := range slices.Sorted(maps.Keys(m.kv)) {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
			index = max(index, m.kv[key].changed)
		}
	}
	for key, at := range m.tombs {
		if strings.HasPrefix(key, prefix) {
			index = max(index, at)
		}
	}
	if prefix == "" || index == 0 {
		return keys, max(m.kvIndex, m.tombIndex)
	}
	for key, at := range m.tombs { // of trees that the prefix was in
		if strings.HasPrefix(prefix, key) {
			index = max(index, at)
		}
	}
	return keys, index
}

func (m *model) createSession(id string, s mSession) bool {
	if _, there := m.nodes[lower(s.node)]; !there {
		return false
	}
	for _, c := range s.checks {
		if found, there := m.checks[pair(s.node, c)]; !there || found.status == "critical" {
			return false
		}
	}
	s.created = m.now
	m.sessions[id] = s
	m.sessionIndex = m.now
	return true
}

func (m *model) endSession(id string) {
	s, there := m.sessions[id]
	if !there {
		return
	}
	delete(m.sessions, id)
	m.sessionIndex = m.now
	for key, e := range m.kv {
		if e.session != id {
			continue
		}
		if s.deletes {
			m.drop(key)
		} else {
			e.session = ""
			m.put(key, e)
		}
		if s.delay {
			m.delayed[key] = true
		}
	}
	for q, of := range m.queries {
		if of == id {
			m.deleteQuery(q)
		}
	}
}

func (m *model) setQuery(id, session string) bool {
	if _, there := m.sessions[session]; session != "" && !there {
		return false
	}
	m.queries[id] = session
	m.queryIndex = m.now
	return true
}

func (m *model) deleteQuery(id string) {
	if _, there := m.queries[id]; there {
		delete(m.queries, id)
		m.queryIndex = m.now
	}
}

func (m *model) setNode(n mNode) bool {
	if n.name == "" {
		return false
	}
	old, there := m.nodes[lower(n.name)]
	if there && n.id != "" && old.id != "" && n.id != old.id {
		if serf, has := m.checks[pair(n.name, "serfHealth")]; has && serf.status != "critical" {
			return false
		}
	}
	for _, other := range m.nodes {
		if n.id != "" && other.id == n.id && lower(other.name) != lower(n.name) {
			m.removeNode(other.name)
		}
	}
	n.created, n.changed = m.now, m.now
	if there {
		n.created = old.created
		if n.name == old.name && n.id == old.id && n.address == old.address {
			return true
		}
	}
	m.nodes[lower(n.name)] = n
	m.nodeIndex = m.now
	for key, c := range m.checks {
		if lower(c.node) == lower(n.name) && c.node != n.name {
			c.node, c.changed = n.name, m.now
			m.checks[key] = c
			m.checkIndex = m.now
		}
	}
	return true
}

func (m *model) setService(s mService) bool {
	if s.id == "" || s.name == "" {
		return false
	}
	if _, there := m.nodes[lower(s.node)]; !there {
		return false
	}
	s.node = m.nodes[lower(s.node)].name
	s.created, s.changed = m.now, m.now
	old, there := m.services[pair(s.node, s.id)]
	if there {
		s.created = old.created
		if s.id == old.id && s.name == old.name && s.tag == old.tag {
			return true
		}
	}
	m.services[pair(s.node, s.id)] = s
	m.serviceIndex, m.nodeIndex = m.now, m.now
	for key, c := range m.checks {
		if lower(c.node) == lower(s.node) && lower(c.service) == lower(s.id) && (c.serviceName != s.name || c.tag != s.tag) {
			c.serviceName, c.tag, c.changed = s.name, s.tag, m.now
			m.checks[key] = c
			m.checkIndex = m.now
		}
	}
	return true
}

func (m *model) setCheck(c mCheck) bool {
	if c.id == "" {
		return false
	}
	if _, there := m.nodes[lower(c.node)]; !there {
		return false
	}
	c.node = m.nodes[lower(c.node)].name
	if c.service != "" {
		of, there := m.services[pair(c.node, c.service)]
		if !there {
			return false
		}
		c.serviceName, c.tag = of.name, of.tag
	}
	c.created, c.changed = m.now, m.now
	if old, there := m.checks[pair(c.node, c.id)]; there {
		c.created, c.changed = old.created, old.changed
		if c == old {
			return true
		}
		c.changed = m.now
	}
	m.checks[pair(c.node, c.id)] = c
	m.checkIndex = m.now
	if c.status == "critical" {
		m.endSessionsOf(c.node, c.id)
	}
	return true
}

// endSessionsOf ends the sessions that depend on a check of a node.
func (m *model) endSessionsOf(node, check string) {
	for id, s := range m.sessions {
		bound := slices.ContainsFunc(s.checks, func(c string) bool { return lower(c) == lower(check) })
		if lower(s.node) == lower(node) && bound {
			m.endSession(id)
		}
	}
}

func (m *model) removeCheck(node, id string) {
	if _, there := m.checks[pair(node, id)]; there {
		delete(m.checks, pair(node, id))
		m.checkIndex = m.now
		m.endSessionsOf(node, id)
	}
}

func (m *model) removeService(node, id string) {
	if _, there := m.services[pair(node, id)]; !there {
		return
	}
	for _, c := range m.checks {
		if lower(c.node) == lower(node) && lower(c.service) == lower(id) {
			m.removeCheck(node, c.id)
		}
	}
	delete(m.services, pair(node, id))
	m.serviceIndex, m.nodeIndex = m.now, m.now
}

func (m *model) removeNode(name string) {
	if _, there := m.nodes[lower(name)]; !there {
		return
	}
	for _, s := range m.services {
		if lower(s.node) == lower(name) {
			m.removeService(name, s.id)
		}
	}
	for _, c := range m.checks {
		if lower(c.node) == lower(name) {
			m.removeCheck(name, c.id)
		}
	}
	for id, s := range m.sessions {
		if lower(s.node) == lower(name) {
			m.endSession(id)
		}
	}
	delete(m.nodes, lower(name))
	m.nodeIndex = m.now
}
