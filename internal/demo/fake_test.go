package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/consul/api"
)

// A fake is a server whose API answers what a test wants.
type fake struct {
	*process
	leading  string // address of the leader
	members  string // as JSON
	voters   int
	nodes    string // as JSON
	checks   string // as JSON
	appliedN int
	known    string // header X-Consul-KnownLeader

	mu   sync.Mutex
	keys map[string]entry
	put  func(n int) (status int, keep bool) // what becomes of the n-th write
	puts int
}

// newFake returns one that leads itself and is well.
func newFake(t *testing.T, name string) *fake {
	t.Helper()
	f := &fake{keys: map[string]entry{}, appliedN: 9, voters: 1, known: "true", leading: name + ":8300"}
	f.members = `[{"Name":"` + name + `","Status":1}]`
	f.nodes = `[{"Node":"` + name + `","TaggedAddresses":{"lan":"127.0.0.1"}}]`
	f.checks = `[{"Node":"` + name + `","CheckID":"serfHealth"}]`
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	client, err := newClient(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	f.process = &process{name: name, port: name + ":8300", api: client}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("X-Consul-KnownLeader", f.known)
	w.Header().Set("X-Consul-LastContact", "1500")
	switch key, isKV := strings.CutPrefix(r.URL.Path, "/v1/kv/"); {
	case isKV && r.Method == http.MethodPut:
		f.write(w, r, key)
	case isKV:
		f.list(w)
	case r.URL.Path == "/v1/status/leader":
		fmt.Fprintf(w, "%q", f.leading)
	case r.URL.Path == "/v1/agent/members":
		io.WriteString(w, f.members)
	case r.URL.Path == "/v1/operator/raft/configuration":
		io.WriteString(w, `{"Servers":[`+strings.TrimSuffix(strings.Repeat(`{"Voter":true},`, f.voters), ",")+`]}`)
	case r.URL.Path == "/v1/catalog/nodes":
		io.WriteString(w, f.nodes)
	case r.URL.Path == "/v1/health/state/passing":
		io.WriteString(w, f.checks)
	case r.URL.Path == "/v1/agent/self":
		fmt.Fprintf(w, `{"Stats":{"raft":{"applied_index":"%d"}}}`, f.appliedN)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) write(w http.ResponseWriter, r *http.Request, key string) {
	value, err := io.ReadAll(r.Body)
	f.puts++
	status, keep := http.StatusOK, true
	if f.put != nil {
		status, keep = f.put(f.puts)
	}
	if keep && err == nil {
		var flags uint64
		fmt.Sscan(r.URL.Query().Get("flags"), &flags)
		f.keys[key] = entry{value: value, flags: flags}
	}
	w.WriteHeader(status)
	io.WriteString(w, "true")
}

func (f *fake) list(w http.ResponseWriter) {
	pairs := api.KVPairs{}
	for key, e := range f.keys {
		pairs = append(pairs, &api.KVPair{Key: key, Value: e.value, Flags: e.flags, Session: e.session})
	}
	text, _ := json.Marshal(pairs)
	w.Write(text)
}
