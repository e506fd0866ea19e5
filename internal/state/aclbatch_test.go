package state

import (
	"testing"

	"github.com/lictor-dr/lictor/internal/record"
)

// A batch takes objects over as they are, and nothing stands in the way but local tokens.
func TestTakeOverACLs(t *testing.T) {
	s := withACLs(t)
	local := &record.ACLToken{AccessorID: "local", SecretID: "mine", Local: true, Policies: links("p1", "p2")}
	if err := s.SetToken(21, 1, local, false); err != nil {
		t.Fatal(err)
	}
	extra := &record.ACLPolicy{ID: "p1", Name: "Name of p2", Hash: []byte("theirs"), CreateIndex: 900, ModifyIndex: 901}
	err := s.TakeOverACLs(30, 1, &ACLBatch{
		Policies: []*record.ACLPolicy{extra},
		Roles:    []*record.ACLRole{{ID: "r2", Name: "name of r1", Policies: links("to come")}},
		Tokens: []*record.ACLToken{
			{AccessorID: "t1", SecretID: "secret 2", Policies: links("p1", "to come"), Hash: []byte("theirs")}, // the secret was t2's
			{AccessorID: "LOCAL", SecretID: "x"}, {AccessorID: "y", SecretID: "mine"}, {AccessorID: "z", SecretID: "z", Local: true},
		},
		DeleteTokens: []string{"local", "nobody"}, Bootstrapped: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, p := s.Policy(nil, "p1", ""); p.Name != "Name of p2" || string(p.Hash) != "theirs" || p.CreateIndex != 15 || p.ModifyIndex != 30 {
		t.Errorf("policy: %+v", p)
	}
	if _, p := s.Policy(nil, "p2", ""); p == nil || p.Name != "p2" {
		t.Errorf("the policy that has lost its name: %+v", p)
	}
	_, found := s.Policy(nil, "", "name of p2")
	if found == nil || found.ID != "p1" {
		t.Errorf("by name: %+v", found)
	}
	if _, r := s.Role(nil, "r1", ""); r == nil || r.Name != "r1" {
		t.Errorf("the role that has lost its name: %+v", r)
	}
	if _, r := s.Role(nil, "r2", ""); len(r.Policies) != 1 {
		t.Errorf("a link to what is to come: %+v", r)
	}
	if _, x := s.Token(nil, "t1"); x.SecretID != "secret 2" || x.CreateIndex != 18 || x.ModifyIndex != 30 || string(x.Hash) != "theirs" {
		t.Errorf("token: %+v", x)
	}
	_, tokens := s.Tokens(nil)
	if len(tokens) != 2 {
		t.Errorf("%d tokens", len(tokens))
	}
	if _, x := s.Token(nil, "local"); x == nil || x.SecretID != "mine" || x.Policies[0].Name != "Name of p2" || x.Policies[1].Name != "p2" {
		t.Errorf("the local token: %+v", x)
	}
	if index, done := s.Bootstrapped(); !done || index != 30 {
		t.Errorf("bootstrapped: %d %t", index, done)
	}
	if err := s.TakeOverACLs(31, 1, &ACLBatch{DeletePolicies: []string{"p1", "nobody"}, DeleteRoles: []string{"r1"}, Bootstrapped: true}); err != nil {
		t.Fatal(err)
	}
	_, x := s.Token(nil, "local")
	_, p := s.Policy(nil, "p1", "")
	_, r := s.Role(nil, "r1", "")
	if index, _ := s.Bootstrapped(); len(x.Policies) != 1 || p != nil || r != nil || index != 30 {
		t.Errorf("afterwards: %+v %+v %+v %d", x, p, r, index)
	}
}
