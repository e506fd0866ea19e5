package comparison

import (
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

const (
	serfHealth       = "serfHealth"          // the check of a node that has an agent
	intentionsPrefix = "service-intentions/" // begins the names of config entries that hold intentions
)

// background is what it takes to know of the restored objects to judge what has become of others. It has the types alone that differ: what
// does not differ has not changed.
type background struct {
	removed    map[string]bool // names of nodes that the cluster removes, folded; nil if they are not known
	agents     map[id]bool     // nodes that had an agent
	mayGo      map[id]bool     // nodes that the cluster removes
	indexless  map[id]bool     // nodes without indexes, written before 1.8
	sessions   map[id]session
	intentions map[string]bool // destinations of intentions of before 1.9
	nodes      map[id]identity // those that have changed
	locked     map[id]lock     // keys that have changed, and were locked
}

// A session is what it takes to know of one.
type session struct {
	node    id
	deletes bool // the keys that it holds, when it ends
}

// An identity is what makes a machine another one.
type identity struct{ id, address string }

// A lock is on a key.
type lock struct {
	session string
	open    id // digest of the key as it is once the lock is released, whenever that may be
}

func newBackground(expect Expect) *background {
	b := &background{
		agents: map[id]bool{}, mayGo: map[id]bool{}, indexless: map[id]bool{}, sessions: map[id]session{}, intentions: map[string]bool{},
		nodes: map[id]identity{}, locked: map[id]lock{},
	}
	if expect.MembersKnown || expect.NodesRemoved != nil {
		b.removed = map[string]bool{}
		for _, name := range expect.NodesRemoved {
			b.removed[fold(name)] = true
		}
	}
	return b
}

// look takes in a restored object.
func (b *background) look(o *object) {
	switch v := o.value.(type) {
	case node:
		if v.PeerName == "" && b.removed[fold(v.Node)] {
			b.mayGo[o.id] = true
		}
		if o.created == 0 && o.modified == 0 {
			b.indexless[o.id] = true
		}
	case check:
		if v.CheckID == serfHealth && v.on.PeerName == "" {
			b.agents[nodeID(v.on)] = true
			if b.removed == nil {
				b.mayGo[nodeID(v.on)] = true
			}
		}
	case *record.Session:
		n := &record.Register{Node: v.Node}
		for _, e := range v.Extra {
			if e.Key == "Partition" {
				n.Extra = append(n.Extra, e)
			}
		}
		b.sessions[o.id] = session{nodeID(n), v.Behavior == "delete"}
	case carried:
		if o.family == familyIntention {
			_, destination, _ := strings.Cut(o.name, " to ")
			b.intentions[destination] = true
		}
	}
}

// remember keeps what it takes to judge an object that has changed.
func (b *background) remember(o *object) error {
	switch v := o.value.(type) {
	case node:
		b.nodes[o.id] = identity{v.ID, v.Address}
	case *record.KVEntry:
		if v.Session == "" {
			return nil
		}
		open, err := unlocked(o, v)
		b.locked[o.id] = lock{v.Session, open}
		return err
	}
	return nil
}

// unlocked digests a key without its holder, and without the index of the last change.
func unlocked(o *object, e *record.KVEntry) (id, error) {
	open := *e
	open.Session, open.ModifyIndex = "", 0
	next := *o
	next.value = &open
	return next.digest()
}

// released tells whether a key that was changed is one that lost its lock with the session that held it, and is the same otherwise.
func (j *judge) released(o *object, e *record.KVEntry) (bool, error) {
	was, locked := j.restored.locked[o.id]
	if !locked || e.Session != "" || !j.ended(was.session) {
		return false, nil
	}
	open, err := unlocked(o, e)
	return open == was.open, err
}

// anew tells how a node that was registered anew is another one, empty if it is not.
func (was identity) anew(r *record.Register) string {
	var parts []string
	if was.id != r.ID {
		parts = append(parts, fmt.Sprintf("ID %s, was %s", orNone(r.ID), orNone(was.id)))
	}
	if was.address != r.Address {
		parts = append(parts, fmt.Sprintf("address %s, was %s", orNone(r.Address), orNone(was.address)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "registered anew: " + strings.Join(parts, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// presence is what it takes to know of the objects that there are now.
type presence struct {
	born       map[id]uint64     // CreateIndex of nodes
	renamed    map[string]string // names of nodes that were written since, by their ID
	intentions map[string]bool   // destinations of intentions that were written since
	critical   map[id]bool       // checks
}

func newPresence() *presence {
	return &presence{born: map[id]uint64{}, renamed: map[string]string{}, intentions: map[string]bool{}, critical: map[id]bool{}}
}

// look takes in an object that there is now; what is above index was written since the restore.
func (p *presence) look(o *object, index uint64) {
	switch v := o.value.(type) {
	case node:
		p.born[o.id] = o.created
		if o.modified > index && v.ID != "" && v.PeerName == "" {
			p.renamed[fold(v.ID)] = v.Node
		}
	case check:
		if v.Status == "critical" {
			p.critical[o.id] = true
		}
	}
	if destination, ok := strings.CutPrefix(o.name, intentionsPrefix); ok && o.family == familyConfig && o.modified > index {
		p.intentions[destination] = true
	}
}
