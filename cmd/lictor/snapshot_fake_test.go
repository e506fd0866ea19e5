package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const allFixtures = "../../testdata"

func snapshotBytes(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(allFixtures, name+".snap"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// damagedNames are the names of all damaged and odd archives.
func damagedNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(allFixtures, "damaged", "*.snap"))
	if err != nil || len(files) != 78 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for i, file := range files {
		files[i] = "damaged/" + strings.TrimSuffix(filepath.Base(file), ".snap")
	}
	return files
}

// snapshotServer gives and takes archives as a Consul server does, and has
// canned answers for the rest.
type snapshotServer struct {
	*httptest.Server

	archive []byte            // what GET gives
	cut     bool              // break the connection when half of it has been sent
	hang    bool              // wait for the client when half of it has been sent
	status  int               // refuse with this status, if not 0
	text    string            // and this text
	index   string            // X-Consul-Index
	answers map[string]string // bodies by path

	halfSent chan struct{} // closed when half has been sent
	mu       sync.Mutex    // guards what follows
	queries  []string      // parameters of the requests for /v1/snapshot
	puts     [][]byte      // bodies that arrived whole
}

// newSnapshotServer starts a server whose address is in the environment.
func newSnapshotServer(t *testing.T) *snapshotServer {
	t.Helper()
	s := &snapshotServer{index: "148", halfSent: make(chan struct{}), answers: map[string]string{
		"/v1/operator/autopilot/health": `{"Servers":[{"Leader":true,"Version":"1.21.4"}]}`,
		"/v1/agent/self":                `{"Config":{"Datacenter":"dc1","NodeName":"n1"},"Stats":{"consul":{"leader":"true"}}}`,
		"/v1/status/leader":             `"10.0.0.1:8300"`,
		"/v1/kv/":                       `["a","b","c"]`,
		"/v1/catalog/nodes":             `[{"Node":"n1"}]`,
		"/v1/catalog/services":          `{"consul":[]}`,
		"/v1/health/state/passing":      `[{"Node":"n1","CheckID":"serfHealth"},{"Node":"lictor-kv-1","CheckID":"serfHealth"}]`,
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	for _, variable := range os.Environ() { // the tester's own settings stay out
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "CONSUL_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("CONSUL_HTTP_ADDR", s.Listener.Addr().String())
	return s
}

// ServeHTTP answers one request.
func (s *snapshotServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/snapshot" {
		if body, ok := s.answers[r.URL.Path]; ok {
			io.WriteString(w, body)
			return
		}
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.queries = append(s.queries, r.URL.RawQuery)
	s.mu.Unlock()
	switch {
	case s.status != 0:
		w.WriteHeader(s.status)
		io.WriteString(w, s.text)
	case r.Method == http.MethodPut:
		s.put(r)
	default:
		s.get(w, r)
	}
}

func (s *snapshotServer) put(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts = append(s.puts, body)
}

func (s *snapshotServer) get(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Consul-Index", s.index)
	w.Header().Set("X-Consul-LastContact", "12")
	w.Header().Set("X-Consul-KnownLeader", "true")
	if !s.cut && !s.hang {
		w.Write(s.archive)
		return
	}
	w.Write(s.archive[:len(s.archive)/2])
	w.(http.Flusher).Flush()
	close(s.halfSent)
	if s.cut {
		panic(http.ErrAbortHandler)
	}
	<-r.Context().Done()
}

// arrived are the bodies that were put.
func (s *snapshotServer) arrived() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// asked are the parameters of all requests for a snapshot.
func (s *snapshotServer) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.queries, " ")
}

// recordHeaders keeps who a request says it is from.
func recordHeaders(next http.Handler, token, user *string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*token = r.Header.Get("X-Consul-Token")
		*user, _, _ = r.BasicAuth()
		next.ServeHTTP(w, r)
	})
}
