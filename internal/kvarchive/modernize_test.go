package kvarchive

import (
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/golden"
)

func TestModernRules(t *testing.T) {
	for name, tt := range map[string]struct{ old, want string }{
		"key": {`key "p" { policy = "read" }`, `key_prefix "p" { policy = "read" }`},
		"every word": {
			`agent "a" { policy = "read" } event "a" { policy = "read" } key "a" { policy = "list" }
			node "a" { policy = "write" }
			query "" { policy = "deny" } service "" { policy = "write" } session "" { policy = "write" }
			keyring = "read" operator = "write"`,
			`agent_prefix "a" { policy = "read" } event_prefix "a" { policy = "read" } key_prefix "a" { policy = "list" }
			node_prefix "a" { policy = "write" }
			query_prefix "" { policy = "deny" } service_prefix "" { policy = "write" } session_prefix "" { policy = "write" }
			keyring = "read" operator = "write"`,
		},
		"comments":   {"# the key\nkey \"key\" { # key\n policy = \"read\" }", "# the key\nkey_prefix \"key\" { # key\n policy = \"read\" }"},
		"quoted":     {`"key" "a" { policy = "read" }`, `"key_prefix" "a" { policy = "read" }`},
		"upper case": {`Key "a" { policy = "read" }`, `key_prefix "a" { policy = "read" }`},
		"nested":     {`key { "a" { policy = "read" } }`, `key_prefix { "a" { policy = "read" } }`},
		"assigned":   {`key = { "key" = { policy = "read" } }`, `key_prefix = { "key" = { policy = "read" } }`},
		"twice": {`key "a" { policy = "read" } key "b" { policy = "deny" }`,
			`key_prefix "a" { policy = "read" } key_prefix "b" { policy = "deny" }`},
		"not ASCII": {"# ☃\nkey \"☃\" { policy = \"read\" }", "# ☃\nkey_prefix \"☃\" { policy = \"read\" }"},
		"line ends": {"# a\r\nkey \"a\" {\r\n policy = \"read\" }\r\n", "# a\nkey_prefix \"a\" {\n policy = \"read\" }\n"},
		"JSON": {`{"key": {"key": {"policy": "read"}}, "operator": "read"}`,
			`{"key_prefix": {"key": {"policy": "read"}}, "operator": "read"}`},
		"JSON twice": {"\n{ \"key\":{\"a\":{\"policy\":\"read\"}} ,\n\"key\" : [{\"b\":{\"policy\":\"read\"}}]}",
			"\n{ \"key_prefix\":{\"a\":{\"policy\":\"read\"}} ,\n\"key_prefix\" : [{\"b\":{\"policy\":\"read\"}}]}"},
		"only comments": {"# nothing", "# nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := modernRules(tt.old)
			if err != nil || got != tt.want {
				t.Errorf("%q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func client(rules string) LegacyACL {
	return LegacyACL{ID: "s", Name: "n", Type: ClientACL, Rules: rules}
}

func TestModernizeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		old  LegacyACL
		text string
	}{
		"no ID":            {LegacyACL{Type: ClientACL}, "no ID"},
		"unknown type":     {LegacyACL{ID: "s", Name: "n", Type: "token"}, `the legacy ACL "n": it is of the unknown type "token"`},
		"syntax":           {client(`key "`), `rules of the legacy ACL "n": Failed to parse ACL rules`},
		"policy":           {client(`key "a" { policy = "all" }`), `Invalid key policy: "all"`},
		"acl":              {client(`acl = "write"`), `legacy rules have no "acl"`},
		"prefix":           {client(`key_prefix "" { policy = "write" }`), `legacy rules have no "key_prefix"`},
		"misspelt":         {client(`keys "" { policy = "deny" }`), `legacy rules have no "keys"`},
		"Enterprise":       {client(`key "" { policy = "write" sentinel { code = "x" } }`), "needs Consul Enterprise"},
		"escaped JSON":     {client(`{"k\u0065y": {"": {"policy": "read"}}}`), "written with escapes"},
		"deep":             {client(strings.Repeat(`a {`, 100)), "nested"},
		"escaped HCL word": {client(`"k\x65y" "" { policy = "read" }`), "legacy rules have no"},
	} {
		t.Run(name, func(t *testing.T) {
			token, policy, err := Modernize(&tt.old)
			if err == nil || !strings.Contains(err.Error(), tt.text) || token != nil || policy != nil {
				t.Errorf("%v, %v, %v; want %q", token, policy, err, tt.text)
			}
		})
	}
}

func TestModernizeFixture(t *testing.T) {
	old := contentOf(t, mustOpen(t, golden.Read(t, fixtures+"plain/consul-backup-1.consul.snapshot.1795246816.tar.gz"), "")).LegacyACLs
	token, policy, err := Modernize(old[0])
	if must(t, err); token.AccessorID != acl.AnonymousAccessorID || token.SecretID != "anonymous" || len(token.Policies) > 0 || policy != nil {
		t.Errorf("anonymous: %+v, %+v", token, policy)
	}
	token, policy, err = Modernize(old[1])
	if must(t, err); token.SecretID != old[1].ID || token.AccessorID != "" || policy != nil ||
		len(token.Policies) != 1 || token.Policies[0].ID != acl.GlobalManagementID {
		t.Errorf("management: %+v, %+v", token, policy)
	}
	token, policy, err = Modernize(old[2])
	must(t, err)
	if token.SecretID != old[2].ID || token.Description != "app reader" || len(token.Policies) != 1 || token.Policies[0].Name != policy.Name {
		t.Errorf("client: %+v", token)
	}
	if want := "key_prefix \"app/\" {\n  policy = \"read\"\n}\nservice_prefix \"\" {\n  policy = \"read\"\n}\n"; policy.Rules != want {
		t.Errorf("%q", policy.Rules)
	}
	if !strings.HasPrefix(policy.Name, "legacy-app-reader-") || strings.Contains(policy.Name, old[2].ID[:8]) {
		t.Errorf("named %s", policy.Name)
	}
}

// Whatever an ACL is called, its policy gets a name that Consul takes, which is another for other rules and for other names.
func TestPolicyNames(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"", "a", "a b", "a-b", "a/b", "☃", "-", strings.Repeat("long ", 200), "\xff"} {
		for _, rules := range []string{`key "a" { policy = "read" }`, `key "b" { policy = "read" }`} {
			_, policy, err := Modernize(&LegacyACL{ID: "s", Name: name, Type: ClientACL, Rules: rules})
			must(t, err)
			if err := acl.ValidatePolicyName(policy.Name); err != nil || seen[policy.Name] {
				t.Errorf("%q becomes %q: %v", name, policy.Name, err)
			}
			seen[policy.Name] = true
			_, again, _ := Modernize(&LegacyACL{ID: "other", Name: name, Type: ClientACL, Rules: rules})
			if again.Name != policy.Name {
				t.Errorf("%q and %q", again.Name, policy.Name)
			}
		}
	}
}
