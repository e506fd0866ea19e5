package state

import (
	"errors"
	"fmt"
	"slices"
	"time"

	memdb "github.com/hashicorp/go-memdb"

	"github.com/lictor-dr/lictor/internal/record"
)

// indexBootstrap is the entry of the Index table that exists once ACLs have been bootstrapped. Its value is the reset index.
const indexBootstrap = "acl-token-bootstrap"

// ErrBootstrapped is returned for a bootstrap of ACLs that have been bootstrapped already.
var ErrBootstrapped = errors.New("ACL bootstrap no longer allowed")

// Tokens returns all ACL tokens, by accessor ID, expired ones not yet reaped among them.
func (s *Store) Tokens(w *Watch) (uint64, []*record.ACLToken) {
	txn := s.read(w, tableTokens)
	return highest(txn, tableTokens), all[*record.ACLToken](txn, tableTokens, indexAccessor)
}

// Token returns the token with an accessor ID, nil if there is none.
func (s *Store) Token(w *Watch, accessor string) (uint64, *record.ACLToken) {
	txn := s.read(w, tableTokens)
	return highest(txn, tableTokens), first[*record.ACLToken](txn, tableTokens, indexAccessor, fold(accessor))
}

// TokenBySecret returns the token with a secret, nil if there is none.
func (s *Store) TokenBySecret(w *Watch, secret string) (uint64, *record.ACLToken) {
	txn := s.read(w, tableTokens)
	return highest(txn, tableTokens), first[*record.ACLToken](txn, tableTokens, indexID, secret)
}

// Policies returns all ACL policies, by ID.
func (s *Store) Policies(w *Watch) (uint64, []*record.ACLPolicy) {
	txn := s.read(w, tablePolicies)
	return highest(txn, tablePolicies), all[*record.ACLPolicy](txn, tablePolicies, indexID)
}

// Policy returns the policy of an ID or, if that is empty, of a name; nil if there is none.
func (s *Store) Policy(w *Watch, id, name string) (uint64, *record.ACLPolicy) {
	txn := s.read(w, tablePolicies)
	return highest(txn, tablePolicies), byIDOrName[*record.ACLPolicy](txn, tablePolicies, id, name)
}

// Roles returns all ACL roles, by ID.
func (s *Store) Roles(w *Watch) (uint64, []*record.ACLRole) {
	txn := s.read(w, tableRoles)
	return highest(txn, tableRoles), all[*record.ACLRole](txn, tableRoles, indexID)
}

// Role returns the role of an ID or, if that is empty, of a name; nil if there is none.
func (s *Store) Role(w *Watch, id, name string) (uint64, *record.ACLRole) {
	txn := s.read(w, tableRoles)
	return highest(txn, tableRoles), byIDOrName[*record.ACLRole](txn, tableRoles, id, name)
}

func byIDOrName[T any](txn *memdb.Txn, table, id, name string) T {
	if id != "" {
		return first[T](txn, table, indexID, fold(id))
	}
	return first[T](txn, table, indexName, fold(name))
}

// BindingRules returns all ACL binding rules, by ID.
func (s *Store) BindingRules(w *Watch) (uint64, []*record.ACLBindingRule) {
	txn := s.read(w, tableBindingRules)
	return highest(txn, tableBindingRules), all[*record.ACLBindingRule](txn, tableBindingRules, indexID)
}

// AuthMethods returns all ACL auth methods, by name.
func (s *Store) AuthMethods(w *Watch) (uint64, []*record.ACLAuthMethod) {
	txn := s.read(w, tableAuthMethods)
	return highest(txn, tableAuthMethods), all[*record.ACLAuthMethod](txn, tableAuthMethods, indexID)
}

// ACLVersion changes after tokens, policies or roles have: what is read after it has been asked for, and resolved, holds until it changes.
func (s *Store) ACLVersion() uint64 { return s.acls.Load() }

// Bootstrapped tells whether ACLs have been bootstrapped, and the index that resets it.
func (s *Store) Bootstrapped() (resetIndex uint64, done bool) {
	x := first[*record.Index](s.read(nil), tableIndex, indexID, indexBootstrap)
	if x == nil {
		return 0, false
	}
	return x.Value, true
}

// Bootstrap applies, as the log entry at index, the first management token. If ACLs have been bootstrapped before, reset must be the
// index that resets it; else the error is [ErrBootstrapped]. The store keeps t.
func (s *Store) Bootstrap(index, term uint64, t *record.ACLToken, reset uint64) error {
	return s.apply(index, term, func(c *change) error {
		if x := first[*record.Index](c.db, tableIndex, indexID, indexBootstrap); x != nil && x.Value != reset {
			return ErrBootstrapped
		}
		if err := c.setToken(t); err != nil {
			return err
		}
		c.raise(indexBootstrap)
		return nil
	})
}

// SetToken applies, as the log entry at index, the creation or change of a token; initial says that it is the configured one, which
// counts as the bootstrap. The store keeps t.
func (s *Store) SetToken(index, term uint64, t *record.ACLToken, initial bool) error {
	return s.apply(index, term, func(c *change) error {
		if initial && first[*record.Index](c.db, tableIndex, indexID, indexBootstrap) == nil {
			c.raise(indexBootstrap)
		}
		return c.setToken(t)
	})
}

func (c *change) setToken(t *record.ACLToken) error {
	if t.AccessorID == "" || t.SecretID == "" {
		return errors.New("a token needs an accessor ID and a secret ID")
	}
	t.CreateIndex, t.ModifyIndex = c.index, c.index
	old := first[*record.ACLToken](c.db, tableTokens, indexAccessor, fold(t.AccessorID))
	if same := first[*record.ACLToken](c.db, tableTokens, indexID, t.SecretID); same != nil && same != old {
		return errors.New("Invalid Token: SecretID is already in use")
	}
	if old != nil {
		if old.SecretID != t.SecretID {
			return errors.New("Invalid Token: AccessorID is already in use")
		}
		t.CreateIndex, t.Extra = old.CreateIndex, old.Extra
	}
	for _, link := range t.Policies {
		if first[*record.ACLPolicy](c.db, tablePolicies, indexID, fold(link.ID)) == nil {
			return fmt.Errorf("No such ACL policy with ID %q", link.ID)
		}
	}
	for _, link := range t.Roles {
		if first[*record.ACLRole](c.db, tableRoles, indexID, fold(link.ID)) == nil {
			return fmt.Errorf("No such ACL role with ID %q", link.ID)
		}
	}
	c.insert(tableTokens, t)
	c.raise(tableTokens)
	return nil
}

// DeleteTokens applies, as the log entry at index, the removal of the tokens with these accessor IDs.
func (s *Store) DeleteTokens(index, term uint64, accessors []string) error {
	return s.apply(index, term, func(c *change) error {
		for _, accessor := range accessors {
			if t := first[*record.ACLToken](c.db, tableTokens, indexAccessor, fold(accessor)); t != nil {
				c.delete(tableTokens, t)
				c.raise(tableTokens)
			}
		}
		return nil
	})
}

// ExpiredTokens returns the accessor IDs of the tokens whose time had come at now.
func (s *Store) ExpiredTokens(now time.Time) (accessors []string) {
	for _, t := range all[*record.ACLToken](s.read(nil), tableTokens, indexID) {
		if t.ExpirationTime != nil && !t.ExpirationTime.After(now) {
			accessors = append(accessors, t.AccessorID)
		}
	}
	return accessors
}

// SetPolicy applies, as the log entry at index, the creation or change of a policy. Links of tokens and roles take over a new name.
// The store keeps p.
func (s *Store) SetPolicy(index, term uint64, p *record.ACLPolicy) error {
	return s.apply(index, term, func(c *change) error {
		if same := first[*record.ACLPolicy](c.db, tablePolicies, indexName, fold(p.Name)); same != nil && same.ID != p.ID {
			return fmt.Errorf("Invalid Policy: A Policy with Name %q already exists", p.Name)
		}
		p.CreateIndex, p.ModifyIndex = index, index
		if old := first[*record.ACLPolicy](c.db, tablePolicies, indexID, fold(p.ID)); old != nil {
			p.CreateIndex, p.Extra = old.CreateIndex, old.Extra
		}
		c.insert(tablePolicies, p)
		c.raise(tablePolicies)
		c.relink(linksOfPolicies, p.ID, p.Name)
		return nil
	})
}

// DeletePolicy applies, as the log entry at index, the removal of a policy, also from the tokens and roles that link to it.
func (s *Store) DeletePolicy(index, term uint64, id string) error {
	return s.apply(index, term, func(c *change) error {
		if p := first[*record.ACLPolicy](c.db, tablePolicies, indexID, fold(id)); p != nil {
			c.unlink(tablePolicies, linksOfPolicies, p, p.ID)
		}
		return nil
	})
}

// SetRole applies, as the log entry at index, the creation or change of a role. The store keeps r.
func (s *Store) SetRole(index, term uint64, r *record.ACLRole) error {
	return s.apply(index, term, func(c *change) error {
		if same := first[*record.ACLRole](c.db, tableRoles, indexName, fold(r.Name)); same != nil && same.ID != r.ID {
			return fmt.Errorf("Invalid Role: A Role with Name %q already exists", r.Name)
		}
		for _, link := range r.Policies {
			if first[*record.ACLPolicy](c.db, tablePolicies, indexID, fold(link.ID)) == nil {
				return fmt.Errorf("No such ACL policy with ID %q", link.ID)
			}
		}
		r.CreateIndex, r.ModifyIndex = index, index
		if old := first[*record.ACLRole](c.db, tableRoles, indexID, fold(r.ID)); old != nil {
			r.CreateIndex, r.Extra = old.CreateIndex, old.Extra
		}
		c.insert(tableRoles, r)
		c.raise(tableRoles)
		c.relink(linksOfRoles, r.ID, r.Name)
		return nil
	})
}

// DeleteRole applies, as the log entry at index, the removal of a role, also from the tokens that link to it.
func (s *Store) DeleteRole(index, term uint64, id string) error {
	return s.apply(index, term, func(c *change) error {
		if r := first[*record.ACLRole](c.db, tableRoles, indexID, fold(id)); r != nil {
			c.unlink(tableRoles, linksOfRoles, r, r.ID)
		}
		return nil
	})
}

// unlink removes what has links, and the links to it.
func (c *change) unlink(table string, kind linkKind, row any, id string) {
	c.delete(table, row)
	c.raise(table)
	c.relink(kind, id, "")
}

type linkKind bool

const (
	linksOfPolicies linkKind = false
	linksOfRoles    linkKind = true
)

// relink brings the name of what has an ID into the links to it, or removes them if the name is empty. Indexes of the objects that
// have the links stay: the link is by ID.
func (c *change) relink(kind linkKind, id, name string) {
	for _, t := range all[*record.ACLToken](c.db, tableTokens, indexID) {
		next := *t
		links := &next.Policies
		if kind == linksOfRoles {
			links = &next.Roles
		}
		if relinked(links, id, name) {
			c.insert(tableTokens, &next)
			c.raise(tableTokens)
		}
	}
	if kind == linksOfRoles {
		return
	}
	for _, r := range all[*record.ACLRole](c.db, tableRoles, indexID) {
		next := *r
		if relinked(&next.Policies, id, name) {
			c.insert(tableRoles, &next)
			c.raise(tableRoles)
		}
	}
}

// relinked brings a name into the links to id in a copy of links, or removes them if it is empty, and tells whether there was something
// to change. Links of old archives may have no name, or be there twice.
func relinked(links *[]record.ACLLink, id, name string) bool {
	if !slices.ContainsFunc(*links, func(l record.ACLLink) bool { return l.ID == id && (name == "" || l.Name != name) }) {
		return false
	}
	changed := slices.Clone(*links)
	if name == "" {
		changed = slices.DeleteFunc(changed, func(l record.ACLLink) bool { return l.ID == id })
	}
	for i := range changed {
		if changed[i].ID == id {
			changed[i].Name = name
		}
	}
	*links = changed
	return true
}
