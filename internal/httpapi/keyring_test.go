package httpapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
)

// fakeKeyring notes what it is told to do.
type fakeKeyring struct {
	mu    sync.Mutex // guards calls
	calls []string
	pools []KeyringPool
	err   error
}

// Check takes any key but one that begins with bad.
func (k *fakeKeyring) Check(key string) error {
	if strings.HasPrefix(key, "bad") {
		return badRequest("Invalid key")
	}
	return nil
}

func (k *fakeKeyring) call(verb, key string, relay uint8, localOnly bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if localOnly {
		verb += " local"
	}
	k.calls = append(k.calls, fmt.Sprintf("%s %s %d", verb, key, relay))
	return k.err
}

func (k *fakeKeyring) List(relay uint8, localOnly bool) ([]KeyringPool, error) {
	return k.pools, k.call("list", "", relay, localOnly)
}
func (k *fakeKeyring) Install(key string, relay uint8, localOnly bool) error {
	return k.call("install", key, relay, localOnly)
}
func (k *fakeKeyring) Use(key string, relay uint8, localOnly bool) error {
	return k.call("use", key, relay, localOnly)
}
func (k *fakeKeyring) Remove(key string, relay uint8, localOnly bool) error {
	return k.call("remove", key, relay, localOnly)
}

func TestKeyring(t *testing.T) {
	const path = "/v1/operator/keyring"
	full := []KeyringPool{{Datacenter: "dc1", Messages: map[string]string{"n2": "truncated"}, Keys: map[string]int{"a+b=": 2},
		PrimaryKeys: map[string]int{"a+b=": 1}, NumNodes: 2}}
	for _, c := range []struct {
		name, method, query, body string
		pools                     []KeyringPool
		err                       error
		status                    int
		want                      string
		call                      string
	}{
		{"list", "GET", "", "", full, nil, 200, `[{"WAN":false,"Datacenter":"dc1","Segment":"","Messages":{"n2":"truncated"},` +
			`"Keys":{"a+b=":2},"PrimaryKeys":{"a+b=":1},"NumNodes":2}]`, "list  0"},
		{"nothing is null", "GET", "?local-only=true", "", []KeyringPool{{}}, nil, 200, `[{"WAN":false,"Datacenter":"","Segment":"","Messages":{},` +
			`"Keys":{},"PrimaryKeys":{},"NumNodes":0}]`, "list local  0"},
		{"no pool", "GET", "", "", nil, nil, 200, `[]`, "list  0"},
		{"list fails", "GET", "?relay-factor=5", "", full, errors.New("n2: no"), 500, "n2: no", "list  5"},
		{"odd local-only", "GET", "?local-only=x", "", nil, nil, 400, `Invalid value for local-only: "x" is neither true nor false`, ""},
		{"install", "POST", "?relay-factor=2", `{"Key":"k"}`, nil, nil, 200, "", "install k 2"},
		{"use", "PUT", "", `{"Key":"k"}`, nil, nil, 200, "", "use k 0"},
		{"remove", "DELETE", "", `{"key":"k","Other":1}`, nil, nil, 200, "", "remove k 0"},
		{"remove fails", "DELETE", "", `{"Key":"k"}`, nil, errors.New("1/2 nodes reported failure"), 500, "1/2 nodes reported failure", "remove k 0"},
		{"relay factor too high", "POST", "?relay-factor=6", `{"Key":"k"}`, nil, nil, 400, `Invalid value for relay-factor: "6" is not a number from 0 to 5`, ""},
		{"relay factor negative", "GET", "?relay-factor=-1", "", nil, nil, 400, `Invalid value for relay-factor: "-1" is not a number from 0 to 5`, ""},
		{"install in part of the pools", "POST", "?local-only=1", `{"Key":"k"}`, nil, nil, 400,
			`Invalid query parameter: "local-only" - only the list of keys can be that of the local pool alone`, ""},
		{"no key", "PUT", "", `{}`, nil, nil, 400, "Missing key", ""},
		{"no body", "PUT", "", "", nil, nil, 400, "Request decode failed: unexpected end of JSON input", ""},
		{"not a key", "PUT", "", `{"Key":7}`, nil, nil, 400, "Request decode failed: json: cannot unmarshal number into Go struct field .Key of type string", ""},
		{"other method", "PATCH", "", "", nil, nil, 405, "method PATCH not allowed", ""},
		{"a datacenter that nobody knows", "GET", "?dc=dc9&local-only", "", nil, nil, 500, "No path to datacenter", ""},
		{"a change is for all datacenters", "PUT", "?dc=dc9", `{"Key":"k"}`, nil, nil, 200, "", "use k 0"},
		{"no key at all", "PUT", "", `{"Key":"bad"}`, nil, nil, 400, "Invalid key", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.keyring = &fakeKeyring{pools: c.pools, err: c.err}
			w := ask(newHandler(f, Config{}), c.method, path+c.query, c.body)
			if w.Code != c.status || w.Body.String() != c.want {
				t.Errorf("%d %s; want %d %s", w.Code, w.Body, c.status, c.want)
			}
			if got := strings.Join(f.keyring.calls, ";"); got != c.call {
				t.Errorf("the keyring was told %q, want %q", got, c.call)
			}
		})
	}
}

// Keys are for those who have the right to them.
func TestKeyringRights(t *testing.T) {
	for _, c := range []struct {
		method string
		denied string // the tokens that are not enough
	}{
		{"GET", "other"}, {"POST", "other reader"}, {"PUT", "other reader"}, {"DELETE", "other reader"},
	} {
		t.Run(c.method, func(t *testing.T) {
			f := newFake()
			f.keyring = &fakeKeyring{}
			f.rights = map[string]*acl.Authorizer{"reader": grant(t, `keyring = "read"`), "writer": grant(t, `keyring = "write"`),
				"other": grant(t, `operator = "write"`)}
			h := newHandler(f, Config{})
			for _, token := range []string{"reader", "writer", "other"} {
				before := len(f.keyring.calls)
				w := ask(h, c.method, "/v1/operator/keyring", `{"Key":"k"}`, "X-Consul-Token: "+token)
				denied := w.Code == 403 && strings.Contains(w.Body.String(), "lacks permission 'keyring:") && len(f.keyring.calls) == before
				if want := strings.Contains(c.denied, token); denied != want || !want && w.Code != 200 {
					t.Errorf("%s: %d %s", token, w.Code, w.Body)
				}
			}
		})
	}
}

// What fails is logged, without the key.
func TestKeyringLogsNoKeys(t *testing.T) {
	const key = "c2VjcmV0c2VjcmV0c2VjcmV0"
	f := newFake()
	f.keyring = &fakeKeyring{err: errors.New("n2: no")}
	log, text := logger()
	h := New(Config{}, f, log)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		ask(h, method, "/v1/operator/keyring", `{"Key":"`+key+`"}`)
	}
	if !strings.Contains(text.String(), "n2: no") || strings.Contains(text.String(), key) {
		t.Errorf("log:\n%s", text)
	}
}

// Whatever is sent, the keyring is told a key or the client that there is none.
func FuzzKeyringBody(f *testing.F) {
	for _, body := range []string{"", `{}`, `{"Key":"a"}`, `{"Key":""}`, `{"Key":null}`, `{"Key":["a"]}`, `[`, "null", `"a"`} {
		f.Add("1", body)
	}
	f.Add("256", `{"Key":"a"}`)
	f.Fuzz(func(t *testing.T, relay, body string) {
		b := newFake()
		b.keyring = &fakeKeyring{}
		w := ask(newHandler(b, Config{}), "POST", "/v1/operator/keyring?relay-factor="+url.QueryEscape(relay), body)
		if told := len(b.keyring.calls) == 1 && b.keyring.calls[0] != "install  0"; w.Code == 200 != told || w.Code != 200 && w.Code != 400 {
			t.Errorf("%d %s, %q", w.Code, w.Body, b.keyring.calls)
		}
	})
}
