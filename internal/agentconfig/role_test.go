package agentconfig

import (
	"strings"
	"testing"
	"time"
)

func TestRoles(t *testing.T) {
	for _, tt := range []struct {
		name      string
		args      []string
		server    bool
		bootstrap bool
		expect    int
	}{
		{"client agent, the default", nil, false, false, 0},
		{"client agent", []string{"-server=false"}, false, false, 0},
		{"server that waits to be taken in", []string{"-server"}, true, false, 0},
		{"server of its own", []string{"-server", "-bootstrap"}, true, true, 0},
		{"one server expected", []string{"-server", "-bootstrap-expect=1"}, true, true, 1},
		{"three servers expected", []string{"-server", "-bootstrap-expect=3"}, true, false, 3},
		{"by a file", []string{"-hcl", `server = true bootstrap_expect = 5`}, true, false, 5},
		{"development", []string{"-dev"}, true, false, 0},
		{"client agent for development", []string{"-dev", "-server=false"}, false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := client(t, "", tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if c.Server != tt.server || c.Bootstrap != tt.bootstrap || c.BootstrapExpect != tt.expect {
				t.Errorf("server %t, bootstrap %t, expect %d", c.Server, c.Bootstrap, c.BootstrapExpect)
			}
		})
	}
}

func TestClientNeedsADataDirectory(t *testing.T) {
	if _, _, err := load(t, "-bind=127.0.0.1", "-node=n"); err == nil || err.Error() != "data_dir cannot be empty" {
		t.Errorf("error %v", err)
	}
	if c, _, err := load(t, "-dev", "-server=false", "-node=n"); err != nil || c.DataDir != "" {
		t.Errorf("-dev: %v", err)
	}
}

// A client agent takes a file that is meant for servers too, and warns of nothing.
func TestClientIsSilentAboutServersKeys(t *testing.T) {
	_, warnings, err := client(t, `raft_snapshot_threshold = 1 autopilot { min_quorum = 3 } performance { raft_multiplier = 1 }
		server_rejoin_age_max = "7h"`)
	if err != nil || len(warnings) > 0 {
		t.Errorf("warnings %q, %v", warnings, err)
	}
}

func TestClientRefusesServersRoles(t *testing.T) {
	for hcl, want := range map[string]string{
		`bootstrap = true`:                  "'bootstrap = true' requires 'server = true'",
		`bootstrap_expect = 3`:              "'bootstrap_expect > 0' requires 'server = true'",
		`ports { server = -1 }`:             "server-port must be greater than zero",
		`ports { serf_lan = 0 }`:            "serf-lan-port must be greater than zero",
		`auto_encrypt { allow_tls = true }`: "auto_encrypt.allow_tls can only be used on a server.",
	} {
		if _, _, err := client(t, hcl); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", hcl, err, want)
		}
	}
	_, _, err := client(t, `auto_encrypt { tls = true }`)
	if err == nil || !strings.Contains(err.Error(), "* auto_encrypt.tls: automatic TLS") {
		t.Errorf("auto_encrypt.tls on a client is not served: %v", err)
	}
}

func TestACLCacheTimes(t *testing.T) {
	for _, tt := range []struct {
		name, hcl           string
		token, policy, role time.Duration
	}{
		{"defaults", ``, 30 * time.Second, 30 * time.Second, 0},
		{"set", `acl { token_ttl = "1s" policy_ttl = "2s" role_ttl = "3s" }`, time.Second, 2 * time.Second, 3 * time.Second},
		{"old name", `acl_ttl = "4s"`, 4 * time.Second, 30 * time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := client(t, tt.hcl)
			if err != nil {
				t.Fatal(err)
			}
			if a := c.ACL; a.TokenTTL != tt.token || a.PolicyTTL != tt.policy || a.RoleTTL != tt.role {
				t.Errorf("token %s, policy %s, role %s", a.TokenTTL, a.PolicyTTL, a.RoleTTL)
			}
		})
	}
}
