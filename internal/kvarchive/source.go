package kvarchive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// Source gives the records that a snapshot of Consul would have of what the archive holds, in the order of a snapshot: tokens, policies,
// roles, keys, prepared queries. It gives the same records each time, and stops with the error of ctx.
//
// Legacy ACLs become tokens and policies, see [Modernize]; a policy gets an ID that is made of its name. An ACL whose rules cannot be
// translated stays what it is, a record of the ACL system of Consul 1.3 and before, see [Archive.Untranslated]. One whose secret is that
// of a token of today's kind in the same archive is left out.
//
// Keys have the locks, and everything has the indexes, that it had. A query whose token was hidden from the backup has [HiddenToken].
func (a *Archive) Source(ctx context.Context) digest.Source {
	return func(visit func(record.Raw) error) error {
		s := &source{ctx: ctx, archive: a, visit: visit}
		return s.run()
	}
}

// HiddenToken stands for the token of a prepared query if whoever made the backup might not see it.
const HiddenToken = "<hidden>"

// source is one pass over an archive.
type source struct {
	ctx     context.Context
	archive *Archive
	visit   func(record.Raw) error
	legacy  *translation
	number  int64
	offset  int64
	buf     []byte
}

func (s *source) run() (err error) {
	if s.legacy, err = s.archive.translate(s.ctx); err != nil {
		return err
	}
	for _, step := range []func() error{s.untranslated, s.tokens, s.policies, s.roles, s.keys, s.queries} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// put hands a record out.
func (s *source) put(value any) error {
	b, err := record.Append(s.buf[:0], value)
	if err != nil {
		return fmt.Errorf("make a record of the archive: %w", err)
	}
	s.buf = b
	s.number++
	raw := record.Raw{Number: s.number, Offset: s.offset, Type: record.Type(b[0]), Value: b[1:]}
	s.offset += raw.Size()
	return s.visit(raw)
}

// Keys are read in batches of so many, or of so many bytes.
const (
	batchKeys  = 256
	batchBytes = 256 << 10
)

// keys gives the keys. They are read in a goroutine of their own, for reading takes as long as what is done with them.
func (s *source) keys() error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	batches := make(chan []*record.KVEntry, 4)
	var failed error
	running.Go(func() {
		defer close(batches)
		failed = s.readKeys(ctx, batches)
	})
	for batch := range batches {
		for _, e := range batch {
			if err := s.put(e); err != nil {
				return err
			}
		}
	}
	return failed
}

func (s *source) readKeys(ctx context.Context, to chan<- []*record.KVEntry) error {
	var batch []*record.KVEntry
	size := 0
	flush := func() error {
		select {
		case to <- batch:
			batch, size = nil, 0
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := s.archive.Keys(ctx, func(e *record.KVEntry) error {
		batch = append(batch, e)
		if size += len(e.Value); len(batch) < batchKeys && size < batchBytes {
			return nil
		}
		return flush()
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return flush()
}

func (s *source) queries() error {
	return s.archive.Queries(s.ctx, func(q *record.PreparedQuery) error { return s.put(q) })
}

func (s *source) untranslated() error {
	for _, u := range s.legacy.failed {
		if err := s.put(opaqueACL(u.acl)); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) tokens() error {
	for _, token := range s.legacy.tokens {
		if err := s.put(token); err != nil {
			return err
		}
	}
	return s.of(func(x *ACL) any { return orNil(x.Token) })
}

func (s *source) policies() error {
	for _, policy := range s.legacy.policies {
		if err := s.put(policy); err != nil {
			return err
		}
	}
	return s.of(func(x *ACL) any { return orNil(x.Policy) })
}

func (s *source) roles() error { return s.of(func(x *ACL) any { return orNil(x.Role) }) }

// of gives the objects of today's ACLs that are of one kind.
func (s *source) of(pick func(*ACL) any) error {
	return s.archive.ACLs(s.ctx, func(x *ACL) error {
		if value := pick(x); value != nil {
			return s.put(value)
		}
		return nil
	})
}

// orNil makes a nil pointer a nil interface.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

// Untranslated is a legacy ACL for which Consul 1.4 and later have nothing that does the same.
type Untranslated struct {
	Name string // may be empty
	Err  error
	acl  *LegacyACL
}

// Untranslated tells which legacy ACLs cannot be translated, and why.
func (a *Archive) Untranslated(ctx context.Context) ([]Untranslated, error) {
	t, err := a.translate(ctx)
	if err != nil {
		return nil, err
	}
	return t.failed, nil
}

// translation is what becomes of the legacy ACLs of an archive.
type translation struct {
	tokens   []*record.ACLToken
	policies []*record.ACLPolicy
	failed   []Untranslated
}

// translate translates the legacy ACLs, of which nobody has so many that they need to stream.
func (a *Archive) translate(ctx context.Context) (*translation, error) {
	t := new(translation)
	if !a.Holds(LegacyACLs) {
		return t, nil
	}
	known := map[string]bool{} // secrets of today's tokens
	err := a.ACLs(ctx, func(x *ACL) error {
		if x.Token != nil {
			known[x.Token.SecretID] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	err = a.LegacyACLs(ctx, func(old *LegacyACL) error {
		if !known[old.ID] {
			t.add(old, named)
		}
		return nil
	})
	return t, err
}

// add translates one. Equal ones share a policy.
func (t *translation) add(old *LegacyACL, named map[string]bool) {
	token, policy, err := Modernize(old)
	if err != nil {
		t.failed = append(t.failed, Untranslated{old.Name, err, old})
		return
	}
	if policy != nil {
		policy.ID = policyID(policy.Name)
		token.Policies[0].ID = policy.ID
		if !named[policy.Name] {
			named[policy.Name] = true
			policy.CreateIndex, policy.ModifyIndex, policy.Hash = old.CreateIndex, old.ModifyIndex, acl.HashPolicy(policy)
			t.policies = append(t.policies, policy)
		}
	}
	token.CreateIndex, token.ModifyIndex, token.Hash = old.CreateIndex, old.ModifyIndex, acl.HashToken(token)
	t.tokens = append(t.tokens, token)
}

// policyID is the ID of a policy that was made of a legacy ACL: the same for the same name, a UUID of version 8.
func policyID(name string) string {
	b := sha256.Sum256([]byte("consul-snapshot legacy policy\x00" + name))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// opaqueACL is a legacy ACL as snapshots of Consul 1.3 and before have it.
func opaqueACL(old *LegacyACL) *record.Opaque {
	b := msgpack.AppendMapHead(nil, 6)
	for _, f := range []struct{ name, text string }{{"ID", old.ID}, {"Name", old.Name}, {"Type", old.Type}, {"Rules", old.Rules}} {
		b = msgpack.AppendString(msgpack.AppendString(b, f.name), f.text)
	}
	b = msgpack.AppendUint(msgpack.AppendString(b, "CreateIndex"), old.CreateIndex)
	b = msgpack.AppendUint(msgpack.AppendString(b, "ModifyIndex"), old.ModifyIndex)
	return &record.Opaque{Type: record.TypeLegacyACL, Value: b}
}

// Holds tells whether an archive has a document, and not one that is null.
func (a *Archive) Holds(k Kind) bool {
	d := a.documents[k]
	return d.Name != "" && !d.Null
}
