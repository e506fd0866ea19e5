package aclreplicate

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// Bounds of what is written at once.
const (
	batchBytes   = 128 << 10
	batchRecords = 256
)

// planFor is what to write so that the secondary has what the primary answers, in batches.
func planFor(store *state.Store, a *Answer, now time.Time) ([]*state.ACLBatch, error) {
	if err := a.check(a.Kind); err != nil {
		return nil, err
	}
	p := &plan{}
	var err error
	switch a.Kind {
	case Policies:
		err = p.policies(store, a)
	case Roles:
		err = p.roles(store, a)
	default:
		err = p.tokens(store, a, now)
	}
	if err != nil {
		return nil, err
	}
	if _, done := store.Bootstrapped(); a.Bootstrapped && !done {
		p.batch(0).Bootstrapped = true
	}
	return p.batches, nil
}

// A plan grows by batches of bounded size.
type plan struct {
	batches        []*state.ACLBatch
	bytes, records int // in the last one
}

// batch is the batch that the next record of a size goes into.
func (p *plan) batch(size int) *state.ACLBatch {
	if len(p.batches) == 0 || p.records >= batchRecords || p.bytes > 0 && p.bytes+size > batchBytes {
		p.batches = append(p.batches, &state.ACLBatch{})
		p.bytes, p.records = 0, 0
	}
	p.bytes, p.records = p.bytes+size, p.records+1
	return p.batches[len(p.batches)-1]
}

func (p *plan) policies(store *state.Store, a *Answer) error {
	theirs, err := a.policies()
	if err != nil {
		return err
	}
	_, ours := store.Policies(nil)
	gone, changed := compare(ours, theirs, func(x *record.ACLPolicy) (string, []byte) {
		c := *x
		c.CreateIndex, c.ModifyIndex = 0, 0
		return x.ID, msgpack.Append(nil, c)
	})
	for _, id := range gone {
		b := p.batch(len(id))
		b.DeletePolicies = append(b.DeletePolicies, id)
	}
	for _, x := range changed {
		b := p.batch(x.size)
		b.Policies = append(b.Policies, x.row)
	}
	return nil
}

func (p *plan) roles(store *state.Store, a *Answer) error {
	theirs, err := a.roles()
	if err != nil {
		return err
	}
	_, ours := store.Roles(nil)
	gone, changed := compare(ours, theirs, func(x *record.ACLRole) (string, []byte) {
		c := *x
		c.CreateIndex, c.ModifyIndex = 0, 0
		return x.ID, msgpack.Append(nil, c)
	})
	for _, id := range gone {
		b := p.batch(len(id))
		b.DeleteRoles = append(b.DeleteRoles, id)
	}
	for _, x := range changed {
		b := p.batch(x.size)
		b.Roles = append(b.Roles, x.row)
	}
	return nil
}

// tokens plans for tokens. Those whose time has come count as gone, for the leader here would remove them again. What a local token stands
// in the way of is left out.
func (p *plan) tokens(store *state.Store, a *Answer, now time.Time) error {
	theirs, err := a.tokens(now)
	if err != nil {
		return err
	}
	_, all := store.Tokens(nil)
	ours, accessors, secrets := withoutLocal(all)
	theirs = slices.DeleteFunc(theirs, func(t *record.ACLToken) bool {
		return accessors[strings.ToLower(t.AccessorID)] || secrets[t.SecretID]
	})
	gone, changed := compare(ours, theirs, func(x *record.ACLToken) (string, []byte) {
		c := *x
		c.CreateIndex, c.ModifyIndex = 0, 0
		return strings.ToLower(x.AccessorID), msgpack.Append(nil, c)
	})
	for _, id := range gone {
		b := p.batch(len(id))
		b.DeleteTokens = append(b.DeleteTokens, id)
	}
	for _, x := range changed {
		b := p.batch(x.size)
		b.Tokens = append(b.Tokens, x.row)
	}
	return nil
}

// withoutLocal are the tokens that are not local, and the accessor IDs and secrets of those that are.
func withoutLocal(all []*record.ACLToken) (global []*record.ACLToken, accessors, secrets map[string]bool) {
	accessors, secrets = map[string]bool{}, map[string]bool{}
	for _, t := range all {
		if t.Local {
			accessors[strings.ToLower(t.AccessorID)], secrets[t.SecretID] = true, true
		} else {
			global = append(global, t)
		}
	}
	return global, accessors, secrets
}

// A changedRow is a row of the primary that the secondary has not, or has otherwise.
type changedRow[T any] struct {
	row  *T
	size int // in bytes
}

// compare finds the IDs that only we have, and what differs from theirs. content is a row's ID, and all of it that counts.
func compare[T any](ours, theirs []*T, content func(*T) (string, []byte)) (gone []string, changed []changedRow[T]) {
	have := make(map[string][]byte, len(ours))
	for _, x := range ours {
		id, b := content(x)
		have[id] = b
	}
	for _, x := range theirs {
		id, b := content(x)
		if old, ok := have[id]; !ok || !bytes.Equal(old, b) {
			changed = append(changed, changedRow[T]{x, len(b)})
		}
		delete(have, id)
	}
	for id := range have {
		gone = append(gone, id)
	}
	slices.Sort(gone)
	return gone, changed
}
