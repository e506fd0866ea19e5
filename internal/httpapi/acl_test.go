package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
)

func TestACLAnswers(t *testing.T) {
	const base = "/v1/acl/"
	f := newFake()
	f.store = restoreFile(t, "full.snap")
	f.index = 2000
	readOnly, err := acl.Parse(`acl = "read"`)
	if err != nil {
		t.Fatal(err)
	}
	f.rights = map[string]*acl.Authorizer{"": acl.ManageAll(), "reader": acl.New(false, readOnly)}
	h := newHandler(f, Config{})
	for _, c := range []struct {
		name, method, path, body, secret string
		status                           int
		want                             string
	}{
		{"bootstrapped", "PUT", "bootstrap", "", "", 403, "Permission denied: ACL bootstrap no longer allowed (reset index: 6)"},
		{"policy name taken", "PUT", "policy", `{"Name":"kv-read"}`, "", 500, `Invalid Policy: A Policy with Name "kv-read" already exists`},
		{"policy rules", "PUT", "policy", `{"Name":"x","Rules":"acl = \"zz\""}`, "", 500, `Invalid acl policy: "zz"`},
		{"builtin", "DELETE", "policy/" + acl.GlobalManagementID, "", "", 500, "Delete operation not permitted on the builtin global-management policy"},
		{"policy absent", "GET", "policy/x", "", "", 404, "Requested policy does not exist: ACL not found"},
		{"link", "PUT", "token", `{"Policies":[{"Name":"X"}]}`, "", 500, `No such ACL policy with name "X"`},
		{"short-lived", "PUT", "token", `{"ExpirationTTL":"10s"}`, "", 500, "ExpirationTime cannot be less than 1m0s in the future (was 10s)"},
		{"link by name", "PUT", "token", `{"Policies":[{"Name":"kv-read"}]}`, "", 200, `"5d0abf27-f06a-2ef0-66b7-8c3978588867"`},
		{"token absent", "GET", "token/x", "", "", 403, "token does not exist: ACL not found"},
		{"no token to delete", "DELETE", "token/x", "", "", 404, "Cannot find token to delete"},
		{"anonymous", "DELETE", "token/" + acl.AnonymousAccessorID, "", "", 500, "Delete operation not permitted on the anonymous token"},
		{"redacted", "GET", "tokens", "", "reader", 200, `\u003chidden\u003e`},
		{"role", "PUT", "role", `{"Name":"r9","Policies":[{"Name":"kv-read"}]}`, "", 200, `"r9"`},
		{"write denied", "PUT", "role", `{"Name":"r9"}`, "reader", 403, "lacks permission 'acl:write'"},
		{"snapshot denied", "GET", "../snapshot", "", "reader", 403, "lacks permission 'acl:write'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := strings.Replace(base+c.path, "acl/../", "", 1)
			w := ask(h, c.method, path, c.body, "X-Consul-Token: "+c.secret)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.secret == "reader" && strings.Contains(w.Body.String(), "deadbeef-") {
				t.Error("a secret is shown")
			}
		})
	}
	f.rights = nil
	if w := ask(h, "GET", base+"tokens", ""); w.Code != 401 || w.Body.String() != "ACL support disabled" {
		t.Errorf("off: %d %s", w.Code, w.Body)
	}
}

// A new cluster is bootstrapped once.
func TestBootstrap(t *testing.T) {
	f := newFake()
	f.rights = map[string]*acl.Authorizer{"": acl.DenyAll()}
	for i, p := range acl.BuiltinPolicies() {
		if err := f.store.SetPolicy(uint64(i+1), 1, p); err != nil {
			t.Fatal(err)
		}
	}
	h := newHandler(f, Config{})
	w := ask(h, "PUT", "/v1/acl/bootstrap", "")
	var got struct{ ID, SecretID string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.ID == "" || got.ID != got.SecretID {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "PUT", "/v1/acl/bootstrap", ""); w.Code != 403 {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
}
