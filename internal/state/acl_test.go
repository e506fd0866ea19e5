package state

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

func links(ids ...string) (l []record.ACLLink) {
	for _, id := range ids {
		l = append(l, record.ACLLink{ID: id, Name: "name of " + id})
	}
	return l
}

func policy(id string) *record.ACLPolicy { return &record.ACLPolicy{ID: id, Name: "name of " + id} }

// withACLs returns a store at index 20: policies p1, p2; role r1 with p1; token t1 with p1, p2 and r1; token t2 with nothing.
func withACLs(t *testing.T) *Store {
	t.Helper()
	s := New()
	for _, err := range []error{
		s.SetPolicy(15, 1, policy("p1")), s.SetPolicy(16, 1, policy("p2")),
		s.SetRole(17, 1, &record.ACLRole{ID: "r1", Name: "name of r1", Policies: links("p1")}),
		s.SetToken(18, 1, &record.ACLToken{AccessorID: "t1", SecretID: "secret 1", Policies: links("p1", "p2"), Roles: links("r1")}, false),
		s.SetToken(20, 1, &record.ACLToken{AccessorID: "t2", SecretID: "secret 2"}, false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestACLChanges(t *testing.T) {
	token := func(x *record.ACLToken) func(*Store) error {
		return func(s *Store) error { return s.SetToken(21, 1, x, false) }
	}
	setPolicy := func(x *record.ACLPolicy) func(*Store) error {
		return func(s *Store) error { return s.SetPolicy(21, 1, x) }
	}
	setRole := func(x *record.ACLRole) func(*Store) error { return func(s *Store) error { return s.SetRole(21, 1, x) } }
	var (
		tokens   = effect{"acl-tokens", "tokens"}
		policies = effect{"acl-policies", "policies"}
		roles    = effect{"acl-roles", "roles"}
		everyone = effect{"acl-policies acl-roles acl-tokens", "policies,roles,tokens"}
	)
	for _, c := range []struct {
		name string
		do   func(*Store) error
		want effect
		err  string
	}{
		{"new token", token(&record.ACLToken{AccessorID: "t3", SecretID: "secret 3", Policies: links("P1"), Roles: links("R1")}), tokens, ""},
		{"changed token", token(&record.ACLToken{AccessorID: "T1", SecretID: "secret 1"}), tokens, ""},
		{"no accessor", token(&record.ACLToken{SecretID: "x"}), effect{}, "a token needs an accessor ID and a secret ID"},
		{"no secret", token(&record.ACLToken{AccessorID: "x"}), effect{}, "a token needs an accessor ID and a secret ID"},
		{"secret taken", token(&record.ACLToken{AccessorID: "t3", SecretID: "secret 1"}), effect{}, "Invalid Token: SecretID is already in use"},
		{"accessor taken", token(&record.ACLToken{AccessorID: "t1", SecretID: "x"}), effect{}, "Invalid Token: AccessorID is already in use"},
		{"secret of another", token(&record.ACLToken{AccessorID: "t1", SecretID: "secret 2"}), effect{}, "Invalid Token: SecretID is already in use"},
		{"unknown policy", token(&record.ACLToken{AccessorID: "t3", SecretID: "x", Policies: links("nope")}), effect{}, `No such ACL policy with ID "nope"`},
		{"unknown role", token(&record.ACLToken{AccessorID: "t3", SecretID: "x", Roles: links("nope")}), effect{}, `No such ACL role with ID "nope"`},
		{"tokens deleted", func(s *Store) error { return s.DeleteTokens(21, 1, []string{"T1", "nope", "t2"}) }, tokens, ""},
		{"no token deleted", func(s *Store) error { return s.DeleteTokens(21, 1, []string{"nope"}) }, effect{}, ""},

		{"new policy", setPolicy(policy("p3")), policies, ""},
		{"policy changed", setPolicy(&record.ACLPolicy{ID: "p1", Name: "name of p1", Rules: "x"}), policies, ""},
		{"policy renamed", setPolicy(&record.ACLPolicy{ID: "p1", Name: "new"}), everyone, ""},
		{"policy's name taken", setPolicy(&record.ACLPolicy{ID: "p3", Name: "NAME of p1"}), effect{}, `Invalid Policy: A Policy with Name "NAME of p1" already exists`},
		{"policy deleted", func(s *Store) error { return s.DeletePolicy(21, 1, "P1") }, everyone, ""},
		{"no policy deleted", func(s *Store) error { return s.DeletePolicy(21, 1, "nope") }, effect{}, ""},

		{"new role", setRole(&record.ACLRole{ID: "r2", Name: "r2", Policies: links("p2")}), roles, ""},
		{"role renamed", setRole(&record.ACLRole{ID: "r1", Name: "new"}), effect{"acl-roles acl-tokens", "roles,tokens"}, ""},
		{"role's name taken", setRole(&record.ACLRole{ID: "r2", Name: "NAME OF r1"}), effect{}, `Invalid Role: A Role with Name "NAME OF r1" already exists`},
		{"role with an unknown policy", setRole(&record.ACLRole{ID: "r2", Name: "r2", Policies: links("nope")}), effect{}, `No such ACL policy with ID "nope"`},
		{"role deleted", func(s *Store) error { return s.DeleteRole(21, 1, "R1") }, effect{"acl-roles acl-tokens", "roles,tokens"}, ""},
		{"no role deleted", func(s *Store) error { return s.DeleteRole(21, 1, "nope") }, effect{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := withACLs(t)
			before, version := everything(t, s), s.ACLVersion()
			got, err := effectOf(t, s, 21, func() error { return c.do(s) })
			if got != c.want {
				t.Errorf("the effect is %q, want %q", got, c.want)
			}
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if c.want == (effect{}) && everything(t, s) != before {
				t.Error("the state has changed")
			}
			if changed := s.ACLVersion() != version; changed != (c.want != effect{}) {
				t.Errorf("the version of the ACLs has changed: %t", changed)
			}
		})
	}
}

func TestACLObjectsKeepTheirCreation(t *testing.T) {
	s := withACLs(t)
	for _, err := range []error{
		s.SetPolicy(31, 1, &record.ACLPolicy{ID: "p1", Name: "new"}),
		s.SetRole(32, 1, &record.ACLRole{ID: "r1", Name: "newer", Policies: links("p1")}),
		s.SetToken(33, 1, &record.ACLToken{AccessorID: "t2", SecretID: "secret 2", Description: "d"}, false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, p := s.Policy(nil, "", "NEW")
	_, r := s.Role(nil, "", "Newer")
	_, x := s.TokenBySecret(nil, "secret 2")
	got := fmt.Sprint(p.CreateIndex, p.ModifyIndex, r.CreateIndex, r.ModifyIndex, x.CreateIndex, x.ModifyIndex)
	if want := "15 31 17 32 20 33"; got != want {
		t.Errorf("created and changed at %s, want %s", got, want)
	}
	if _, old := s.Policy(nil, "", "name of p1"); old != nil {
		t.Errorf("found by its old name: %+v", old)
	}
}

// Links follow the names of what they link to, and go with it; the objects that have them keep their indexes.
func TestLinks(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(*Store) error
		token string
		role  string
	}{
		{"policy renamed", func(s *Store) error { return s.SetPolicy(21, 1, &record.ACLPolicy{ID: "p1", Name: "new"}) },
			"[p1/new p2/name of p2] [r1/name of r1]", "[p1/new]"},
		{"role renamed", func(s *Store) error {
			return s.SetRole(21, 1, &record.ACLRole{ID: "r1", Name: "new", Policies: links("p1")})
		},
			"[p1/name of p1 p2/name of p2] [r1/new]", "[p1/name of p1]"},
		{"policy deleted", func(s *Store) error { return s.DeletePolicy(21, 1, "p1") }, "[p2/name of p2] [r1/name of r1]", "[]"},
		{"role deleted", func(s *Store) error { return s.DeleteRole(21, 1, "r1") }, "[p1/name of p1 p2/name of p2] []", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := withACLs(t)
			_, old := s.Token(nil, "t1")
			if err := c.do(s); err != nil {
				t.Fatal(err)
			}
			_, x := s.Token(nil, "t1")
			if got := linkText(x.Policies) + " " + linkText(x.Roles); got != c.token || x.ModifyIndex != 18 {
				t.Errorf("the token's links are %s at %d, want %s at 18", got, x.ModifyIndex, c.token)
			}
			if _, r := s.Role(nil, "r1", ""); r != nil && linkText(r.Policies) != c.role {
				t.Errorf("the role's links are %s, want %s", linkText(r.Policies), c.role)
			}
			if got := linkText(old.Policies) + " " + linkText(old.Roles); got != "[p1/name of p1 p2/name of p2] [r1/name of r1]" {
				t.Errorf("what was read before has changed: %s", got)
			}
		})
	}
}

func linkText(links []record.ACLLink) string {
	var all []string
	for _, l := range links {
		all = append(all, l.ID+"/"+l.Name)
	}
	return fmt.Sprint(all)
}

// Links of archives may have no name, or be there twice.
func TestOddLinksGoWithTheirPolicy(t *testing.T) {
	b := NewBuilder(record.Header{LastIndex: 10})
	for _, x := range []struct {
		t record.Type
		v any
	}{
		{record.TypeACLToken, &record.ACLToken{AccessorID: "t", SecretID: "s", Policies: []record.ACLLink{{ID: "p"}, {ID: "q"}, {ID: "p", Name: "n"}, {ID: "p"}}}},
		{record.TypeACLPolicy, &record.ACLPolicy{ID: "p", Name: "p"}},
	} {
		if err := b.Add(x.t, x.v); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Store(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePolicy(11, 1, "p"); err != nil {
		t.Fatal(err)
	}
	if _, x := s.Token(nil, "t"); linkText(x.Policies) != "[q/]" {
		t.Errorf("left are the links %s", linkText(x.Policies))
	}
}

func TestBootstrap(t *testing.T) {
	first := func() *record.ACLToken { return &record.ACLToken{AccessorID: "boot", SecretID: "secret"} }
	s := New()
	if _, done := s.Bootstrapped(); done {
		t.Error("an empty store is bootstrapped")
	}
	bad, err := effectOf(t, s, 9, func() error { return s.Bootstrap(9, 1, &record.ACLToken{}, 0) })
	if _, done := s.Bootstrapped(); err == nil || bad != (effect{}) || done {
		t.Errorf("a bootstrap without a token: %v, effect %q, done %v", err, bad, done)
	}
	got, err := effectOf(t, s, 10, func() error { return s.Bootstrap(10, 1, first(), 0) })
	if want := (effect{"acl-token-bootstrap acl-tokens", "tokens"}); err != nil || got != want {
		t.Errorf("%v with the effect %q, want %q", err, got, want)
	}
	for _, c := range []struct {
		index, reset uint64
		err          error
		want         uint64 // reset index afterwards
	}{
		{11, 0, ErrBootstrapped, 10},
		{12, 9, ErrBootstrapped, 10},
		{13, 10, nil, 13},
		{14, 10, ErrBootstrapped, 13},
	} {
		if err := s.Bootstrap(c.index, 1, first(), c.reset); !errors.Is(err, c.err) {
			t.Errorf("reset %d: %v, want %v", c.reset, err, c.err)
		}
		if reset, done := s.Bootstrapped(); reset != c.want || !done {
			t.Errorf("reset %d: the reset index is %d, %v; want %d", c.reset, reset, done, c.want)
		}
	}
	restored := build(t, encode(t, s))
	if reset, done := restored.Bootstrapped(); reset != 13 || !done {
		t.Errorf("restored, the reset index is %d, %v", reset, done)
	}
}

func TestInitialTokenCountsAsTheBootstrap(t *testing.T) {
	s := New()
	for i, initial := range []bool{false, true, true} {
		index := uint64(10 + i)
		if err := s.SetToken(index, 1, &record.ACLToken{AccessorID: fmt.Sprint(i), SecretID: fmt.Sprint(i)}, initial); err != nil {
			t.Fatal(err)
		}
		if reset, done := s.Bootstrapped(); done != (i > 0) || done && reset != 11 {
			t.Errorf("after token %d: reset index %d, %v", i, reset, done)
		}
	}
}

func TestExpiredTokens(t *testing.T) {
	s := New()
	now := time.Unix(1000, 0)
	for i, left := range []time.Duration{-time.Second, 0, time.Second} {
		at := now.Add(left)
		if err := s.SetToken(uint64(10+i), 1, &record.ACLToken{AccessorID: left.String(), SecretID: left.String(), ExpirationTime: &at}, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetToken(20, 1, &record.ACLToken{AccessorID: "never", SecretID: "never"}, false); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.ExpiredTokens(now)); got != "[-1s 0s]" {
		t.Errorf("expired are %s", got)
	}
}
