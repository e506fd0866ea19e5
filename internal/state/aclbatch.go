package state

import (
	"github.com/lictor-dr/lictor/internal/record"
)

// An ACLBatch is a part of what a datacenter takes over of the ACLs of another one: objects as they are there, and the IDs of those that
// are there no more.
type ACLBatch struct {
	Policies       []*record.ACLPolicy
	Roles          []*record.ACLRole
	Tokens         []*record.ACLToken
	DeletePolicies []string
	DeleteRoles    []string
	DeleteTokens   []string // accessor IDs
	Bootstrapped   bool     // the other datacenter's ACLs have been bootstrapped, which counts here too
}

// TakeOverACLs applies, as the log entry at index, a batch of another datacenter's ACLs. Objects keep all that they have there but their
// indexes. Links may lead to what is yet to come. An object with the name of another one takes it, and the other one is named by its ID
// until its own turn comes. Local tokens stay as they are: a token of the batch that has the accessor ID or the secret of one is left
// out. The store keeps the objects.
func (s *Store) TakeOverACLs(index, term uint64, b *ACLBatch) error {
	return s.apply(index, term, func(c *change) error {
		if b.Bootstrapped && first[*record.Index](c.db, tableIndex, indexID, indexBootstrap) == nil {
			c.raise(indexBootstrap)
		}
		c.dropACLs(b)
		for _, p := range b.Policies {
			c.takePolicy(p)
		}
		for _, r := range b.Roles {
			c.takeRole(r)
		}
		for _, t := range b.Tokens {
			c.takeToken(t)
		}
		return nil
	})
}

func (c *change) dropACLs(b *ACLBatch) {
	for _, accessor := range b.DeleteTokens {
		if t := first[*record.ACLToken](c.db, tableTokens, indexAccessor, fold(accessor)); t != nil && !t.Local {
			c.delete(tableTokens, t)
			c.raise(tableTokens)
		}
	}
	for _, id := range b.DeleteRoles {
		if r := first[*record.ACLRole](c.db, tableRoles, indexID, id); r != nil {
			c.unlink(tableRoles, linksOfRoles, r, id)
		}
	}
	for _, id := range b.DeletePolicies {
		if p := first[*record.ACLPolicy](c.db, tablePolicies, indexID, id); p != nil {
			c.unlink(tablePolicies, linksOfPolicies, p, id)
		}
	}
}

func (c *change) takePolicy(p *record.ACLPolicy) {
	for _, other := range all[*record.ACLPolicy](c.db, tablePolicies, indexName, fold(p.Name)) {
		if other.ID != p.ID {
			next := *other
			next.Name, next.ModifyIndex = c.nameFor(tablePolicies, other.ID), c.index
			c.insert(tablePolicies, &next)
			c.relink(linksOfPolicies, next.ID, next.Name)
		}
	}
	p.CreateIndex, p.ModifyIndex = c.index, c.index
	if old := first[*record.ACLPolicy](c.db, tablePolicies, indexID, p.ID); old != nil {
		p.CreateIndex = old.CreateIndex
	}
	c.insert(tablePolicies, p)
	c.raise(tablePolicies)
	c.relink(linksOfPolicies, p.ID, p.Name)
}

func (c *change) takeRole(r *record.ACLRole) {
	for _, other := range all[*record.ACLRole](c.db, tableRoles, indexName, fold(r.Name)) {
		if other.ID != r.ID {
			next := *other
			next.Name, next.ModifyIndex = c.nameFor(tableRoles, other.ID), c.index
			c.insert(tableRoles, &next)
			c.relink(linksOfRoles, next.ID, next.Name)
		}
	}
	r.CreateIndex, r.ModifyIndex = c.index, c.index
	if old := first[*record.ACLRole](c.db, tableRoles, indexID, r.ID); old != nil {
		r.CreateIndex = old.CreateIndex
	}
	c.insert(tableRoles, r)
	c.raise(tableRoles)
	c.relink(linksOfRoles, r.ID, r.Name)
}

// nameFor is a name that nothing in a table has, for what has lost its own.
func (c *change) nameFor(table, id string) string {
	name := id
	for {
		row, err := c.db.First(table, indexName, fold(name))
		must(err)
		if row == nil {
			return name
		}
		name += "-"
	}
}

func (c *change) takeToken(t *record.ACLToken) {
	old := first[*record.ACLToken](c.db, tableTokens, indexAccessor, fold(t.AccessorID))
	same := first[*record.ACLToken](c.db, tableTokens, indexID, t.SecretID)
	if t.Local || old != nil && old.Local || same != nil && same.Local {
		return
	}
	t.CreateIndex, t.ModifyIndex = c.index, c.index
	if old != nil {
		t.CreateIndex = old.CreateIndex
		c.delete(tableTokens, old)
	}
	c.insert(tableTokens, t) // in place of another one with its secret, whose accessor has another secret by now, or is gone
	c.raise(tableTokens)
}
