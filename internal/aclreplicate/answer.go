package aclreplicate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A Kind of ACL objects.
type Kind string

// The kinds that are replicated, in their order: what comes later links to what comes before.
const (
	Policies Kind = "policies"
	Roles    Kind = "roles"
	Tokens   Kind = "tokens"
)

// Indexes are those at which the kinds last changed in the primary: what its lists have as X-Consul-Index.
type Indexes struct{ Policies, Roles, Tokens uint64 }

func (x *Indexes) of(kind Kind) *uint64 {
	switch kind {
	case Policies:
		return &x.Policies
	case Roles:
		return &x.Roles
	}
	return &x.Tokens
}

// IndexesOf returns the indexes of a primary. w, which may be nil, watches those of policies and roles and, with tokens, that of tokens.
func IndexesOf(store *state.Store, w *state.Watch, tokens bool) (x Indexes) {
	const nobody = "-" // the index is that of all
	x.Policies, _ = store.Policy(w, nobody, "")
	x.Roles, _ = store.Role(w, nobody, "")
	if tokens {
		x.Tokens, _ = store.Token(w, nobody)
	}
	return x
}

// An Answer is all that a primary has of one kind. It goes as JSON; the records in it are in the encoding of snapshots, which loses nothing.
type Answer struct {
	Kind         Kind
	Index        uint64
	Bootstrapped bool // the primary's ACLs have been
	Count        int  // of the records
	Records      [][]byte
}

// Read answers with all that a primary has of a kind. Tokens are without the local ones; their secrets are in clear.
func Read(store *state.Store, kind Kind) *Answer {
	a := &Answer{Kind: kind, Records: [][]byte{}}
	_, a.Bootstrapped = store.Bootstrapped()
	switch kind {
	case Policies:
		index, all := store.Policies(nil)
		a.Index = index
		for _, p := range all {
			a.Records = append(a.Records, msgpack.Append(nil, p))
		}
	case Roles:
		index, all := store.Roles(nil)
		a.Index = index
		for _, r := range all {
			a.Records = append(a.Records, msgpack.Append(nil, r))
		}
	case Tokens:
		index, all := store.Tokens(nil)
		a.Index = index
		for _, t := range all {
			if !t.Local && t.AccessorID != "" && t.SecretID != "" { // those of old archives may have none, and serve nobody
				a.Records = append(a.Records, msgpack.Append(nil, t))
			}
		}
	}
	a.Count = len(a.Records)
	return a
}

// check refuses an answer that is not what was asked for, or not all of it.
func (a *Answer) check(kind Kind) error {
	switch {
	case a.Kind != kind:
		return fmt.Errorf("the answer is not about %s but about %q", kind, a.Kind)
	case a.Count != len(a.Records):
		return fmt.Errorf("the answer has %d of %d %s", len(a.Records), a.Count, kind)
	}
	return nil
}

// decodeAll decodes the records of an answer, and refuses them if one has no ID.
func decodeAll[T any](a *Answer, id func(*T) string) ([]*T, error) {
	all := make([]*T, 0, len(a.Records))
	for i, b := range a.Records {
		x := new(T)
		err := msgpack.Unmarshal(b, x)
		if err == nil && id(x) == "" {
			err = errors.New("it has no ID")
		}
		if err != nil {
			return nil, fmt.Errorf("record %d of the %s: %w", i+1, a.Kind, err)
		}
		all = append(all, x)
	}
	return all, nil
}

// lacking is the error for an answer without what every primary has.
func (a *Answer) lacking(id string) error {
	return fmt.Errorf("the answer lacks %s: every primary has it among its %s, so this is not all of them", id, a.Kind)
}

func (a *Answer) policies() ([]*record.ACLPolicy, error) {
	all, err := decodeAll(a, func(p *record.ACLPolicy) string { return p.ID })
	if err == nil && !slices.ContainsFunc(all, func(p *record.ACLPolicy) bool { return p.ID == acl.GlobalManagementID }) {
		err = a.lacking(acl.GlobalManagementID)
	}
	return all, err
}

func (a *Answer) roles() ([]*record.ACLRole, error) {
	return decodeAll(a, func(r *record.ACLRole) string { return r.ID })
}

// tokens are without those whose time has come.
func (a *Answer) tokens(now time.Time) ([]*record.ACLToken, error) {
	all, err := decodeAll(a, func(t *record.ACLToken) string {
		if t.SecretID == "" {
			return ""
		}
		return t.AccessorID
	})
	all = slices.DeleteFunc(all, func(t *record.ACLToken) bool {
		return t.Local || t.ExpirationTime != nil && !t.ExpirationTime.After(now)
	})
	if err == nil && !slices.ContainsFunc(all, func(t *record.ACLToken) bool { return t.AccessorID == acl.AnonymousAccessorID }) {
		err = a.lacking(acl.AnonymousAccessorID)
	}
	return all, err
}
