package consulsnapshot

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
)

// A lister is a Consul that gives no snapshot, and answers lists and transactions.
type lister struct {
	values map[string]string
	listed []string // what ?keys shows; nil: the keys of values
	sizes  []int    // of the transactions
}

func (l *lister) names() []string {
	names := l.listed
	if names == nil {
		for name := range l.values {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (l *lister) keys(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("consistent") || !r.URL.Query().Has("keys") {
		http.Error(w, "not what was to be asked", http.StatusBadRequest)
		return
	}
	prefix := strings.TrimPrefix(r.URL.Path, "/v1/kv/")
	found := slices.DeleteFunc(slices.Clone(l.names()), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	_ = json.NewEncoder(w).Encode(found)
}

func (l *lister) txn(w http.ResponseWriter, r *http.Request) {
	var ops []struct{ KV struct{ Verb, Key string } }
	if err := json.NewDecoder(r.Body).Decode(&ops); err != nil || !r.URL.Query().Has("consistent") {
		http.Error(w, "not what was to be asked", http.StatusBadRequest)
		return
	}
	l.sizes = append(l.sizes, len(ops))
	var answer struct{ Results, Errors []map[string]any }
	for i, op := range ops {
		value, ok := l.values[op.KV.Key]
		if !ok || op.KV.Verb != "get" {
			answer.Errors = append(answer.Errors, map[string]any{"OpIndex": i, "What": fmt.Sprintf("key %q doesn't exist", op.KV.Key)})
			continue
		}
		if value == "hidden" { // results that the token may not see are left out
			continue
		}
		kv := map[string]any{"Key": op.KV.Key, "Value": []byte(value), "Flags": 7, "ModifyIndex": 9}
		answer.Results = append(answer.Results, map[string]any{"KV": kv})
	}
	if len(answer.Errors) > 0 {
		answer.Results = nil
		w.WriteHeader(http.StatusConflict)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// listStage is a stage whose Consul gives no snapshot.
func listStage(t *testing.T, l *lister) *stage {
	t.Helper()
	s := newStage(t)
	s.consul.on("GET /v1/snapshot", refuses(http.StatusForbidden, "Permission denied: token with AccessorID 'x' lacks permission 'acl:write'"))
	s.consul.on("GET /v1/kv/", l.keys)
	s.consul.on("PUT /v1/txn", l.txn)
	s.consul.on("GET /v1/query", says("[]"))
	return s
}

func many(n int) map[string]string {
	values := map[string]string{}
	for i := range n {
		values[fmt.Sprintf("app/%04d", i)] = fmt.Sprint("value ", i)
	}
	return values
}

func TestListing(t *testing.T) {
	l := &lister{values: many(150)}
	l.values["/slash first"], l.values["empty"], l.values["☃ and+plus"] = "1", "", "2"
	s := listStage(t, l)
	s.consul.on("GET /v1/query", says(`[{"ID": "q1", "Name": "geo", "Token": "<hidden>",
		"Service": {"Service": "web", "Failover": {"NearestN": 2}}, "DNS": {"TTL": "5s"}}]`))
	r := s.take(t)
	if r.OneMoment || !slices.Equal(l.sizes, []int{64, 64, 25}) {
		t.Errorf("%+v, transactions of %d", r, l.sizes)
	}
	a := opened(t, s.bin.get(t, r.Key), "")
	last := ""
	must(t, a.Keys(t.Context(), func(e *record.KVEntry) error {
		want, ok := l.values[e.Key]
		if !ok || string(e.Value) != want || e.Flags != 7 || e.ModifyIndex != 9 || e.Key <= last || (e.Value == nil) != (want == "") {
			t.Errorf("%+v", e)
		}
		last = e.Key
		return nil
	}))
	must(t, a.Queries(t.Context(), func(q *record.PreparedQuery) error {
		if q.Name != "geo" || q.Service.Service != "web" || q.Service.Failover.NearestN != 2 || q.DNS.TTL != "5s" {
			t.Errorf("%+v", q)
		}
		return nil
	}))
	d := a.Document(kvarchive.LegacyACLs)
	if r.Counts.Keys != 153 || r.Counts.Queries != 1 || !d.Null || a.Document(kvarchive.ACLs).Name != "" {
		t.Errorf("%+v, legacy ACLs %+v", r.Counts, d)
	}
	for _, want := range []string{"acl:write", "NOT of one moment", "NO ACL tokens", "hides the tokens of 1 prepared query"} {
		if !strings.Contains(s.said.String(), want) {
			t.Errorf("%q is not told: %s", want, s.said)
		}
	}
}

func TestListingTellsOrFails(t *testing.T) {
	filtered := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Consul-Results-Filtered-By-ACLs", "true")
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name string
		set  func(*stage, *lister)
		tell string // in the log of a good backup
		fail string // in the error
	}{
		{"keys are hidden", func(s *stage, _ *lister) { s.consul.on("GET /v1/kv/", filtered(`["app/0001"]`)) }, "hides keys from the token", ""},
		{"all keys are hidden", func(s *stage, _ *lister) { s.consul.on("GET /v1/kv/", filtered(`[]`)) }, "", "CONSUL_SNAPSHOT_ALLOW_EMPTY"},
		{"no keys", func(s *stage, _ *lister) { s.consul.on("GET /v1/kv/", refuses(404, "")) }, "", "CONSUL_SNAPSHOT_ALLOW_EMPTY"},
		{"a key is listed and not given", func(_ *stage, l *lister) { l.values["app/0002"] = "hidden" }, "",
			`lists the key "app/0002" and does not give it out`},
		{"a key is gone", func(_ *stage, l *lister) { l.listed = []string{"app/0001", "app/gone"} }, "1 key deleted between", ""},
		{"a key that cannot be said", func(_ *stage, l *lister) { l.listed = []string{"app/0001", "app/\uFFFD"} }, "", "cannot be said in JSON"},
		{"a transaction fails", func(s *stage, _ *lister) { s.consul.on("PUT /v1/txn", refuses(500, "rpc error")) }, "", "rpc error"},
		{"a transaction fails without a reason", func(s *stage, _ *lister) { s.consul.on("PUT /v1/txn", refuses(409, "{}")) },
			"", "does not say why"},
		{"another fault in a transaction", func(s *stage, _ *lister) {
			s.consul.on("PUT /v1/txn", refuses(409, `{"Errors": [{"OpIndex": 0, "What": "Permission denied"}]}`))
		}, "", "Permission denied"},
		{"queries are denied", func(s *stage, _ *lister) { s.consul.on("GET /v1/query", refuses(403, "Permission denied")) },
			"may not list prepared queries", ""},
		{"queries are hidden", func(s *stage, _ *lister) { s.consul.on("GET /v1/query", filtered("[]")) }, "hides prepared queries", ""},
		{"queries fail", func(s *stage, _ *lister) { s.consul.on("GET /v1/query", refuses(500, "No cluster leader")) }, "", "No cluster leader"},
		{"legacy ACLs are denied", func(s *stage, _ *lister) { s.consul.on("GET /v1/acl/list", refuses(403, "x")) },
			"may not list legacy ACLs", ""},
		{"legacy ACLs fail", func(s *stage, _ *lister) { s.consul.on("GET /v1/acl/list", refuses(500, "broken")) }, "", "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &lister{values: many(3)}
			s := listStage(t, l)
			c.set(s, l)
			if c.fail != "" {
				s.fails(t, c.fail)
				return
			}
			s.take(t)
			if !strings.Contains(s.said.String(), c.tell) {
				t.Errorf("said %s", s.said)
			}
		})
	}
}

// Consul before 0.7.1 has no snapshots, and ACLs of the old kind.
func TestAnOldConsul(t *testing.T) {
	s := listStage(t, &lister{values: many(2)})
	s.consul.on("GET /v1/snapshot", refuses(404, "404 page not found"))
	s.consul.on("GET /v1/acl/list", says(`[{"CreateIndex": 3, "ModifyIndex": 4,
		"ID": "secret", "Name": "ops", "Type": "client", "Rules": "x"}]`))
	r := s.take(t)
	var got []kvarchive.LegacyACL
	keep := func(a *kvarchive.LegacyACL) error { got = append(got, *a); return nil }
	must(t, opened(t, s.bin.get(t, r.Key), "").LegacyACLs(t.Context(), keep))
	want := kvarchive.LegacyACL{CreateIndex: 3, ModifyIndex: 4, ID: "secret", Name: "ops", Type: "client", Rules: "x"}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
	s.consul.on("GET /v1/acl/list", refuses(401, "ACL support disabled"))
	if d := opened(t, s.bin.get(t, s.take(t).Key), "").Document(kvarchive.LegacyACLs); d.Null || d.Size != 2 {
		t.Errorf("%+v", d)
	}
}

// A namespace of Consul Enterprise is what is asked for: a native snapshot would be of the default one.
func TestListingOfANamespace(t *testing.T) {
	s := newStage(t, key("of the default namespace", "1"))
	l := &lister{values: many(2)}
	s.consul.on("GET /v1/kv/", l.keys)
	s.consul.on("PUT /v1/txn", l.txn)
	s.consul.on("GET /v1/query", says("[]"))
	s.Config.Tenancy = "CONSUL_NAMESPACE=team"
	if got := contents(t, s.bin.get(t, s.take(t).Key)); len(got) != 2 || got["app/0001"] == "" {
		t.Errorf("%v", got)
	}
	if !strings.Contains(s.said.String(), "CONSUL_NAMESPACE=team asks for one; keys are listed") {
		t.Errorf("said %s", s.said)
	}
}

func TestListingOfASelection(t *testing.T) {
	l := &lister{values: many(3)}
	l.values["web"], l.values["/x/y"] = "1", "2"
	s := listStage(t, l)
	s.consul.on("GET /v1/kv/app/", l.keys)
	s.consul.on("GET /v1/query", refuses(500, "nobody asks"))
	s.Selection = Selection{Keys: []string{"web"}, Prefixes: []string{"app/", "/x/"}}
	if got := contents(t, s.bin.get(t, s.take(t).Key)); len(got) != 5 {
		t.Errorf("%v", got)
	}
	s.Selection = Selection{Keys: []string{"none"}}
	if _, err := s.Take(t.Context(), nil); err == nil || !strings.Contains(err.Error(), `there is not the key "none"`) {
		t.Errorf("%v", err)
	}
}
