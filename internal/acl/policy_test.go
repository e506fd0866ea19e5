package acl

import (
	"slices"
	"strings"
	"testing"
)

// Each text means the same as key_prefix "a/" { policy = "read" } and acl = "write".
func TestSpellings(t *testing.T) {
	want := New(false, mustParse(t, "key_prefix \"a/\" { policy = \"read\" }\nacl = \"write\""))
	for name, rules := range map[string]string{
		"one line, comma":     `key_prefix "a/" { policy = "read" }, acl = "write"`,
		"comments":            "# c\n// c\nacl = \"write\" /* { { */ # }\nkey_prefix \"a/\" { # c\n policy = \"read\"\n}",
		"carriage returns":    "acl = \"write\"\r\nkey_prefix \"a/\" {\r\n policy = \"read\"\r\n}\r\n",
		"nested":              `key_prefix { "a/" { policy = "read" } } acl = "write"`,
		"assigned":            `key_prefix = { "a/" = { policy = "read" } } acl = "write"`,
		"lists":               `key_prefix = [{ "a/" = [{ policy = "read" }] }] acl = "write"`,
		"upper case":          `Key_Prefix "a/" { POLICY = "read" } ACL = "write"`,
		"quoted words":        `"key_prefix" "a/" { "policy" = "read" } "acl" = "write"`,
		"escaped":             `key_prefix "\x61/" { policy = "r\u0065ad" } acl = "write"`,
		"given twice":         `key_prefix "a/" { policy = "read" } acl = "write" acl = "read" key_prefix "a/" { policy = "read" }`,
		"JSON":                `{"key_prefix": {"a/": {"policy": "read"}}, "acl": "write"}`,
		"JSON lists":          " \n" + `{"key_prefix": [{"a/": [{"policy": "read"}]}], "acl": "write"}`,
		"JSON lists outside":  `{"key_prefix": [{"a/": {"policy": "read"}}, {}], "acl": "write"}`,
		"JSON escaped":        `{"key_prefix": {"a\/": {"policy": "read"}}, "acl": "write"}` + "\n",
		"JSON twice":          `{"acl": "read", "acl": "write", "key_prefix": {"a/": {"policy": "read"}}}`,
		"JSON segment policy": `{"key_prefix": {"a/": {"policy": "read"}}, "key": {"policy": {"policy": "deny"}}, "acl": "write"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := New(false, mustParse(t, rules))
			for _, n := range []string{"", "a", "a/", "a/b", "b", "policy"} {
				sameAnswers(t, got, want, n)
			}
		})
	}
}

func TestRulesThatGrantNothing(t *testing.T) {
	for _, rules := range []string{"", " \n", "# only a comment", "{}", "key_prefix {}", `{"key": []}`, `{"key": {"a": []}}`} {
		if p := mustParse(t, rules); len(p.rules) != 0 {
			t.Errorf("%q: %v", rules, p.rules)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("[", 17)
	for name, c := range map[string]struct{ rules, text string }{
		"acl":               {`acl = "zz"`, `Invalid acl policy: "zz"`},
		"acl list":          {`acl = "list"`, `Invalid acl policy: "list"`},
		"empty":             {`operator = ""`, `Invalid operator policy: ""`},
		"upper case":        {`keyring = "Read"`, `Invalid keyring policy: "Read"`},
		"key":               {`key "a" { policy = "zz" }`, `Invalid key policy: "zz" on "a"`},
		"key_prefix":        {`key_prefix "a" { policy = "zz" }`, `Invalid key_prefix policy: "zz" on "a"`},
		"list of a service": {`service "a" { policy = "list" }`, `Invalid service policy: "list" on "a"`},
		"no policy":         {`node "a" {}`, `Invalid node policy: "" on "a"`},
		"only intentions":   {`service "a" { intentions = "read" }`, `Invalid service policy: "" on "a"`},
		"intentions": {`service "a" { policy = "read" intentions = "list" }`,
			`Invalid service intentions policy: "list" on "a"`},
		"unknown resource": {"acl = \"read\"\nkee \"a\" { policy = \"deny\" }",
			`Failed to parse ACL rules: at line 2: unknown resource "kee"`},
		"unknown flat resource": {`foo = "read"`, `Failed to parse ACL rules: at line 1: unknown resource "foo"`},
		"acl_prefix": {`acl_prefix "a" { policy = "read" }`,
			`Failed to parse ACL rules: at line 1: unknown resource "acl_prefix"`},
		"unknown field": {`key "a" { polic = "deny" }`,
			`Failed to parse ACL rules: at line 1: key "a": unknown field "polic"`},
		"intentions of a key": {`key "a" { policy = "read" intentions = "read" }`,
			`Failed to parse ACL rules: at line 1: key "a": unknown field "intentions"`},
		"sentinel": {`key "a" { policy = "write" sentinel { code = "x" } }`,
			`Failed to parse ACL rules: at line 1: key "a": "sentinel" needs Consul Enterprise`},
		"namespace": {`namespace "a" { acl = "read" }`,
			`Failed to parse ACL rules: at line 1: "namespace" rules need Consul Enterprise`},
		"partition_prefix": {`partition_prefix "" { acl = "read" }`,
			`Failed to parse ACL rules: at line 1: "partition_prefix" rules need Consul Enterprise`},
		"JSON unknown": {`{"kee": {"a": {"policy": "deny"}}}`, `Failed to parse ACL rules: unknown resource "kee"`},
		"policy twice": {`key "a" { policy = "deny" policy = "write" }`,
			`Failed to parse ACL rules: at line 1: key "a": policy is given twice`},
		"policy no string": {`key "a" { policy = ["read"] }`, `Failed to parse ACL rules: at line 1: key "a": policy takes a string`},
		"policy a number": {`{"key": {"a": {"policy": 99999999999999999999}}}`,
			`Failed to parse ACL rules: key "a": policy takes a string`},
		"policy null": {`{"key": {"a": {"policy": null}}}`, `Failed to parse ACL rules: key "a": policy takes a string`},
		"acl with a block": {`acl { policy = "read" }`,
			`Failed to parse ACL rules: at line 1: acl takes a string, as in acl = "read"`},
		"key without name": {`key { policy = "read" }`,
			`Failed to parse ACL rules: at line 1: key "policy" takes a block, as in key "NAME" { policy = "read" }`},
		"key with a string": {`key = "read"`,
			`Failed to parse ACL rules: at line 1: key takes a name and a block, as in key "NAME" { policy = "read" }`},
		"key with a list": {`key = ["read"]`,
			`Failed to parse ACL rules: at line 1: key takes a name and a block, as in key "NAME" { policy = "read" }`},
		"two names": {`key "a" "b" { policy = "read" }`, `Failed to parse ACL rules: at line 1: key "a": unknown field "b"`},
		"no value": {"key \"a\" { policy = \"deny\" }\nacl =",
			`Failed to parse ACL rules: the text ends after =, where a value is expected`},
		"no value, comment": {"acl = # \"deny\"", `Failed to parse ACL rules: the text ends after =, where a value is expected`},
		"open block":        {`key "a" { policy = "read"`, `Failed to parse ACL rules: `},
		"stray brace":       {`acl = "read" }`, `Failed to parse ACL rules: `},
		"bad string":        {"acl = \"read\nkey \"a\" {}", `Failed to parse ACL rules: `},
		"null byte":         {"acl = \"read\"\x00key \"a\" { policy = \"deny\" }", `Failed to parse ACL rules: `},
		"not UTF-8":         {"key \"\xff\" { policy = \"deny\" }", `Failed to parse ACL rules: `},
		"heredoc":           {"acl = <<E\nread\nE\n", `Failed to parse ACL rules: at line 1: acl takes a string, as in acl = "read"`},
		"number": {`acl = 99999999999999999999`,
			`Failed to parse ACL rules: at line 1: acl takes a string, as in acl = "read"`},
		"JSON cut":      {`{"acl": "read"`, `Failed to parse ACL rules: unexpected EOF`},
		"JSON no comma": {`{"acl": "read" "key": {"a": {"policy": "deny"}}}`, `Failed to parse ACL rules: invalid character '"'`},
		"JSON goes on": {`{"acl": "read"} {"key": {"a": {"policy": "deny"}}}`,
			`Failed to parse ACL rules: text follows the end of the JSON document`},
		"JSON number first": {`{1: 2}`, `Failed to parse ACL rules: `},
		"deep":              {`key = ` + deep, `Failed to parse ACL rules: objects and lists are nested more than 16 deep`},
		"deep JSON":         {`{"key": ` + deep, `Failed to parse ACL rules: objects and lists are nested more than 16 deep`},
		"long": {strings.Repeat("#", maxRules+1),
			`Failed to parse ACL rules: 1048577 bytes are more than the 1048576 that rules may have`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.rules)
			if err == nil {
				t.Fatal("accepted")
			}
			got := err.Error()
			whole := !strings.HasSuffix(c.text, ": ") && !strings.HasSuffix(c.text, `'"'`)
			if whole && got != c.text || !strings.HasPrefix(got, c.text) {
				t.Errorf("got  %s\nwant %s", got, c.text)
			}
		})
	}
}

func TestErrorsStayShort(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	for _, rules := range []string{
		long + ` = "read"`, `acl = "` + long + `"`, `key "` + long + `" { policy = "zz" }`, `key "a" { ` + long + ` = 1 }`,
		long + ` ` + long, `key "a" { policy = "` + long, `{"` + long + `": 1}`, `key "\q` + long + `" {}`,
	} {
		if _, err := Parse(rules); err == nil || len(err.Error()) > 600 {
			t.Errorf("%.20s…: error %.100v", rules, err)
		}
	}
}

func TestParseStoredPassesOverWhatConsulDid(t *testing.T) {
	rules := `kee "a" { policy = "deny" }
namespace "n" { acl = "write" }
key "b" { policy = "write" sentinel { code = "x" } }
service "s" { policy = "read" color = 3 }`
	p, leftOut, err := ParseStored(rules)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`at line 1: unknown resource "kee"`, `at line 2: "namespace" rules need Consul Enterprise`,
		`at line 3: key "b": "sentinel" needs Consul Enterprise`, `at line 4: service "s": unknown field "color"`,
	}
	if !slices.Equal(leftOut, want) {
		t.Errorf("left out %q", leftOut)
	}
	a := New(false, p)
	if !a.Allow(Key, Write, "b") || !a.Allow(Service, Read, "s") || a.Allow(ACL, Read, "") {
		t.Error("the known rules do not hold")
	}
	if _, leftOut, err := ParseStored(`key "b" { policy = "write" }`); err != nil || leftOut != nil {
		t.Errorf("good rules: %q, %v", leftOut, err)
	}
	for _, bad := range []string{`key "b" { policy = "zz" }`, `key "b" {`, `key "b" { polic = "deny" }`} {
		if p, _, err := ParseStored(bad); err == nil {
			t.Errorf("%s: %v", bad, p)
		}
	}
}
