package aclresolve

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lictor-dr/lictor/internal/acl"
)

// What holds while no server tells about a token.
const (
	DownAllow  = "allow"        // everything is allowed
	DownDeny   = "deny"         // nothing is
	DownExtend = "extend-cache" // what was known before goes on to hold; nothing is allowed to who was not
	DownAsync  = "async-cache"  // as extend-cache, and what is old is used while it is asked for again
)

// askTimeout is how long the question for a token's parts may take.
const askTimeout = 10 * time.Second

// A Remote makes callers of secrets where the replicated state is not at hand: it asks for a token's parts, and remembers them for a
// while. It is safe for concurrent use.
type Remote struct {
	resolver *Resolver
	fetch    func(ctx context.Context, secret string) (*Parts, error)
	ttl      time.Duration
	down     string

	asking singleflight.Group
	mu     sync.Mutex
	known  map[string]remembered
}

type remembered struct {
	resolved
	parts   *Parts
	err     error // of a secret that nobody has
	fetched time.Time
}

// NewRemote returns a Remote that asks by fetch, and goes by an answer for ttl.
func NewRemote(r *Resolver, ttl time.Duration, down string, fetch func(ctx context.Context, secret string) (*Parts, error)) *Remote {
	return &Remote{resolver: r, fetch: fetch, ttl: ttl, down: down, known: map[string]remembered{}}
}

// Resolve tells who comes with a secret, empty for none. The error for a secret that nobody has is that of [Resolver.Resolve].
func (m *Remote) Resolve(ctx context.Context, secret string) (Caller, error) {
	secret, caller, done := m.resolver.byAgent(secret)
	if done {
		return caller, nil
	}
	found, err := m.find(ctx, secret)
	switch {
	case err == nil:
		return m.answer(found)
	case ctx.Err() != nil: // says nothing of the servers
		return Caller{}, ctx.Err()
	case m.down == DownAllow:
		return Caller{Rights: acl.ManageAll(), Accessor: acl.AnonymousAccessorID, Secret: secret, Anonymous: true}, nil
	case m.down == DownDeny:
		return Caller{Rights: acl.DenyAll(), Accessor: acl.AnonymousAccessorID, Secret: secret, Anonymous: true}, nil
	}
	return Caller{}, err
}

// Parts are those of the token with a secret, which must not be empty: what was told of it not too long ago, or longer ago if nobody tells
// now and the down policy extends that.
func (m *Remote) Parts(ctx context.Context, secret string) (*Parts, error) {
	found, err := m.find(ctx, secret)
	return found.parts, err
}

// find is what is known of a secret: what is remembered if that is new enough, else what is told now. If nobody tells, the down policy may
// have what is remembered count on.
func (m *Remote) find(ctx context.Context, secret string) (remembered, error) {
	m.mu.Lock()
	old, ok := m.known[secret]
	m.mu.Unlock()
	if ok && m.resolver.now().Sub(old.fetched) < m.ttl {
		return old, nil
	}
	asked := m.asking.DoChan(secret, func() (any, error) { return m.ask(context.WithoutCancel(ctx), secret) })
	if ok && m.down == DownAsync {
		return old, nil
	}
	select {
	case <-ctx.Done(): // others may wait for the same answer
		return remembered{}, ctx.Err()
	case found := <-asked:
		switch {
		case found.Err == nil:
			return found.Val.(remembered), nil
		case ok && m.down == DownExtend:
			return m.extend(secret, old), nil
		}
		return remembered{}, fmt.Errorf("no server tells what this token may do: %w", found.Err)
	}
}

// extend makes what is remembered of a secret count for another while, so that not every request waits for servers that do not answer.
func (m *Remote) extend(secret string, old remembered) remembered {
	old.fetched = m.resolver.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[secret] = old
	return old
}

// answer is what is remembered, unless the token's time has come.
func (m *Remote) answer(k remembered) (Caller, error) {
	if k.err == nil && k.expires != nil && !k.expires.After(m.resolver.now()) {
		return Caller{}, acl.ErrNotFound
	}
	return k.caller, k.err
}

// ask asks about a secret, and remembers the answer.
func (m *Remote) ask(ctx context.Context, secret string) (remembered, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	parts, err := m.fetch(ctx, secret)
	if err != nil {
		return remembered{}, err
	}
	k := remembered{fetched: m.resolver.now(), parts: parts}
	k.resolved, k.err = m.resolver.resolveParts(parts, secret)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxCached { // what nobody has goes first: anybody can ask for any number of those
		maps.DeleteFunc(m.known, func(_ string, k remembered) bool { return k.err != nil })
	}
	if len(m.known) >= maxCached {
		m.known = map[string]remembered{}
	}
	m.known[secret] = k
	return k, nil
}
