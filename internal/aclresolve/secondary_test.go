package aclresolve

import (
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// withLocalToken has a global and a local token, the anonymous one and the servers' secret.
func withLocalToken(t *testing.T) *state.Store {
	t.Helper()
	s := state.New()
	for _, err := range []error{
		s.SetToken(1, 1, &record.ACLToken{AccessorID: "g", SecretID: "global"}, true),
		s.SetToken(2, 1, &record.ACLToken{AccessorID: "l", SecretID: "local", Local: true}, false),
		s.SetToken(3, 1, acl.AnonymousToken(), false),
		s.SetSystemMetadata(4, 1, ServerManagementKey, "the servers' own"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A secondary goes by its own state for local tokens and for its servers, and for others only if they are replicated.
func TestWhatASecondaryKnows(t *testing.T) {
	for _, c := range []struct {
		name                  string
		secondary, replicated bool
		empty                 bool // nothing is in the state
		known                 map[string]bool
	}{
		{"the primary", false, false, false, map[string]bool{"global": true, "local": true, "": true, "the servers' own": true, "nobody's": false}},
		{"a new primary", false, false, true, map[string]bool{"global": false, "": true}},
		{"with replication", true, true, false, map[string]bool{"global": true, "local": true, "": true, "the servers' own": true, "nobody's": false}},
		{"without", true, false, false, map[string]bool{"global": false, "local": true, "": false, "the servers' own": true, "nobody's": false}},
		{"a new secondary", true, true, true, map[string]bool{"global": false, "": false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resolver()
			r.config.Secondary, r.config.Replicated = c.secondary, c.replicated
			store := state.New()
			if !c.empty {
				store = withLocalToken(t)
			}
			for secret, want := range c.known {
				_, err := r.Resolve(store, secret)
				if (err == nil) != want || !want && !Unknown(err) {
					t.Errorf("%q: %v", secret, err)
				}
				if parts := r.Parts(store, secret); secret != "" && (parts.Token != nil || parts.Servers) != want {
					t.Errorf("parts of %q: %+v", secret, parts)
				}
			}
		})
	}
}

// What is of one datacenter alone means nothing in another one.
func TestPartsAbroad(t *testing.T) {
	store, r := withLocalToken(t), resolver()
	for secret, want := range map[string]bool{"global": true, "local": false, "the servers' own": false, "nobody's": false} {
		p := r.Parts(store, secret).Abroad()
		if (p.Token != nil) != want || p.Servers || !p.Bootstrapped {
			t.Errorf("%q: %+v", secret, p)
		}
	}
}

// A server passes on what it has been told, for as long as its down policy lets that count.
func TestPartsOfARemote(t *testing.T) {
	const known, unknown = secretPrefix + "11", secretPrefix + "ff"
	for down, lasts := range map[string]bool{DownExtend: true, DownAsync: true, DownAllow: false, DownDeny: false} {
		t.Run(down, func(t *testing.T) {
			s := &servers{store: full(t)}
			m, now := remote(s, down)
			if p, err := m.Parts(t.Context(), known); err != nil || p.Token == nil {
				t.Fatalf("%+v %v", p, err)
			}
			s.down.Store(true)
			*now = now.Add(time.Hour)
			if p, err := m.Parts(t.Context(), known); (err == nil && p.Token != nil) != lasts {
				t.Errorf("%+v %v", p, err)
			}
			if p, err := m.Parts(t.Context(), unknown); err == nil {
				t.Errorf("%+v", p)
			}
		})
	}
}

// Once nobody has answered, what is remembered holds for another while, without a question for each request.
func TestExtendedCacheIsNotAskedForEachTime(t *testing.T) {
	s := &servers{store: full(t)}
	m, now := remote(s, DownExtend)
	see := func() {
		t.Helper()
		if _, err := m.Resolve(t.Context(), secretPrefix+"11"); err != nil {
			t.Fatal(err)
		}
	}
	see()
	s.down.Store(true)
	for range 3 {
		*now = now.Add(time.Minute)
		for range 5 {
			see()
		}
	}
	if n := s.asked.Load(); n != 4 {
		t.Errorf("asked %d times", n)
	}
}
