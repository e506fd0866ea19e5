package aclresolve

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const secretPrefix = "deadbeef-fa4e-4000-8000-0000000000"

func full(t *testing.T) *state.Store {
	t.Helper()
	store, err := fsm.Build(golden.State(t, "consul-1.21.4/full.snap"), 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// resolver is one of the time of the archive.
func resolver() *Resolver {
	r := New(Config{Enabled: true, Datacenter: "dc1", NodeName: "n1", Tokens: own(agenttoken.Tokens{agenttoken.AgentRecovery: "recovery"})})
	r.now = func() time.Time { return golden.Saved }
	return r
}

// own are an agent's own tokens.
func own(tokens agenttoken.Tokens) *agenttoken.Store {
	store, err := agenttoken.Open("", tokens)
	if err != nil {
		panic(err) // there is no file to fail
	}
	return store
}

// The tokens of a real cluster may do what their policies, roles and identities say.
func TestRightsOfRestoredTokens(t *testing.T) {
	store, r := full(t), resolver()
	for _, c := range []struct {
		name, secret string
		what         acl.Resource
		access       acl.Access
		on           string
		want         bool
	}{
		{"management", secretPrefix + "01", acl.ACL, acl.Write, "", true},
		{"policy reads keys", secretPrefix + "11", acl.Key, acl.Read, "x", true},
		{"policy writes below app", secretPrefix + "11", acl.Key, acl.Write, "app/x", true},
		{"policy writes elsewhere", secretPrefix + "11", acl.Key, acl.Write, "x", false},
		{"role", secretPrefix + "12", acl.Service, acl.Read, "web", true},
		{"role writes", secretPrefix + "12", acl.Service, acl.Write, "web", false},
		{"service identity", secretPrefix + "13", acl.Service, acl.Write, "web-sidecar-proxy", true},
		{"service identity of others", secretPrefix + "13", acl.Service, acl.Write, "db", false},
		{"anonymous", "", acl.Key, acl.Read, "x", false},
		{"recovery", "recovery", acl.Agent, acl.Write, "n1", true},
		{"recovery of others", "recovery", acl.Agent, acl.Write, "n2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time from memory
				caller, err := r.Resolve(store, c.secret)
				if err != nil {
					t.Fatal(err)
				}
				if got := caller.Rights.Allow(c.what, c.access, c.on); got != c.want {
					t.Errorf("%s:%s on %q is %t", c.what, c.access, c.on, got)
				}
				if caller.Anonymous != (c.secret == "") {
					t.Errorf("anonymous is %t", caller.Anonymous)
				}
			}
		})
	}
}

func TestUnknownSecret(t *testing.T) {
	if _, err := resolver().Resolve(full(t), "nobody's"); err != acl.ErrNotFound {
		t.Error(err)
	}
	if _, err := resolver().Resolve(state.New(), "nobody's"); err != acl.ErrBootstrapRequired {
		t.Error(err)
	}
	off := New(Config{})
	if caller, err := off.Resolve(state.New(), "nobody's"); err != nil || !caller.Rights.Allow(acl.ACL, acl.Write, "") {
		t.Error("with ACLs off all is allowed:", err)
	}
}

// What was resolved is not served after the ACLs or the token's time have changed.
func TestStaleRightsEnd(t *testing.T) {
	store, r := full(t), resolver()
	expires := time.Now().Add(time.Hour)
	set := func(index uint64, token *record.ACLToken) {
		if err := store.SetToken(index, 1, token, false); err != nil {
			t.Fatal(err)
		}
	}
	set(2000, &record.ACLToken{AccessorID: "a", SecretID: "s", ExpirationTime: &expires,
		Policies: []record.ACLLink{{ID: acl.GlobalManagementID}}})
	if caller, err := r.Resolve(store, "s"); err != nil || !caller.Rights.Allow(acl.ACL, acl.Write, "") {
		t.Fatal(err)
	}
	set(2001, &record.ACLToken{AccessorID: "a", SecretID: "s", ExpirationTime: &expires})
	if caller, err := r.Resolve(store, "s"); err != nil || caller.Rights.Allow(acl.ACL, acl.Write, "") {
		t.Fatal("the policy was taken away:", err)
	}
	r.now = func() time.Time { return expires }
	if _, err := r.Resolve(store, "s"); !errors.Is(err, acl.ErrNotFound) {
		t.Error("expired:", err)
	}
	if _, err := r.Resolve(state.New(), "s"); err == nil {
		t.Error("another store does not have this token")
	}
}

func TestDatacenters(t *testing.T) {
	store := state.New()
	if err := store.SetPolicy(1, 1, &record.ACLPolicy{ID: "p", Name: "p", Rules: `key_prefix "" { policy = "write" }`,
		Datacenters: []string{"dc2"}}); err != nil {
		t.Fatal(err)
	}
	if err := store.SetToken(2, 1, &record.ACLToken{AccessorID: "a", SecretID: "s", Policies: []record.ACLLink{{ID: "p"}},
		NodeIdentities: []record.ACLNodeIdentity{{NodeName: "n", Datacenter: "dc2"}}}, true); err != nil {
		t.Fatal(err)
	}
	for dc, want := range map[string]bool{"dc1": false, "dc2": true} {
		caller, err := New(Config{Enabled: true, Datacenter: dc, Tokens: own(nil)}).Resolve(store, "s")
		if err != nil {
			t.Fatal(err)
		}
		if caller.Rights.Allow(acl.Key, acl.Write, "k") != want || caller.Rights.Allow(acl.Node, acl.Write, "n") != want {
			t.Errorf("in %s the policy or the identity does not hold as it should", dc)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	store, r := state.New(), resolver()
	for i := range maxCached + 10 {
		r.remember(store, 1, fmt.Sprint(i), resolved{})
	}
	if len(r.cache) > maxCached {
		t.Error(len(r.cache))
	}
}

// Who brings no secret comes with the agent's default token; once it is changed, with the new one.
func TestDefaultToken(t *testing.T) {
	store, tokens := full(t), own(agenttoken.Tokens{agenttoken.Default: secretPrefix + "01"})
	r := New(Config{Enabled: true, Datacenter: "dc1", Tokens: tokens})
	caller, err := r.Resolve(store, "")
	if err != nil || caller.Anonymous || !caller.Rights.Allow(acl.ACL, acl.Write, "") || caller.Secret != secretPrefix+"01" {
		t.Errorf("%+v, %v", caller, err)
	}
	if err := tokens.Set(t.Context(), agenttoken.Default, ""); err != nil {
		t.Fatal(err)
	}
	if caller, err := r.Resolve(store, ""); err != nil || !caller.Anonymous || caller.Rights.Allow(acl.ACL, acl.Write, "") {
		t.Errorf("%+v, %v", caller, err)
	}
}

// Words of a stored policy that have no effect are told once for each version of the policy.
func TestLeftOut(t *testing.T) {
	store, r := state.New(), resolver()
	var told []string
	r.config.LeftOut = func(policy string, words []string) { told = append(told, policy+": "+strings.Join(words, " ")) }
	for index := uint64(1); index < 7; index += 3 {
		errs := errors.Join(
			store.SetPolicy(index, 1, &record.ACLPolicy{ID: "p", Name: "p", Rules: `kee_prefix "" { policy = "deny" }`}),
			store.SetToken(index+1, 1, &record.ACLToken{AccessorID: "a", SecretID: "a", Policies: []record.ACLLink{{ID: "p"}}}, false),
			store.SetToken(index+2, 1, &record.ACLToken{AccessorID: "b", SecretID: "b", Policies: []record.ACLLink{{ID: "p"}}}, false),
		)
		for _, secret := range []string{"a", "b"} {
			if _, err := r.Resolve(store, secret); err != nil || errs != nil {
				t.Fatal(err, errs)
			}
		}
	}
	if len(told) != 2 || !strings.Contains(told[0], "kee_prefix") {
		t.Errorf("told %q", told)
	}
}
