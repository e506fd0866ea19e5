package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/server"
)

// asToken sends a request with a token and returns its status and body.
func asToken(t *testing.T, a *Agent, token, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+a.config.HTTPListeners[0].Address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	return answerTo(t, req)
}

// bootstrap bootstraps ACLs and returns the management token's secret.
func bootstrap(t *testing.T, a *Agent) string {
	t.Helper()
	status, body := asToken(t, a, "", "PUT", "/v1/acl/bootstrap", "")
	var token struct{ ID, SecretID, Description string }
	if err := json.Unmarshal([]byte(body), &token); status != 200 || err != nil || token.ID != token.SecretID || token.SecretID == "" {
		t.Fatalf("%d %s", status, body)
	}
	return token.SecretID
}

// A cluster with ACLs is bootstrapped once, again only by who can write into the leader's data directory, and nothing is open before.
func TestBootstrapAndReset(t *testing.T) {
	dir := t.TempDir()
	a := startWithACLs(t, dir, "deny", "")
	if status, body := asToken(t, a, "", "GET", "/v1/kv/x", ""); status != 403 || !strings.Contains(body, "anonymous token lacks permission 'key:read' on \"x\"") {
		t.Errorf("before the bootstrap: %d %s", status, body)
	}
	if status, body := asToken(t, a, "nobody's", "GET", "/v1/kv/x", ""); status != 403 ||
		body != "ACL system must be bootstrapped before making any requests that require authorization: ACL not found" {
		t.Errorf("before the bootstrap: %d %s", status, body)
	}
	first := bootstrap(t, a)
	status, body := asToken(t, a, "", "PUT", "/v1/acl/bootstrap", "")
	reset, _ := a.server.Store().Bootstrapped()
	if want := fmt.Sprintf("Permission denied: ACL bootstrap no longer allowed (reset index: %d)", reset); status != 403 || body != want {
		t.Errorf("second bootstrap: %d %s", status, body)
	}
	file := filepath.Join(dir, server.BootstrapResetName)
	for _, text := range []string{"", "x", fmt.Sprint(reset + 1)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, _ := asToken(t, a, "", "PUT", "/v1/acl/bootstrap", ""); status != 403 {
			t.Errorf("a reset file with %q: %d", text, status)
		}
	}
	if err := os.WriteFile(file, []byte(fmt.Sprintf("%d\n", reset)), 0o600); err != nil {
		t.Fatal(err)
	}
	second := bootstrap(t, a)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the reset file is still there: %v", err)
	}
	for _, secret := range []string{first, second} {
		if status, body := asToken(t, a, secret, "GET", "/v1/acl/tokens", ""); status != 200 {
			t.Errorf("management token: %d %s", status, body)
		}
	}
}

// The leader provides the built-in policies, the anonymous token, the configured management token and its own secret, once.
func TestLeaderProvidesACLs(t *testing.T) {
	dir := t.TempDir()
	check := func(a *Agent, serverSecret string) string {
		store := a.server.Store()
		for _, p := range acl.BuiltinPolicies() {
			if _, there := store.Policy(nil, p.ID, ""); there == nil || there.Rules != p.Rules {
				t.Errorf("policy %s: %+v", p.Name, there)
			}
		}
		if _, tokens := store.Tokens(nil); len(tokens) != 2 {
			t.Errorf("%d tokens", len(tokens))
		}
		if _, done := store.Bootstrapped(); !done {
			t.Error("a configured management token counts as the bootstrap")
		}
		secret := store.SystemMetadata("server-management-token").Value
		if secret == serverSecret {
			t.Error("the servers' secret was not replaced")
		}
		return secret
	}
	a := startWithACLs(t, dir, "deny", managementSecret)
	secret := check(a, "")
	if status, body := asToken(t, a, secret, "GET", "/v1/acl/tokens", ""); status != 200 {
		t.Errorf("the servers' own secret: %d %s", status, body)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := startWithACLs(t, dir, "deny", managementSecret)
	check(again, secret)
	if status, _ := asToken(t, again, secret, "GET", "/v1/acl/tokens", ""); status != 403 {
		t.Errorf("the secret of the last term still counts: %d", status)
	}
}

// A management token that the configuration names counts from the first request on, also from one that comes before there is a leader.
func TestTokenBeforeTheLeader(t *testing.T) {
	config := load(t, "-dev", "-hcl="+aclsOn)
	config.Raft.HeartbeatTimeout, config.Raft.ElectionTimeout = time.Second, time.Second // time for the request
	a, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.server.Leading() {
		t.Fatal("there is a leader already: the test shows nothing")
	}
	if status, body := asToken(t, a, managementSecret, "GET", "/v1/acl/tokens", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// Tokens that are set over the API sign requests without a token at once, and come back after a restart.
func TestAgentTokens(t *testing.T) {
	dir := t.TempDir()
	a := startWithACLs(t, dir, "deny", managementSecret, "-hcl=acl { enable_token_persistence = true }")
	for _, c := range []struct {
		token, kind, body string
		status            int
	}{
		{"", "default", `{"Token":"x"}`, 403},
		{managementSecret, "nothing", `{"Token":"x"}`, 404},
		{managementSecret, "default", `x`, 400},
		{managementSecret, "default", `{"Token":"` + managementSecret + `"}`, 200},
		{managementSecret, "agent_master", `{"Token":"rescue"}`, 200},
	} {
		if status, body := asToken(t, a, c.token, "PUT", "/v1/agent/token/"+c.kind, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.kind, status, body, c.status)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = startWithACLs(t, dir, "deny", managementSecret, "-hcl=acl { enable_token_persistence = true }")
	if status, body := asToken(t, a, "", "GET", "/v1/acl/tokens", ""); status != 200 {
		t.Errorf("without a token, but with a default one: %d %s", status, body)
	}
	if status, body := asToken(t, a, "rescue", "GET", "/v1/agent/self", ""); status != 200 {
		t.Errorf("recovery token: %d %s", status, body)
	}
	if status, _ := asToken(t, a, "rescue", "GET", "/v1/kv/x", ""); status != 403 {
		t.Errorf("the recovery token reads keys: %d", status)
	}
}

// A reload takes the tokens of the configuration over; what was set over the API stays.
func TestReloadTakesTokensOver(t *testing.T) {
	a := startWithACLs(t, "", "deny", managementSecret)
	if status, _ := asToken(t, a, "", "GET", "/v1/acl/tokens", ""); status != 403 {
		t.Fatalf("without a default token: %d", status)
	}
	config := load(t, "-dev", "-hcl="+aclsOn, `-hcl=acl { tokens { default = "`+managementSecret+`" } }`)
	if err := a.Reload(config); err != nil {
		t.Fatal(err)
	}
	if status, body := asToken(t, a, "", "GET", "/v1/acl/tokens", ""); status != 200 {
		t.Errorf("with a default token: %d %s", status, body)
	}
	asToken(t, a, managementSecret, "PUT", "/v1/agent/token/default", `{"Token":"nobody's"}`)
	if err := a.Reload(config); err != nil {
		t.Fatal(err)
	}
	if status, body := asToken(t, a, "", "GET", "/v1/acl/tokens", ""); status != 403 || body != "ACL not found" {
		t.Errorf("with another default token, set over the API: %d %s", status, body)
	}
}

// With enable_key_list_policy reading below a prefix needs the right to list it.
func TestKeyListPolicy(t *testing.T) {
	for policy, want := range map[string]int{"false": 200, "true": 403} {
		a := startWithACLs(t, "", "deny", managementSecret, "-hcl=acl { enable_key_list_policy = "+policy+" }")
		asToken(t, a, managementSecret, "PUT", "/v1/kv/app/x", "v")
		asToken(t, a, managementSecret, "PUT", "/v1/acl/policy", `{"Name":"reads","Rules":"key_prefix \"\" { policy = \"read\" }"}`)
		asToken(t, a, managementSecret, "PUT", "/v1/acl/token", `{"SecretID":"11111111-2222-3333-4444-555555555555","Policies":[{"Name":"reads"}]}`)
		if status, body := asToken(t, a, "11111111-2222-3333-4444-555555555555", "GET", "/v1/kv/app/?recurse", ""); status != want {
			t.Errorf("enable_key_list_policy = %s: %d %s, want %d", policy, status, body, want)
		}
	}
}

func TestAgentTokensNeedACLs(t *testing.T) {
	a := start(t, load(t, "-dev"))
	if status, body := asToken(t, a, "", "PUT", "/v1/agent/token/default", `{"Token":"x"}`); status != 401 || body != "ACL support disabled" {
		t.Errorf("%d %s", status, body)
	}
}

func TestUnsupportedPolicies(t *testing.T) {
	for hcl, want := range map[string]string{
		`acl { default_policy = "foo" }`: "Failed to start Consul server: Unsupported default ACL policy: foo",
		`acl { down_policy = "foo" }`:    "Failed to start Consul server: Unsupported down ACL policy: foo",
	} {
		a, err := Open(load(t, "-dev", "-hcl="+hcl))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(quiet()); err == nil || err.Error() != want {
			t.Errorf("%s: %v", hcl, err)
		}
	}
}

// A token whose time has come counts no more, whether or not it has been removed.
func TestExpiredToken(t *testing.T) {
	a := startWithACLs(t, "", "deny", managementSecret)
	soon := time.Now().Add(50 * time.Millisecond)
	_, err := a.server.Apply(t.Context(), fsm.SetToken(&record.ACLToken{AccessorID: "e", SecretID: "ends", ExpirationTime: &soon,
		Policies: []record.ACLLink{{ID: acl.GlobalManagementID}}}, false))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if status, body := asToken(t, a, "ends", "GET", "/v1/acl/tokens", ""); status == 403 && body == "ACL not found" {
			return
		}
	}
	t.Error("the token does not end")
}

// A restore needs acl:write, and takes the restored tokens over: the caller's own may be gone.
func TestRestoreNeedsACLWrite(t *testing.T) {
	a := startWithACLs(t, "", "deny", "")
	own := bootstrap(t, a)
	snap, err := os.ReadFile(filepath.Join(testdata, "full.snap"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		token  string
		status int
		text   string
	}{
		{"", 403, "Permission denied: anonymous token lacks permission 'acl:write'."},
		{"nobody's", 403, "ACL not found"},
		{own, 200, ""},
		{own, 403, "ACL not found"}, // it is not in the archive
		{managementSecret, 200, ""},
	} {
		status, body := asToken(t, a, c.token, "PUT", "/v1/snapshot", string(snap))
		if status != c.status || !strings.HasPrefix(body, c.text) {
			t.Errorf("with %q: %d %q", c.token, status, body)
		}
	}
}

// Secrets are in no line of the log, at any level.
func TestSecretsAreNotLogged(t *testing.T) {
	config := load(t, "-dev", "-hcl="+aclsOn, `-hcl=acl { tokens { agent_recovery = "recovery-s3cret" default = "default-s3cret" } }`)
	var log bytes.Buffer
	a, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})); err != nil {
		t.Fatal(err)
	}
	asToken(t, a, managementSecret, "PUT", "/v1/agent/token/default", `{"Token":"set-s3cret"}`)
	asToken(t, a, "unknown-s3cret", "GET", "/v1/kv/x", "")
	asToken(t, a, "", "GET", "/v1/kv/x?token=url-s3cret", "")
	asToken(t, a, managementSecret, "GET", "/v1/acl/tokens", "")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "/v1/kv/x") {
		t.Error("nothing was logged")
	}
	for _, secret := range []string{"s3cret", managementSecret} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, &log)
		}
	}
}

// startWithACLs starts an agent with ACLs. Without a directory it keeps nothing.
func startWithACLs(t *testing.T, dir, policy, initial string, args ...string) *Agent {
	t.Helper()
	args = append(args, fmt.Sprintf("-hcl=acl { enabled = true default_policy = %q tokens { initial_management = %q agent = %q } }", policy, initial, initial))
	if dir == "" {
		args = append(args, "-dev")
	} else {
		args = append(args, "-server", "-bootstrap-expect=1", "-data-dir="+dir)
	}
	a, err := Open(load(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() }) // tests may have closed it
	if err := a.server.WaitLeader(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}
