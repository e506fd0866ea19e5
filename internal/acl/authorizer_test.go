package acl

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// sameAnswers fails unless both give the same answer to every question about a name.
func sameAnswers(t testing.TB, got, want *Authorizer, name string) {
	t.Helper()
	for _, r := range append(clusterResources, namedResources...) {
		for _, access := range accesses {
			if g, w := got.Allow(r, access, name), want.Allow(r, access, name); g != w {
				t.Errorf("Allow(%s, %s, %q) = %v, want %v", r, access, name, g, w)
			}
			if g, w := got.AllowPrefix(r, access, name), want.AllowPrefix(r, access, name); g != w {
				t.Errorf("AllowPrefix(%s, %s, %q) = %v, want %v", r, access, name, g, w)
			}
			if g, w := got.AllowAny(r, access), want.AllowAny(r, access); g != w {
				t.Errorf("AllowAny(%s, %s) = %v, want %v", r, access, g, w)
			}
		}
	}
}

// granted spells what is allowed: r, l, w, or - for each.
func granted(allowed func(Access) bool) string {
	s := ""
	for i, access := range accesses {
		if allowed(access) {
			s += "rlw"[i : i+1]
		} else {
			s += "-"
		}
	}
	return s
}

const decisionRules = `
key_prefix ""           { policy = "read" }
key_prefix "app/"       { policy = "write" }
key_prefix "app/secret" { policy = "deny" }
key "app/secret/known"  { policy = "read" }
key "app"               { policy = "list" }
key "locked"            { policy = "deny" }
service "web"           { policy = "write" }
service_prefix "web"    { policy = "read" }
service_prefix "we"     { policy = "deny" }
node_prefix "n"         { policy = "write" }
session "n1"            { policy = "read" }
session_prefix ""       { policy = "deny" }
event "deploy"          { policy = "write" }
query_prefix ""         { policy = "read" }
agent "me"              { policy = "write" }
operator = "read"
keyring = "write"
mesh = "deny"
`

func TestDecisions(t *testing.T) {
	p := mustParse(t, decisionRules)
	deny, allow := New(false, p), New(true, p)
	for _, c := range []struct {
		r               Resource
		name            string
		onDeny, onAllow string
	}{
		{Key, "", "r--", "r--"},
		{Key, "other", "r--", "r--"},
		{Key, "ap", "r--", "r--"},
		{Key, "app", "rl-", "rl-"},
		{Key, "app2", "r--", "r--"},
		{Key, "app/", "rlw", "rlw"},
		{Key, "app/x", "rlw", "rlw"},
		{Key, "app/secre", "rlw", "rlw"},
		{Key, "app/secret", "---", "---"},
		{Key, "app/secrets", "---", "---"},
		{Key, "app/secret/x", "---", "---"},
		{Key, "app/secret/known", "r--", "r--"},
		{Key, "app/secret/known2", "---", "---"},
		{Key, "locked", "---", "---"},
		{Key, "locked/not", "r--", "r--"},
		{Service, "web", "rlw", "rlw"},
		{Service, "web2", "r--", "r--"},
		{Service, "wex", "---", "---"},
		{Service, "w", "---", "rlw"},
		{Service, "", "---", "rlw"},
		{Node, "n", "rlw", "rlw"},
		{Node, "n7", "rlw", "rlw"},
		{Node, "N7", "---", "rlw"},
		{Session, "n1", "r--", "r--"},
		{Session, "n2", "---", "---"},
		{Event, "deploy", "rlw", "rlw"},
		{Event, "deploy2", "---", "rlw"},
		{Query, "any", "r--", "r--"},
		{Agent, "me", "rlw", "rlw"},
		{Agent, "you", "---", "rlw"},
		{Operator, "ignored", "r--", "r--"},
		{Keyring, "", "rlw", "rlw"},
		{Mesh, "", "---", "---"},
		{Peering, "", "---", "rlw"},
		{ACL, "", "---", "---"},
		{Resource("key_prefix"), "app/x", "---", "---"},
		{Resource("foo"), "x", "---", "---"},
		{Resource(""), "", "---", "---"},
	} {
		if got := granted(func(a Access) bool { return deny.Allow(c.r, a, c.name) }); got != c.onDeny {
			t.Errorf("default deny, %s %q: %s, want %s", c.r, c.name, got, c.onDeny)
		}
		if got := granted(func(a Access) bool { return allow.Allow(c.r, a, c.name) }); got != c.onAllow {
			t.Errorf("default allow, %s %q: %s, want %s", c.r, c.name, got, c.onAllow)
		}
	}
}

func TestAllowPrefix(t *testing.T) {
	for _, c := range []struct {
		name, rules, prefix string
		onDeny, onAllow     string
	}{
		{"no rules", ``, "a/", "---", "rlw"},
		{"rule for the prefix", `key_prefix "a/" { policy = "write" }`, "a/", "rlw", "rlw"},
		{"rule above", `key_prefix "a" { policy = "write" }`, "a/b/", "rlw", "rlw"},
		{"rule below grants, default decides", `key_prefix "a/b" { policy = "write" }`, "a/", "---", "rlw"},
		{"prefix below refuses", `key_prefix "a/" { policy = "write" } key_prefix "a/b" { policy = "deny" }`, "a/", "---", "---"},
		{"exact below refuses", `key_prefix "a/" { policy = "write" } key "a/b" { policy = "read" }`, "a/", "r--", "r--"},
		{"exact at the prefix refuses", `key_prefix "a/" { policy = "write" } key "a/" { policy = "read" }`, "a/", "r--", "r--"},
		{"exact at the prefix is not enough", `key "a/" { policy = "write" }`, "a/", "---", "rlw"},
		{"refusal beside", `key_prefix "a/" { policy = "write" } key_prefix "ab" { policy = "deny" }`, "a/", "rlw", "rlw"},
		{"refusal within a segment", `key_prefix "a" { policy = "write" } key "abc" { policy = "deny" }`, "ab", "---", "---"},
		{"everything", `key_prefix "" { policy = "list" } key "x" { policy = "write" }`, "", "rl-", "rl-"},
		{"everything but one", `key "x" { policy = "deny" }`, "", "---", "---"},
		{"cluster", `operator = "read"`, "", "---", "rlw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustParse(t, c.rules)
			deny, allow := New(false, p), New(true, p)
			if got := granted(func(a Access) bool { return deny.AllowPrefix(Key, a, c.prefix) }); got != c.onDeny {
				t.Errorf("default deny: %s, want %s", got, c.onDeny)
			}
			if got := granted(func(a Access) bool { return allow.AllowPrefix(Key, a, c.prefix) }); got != c.onAllow {
				t.Errorf("default allow: %s, want %s", got, c.onAllow)
			}
			if deny.AllowPrefix(Operator, Write, c.prefix) {
				t.Error("operator:write allowed")
			}
		})
	}
}

func TestAllowAny(t *testing.T) {
	for _, c := range []struct {
		name, rules     string
		onDeny, onAllow string
	}{
		{"no rules", ``, "---", "rlw"},
		{"exact", `service "a" { policy = "write" }`, "rlw", "rlw"},
		{"prefix", `service_prefix "a" { policy = "read" }`, "r--", "rlw"},
		{"refused", `service_prefix "a" { policy = "deny" }`, "---", "rlw"},
		{"all refused", `service_prefix "" { policy = "deny" }`, "---", "---"},
		{"all refused but one", `service_prefix "" { policy = "deny" } service "a" { policy = "read" }`, "r--", "r--"},
		{"another resource", `node "a" { policy = "write" }`, "---", "rlw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustParse(t, c.rules)
			deny, allow := New(false, p), New(true, p)
			if got := granted(func(a Access) bool { return deny.AllowAny(Service, a) }); got != c.onDeny {
				t.Errorf("default deny: %s, want %s", got, c.onDeny)
			}
			if got := granted(func(a Access) bool { return allow.AllowAny(Service, a) }); got != c.onAllow {
				t.Errorf("default allow: %s, want %s", got, c.onAllow)
			}
		})
	}
}

func TestFixedAuthorizers(t *testing.T) {
	for _, c := range []struct {
		name            string
		a               *Authorizer
		ofACL, ofOthers string
	}{
		{"ManageAll", ManageAll(), "rlw", "rlw"},
		{"AllowAll", AllowAll(), "---", "rlw"},
		{"DenyAll", DenyAll(), "---", "---"},
	} {
		for _, r := range append(clusterResources, namedResources...) {
			want := c.ofOthers
			if r == ACL {
				want = c.ofACL
			}
			for _, name := range []string{"", "x"} {
				if got := granted(func(a Access) bool { return c.a.Allow(r, a, name) }); got != want {
					t.Errorf("%s allows %s of %s", c.name, got, r)
				}
				if got := granted(func(a Access) bool { return c.a.AllowPrefix(r, a, name) }); got != want {
					t.Errorf("%s allows %s of %s as prefix", c.name, got, r)
				}
				if got := granted(func(a Access) bool { return c.a.AllowAny(r, a) }); got != want {
					t.Errorf("%s allows %s of any %s", c.name, got, r)
				}
			}
		}
		for _, access := range []Access{-1, 0, 4, 259} {
			if c.a.Allow(Key, access, "x") || c.a.Allow(ACL, access, "") || c.a.AllowPrefix(Key, access, "") || c.a.AllowAny(Key, access) {
				t.Errorf("%s allows %s", c.name, access)
			}
		}
		if c.a.Allow("foo", Read, "") || c.a.AllowAny("foo", Read) {
			t.Errorf("%s allows an unknown resource", c.name)
		}
	}
}

func TestSameSegmentTwice(t *testing.T) {
	words := []string{"deny", "write", "list", "read"} // the earlier wins
	for i, strong := range words {
		for _, weak := range words[i:] {
			for _, both := range [][2]string{{strong, weak}, {weak, strong}} {
				for _, kind := range []string{"key", "key_prefix"} {
					first := fmt.Sprintf("%s %q { policy = %q }\n", kind, "a", both[0])
					second := fmt.Sprintf("%s %q { policy = %q }\n", kind, "a", both[1])
					want := New(true, mustParse(t, fmt.Sprintf("%s %q { policy = %q }", kind, "a", strong)))
					sameAnswers(t, New(true, mustParse(t, first+second)), want, "a")
					sameAnswers(t, New(true, mustParse(t, first), mustParse(t, second)), want, "a")
				}
			}
		}
	}
	for _, rules := range []string{"operator = \"deny\"\noperator = \"write\"", "operator = \"write\"\noperator = \"deny\""} {
		if New(true, mustParse(t, rules)).Allow(Operator, Read, "") {
			t.Errorf("%s: read is allowed", rules)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	a := New(false, mustParse(t, decisionRules))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if !a.Allow(Key, Write, "app/x") || a.AllowPrefix(Key, Write, "app/") || !a.AllowAny(Service, Write) {
					t.Error("wrong answer")
				}
			}
		})
	}
	wg.Wait()
}

func TestAnswersAllocateNothing(t *testing.T) {
	a := New(false, mustParse(t, decisionRules))
	if n := testing.AllocsPerRun(100, func() { a.Allow(Key, Read, "app/secret/known2") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllow(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		var rules strings.Builder
		for i := range n {
			fmt.Fprintf(&rules, "key_prefix \"team-%d/\" { policy = \"read\" }\nkey \"team-%d/secret\" { policy = \"deny\" }\n", i, i)
		}
		a := New(false, mustParse(b, rules.String()))
		b.Run(fmt.Sprintf("rules=%d", 2*n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.Allow(Key, Read, "team-0/config/database/password")
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	rules := BuiltinPolicies()[0].Rules
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(rules); err != nil {
			b.Fatal(err)
		}
	}
}
