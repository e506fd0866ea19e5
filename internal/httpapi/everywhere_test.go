package httpapi

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
)

// With global the usage of all datacenters is one answer, to whoever was asked, with the rights that the token has in each. One that
// cannot tell is named, and nothing looks like a whole.
func TestUsageOfAllDatacenters(t *testing.T) {
	f := federation(t, Config{HoldTimeout: time.Second})
	f.knowing("dc2")
	offer(t, "web", "dc2", "a=passing b=passing", f.leader2)
	for _, m := range []*fakeMember{f.leader1, f.follower1} {
		m.rights = map[string]*acl.Authorizer{"both": grant(t, `operator = "read"`), "one": grant(t, `operator = "read"`), "none": grant(t, ``)}
	}
	for _, m := range []*fakeMember{f.leader2, f.follower2} {
		m.rights = map[string]*acl.Authorizer{"both": grant(t, `operator = "read"`), "one": grant(t, ``)}
	}
	for _, c := range []struct {
		name, token, params string
		asked               *fakeMember
		known               []string
		status              int
		want                string // datacenters and their nodes, or the error
	}{
		{"all", "both", "?global", f.leader1, nil, 200, "dc1:0 dc2:2"},
		{"all, through a client agent", "both", "?global=true", f.client, nil, 200, "dc1:0 dc2:2"},
		{"all, from a follower that may be behind", "both", "?global&stale", f.follower1, nil, 200, "dc1:0 dc2:0"},
		{"the own one", "both", "", f.leader1, nil, 200, "dc1:0"},
		{"expressly", "both", "?global=0", f.leader1, nil, 200, "dc1:0"},
		{"the other one", "both", "?dc=dc2", f.leader1, nil, 200, "dc2:2"},
		{"no right there", "one", "?global", f.leader1, nil, 403, "datacenter dc2: Permission denied: token with AccessorID 'accessor-of-one' lacks permission 'operator:read'"},
		{"no right here", "none", "?global", f.leader1, nil, 403, "Permission denied: token with AccessorID 'accessor-of-none' lacks permission 'operator:read'"},
		{"one that cannot be reached", "both", "?global", f.leader1, []string{"dc1", "dc9", "dc2"}, 500, "datacenter dc9: No path to datacenter"},
		{"neither yes nor no", "both", "?global=x", f.leader1, nil, 400, `Invalid value for global: "x" is neither true nor false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.knowing("dc2")
			if c.known != nil {
				f.leader1.known = c.known
			}
			w := ask(c.asked.handler, "GET", usagePath+c.params, "", "X-Consul-Token: "+c.token)
			got := w.Body.String()
			var answer struct {
				Usage map[string]struct{ Nodes json.Number }
			}
			if w.Code == 200 {
				if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
					t.Fatal(err)
				}
				var parts []string
				for _, dc := range slices.Sorted(maps.Keys(answer.Usage)) {
					parts = append(parts, dc+":"+answer.Usage[dc].Nodes.String())
				}
				got = strings.Join(parts, " ")
			}
			if w.Code != c.status || got != c.want {
				t.Errorf("%d %s; want %d %s", w.Code, got, c.status, c.want)
			}
		})
	}
}

// calledFor is what the keyrings of both leaders have been told since it was last asked.
func (f *federated) calledFor() (calls string) {
	for i, m := range []*fakeMember{f.leader1, f.leader2} {
		if i > 0 {
			calls += " | "
		}
		calls += strings.Join(m.keyring.calls, ";")
		m.keyring.calls = nil
	}
	return calls
}

// Keys are listed and changed in the pool of all datacenters and in the own one of each; a datacenter that fails is named, and keeps the
// others from nothing. Each looks after the rights to its own.
func TestKeyringOfAllDatacenters(t *testing.T) {
	const path = "/v1/operator/keyring"
	f := federation(t, Config{HoldTimeout: time.Second})
	full, read := grant(t, `keyring = "write"`), grant(t, `keyring = "read"`)
	for _, m := range []*fakeMember{f.leader1, f.follower1, f.leader2, f.follower2} {
		m.keyring = &fakeKeyring{pools: []KeyringPool{{Datacenter: m.Datacenter(), Keys: map[string]int{"k": 1}, NumNodes: 1}}}
		m.rights = map[string]*acl.Authorizer{"writer": full, "reader": read, "half": map[bool]*acl.Authorizer{true: full, false: read}[m.datacenter == ""]}
	}
	f.leader1.keyring.pools = append([]KeyringPool{{WAN: true, Datacenter: "dc1", NumNodes: 2}}, f.leader1.keyring.pools...)
	for _, c := range []struct {
		name, token, method, params, body string
		asked                             *fakeMember
		lost                              bool // dc9 is known as well
		err                               error
		status                            int
		want                              string // pools, or the error
		calls                             string
	}{
		{"list", "reader", "GET", "", "", f.leader1, false, nil, 200, "WAN dc1 dc2", "list  0 | list local  0"},
		{"list through a client agent", "reader", "GET", "?relay-factor=2", "", f.client, false, nil, 200, "WAN dc1 dc2", "list  2 | list local  2"},
		{"list here", "reader", "GET", "?local-only", "", f.leader1, false, nil, 200, "WAN dc1", "list local  0 | "}, // the fake does not tell them apart
		{"list there", "reader", "GET", "?local-only&dc=dc2", "", f.leader1, false, nil, 200, "dc2", " | list local  0"},
		{"list, one is lost", "reader", "GET", "", "", f.leader1, true, nil, 500, "datacenter dc9: No path to datacenter", "list  0 | list local  0"},
		{"list, one fails", "reader", "GET", "", "", f.leader1, false, errors.New("n2: no"), 500, "datacenter dc2: n2: no", "list  0 | list local  0"},
		{"install", "writer", "POST", "", `{"Key":"k"}`, f.follower1, false, nil, 200, "", "install k 0 | install local k 0"},
		{"use", "writer", "PUT", "?relay-factor=5", `{"Key":"k"}`, f.client, false, nil, 200, "", "use k 5 | use local k 5"},
		{"remove", "writer", "DELETE", "?dc=dc2", `{"Key":"k"}`, f.leader1, false, nil, 200, "", "remove k 0 | remove local k 0"},
		{"install, one is lost", "writer", "POST", "", `{"Key":"k"}`, f.leader1, true, nil, 500, "datacenter dc9: No path to datacenter",
			"install k 0 | install local k 0"},
		{"install, one fails", "writer", "POST", "", `{"Key":"k"}`, f.leader1, false, errors.New("n2: no"), 500, "datacenter dc2: n2: no",
			"install k 0 | install local k 0"},
		{"no right there", "half", "PUT", "", `{"Key":"k"}`, f.leader1, false, nil, 403,
			"datacenter dc2: Permission denied: token with AccessorID 'accessor-of-half' lacks permission 'keyring:write'", "use k 0 | "},
		{"no right here", "reader", "PUT", "", `{"Key":"k"}`, f.leader1, false, nil, 403,
			"Permission denied: token with AccessorID 'accessor-of-reader' lacks permission 'keyring:write'", " | "},
		{"what is no key goes nowhere", "writer", "PUT", "", `{"Key":"bad"}`, f.leader1, true, nil, 400, "Invalid key", " | "},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.knowing("dc2")
			if c.lost {
				f.knowing("dc9", "dc2")
			}
			f.leader2.keyring.err = c.err
			w := ask(c.asked.handler, c.method, path+c.params, c.body, "X-Consul-Token: "+c.token)
			got := w.Body.String()
			var pools []KeyringPool
			if json.Unmarshal(w.Body.Bytes(), &pools) == nil {
				var names []string
				for _, p := range pools {
					names = append(names, map[bool]string{true: "WAN", false: p.Datacenter}[p.WAN])
				}
				got = strings.Join(names, " ")
			}
			if w.Code != c.status || got != c.want {
				t.Errorf("%d %s; want %d %s", w.Code, got, c.status, c.want)
			}
			if calls := f.calledFor(); calls != c.calls {
				t.Errorf("the keyrings were told %q, want %q", calls, c.calls)
			}
		})
	}
}
