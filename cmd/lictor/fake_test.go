package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeServer is the part of a Consul server that the commands talk to: a
// key-value store with real semantics, and canned answers for the rest.
type fakeServer struct {
	*httptest.Server

	mu       sync.Mutex // guards all below
	index    uint64
	pairs    map[string]*fakePair
	sessions []string
	members  string            // body for /v1/agent/members
	self     string            // body for /v1/agent/self
	peers    string            // body for /v1/operator/raft/configuration
	answers  map[string]string // bodies by method and path, for what has no other place
	refuse   map[string]int    // status for requests whose method and path end in the key
	requests []*http.Request
	bodies   []string // of the requests
}

// fakePair is stored and sent with the field names and order of the real API.
type fakePair struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

// newFake starts a server whose address is in the environment.
func newFake(t *testing.T) *fakeServer {
	t.Helper()
	f := &fakeServer{index: 10, pairs: make(map[string]*fakePair), answers: make(map[string]string), refuse: make(map[string]int)}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	for _, variable := range os.Environ() { // the tester's own settings stay out
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "CONSUL_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("CONSUL_HTTP_ADDR", f.Listener.Addr().String())
	return f
}

// ServeHTTP records the request and answers it.
func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Clone(r.Context()))
	sent, _ := io.ReadAll(r.Body)
	f.bodies = append(f.bodies, string(sent))
	r.Body = io.NopCloser(bytes.NewReader(sent))
	for suffix, status := range f.refuse {
		if strings.HasSuffix(r.Method+" "+r.URL.Path, suffix) {
			http.Error(w, "refused by the test", status)
			return
		}
	}
	path := r.URL.Path[max(0, strings.Index(r.URL.Path, "/v1/")):] // a proxy's prefix is cut off
	answer, canned := f.answers[r.Method+" "+path]
	switch {
	case canned:
		io.WriteString(w, answer)
	case path == "/v1/agent/members":
		io.WriteString(w, f.members)
	case path == "/v1/agent/self":
		io.WriteString(w, f.self)
	case path == "/v1/operator/raft/configuration":
		io.WriteString(w, f.peers)
	case strings.HasPrefix(path, "/v1/kv/"):
		f.serveKV(w, r, strings.TrimPrefix(path, "/v1/kv/"))
	default:
		http.NotFound(w, r)
	}
}

func (f *fakeServer) serveKV(w http.ResponseWriter, r *http.Request, key string) {
	q := r.URL.Query()
	w.Header().Set("X-Consul-Index", strconv.FormatUint(f.index, 10))
	w.Header().Set("X-Consul-LastContact", "0")
	w.Header().Set("X-Consul-KnownLeader", "true")
	if key == "" && !q.Has("recurse") && !q.Has("keys") {
		http.Error(w, "Missing key name", http.StatusBadRequest)
		return
	}
	switch r.Method {
	case http.MethodGet:
		f.get(w, key, q.Has("recurse"), q.Has("keys"), q.Get("separator"))
	case http.MethodPut:
		f.put(w, r, key)
	case http.MethodDelete:
		f.delete(w, r, key)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (f *fakeServer) under(prefix string) []string {
	var keys []string
	for key := range f.pairs {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (f *fakeServer) get(w http.ResponseWriter, key string, recurse, keys bool, separator string) {
	if keys {
		f.getKeys(w, key, separator)
		return
	}
	var found []*fakePair
	if recurse {
		for _, k := range f.under(key) {
			found = append(found, f.pairs[k])
		}
	} else if pair := f.pairs[key]; pair != nil {
		found = append(found, pair)
	}
	if len(found) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	json.NewEncoder(w).Encode(found)
}

func (f *fakeServer) getKeys(w http.ResponseWriter, prefix, separator string) {
	names := []string{}
	for _, key := range f.under(prefix) {
		rest := key[len(prefix):]
		if i := strings.Index(rest, separator); separator != "" && i >= 0 {
			rest = rest[:i+len(separator)]
		}
		names = append(names, prefix+rest)
	}
	if names = slices.Compact(names); len(names) == 0 && prefix != "" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	json.NewEncoder(w).Encode(names)
}

func (f *fakeServer) put(w http.ResponseWriter, r *http.Request, key string) {
	q := r.URL.Query()
	pair := fakePair{Key: key}
	if old := f.pairs[key]; old != nil {
		pair = *old
	}
	switch {
	case q.Has("cas") && q.Get("cas") != strconv.FormatUint(pair.ModifyIndex, 10):
		fmt.Fprint(w, "false")
		return
	case q.Has("acquire") && !slices.Contains(f.sessions, q.Get("acquire")):
		http.Error(w, fmt.Sprintf("raft apply failed: invalid session %q", q.Get("acquire")), 500)
		return
	case q.Has("acquire") && pair.Session != "" && pair.Session != q.Get("acquire"),
		q.Has("release") && pair.Session != q.Get("release"):
		fmt.Fprint(w, "false")
		return
	case q.Has("acquire") && pair.Session == "":
		pair.Session = q.Get("acquire")
		pair.LockIndex++
	case q.Has("release"):
		pair.Session = ""
	}
	f.index++
	if pair.CreateIndex == 0 {
		pair.CreateIndex = f.index
	}
	pair.ModifyIndex = f.index
	pair.Flags, _ = strconv.ParseUint(q.Get("flags"), 10, 64)
	pair.Value, _ = io.ReadAll(r.Body)
	f.pairs[key] = &pair
	fmt.Fprint(w, "true")
}

func (f *fakeServer) delete(w http.ResponseWriter, r *http.Request, key string) {
	q := r.URL.Query()
	pair := f.pairs[key]
	if q.Has("cas") && (pair == nil || q.Get("cas") != strconv.FormatUint(pair.ModifyIndex, 10)) {
		fmt.Fprint(w, "false")
		return
	}
	f.index++
	doomed := []string{key}
	if q.Has("recurse") {
		doomed = f.under(key)
	}
	for _, k := range doomed {
		delete(f.pairs, k)
	}
	fmt.Fprint(w, "true")
}

// set stores values without a request.
func (f *fakeServer) set(pairs ...fakePair) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, pair := range pairs {
		f.pairs[pair.Key] = &pair
	}
}

// values returns all that is stored.
func (f *fakeServer) values() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	values := make(map[string]string)
	for key, pair := range f.pairs {
		values[key] = string(pair.Value)
	}
	return values
}

// seen returns the requests so far.
func (f *fakeServer) seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// calls shows the requests so far, one a line: method, path and query, body.
func (f *fakeServer) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for i, r := range f.requests {
		lines = append(lines, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+strings.TrimSpace(f.bodies[i])))
	}
	return strings.Join(lines, "\n")
}

// last returns the newest request.
func (f *fakeServer) last(t *testing.T) *http.Request {
	t.Helper()
	seen := f.seen()
	if len(seen) == 0 {
		t.Fatal("no request was made")
	}
	return seen[len(seen)-1]
}
