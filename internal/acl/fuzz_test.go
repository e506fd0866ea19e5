package acl

import (
	"reflect"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, p := range BuiltinPolicies() {
		f.Add(p.Rules, "x")
	}
	f.Add(decisionRules, "app/secret")
	f.Add(`{"key_prefix": [{"a/": [{"policy": "read"}]}], "acl": "write"}`, "a/b")
	f.Add("key \"${a{b}}\" { policy = \"deny\" } # c\nacl = <<E\nread\nE\n", "")
	f.Add(`key = { "a" = { policy = "list" intentions = 1e99 } }`, "a")
	f.Fuzz(func(t *testing.T, rules, name string) {
		p, err := Parse(rules)
		stored, leftOut, storedErr := ParseStored(rules)
		if err != nil {
			if p != nil {
				t.Error("a policy with an error")
			}
			return
		}
		if storedErr != nil || leftOut != nil {
			t.Fatalf("Parse accepts what ParseStored does not: %v, left out %q", storedErr, leftOut)
		}
		again := mustParse(t, rules)
		if !reflect.DeepEqual(p, again) || !reflect.DeepEqual(p, stored) {
			t.Errorf("parsed %+v, then %+v, and as stored %+v", p, again, stored)
		}
		for _, defaultAllow := range []bool{false, true} {
			a, b := New(defaultAllow, p), New(defaultAllow, again, stored)
			sameAnswers(t, a, b, name)
			for _, r := range p.rules {
				sameAnswers(t, a, b, r.segment)
				if !r.named && a.Allow(r.resource, Read, "") != r.level.allows(Read) && r.level == denied {
					t.Errorf("a denied %s is allowed", r.resource)
				}
			}
			implications(t, a, name)
		}
	})
}

// implications checks what holds for every set of rules.
func implications(t *testing.T, a *Authorizer, name string) {
	for _, r := range append(clusterResources, namedResources...) {
		for i, access := range accesses {
			if i > 0 && a.Allow(r, access, name) && !a.Allow(r, accesses[i-1], name) {
				t.Errorf("%s %q: %s does not include %s", r, name, access, accesses[i-1])
			}
			if a.AllowPrefix(r, access, name) && !a.Allow(r, access, name) {
				t.Errorf("%s %q: allowed as prefix, not as name", r, name)
			}
			if a.Allow(r, access, name) && !a.AllowAny(r, access) {
				t.Errorf("%s %q: allowed, but not any", r, name)
			}
		}
	}
}
