package acl

import (
	"reflect"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

func TestBuiltinsAreThoseOfRealConsul(t *testing.T) {
	want := map[string]*record.ACLPolicy{}
	var anonymous *record.ACLToken
	for _, v := range goldenRecords(t) {
		switch v := v.(type) {
		case *record.ACLPolicy:
			v.CreateIndex, v.ModifyIndex = 0, 0
			want[v.ID] = v
		case *record.ACLToken:
			if v.AccessorID == AnonymousAccessorID {
				v.CreateIndex, v.ModifyIndex, v.CreateTime = 0, 0, time.Time{}
				anonymous = v
			}
		}
	}
	policies := BuiltinPolicies()
	if len(policies) != 2 || policies[0].ID != GlobalManagementID || policies[1].ID != GlobalReadOnlyID {
		t.Fatalf("BuiltinPolicies() = %v", policies)
	}
	for _, p := range policies {
		if !reflect.DeepEqual(p, want[p.ID]) {
			t.Errorf("got  %+v\nwant %+v", p, want[p.ID])
		}
	}
	if got := AnonymousToken(); !reflect.DeepEqual(got, anonymous) {
		t.Errorf("got  %+v\nwant %+v", got, anonymous)
	}
}

func TestBuiltinPoliciesGrant(t *testing.T) {
	policies := BuiltinPolicies()
	management := New(false, mustParse(t, policies[0].Rules))
	readOnly := New(false, mustParse(t, policies[1].Rules))
	for _, r := range append(clusterResources, namedResources...) {
		if !management.Allow(r, Write, "x") {
			t.Errorf("global-management denies %s:write", r)
		}
		if !readOnly.Allow(r, Read, "x") || readOnly.Allow(r, List, "x") || readOnly.Allow(r, Write, "x") {
			t.Errorf("global-read-only does not allow just reading of %s", r)
		}
	}
}

func TestEveryRuleTextOfRealConsulParses(t *testing.T) {
	n := 0
	for _, v := range goldenRecords(t) {
		if p, ok := v.(*record.ACLPolicy); ok {
			n++
			if parsed := mustParse(t, p.Rules); len(parsed.rules) == 0 {
				t.Errorf("policy %s has no rules", p.Name)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d policies", n)
	}
}
