package httpapi

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/record"
)

// homes finds out which datacenter must answer, and that the body is still there.
func homes(t *testing.T, h *Handler, method, path, body, secret string) string {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("X-Consul-Token", secret)
	rt, err := h.admit(req)
	if err != nil {
		t.Fatal(err)
	}
	r := &request{Request: req, query: req.URL.Query()}
	if rt.prefix {
		r.tail = req.URL.Path[len(rt.path):]
	}
	home := h.homeOf(rt, method, r)
	if left, err := io.ReadAll(r.Body); string(left) != body || err != nil {
		t.Errorf("%s %s: of the body %d of %d bytes are left: %v", method, path, len(left), len(body), err)
	}
	return home
}

const (
	localAccessor  = "aaaaaaaa-0000-4000-8000-000000000001"
	globalAccessor = "aaaaaaaa-0000-4000-8000-000000000002"
)

// withTokens has a local and a global token.
func withTokens(t *testing.T) *fakeBackend {
	t.Helper()
	f := newFake()
	f.rights = map[string]*acl.Authorizer{"": acl.ManageAll(), "local": acl.ManageAll()}
	for i, x := range []*record.ACLToken{
		{AccessorID: localAccessor, SecretID: "local", Local: true}, {AccessorID: globalAccessor, SecretID: "global"},
	} {
		if err := f.store.SetToken(uint64(i+1), 1, x, false); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// A client agent cannot know.
type clientAgent struct{ *fakeBackend }

func (clientAgent) IsServer() bool { return false }

// A follower does not know everything at once.
type followerAgent struct{ *fakeBackend }

func (followerAgent) Leading() bool { return false }

// What is the primary's to answer goes there, from a secondary alone.
func TestHomeOfACLRequests(t *testing.T) {
	const primary = "dc9"
	long := `{"Local":true,"Description":"` + strings.Repeat("x", maxRequestBody) + `"}`
	for _, c := range []struct {
		method, path, body, secret string
		replicated, not            string // the datacenter with token replication, and without
	}{
		{"PUT", "/v1/acl/bootstrap", "", "", primary, primary},
		{"PUT", "/v1/acl/policy", `{"Name":"x"}`, "", primary, primary},
		{"PUT", "/v1/acl/policy/x", `{}`, "", primary, primary},
		{"DELETE", "/v1/acl/policy/x", "", "", primary, primary},
		{"GET", "/v1/acl/policy/x", "", "", "", ""},
		{"GET", "/v1/acl/policy/name/x", "", "", "", ""},
		{"GET", "/v1/acl/policies", "", "", "", ""},
		{"PUT", "/v1/acl/role", `{"Name":"x"}`, "", primary, primary},
		{"PUT", "/v1/acl/role/x", `{}`, "", primary, primary},
		{"DELETE", "/v1/acl/role/x", "", "", primary, primary},
		{"GET", "/v1/acl/role/x", "", "", "", ""},
		{"GET", "/v1/acl/roles", "", "", "", ""},
		{"PUT", "/v1/acl/token", `{}`, "", primary, primary},
		{"PUT", "/v1/acl/token", ``, "", primary, primary},
		{"PUT", "/v1/acl/token", `{"Local":tr`, "", primary, primary},
		{"PUT", "/v1/acl/token", `{"local":true}`, "", "", ""},
		{"PUT", "/v1/acl/token", long, "", primary, primary},
		{"PUT", "/v1/acl/token/" + localAccessor, `{"Local":true}`, "", "", ""},
		{"PUT", "/v1/acl/token/" + localAccessor + "/clone", `{}`, "", "", ""},
		{"DELETE", "/v1/acl/token/" + localAccessor, "", "", "", ""},
		{"PUT", "/v1/acl/token/" + globalAccessor, `{"Local":true}`, "", primary, primary},
		{"PUT", "/v1/acl/token/" + globalAccessor + "/clone", `{}`, "", primary, primary},
		{"DELETE", "/v1/acl/token/" + globalAccessor, "", "", primary, primary},
		{"DELETE", "/v1/acl/token/nobody's", "", "", primary, primary},
		{"GET", "/v1/acl/token/" + localAccessor, "", "", "", ""},
		{"GET", "/v1/acl/token/" + globalAccessor, "", "", "", primary},
		{"GET", "/v1/acl/token/nobody's", "", "", "", primary},
		{"GET", "/v1/acl/tokens", "", "", "", primary},
		{"GET", "/v1/acl/token/self", "", "local", "", ""},
		{"GET", "/v1/acl/token/self", "", "global", "", primary},
		{"GET", "/v1/acl/token/self", "", "on its way", primary, primary},
		{"GET", "/v1/acl/replication", "", "", "", ""},
		{"GET", "/v1/acl/auth-methods", "", "", "", ""},
		{"PUT", "/v1/agent/token/replication", "{}", "", "", ""},
		{"PUT", "/v1/kv/x", `{"Local":true}`, "", "", ""},
		{"GET", "/v1/snapshot", "", "", "", ""},
	} {
		name := c.method + " " + c.path + " " + c.secret
		f := withTokens(t)
		for replication, want := range map[bool]string{true: c.replicated, false: c.not} {
			config := Config{PrimaryDatacenter: primary, TokenReplication: replication}
			for kind, b := range map[string]Backend{"leader": f, "follower": followerAgent{f}} {
				if got := homes(t, New(config, b, hclog.NewNullLogger()), c.method, c.path, c.body, c.secret); got != want {
					t.Errorf("%s: a %s says %q, want %q (replication: %t)", name, kind, got, want, replication)
				}
			}
			if got := homes(t, New(config, clientAgent{f}, hclog.NewNullLogger()), c.method, c.path, c.body, c.secret); got != "" {
				t.Errorf("%s: a client agent says %q", name, got)
			}
		}
		for _, none := range []Config{{}, {PrimaryDatacenter: "dc1", TokenReplication: true}} {
			if got := homes(t, newHandler(f, none), c.method, c.path, c.body, c.secret); got != "" {
				t.Errorf("%s: the primary says %q", name, got)
			}
		}
		f.rights = nil
		if got := homes(t, newHandler(f, Config{PrimaryDatacenter: primary}), c.method, c.path, c.body, c.secret); got != "" {
			t.Errorf("%s: %q without ACLs", name, got)
		}
	}
}

// A follower learns of a new local token a moment after the leader has told its client.
func TestFollowerHearsOfALocalToken(t *testing.T) {
	f := withTokens(t)
	h := New(Config{PrimaryDatacenter: "dc9", TokenReplication: true}, followerAgent{f}, hclog.NewNullLogger())
	const accessor = "aaaaaaaa-0000-4000-8000-000000000003"
	time.AfterFunc(followed/10, func() {
		if err := f.store.SetToken(9, 1, &record.ACLToken{AccessorID: accessor, SecretID: "new", Local: true}, false); err != nil {
			t.Error(err)
		}
	})
	if got := homes(t, h, "DELETE", "/v1/acl/token/"+accessor, "", ""); got != "" {
		t.Errorf("%q", got)
	}
}

// fromAbroad sends a request as another datacenter forwards it.
func fromAbroad(h *Handler, method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Lictor-Between", "1")
	w := httptest.NewRecorder()
	forward.NewServer(h, 0, hclog.NewNullLogger()).Handler.ServeHTTP(w, req)
	return w
}

// A secondary that a third datacenter asks does not do what is the primary's, and says where to ask; for its own clients it asks there itself.
func TestSecondaryWritesLocalTokensAlone(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		with, without            int // the status with token replication, and without
		want                     string
	}{
		{"bootstrap", "PUT", "bootstrap", "", 400, 400, "?dc=dc9"},
		{"policy", "PUT", "policy", `{"Name":"x"}`, 400, 400, "?dc=dc9"},
		{"policy change", "PUT", "policy/x", `{"Name":"x"}`, 400, 400, "?dc=dc9"},
		{"policy removal", "DELETE", "policy/x", "", 400, 400, "?dc=dc9"},
		{"role", "PUT", "role", `{"Name":"x"}`, 400, 400, "?dc=dc9"},
		{"role change", "PUT", "role/x", `{"Name":"x"}`, 400, 400, "?dc=dc9"},
		{"role removal", "DELETE", "role/x", "", 400, 400, "?dc=dc9"},
		{"token", "PUT", "token", `{}`, 400, 400, "?dc=dc9"},
		{"token change", "PUT", "token/" + globalAccessor, `{}`, 400, 400, "?dc=dc9"},
		{"clone", "PUT", "token/" + globalAccessor + "/clone", `{}`, 400, 400, "?dc=dc9"},
		{"token removal", "DELETE", "token/" + globalAccessor, "", 400, 400, "?dc=dc9"},
		{"local token", "PUT", "token", `{"Local":true}`, 200, 400, ""},
		{"local token's change", "PUT", "token/" + localAccessor, `{"Local":true}`, 200, 400, ""},
		{"local token's removal", "DELETE", "token/" + localAccessor, "", 200, 200, ""},
		{"replication", "GET", "replication", "", 200, 200, `"SourceDatacenter":"primary"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for replication, status := range map[bool]int{true: c.with, false: c.without} {
				h := newHandler(withTokens(t), Config{PrimaryDatacenter: "dc9", TokenReplication: replication})
				if c.want == "?dc=dc9" {
					if own := ask(h, c.method, "/v1/acl/"+c.path, c.body); own.Body.String() != "No path to datacenter" {
						t.Errorf("replication %t: its own client is told %d %s", replication, own.Code, own.Body)
					}
				}
				w := fromAbroad(h, c.method, "/v1/acl/"+c.path, c.body)
				if w.Code != status || !strings.Contains(w.Body.String(), c.want) {
					t.Errorf("replication %t: %d %s", replication, w.Code, w.Body)
				}
				if c.want == "" && status == 400 && !strings.Contains(w.Body.String(), "acl.enable_token_replication") {
					t.Errorf("the refusal does not say what to do: %s", w.Body)
				}
			}
		})
	}
}
