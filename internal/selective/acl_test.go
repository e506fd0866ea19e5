package selective

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
)

// IDs in tests.
const (
	oldOps   = "11111111-0000-0000-0000-000000000001"
	liveOps  = "22222222-0000-0000-0000-000000000001"
	oldRead  = "11111111-0000-0000-0000-000000000002"
	liveRead = "22222222-0000-0000-0000-000000000002"
	oldRole  = "11111111-0000-0000-0000-000000000003"
	token1   = "33333333-0000-0000-0000-000000000001"
	token2   = "33333333-0000-0000-0000-000000000002"
	secret1  = "44444444-0000-0000-0000-000000000001"
	secret2  = "44444444-0000-0000-0000-000000000002"
	manager  = "55555555-0000-0000-0000-000000000001"
)

// aclCluster has ACLs, a management token and the built-in policies.
func aclCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	rules, err := acl.Parse(`key_prefix "app/" { policy = "write" }`)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := acl.Parse(`acl = "read"`)
	if err != nil {
		t.Fatal(err)
	}
	c.rights = map[string]*acl.Authorizer{"": acl.DenyAll(), manager: acl.ManageAll(), "app": acl.New(false, rules), "reader": acl.New(false, reading)}
	for _, p := range acl.BuiltinPolicies() {
		c.do(t, fsm.SetPolicy(p))
	}
	c.do(t, fsm.SetToken(&record.ACLToken{AccessorID: "55555555-0000-0000-0000-00000000000a", SecretID: manager, CreateTime: time.Unix(1, 0).UTC(),
		Policies: []record.ACLLink{{ID: acl.GlobalManagementID}}}, true), fsm.SetToken(acl.AnonymousToken(), false))
	return c
}

func policyNamed(id, name, rules string) *record.ACLPolicy {
	return &record.ACLPolicy{ID: id, Name: name, Rules: rules, CreateIndex: 3, ModifyIndex: 3}
}

func linkTo(ids ...string) (links []record.ACLLink) {
	for _, id := range ids {
		links = append(links, record.ACLLink{ID: id})
	}
	return links
}

func (c *cluster) policy(name string) *record.ACLPolicy {
	_, p := c.Store().Policy(nil, "", name)
	return p
}

func (c *cluster) token(accessor string) *record.ACLToken {
	_, t := c.Store().Token(nil, accessor)
	return t
}

// What has another ID in the datacenter is known by its name, what is made gets one there, links follow, and secrets stay. Taken back,
// everything is as it was.
func TestACLs(t *testing.T) {
	c := aclCluster(t)
	c.do(t, fsm.SetPolicy(policyNamed(liveOps, "ops", `key_prefix "" { policy = "read" }`)))
	c.do(t, fsm.SetToken(&record.ACLToken{AccessorID: token2, SecretID: secret2, Description: "was changed", CreateTime: time.Unix(5, 0).UTC(),
		Policies: linkTo(liveOps)}, false))
	before := c.records(t)
	archive := source(t,
		&record.ACLToken{AccessorID: token1, SecretID: secret1, Description: "one", CreateTime: time.Unix(9, 0).UTC(), Policies: linkTo(oldOps, oldRead),
			Roles: linkTo(oldRole), CreateIndex: 4, ModifyIndex: 4},
		&record.ACLToken{AccessorID: token2, SecretID: secret2, Description: "two", CreateTime: time.Unix(5, 0).UTC(), Policies: linkTo(oldOps),
			CreateIndex: 4, ModifyIndex: 4},
		policyNamed(oldOps, "ops", `key_prefix "" { policy = "write" }`), policyNamed(oldRead, "read", `key_prefix "" { policy = "read" }`),
		&record.ACLRole{ID: oldRole, Name: "role", Policies: linkTo(oldRead, oldOps), CreateIndex: 4, ModifyIndex: 4})
	file := filepath.Join(t.TempDir(), "undo")
	p := plan(t, c.target(manager), archive, options(t, "acl-policy:,acl-role:,acl-token:"))
	if got := text(t, p); strings.Contains(got, secret1) || strings.Contains(got, secret2) {
		t.Errorf("the plan shows a secret:\n%s", got)
	}
	wantEqual(t, apply(t, p, file))
	ops, read := c.policy("ops"), c.policy("read")
	if ops.ID != liveOps || !strings.Contains(ops.Rules, "write") || read == nil || read.ID == oldRead {
		t.Fatalf("policies: %+v, %+v", ops, read)
	}
	_, role := c.Store().Role(nil, "", "role")
	if one := c.token(token1); one == nil || one.SecretID != secret1 || len(one.Policies) != 2 || one.Policies[0].ID != liveOps ||
		one.Policies[1].ID != read.ID || len(one.Roles) != 1 || one.Roles[0].ID != role.ID {
		t.Errorf("token: %+v", one)
	}
	if two := c.token(token2); two.Description != "two" || two.SecretID != secret2 {
		t.Errorf("token: %+v", two)
	}
	again := plan(t, c.target(manager), archive, options(t, "acl-policy:,acl-role:,acl-token:"))
	if again.Len() > 0 {
		t.Errorf("done again, something differs:\n%s", text(t, again))
	}
	back, out := undo(t, c.target(manager), file)
	wantEqual(t, out)
	if len(back.Changed) > 0 {
		t.Errorf("not taken back: %v", back.Changed)
	}
	rest := plan(t, c.target(manager), before, deleting(options(t, "acl-policy:,acl-role:,acl-token:")))
	if rest.Len() > 0 {
		t.Errorf("taken back, something differs:\n%s", text(t, rest))
	}
}

func deleting(o Options) Options {
	o.Delete = true
	return o
}

// What cannot be brought back, or must not be removed, is in the plan with its reason.
func TestACLReasons(t *testing.T) {
	expired := time.Unix(100, 0).UTC()
	for _, tt := range []struct {
		name, only, token string
		live              []fsm.Entry
		archive           []any
		want              []string // parts of the plan
		changes           int
	}{
		{"links to nowhere", "acl-token:", manager, nil, []any{&record.ACLToken{AccessorID: token1, SecretID: secret1, Policies: linkTo(oldOps)},
			policyNamed(oldOps, "ops", "")}, []string{"links to the ACL policy ops", "acl-policy:ops"}, 0},
		{"built in", "acl-policy:global-management", manager, nil, []any{policyNamed(acl.GlobalManagementID, "global-management", "other")}, nil, 0},
		{"hidden secret", "acl-token:", manager, nil, []any{&record.ACLToken{AccessorID: token1, SecretID: "<hidden>"}},
			[]string{"its secret is not in the source"}, 0},
		{"expired", "acl-token:", manager, nil, []any{&record.ACLToken{AccessorID: token1, SecretID: secret1, ExpirationTime: &expired}},
			[]string{"it has expired"}, 0},
		{"of a login", "acl-token:", manager, nil, []any{&record.ACLToken{AccessorID: token1, SecretID: secret1, AuthMethod: "kube"}},
			[]string{"it came of a login"}, 0},
		{"another secret", "acl-token:", manager,
			[]fsm.Entry{fsm.SetToken(&record.ACLToken{AccessorID: token1, SecretID: secret2, Description: "a"}, false)},
			[]any{&record.ACLToken{AccessorID: token1, SecretID: secret1, Description: "b"}}, []string{"its secret is another one"}, 1},
		{"nothing that is needed is removed", "acl-policy:,acl-token:", manager, nil, nil,
			[]string{"anonymous token", "the token that this command uses", "built into the servers"}, 0},
		{"a policy that is linked to", "acl-policy:", manager, []fsm.Entry{fsm.SetPolicy(policyNamed(liveOps, "ops", "")),
			fsm.SetToken(&record.ACLToken{AccessorID: token1, SecretID: secret1, Policies: linkTo(liveOps)}, false)}, nil,
			[]string{"the ACL token " + token1 + " links to it"}, 0},
		{"a policy whose last link goes, too", "acl-policy:,acl-token:", manager, []fsm.Entry{fsm.SetPolicy(policyNamed(liveOps, "ops", "")),
			fsm.SetToken(&record.ACLToken{AccessorID: token1, SecretID: secret1, Policies: linkTo(liveOps)}, false)}, nil, nil, 2},
		{"secrets that may not be seen", "acl-token:", "reader",
			[]fsm.Entry{fsm.SetToken(&record.ACLToken{AccessorID: token1, SecretID: secret1, Description: "a"}, false)},
			[]any{&record.ACLToken{AccessorID: token1, SecretID: secret1, Description: "b"}}, []string{"acl:write is needed"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := aclCluster(t)
			c.do(t, tt.live...)
			p := plan(t, c.target(tt.token), source(t, tt.archive...), deleting(options(t, tt.only)))
			got := text(t, p)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the plan does not say %q:\n%s", want, got)
				}
			}
			if p.Len() != tt.changes {
				t.Errorf("%d changes, want %d:\n%s", p.Len(), tt.changes, got)
			}
			if tt.token == manager {
				wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
			}
		})
	}
}

// With ACLs off in the datacenter they are left out, and the rest is restored.
func TestACLsAreOff(t *testing.T) {
	c := newCluster(t)
	p := plan(t, c.target(""), source(t, &record.KVEntry{Key: "a", Value: []byte("1")}, policyNamed(oldOps, "ops", "")), options(t, "kv:,acl-policy:"))
	if got := text(t, p); !strings.Contains(got, "ACL policy ops: ACLs are off in the datacenter") {
		t.Errorf("the plan does not say it:\n%s", got)
	}
	wantEqual(t, apply(t, p, filepath.Join(t.TempDir(), "undo")))
	samePairs(t, "after", c.pairs(), map[string]pair{"a": {"1", 0}})
}

// A token with rights on some keys alone can bring these back, and no others.
func TestLesserToken(t *testing.T) {
	c := aclCluster(t)
	archive := archiveOf(t, map[string]pair{"app/a": {"1", 0}, "other": {"2", 0}})
	wantEqual(t, apply(t, plan(t, c.target("app"), archive, options(t, "kv:app/")), filepath.Join(t.TempDir(), "undo")))
	samePairs(t, "after", c.pairs(), map[string]pair{"app/a": {"1", 0}})

	c.put(t, map[string]pair{"other": {"theirs", 0}, "app/b": {"x", 0}})
	p := plan(t, c.target("app"), archive, deleting(options(t, "kv:")))
	if len(p.Warnings) == 0 || !strings.Contains(p.Warnings[0], "may not read all keys") {
		t.Errorf("warnings: %q", p.Warnings)
	}
	out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
	if len(out.Failed) != 1 || out.Failed[0].Name != "other" || !strings.Contains(out.Failed[0].Text, "ermission denied") || out.Equal() {
		t.Errorf("failed: %v", out.Failed)
	}
	samePairs(t, "after", c.pairs(), map[string]pair{"app/a": {"1", 0}, "other": {"theirs", 0}})
	if _, err := Make(t.Context(), c.target("app"), archive, options(t, "kv:other")); err == nil || !denied(err) {
		t.Errorf("a key that may not be read: %v", err)
	}
}

// What was changed between the plan and its execution is left alone.
func TestACLsChangedMeanwhile(t *testing.T) {
	c := aclCluster(t)
	c.do(t, fsm.SetPolicy(policyNamed(liveOps, "ops", `key_prefix "" { policy = "read" }`)))
	p := plan(t, c.target(manager), source(t, policyNamed(oldOps, "ops", `key_prefix "" { policy = "write" }`), policyNamed(oldRead, "new", "")),
		options(t, "acl-policy:"))
	c.do(t, fsm.SetPolicy(policyNamed(liveOps, "ops", "")), fsm.SetPolicy(policyNamed(liveRead, "new", `key_prefix "" { policy = "read" }`)))
	out := apply(t, p, filepath.Join(t.TempDir(), "undo"))
	if len(out.Conflicts) != 2 || out.Done() != 0 || c.policy("ops").Rules != "" {
		t.Errorf("conflicts %v, done %d", out.Conflicts, out.Done())
	}
}

// Queries get new IDs, are known by their names, and hidden tokens are not written.
func TestQueries(t *testing.T) {
	query := func(id, name, service, token string) *record.PreparedQuery {
		return &record.PreparedQuery{ID: id, Name: name, Token: token, Service: record.QueryService{Service: service}, CreateIndex: 3, ModifyIndex: 3}
	}
	c := aclCluster(t)
	c.do(t, fsm.SetQuery(query(liveOps, "geo", "old", secret1)), fsm.SetQuery(query(liveRead, "more", "same", "")))
	bound := query(token2, "bound", "x", "")
	bound.Session = "66666666-0000-0000-0000-000000000001"
	template := query(liveOps[:35]+"9", "", "unnamed", secret2)
	template.Template.Type = "name_prefix_match"
	archive := source(t, query(oldOps, "geo", "new", "<hidden>"), query(oldRead, "fresh", "x", "<hidden>"), template, query(token1, "", "unnamed", ""), bound)
	file := filepath.Join(t.TempDir(), "undo")
	before := c.records(t)
	p := plan(t, c.target(manager), archive, deleting(options(t, "query:")))
	got := text(t, p)
	for _, want := range []string{"its token is hidden", "made without one", "bound to a session", "takes none like that"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plan does not say %q:\n%s", want, got)
		}
	}
	wantEqual(t, apply(t, p, file))
	_, all := c.Store().Queries(nil)
	found := map[string]*record.PreparedQuery{}
	for _, q := range all {
		found[q.Name] = q
	}
	if q := found["geo"]; q == nil || q.ID != liveOps || q.Service.Service != "new" || q.Token != secret1 {
		t.Errorf("geo: %+v", q)
	}
	if q := found["fresh"]; q == nil || q.ID == oldRead || q.Token != "" {
		t.Errorf("fresh: %+v", q)
	}
	if q := found[""]; q == nil || q.Service.Service != "unnamed" || q.Token != secret2 || len(all) != 3 {
		t.Errorf("unnamed: %+v of %d", q, len(all))
	}
	_, out := undo(t, c.target(manager), file)
	wantEqual(t, out)
	_, all = c.Store().Queries(nil)
	if rest := plan(t, c.target(manager), before, deleting(options(t, "query:"))); rest.Len() > 0 || len(all) != 2 {
		t.Errorf("taken back, something differs: %d queries\n%s", len(all), text(t, rest))
	}
}

// A token that does not see all that is registered on a node does not remove it.
func TestNodeThatIsSeenInPart(t *testing.T) {
	c := aclCluster(t)
	rules, err := acl.Parse(`node_prefix "" { policy = "write" }`)
	if err != nil {
		t.Fatal(err)
	}
	c.rights["nodes"] = acl.New(false, rules)
	c.do(t, node("ext", "10.0.0.1", service("web1", 80)))
	p := plan(t, c.target("nodes"), source(t), deleting(options(t, "node:ext")))
	if got := text(t, p); p.Len() > 0 || !strings.Contains(got, "the token may not see all that would go with it") || len(p.Warnings) == 0 {
		t.Errorf("%q\n%s", p.Warnings, got)
	}
}
