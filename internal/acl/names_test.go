package acl

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	const (
		policy  = "Invalid Policy: invalid Name. Only alphanumeric characters, a single '/', '-' and '_' are allowed"
		role    = "Invalid Role: invalid Name. Only alphanumeric characters, '-' and '_' are allowed"
		service = "Service identity has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed"
		node    = "Node identity has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed"
		long    = "257 characters are more than the 256 allowed"
	)
	over, limit := strings.Repeat("a", 257), strings.Repeat("a", 256)
	for _, c := range []struct {
		what     string
		validate func(string) error
		good     []string
		bad      []string
		text     string
		tooLong  string
	}{
		{"policy", ValidatePolicyName, []string{"p1", "kv-write_App", "builtin/global-read-only", "-", limit},
			[]string{"", "a b", "a/b/c", "/a", "a/", "a//b", "ä", "a\n"}, policy, "Invalid Policy: invalid Name. " + long},
		{"role", ValidateRoleName, []string{"r1", "Web-role_2", limit}, []string{"", "a b", "a/b", "a.b", "a\n"}, role,
			"Invalid Role: invalid Name. " + long},
		{"service", ValidateServiceIdentityName, []string{"web", "w", "web-1_a", limit},
			[]string{"", "Web", "-web", "web-", "_web", "web.a", "web\n"}, service, "Service identity has an invalid name. " + long},
		{"node", ValidateNodeIdentityName, []string{"n1", "ext-node-2", limit}, []string{"", "N1", "foo.bar.baz", "n-"}, node,
			"Node identity has an invalid name. " + long},
	} {
		for _, name := range c.good {
			if err := c.validate(name); err != nil {
				t.Errorf("%s %q: %v", c.what, name, err)
			}
		}
		for _, name := range c.bad {
			if err := c.validate(name); err == nil || err.Error() != c.text {
				t.Errorf("%s %q: %v, want %s", c.what, name, err, c.text)
			}
		}
		if err := c.validate(over); err == nil || err.Error() != c.tooLong {
			t.Errorf("%s of 257 characters: %v", c.what, err)
		}
	}
}
