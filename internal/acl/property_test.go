package acl

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// randomPolicy has a few rules whose segments meet often.
func randomPolicy(rng *rand.Rand) *Policy {
	p := &Policy{}
	for range rng.IntN(6) {
		segment := ""
		for range rng.IntN(4) {
			segment += string("ab/"[rng.IntN(3)])
		}
		w := words[[]string{"key", "key_prefix", "key_prefix", "service", "service_prefix", "acl", "operator"}[rng.IntN(7)]]
		if !w.named {
			segment = ""
		}
		p.rules = append(p.rules, rule{w, segment, level(rng.IntN(4))})
	}
	return p
}

// holds reports whether a rule speaks of the name.
func holds(rule rule, r Resource, name string) bool {
	switch {
	case rule.resource != r:
		return false
	case rule.prefix:
		return strings.HasPrefix(name, rule.segment)
	}
	return !rule.named || rule.segment == name
}

// decide is the definition of Allow, without trees.
func decide(defaultAllow bool, policies []*Policy, r Resource, name string) level {
	best, quality := denied, -1
	if defaultAllow && r != ACL {
		best = full
	}
	for _, p := range policies {
		for _, rule := range p.rules {
			if !holds(rule, r, name) {
				continue
			}
			q := len(rule.segment)
			if !rule.prefix {
				q = 1000 // exact rules beat all prefixes
			}
			if q > quality {
				best, quality = rule.level, q
			} else if q == quality {
				best = best.merge(rule.level)
			}
		}
	}
	return best
}

func TestOrderOfPoliciesDoesNotMatter(t *testing.T) {
	names := []string{""}
	for i := 0; i < len(names) && len(names[i]) < 4; i++ {
		names = append(names, names[i]+"a", names[i]+"b", names[i]+"/")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 150 {
		policies := make([]*Policy, 1+rng.IntN(4))
		for i := range policies {
			policies[i] = randomPolicy(rng)
		}
		defaultAllow := round%2 == 0
		a := New(defaultAllow, policies...)
		rng.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		shuffled := New(defaultAllow, policies...)
		for _, name := range names {
			sameAnswers(t, shuffled, a, name)
			for _, r := range []Resource{Key, Service, ACL, Operator, Node} {
				want := granted(decide(defaultAllow, policies, r, name).allows)
				if got := granted(func(access Access) bool { return a.Allow(r, access, name) }); got != want {
					t.Fatalf("%s %q: %s, want %s by %+v", r, name, got, want, policies)
				}
			}
		}
		checkPrefixes(t, a, defaultAllow, policies, names)
	}
}

// checkPrefixes compares AllowPrefix with its definition, and with Allow of names below.
func checkPrefixes(t *testing.T, a *Authorizer, defaultAllow bool, policies []*Policy, names []string) {
	t.Helper()
	for _, prefix := range names {
		got := a.AllowPrefix(Key, Write, prefix)
		if want := decidePrefix(defaultAllow, policies, prefix); got != want {
			t.Fatalf("AllowPrefix(%q) = %v by %+v", prefix, got, policies)
		}
		for _, name := range names {
			if got && strings.HasPrefix(name, prefix) && !(a.Allow(Key, Write, name) && a.Allow(Key, Write, name+"~")) {
				t.Fatalf("AllowPrefix(%q), but %q is denied by %+v", prefix, name, policies)
			}
		}
	}
}

// decidePrefix is the definition of AllowPrefix of writing keys, without trees.
func decidePrefix(defaultAllow bool, policies []*Policy, prefix string) bool {
	prefixes := &Policy{}
	for _, p := range policies {
		for _, r := range p.rules {
			if r.prefix {
				prefixes.rules = append(prefixes.rules, r)
			}
			if r.resource == Key && strings.HasPrefix(r.segment, prefix) && r.level != full {
				if r.level == denied || mergedAt(policies, r) != full {
					return false
				}
			}
		}
	}
	return decide(defaultAllow, []*Policy{prefixes}, Key, prefix) == full
}

// mergedAt is what all rules of the same kind and segment grant together.
func mergedAt(policies []*Policy, at rule) level {
	l := at.level
	for _, p := range policies {
		for _, r := range p.rules {
			if r.word == at.word && r.segment == at.segment {
				l = l.merge(r.level)
			}
		}
	}
	return l
}
