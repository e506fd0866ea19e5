package aclresolve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// servers stand for the servers of a datacenter. What they answer goes over the wire.
type servers struct {
	store *state.Store
	down  atomic.Bool
	asked atomic.Int32
}

var errDown = errors.New("nobody there")

func (s *servers) fetch(_ context.Context, secret string) (*Parts, error) {
	s.asked.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	b, err := json.Marshal(resolver().Parts(s.store, secret))
	if err != nil {
		return nil, err
	}
	parts := new(Parts)
	return parts, json.NewDecoder(bytes.NewReader(b)).Decode(parts)
}

// remote is a client agent's view of them, with a clock that is turned by hand.
func remote(s *servers, down string) (*Remote, *time.Time) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := resolver()
	r.now = func() time.Time { return now }
	return NewRemote(r, time.Minute, down, s.fetch), &now
}

// A client agent finds out the same about every token as a server does.
func TestRemoteAgreesWithTheServer(t *testing.T) {
	store, r := full(t), resolver()
	m, _ := remote(&servers{store: store}, DownExtend)
	_, tokens := store.Tokens(nil)
	secrets := []string{"", "nobody's", "recovery", acl.AnonymousSecretID}
	for _, x := range tokens {
		secrets = append(secrets, x.SecretID)
	}
	if x := store.SystemMetadata(ServerManagementKey); x != nil {
		secrets = append(secrets, x.Value)
	}
	if len(secrets) < 8 {
		t.Fatalf("only %d secrets", len(secrets))
	}
	for i, secret := range secrets {
		here, errHere := r.Resolve(store, secret)
		there, errThere := m.Resolve(t.Context(), secret)
		if !errors.Is(errThere, errHere) || (errHere == nil) != (errThere == nil) {
			t.Errorf("secret %d: %v, and %v on a server", i, errThere, errHere)
			continue
		}
		if errHere != nil {
			continue
		}
		if here.Accessor != there.Accessor || here.Secret != there.Secret || here.Anonymous != there.Anonymous {
			t.Errorf("secret %d is %s, and %s on a server", i, there.Accessor, here.Accessor)
		}
		for _, what := range []acl.Resource{acl.ACL, acl.Agent, acl.Key, acl.Node, acl.Operator, acl.Service, acl.Session} {
			for _, access := range []acl.Access{acl.Read, acl.Write} {
				for _, on := range []string{"", "x", "app/x", "web", "web-sidecar-proxy", "n1", "db"} {
					if a, b := here.Rights.Allow(what, access, on), there.Rights.Allow(what, access, on); a != b {
						t.Errorf("secret %d: %s:%s on %q is %t, and %t on a server", i, what, access, on, b, a)
					}
				}
			}
		}
	}
}

func TestRemoteBeforeTheBootstrap(t *testing.T) {
	m, _ := remote(&servers{store: state.New()}, DownExtend)
	if _, err := m.Resolve(t.Context(), "nobody's"); !errors.Is(err, acl.ErrBootstrapRequired) {
		t.Error(err)
	}
	if caller, err := m.Resolve(t.Context(), ""); err != nil || !caller.Anonymous || caller.Rights.Allow(acl.Key, acl.Read, "x") {
		t.Errorf("anonymous: %+v %v", caller, err)
	}
}

// What the servers have told holds for a while; what holds when they are gone is the operator's decision.
func TestRemoteWithoutServers(t *testing.T) {
	const known, unknown = secretPrefix + "11", secretPrefix + "ff"
	for _, c := range []struct {
		down        string
		known, none string // afterwards: of a token that was known, and of one that was not
	}{
		{DownExtend, "as before", "error"}, {DownAsync, "as before", "error"}, {DownAllow, "all", "all"}, {DownDeny, "nothing", "nothing"},
	} {
		t.Run(c.down, func(t *testing.T) {
			s := &servers{store: full(t)}
			m, now := remote(s, c.down)
			see := func(secret string) string {
				caller, err := m.Resolve(t.Context(), secret)
				switch {
				case errors.Is(err, acl.ErrNotFound):
					return "not found"
				case err != nil:
					if !errors.Is(err, errDown) {
						t.Error(err)
					}
					return "error"
				case caller.Rights.Allow(acl.ACL, acl.Write, ""):
					return "all"
				case caller.Rights.Allow(acl.Key, acl.Write, "app/x"):
					return "as before"
				}
				return "nothing"
			}
			for range 3 {
				if got := see(known); got != "as before" {
					t.Errorf("at first: %s", got)
				}
			}
			if n := s.asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			s.down.Store(true)
			if got := see(known); got != "as before" {
				t.Errorf("in its time: %s", got)
			}
			*now = now.Add(time.Minute)
			if got := see(known); got != c.known {
				t.Errorf("after its time: %s, want %s", got, c.known)
			}
			if got := see(unknown); got != c.none {
				t.Errorf("one that was not known: %s, want %s", got, c.none)
			}
			caller, err := m.Resolve(t.Context(), "recovery")
			if err != nil || !caller.Rights.Allow(acl.Agent, acl.Write, "n1") {
				t.Errorf("recovery: %v", err)
			}
			m.asking.Do(known, func() (any, error) { return nil, nil }) // waits for what still asks
			s.down.Store(false)
			if got := see(unknown); got != "not found" {
				t.Errorf("when they are back: %s", got)
			}
		})
	}
}

// A token ends when its time has come, whether or not anybody can be asked.
func TestRemoteTokenExpires(t *testing.T) {
	s := &servers{store: full(t)}
	m, now := remote(s, DownExtend)
	expires := now.Add(time.Second)
	token := &record.ACLToken{AccessorID: "aaaaaaaa-0000-4000-8000-000000000001", SecretID: "aaaaaaaa-0000-4000-8000-000000000002", ExpirationTime: &expires}
	if err := s.store.SetToken(2000, 1, token, false); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resolve(t.Context(), token.SecretID); err != nil {
		t.Error(err)
	}
	s.down.Store(true)
	*now = expires
	if _, err := m.Resolve(t.Context(), token.SecretID); !errors.Is(err, acl.ErrNotFound) {
		t.Error(err)
	}
}

// async-cache answers at once with what is old, and has the news a moment later.
func TestAsyncCacheIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{store: full(t)}
		m, now := remote(s, DownAsync)
		secret := secretPrefix + "11"
		if _, err := m.Resolve(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		s.store = state.New()
		*now = now.Add(time.Hour)
		if _, err := m.Resolve(t.Context(), secret); err != nil {
			t.Errorf("not from memory: %v", err)
		}
		synctest.Wait()
		if _, err := m.Resolve(t.Context(), secret); !errors.Is(err, acl.ErrBootstrapRequired) {
			t.Errorf("a token that is gone: %v", err)
		}
	})
}

// A client that hangs up says nothing about the servers: neither it nor who waits for the same answer gets what holds without them.
func TestHangingUpIsNoOutage(t *testing.T) {
	for _, down := range []string{DownAllow, DownDeny, DownExtend, DownAsync} {
		s := &servers{store: full(t)}
		arrived, answer := make(chan struct{}, 10), make(chan struct{})
		m := NewRemote(resolver(), time.Minute, down, func(ctx context.Context, secret string) (*Parts, error) {
			arrived <- struct{}{}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-answer:
				return s.fetch(ctx, secret)
			}
		})
		ctx, hangUp := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { _, err := m.Resolve(ctx, "nobody's"); first <- err }()
		<-arrived
		go func() { _, err := m.Resolve(t.Context(), "nobody's"); second <- err }()
		hangUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: who has hung up: %v", down, err)
		}
		close(answer)
		if err := <-second; !errors.Is(err, acl.ErrNotFound) {
			t.Errorf("%s: who has not: %v", down, err)
		}
	}
}

// Many who come with the same secret ask once; who comes with many wrong ones does not make the agent forget the right ones.
func TestRemoteMemory(t *testing.T) {
	s := &servers{store: full(t)}
	m, _ := remote(s, DownExtend)
	right := secretPrefix + "11"
	if _, err := m.Resolve(t.Context(), right); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxCached {
		if _, err := m.Resolve(t.Context(), fmt.Sprint("wrong-", i)); !errors.Is(err, acl.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if len(m.known) > maxCached {
		t.Errorf("%d secrets are remembered", len(m.known))
	}
	s.down.Store(true)
	if _, err := m.Resolve(t.Context(), right); err != nil {
		t.Errorf("the right one is forgotten: %v", err)
	}
	s.down.Store(false)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := m.Resolve(t.Context(), secretPrefix+"12"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
