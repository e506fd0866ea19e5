package httpapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/state"
)

// restoreFile returns the state in an archive.
func restoreFile(t *testing.T, name string) *state.Store {
	t.Helper()
	store, err := fsm.Build(golden.State(t, "consul-1.21.4/"+name), 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// expected is what a real Consul 1.21.4 answered when the archive was saved.
type expected struct {
	Responses map[string]struct {
		Status  int
		Headers map[string]string
		Body    any
	}
	SnapshotResponse struct {
		Status  int
		Headers map[string]string
	} `json:"snapshot_response"`
}

func readExpected(t *testing.T, name string) (want expected) {
	t.Helper()
	if err := json.Unmarshal(golden.Read(t, "consul-1.21.4/"+name), &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// The state of a real Consul, restored, is answered for as that Consul did.
func TestGoldenAnswers(t *testing.T) {
	for _, name := range []string{"empty", "kv", "full"} {
		f := newFake()
		f.store = restoreFile(t, name+".snap")
		f.rights = map[string]*acl.Authorizer{"": acl.ManageAll()}
		policy := map[string]string{"full": "deny"}
		h := newHandler(f, Config{DefaultACLPolicy: policy[name]})
		want := readExpected(t, name+".expected.json")
		seen := 0
		for _, request := range slices.Sorted(maps.Keys(want.Responses)) {
			isACL := strings.HasPrefix(request, "GET /v1/acl/") && request != "GET /v1/acl/token/self"
			if !strings.HasPrefix(request, "GET /v1/kv/") && !isACL {
				continue
			}
			seen++
			t.Run(name+" "+request, func(t *testing.T) {
				c := want.Responses[request]
				w := ask(h, "GET", strings.TrimPrefix(request, "GET "), "")
				if w.Code != c.Status {
					t.Errorf("status %d, want %d", w.Code, c.Status)
				}
				for header, value := range c.Headers {
					if got := w.Header().Get(header); got != value {
						t.Errorf("%s is %q, want %q", header, got, value)
					}
				}
				var got any = w.Body.String()
				if w.Code == 200 {
					if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
						t.Fatal(err)
					}
				}
				if !reflect.DeepEqual(got, c.Body) {
					t.Errorf("the body differs: %.300v\nwant %.300v", got, c.Body)
				}
			})
		}
		if seen < 3 {
			t.Errorf("%s: only %d requests to compare", name, seen)
		}
	}
}

func TestGoldenSnapshotHeaders(t *testing.T) {
	want := readExpected(t, "kv.expected.json").SnapshotResponse
	w := ask(newHandler(newFake(), Config{}), "GET", "/v1/snapshot", "")
	if w.Code != want.Status {
		t.Errorf("status %d, want %d", w.Code, want.Status)
	}
	for header, value := range want.Headers {
		if header == "Connection" || header == "Transfer-Encoding" { // of the connection; the length is known here
			continue
		}
		if got := w.Header().Get(header); got != value {
			t.Errorf("%s is %q, want %q", header, got, value)
		}
	}
}
