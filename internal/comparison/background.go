package comparison

import (
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

const (
	serfHealth       = "serfHealth"          // the check of a node that has an agent
	intentionsPrefix = "service-intentions/" // begins the names of config entries that hold intentions
)

// background is what it takes to know of the restored objects to judge what has become of others. It has the types alone that differ: what
// does not differ has not changed.
type background struct {
	removed    map[string]bool    // names of nodes that the cluster removes, folded; nil if they are not known
	agents     map[object.ID]bool // nodes that had an agent
	mayGo      map[object.ID]bool // nodes that the cluster removes
	indexless  map[object.ID]bool // nodes without indexes, written before 1.8
	sessions   map[object.ID]session
	intentions map[string]bool        // destinations of intentions of before 1.9
	nodes      map[object.ID]identity // those that have changed
	locked     map[object.ID]lock     // keys that have changed, and were locked
}

// A session is what it takes to know of one.
type session struct {
	node    object.ID
	deletes bool // the keys that it holds, when it ends
}

// An identity is what makes a machine another one.
type identity struct{ id, address string }

// A lock is on a key.
type lock struct {
	session string
	open    object.ID // digest of the key as it is once the lock is released, whenever that may be
}

func newBackground(expect Expect) *background {
	b := &background{
		agents: map[object.ID]bool{}, mayGo: map[object.ID]bool{}, indexless: map[object.ID]bool{}, sessions: map[object.ID]session{}, intentions: map[string]bool{},
		nodes: map[object.ID]identity{}, locked: map[object.ID]lock{},
	}
	if expect.MembersKnown || expect.NodesRemoved != nil {
		b.removed = map[string]bool{}
		for _, name := range expect.NodesRemoved {
			b.removed[object.Fold(name)] = true
		}
	}
	return b
}

// look takes in a restored object.
func (b *background) look(o *object.Object) {
	switch v := o.Value.(type) {
	case object.Node:
		if v.PeerName == "" && b.removed[object.Fold(v.Node)] {
			b.mayGo[o.ID] = true
		}
		if o.Created == 0 && o.Modified == 0 {
			b.indexless[o.ID] = true
		}
	case object.Check:
		if v.CheckID == serfHealth && v.On.PeerName == "" {
			b.agents[object.NodeID(v.On)] = true
			if b.removed == nil {
				b.mayGo[object.NodeID(v.On)] = true
			}
		}
	case *record.Session:
		n := &record.Register{Node: v.Node}
		for _, e := range v.Extra {
			if e.Key == "Partition" {
				n.Extra = append(n.Extra, e)
			}
		}
		b.sessions[o.ID] = session{object.NodeID(n), v.Behavior == "delete"}
	case object.Carried:
		if o.Family == object.FamilyIntention {
			_, destination, _ := strings.Cut(o.Name, " to ")
			b.intentions[destination] = true
		}
	}
}

// remember keeps what it takes to judge an object that has changed.
func (b *background) remember(o *object.Object) error {
	switch v := o.Value.(type) {
	case object.Node:
		b.nodes[o.ID] = identity{v.ID, v.Address}
	case *record.KVEntry:
		if v.Session == "" {
			return nil
		}
		open, err := unlocked(o, v)
		b.locked[o.ID] = lock{v.Session, open}
		return err
	}
	return nil
}

// unlocked digests a key without its holder, and without the index of the last change.
func unlocked(o *object.Object, e *record.KVEntry) (object.ID, error) {
	open := *e
	open.Session, open.ModifyIndex = "", 0
	next := *o
	next.Value = &open
	return next.Digest()
}

// released tells whether a key that was changed is one that lost its lock with the session that held it, and is the same otherwise.
func (j *judge) released(o *object.Object, e *record.KVEntry) (bool, error) {
	was, locked := j.restored.locked[o.ID]
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
	born       map[object.ID]uint64 // CreateIndex of nodes
	renamed    map[string]string    // names of nodes that were written since, by their ID
	intentions map[string]bool      // destinations of intentions that were written since
	critical   map[object.ID]bool   // checks
}

func newPresence() *presence {
	return &presence{born: map[object.ID]uint64{}, renamed: map[string]string{}, intentions: map[string]bool{}, critical: map[object.ID]bool{}}
}

// look takes in an object that there is now; what is above index was written since the restore.
func (p *presence) look(o *object.Object, index uint64) {
	switch v := o.Value.(type) {
	case object.Node:
		p.born[o.ID] = o.Created
		if o.Modified > index && v.ID != "" && v.PeerName == "" {
			p.renamed[object.Fold(v.ID)] = v.Node
		}
	case object.Check:
		if v.Status == "critical" {
			p.critical[o.ID] = true
		}
	}
	if destination, ok := strings.CutPrefix(o.Name, intentionsPrefix); ok && o.Family == object.FamilyConfig && o.Modified > index {
		p.intentions[destination] = true
	}
}
