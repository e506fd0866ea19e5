package aclresolve

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// Parts are what a token consists of: all that an agent without the replicated state must know to find out what it may do.
type Parts struct {
	Token        *record.ACLToken // nil for a secret that nobody has
	Policies     []*record.ACLPolicy
	Roles        []*record.ACLRole
	Servers      bool // the secret is the servers' own
	Bootstrapped bool // the ACL system has been bootstrapped
}

// Parts collects the parts of the token with a secret, as far as this datacenter knows them by itself.
func (r *Resolver) Parts(store *state.Store, secret string) *Parts {
	p := &Parts{Token: r.token(store, secret)}
	_, p.Bootstrapped = store.Bootstrapped()
	if p.Token == nil {
		m := store.SystemMetadata(ServerManagementKey)
		p.Servers = m != nil && same(secret, m.Value)
		return p
	}
	policies := map[string]bool{}
	add := func(links []record.ACLLink) {
		for _, link := range links {
			if _, found := store.Policy(nil, link.ID, ""); found != nil && !policies[link.ID] {
				policies[link.ID] = true
				p.Policies = append(p.Policies, found)
			}
		}
	}
	add(p.Token.Policies)
	for _, link := range p.Token.Roles {
		if _, role := store.Role(nil, link.ID, ""); role != nil {
			p.Roles = append(p.Roles, role)
			add(role.Policies)
		}
	}
	return p
}

// Abroad is what counts of the parts in another datacenter: nothing of a local token, nor of the secret of this one's servers.
func (p *Parts) Abroad() *Parts {
	if p.Servers || p.Token != nil && p.Token.Local {
		return &Parts{Bootstrapped: p.Bootstrapped}
	}
	return p
}

// resolveParts is resolve for parts that came from elsewhere.
func (r *Resolver) resolveParts(p *Parts, secret string) (resolved, error) {
	anonymous := secret == acl.AnonymousSecretID
	token := p.Token
	switch {
	case p.Servers:
		return resolved{caller: Caller{Rights: acl.ManageAll(), Accessor: ServerManagementKey, Secret: secret}}, nil
	case token == nil && anonymous:
		token = acl.AnonymousToken()
	case token == nil && !p.Bootstrapped:
		return resolved{}, acl.ErrBootstrapRequired
	case token == nil:
		return resolved{}, acl.ErrNotFound
	}
	store, err := p.store()
	if err != nil {
		return resolved{}, err
	}
	rights, err := r.rights(store, token)
	if err != nil {
		return resolved{}, fmt.Errorf("token with AccessorID '%s': %w", token.AccessorID, err)
	}
	return resolved{Caller{Rights: rights, Accessor: token.AccessorID, Secret: secret, Anonymous: anonymous}, token.ExpirationTime}, nil
}

// store is a state that has nothing but the parts.
func (p *Parts) store() (*state.Store, error) {
	b := state.NewBuilder(record.Header{})
	for _, x := range p.Policies {
		if err := b.Add(record.TypeACLPolicy, x); err != nil {
			return nil, err
		}
	}
	for _, x := range p.Roles {
		if err := b.Add(record.TypeACLRole, x); err != nil {
			return nil, err
		}
	}
	return b.Store(0, 0)
}
