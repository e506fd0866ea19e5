package election

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/clock"
)

// A consul is a Consul of one key that fails on demand. It never ends a session by itself.
type consul struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at each change
	index    uint64
	pair     *api.KVPair // nil: no key
	sessions map[string]bool
	created  int
	renewals int
	delayed  bool // lock-delay: every acquisition is refused
	// fault answers in place of the server if it returns true.
	fault func(w http.ResponseWriter, r *http.Request) bool
	// after runs after a write was applied, before it is answered.
	after func(r *http.Request)
}

func newConsul(t *testing.T) (*consul, *api.Client) {
	t.Helper()
	f := &consul{index: 10, changed: make(chan struct{}), sessions: map[string]bool{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return f, newClient(t, server.Listener.Addr().String())
}

func newClient(t *testing.T, address string) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: address, Scheme: "http"})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// do changes the state.
func (f *consul) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.index++
	close(f.changed)
	f.changed = make(chan struct{})
}

// see reads the state.
func see[T any](f *consul, read func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return read()
}

func (f *consul) holder() string {
	return see(f, func() string {
		if f.pair == nil {
			return ""
		}
		return f.pair.Session
	})
}

// take gives the key to a session.
func (f *consul) take(session string, flags uint64) {
	f.do(func() {
		f.pair = &api.KVPair{Key: "lock", Session: session, Flags: flags, LockIndex: 7, ModifyIndex: f.index}
		f.sessions[session] = true
	})
}

// free releases the key.
func (f *consul) free() {
	f.do(func() {
		if f.pair != nil {
			f.pair.Session = ""
		}
	})
}

func (f *consul) fail(fault func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *consul) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client has gone
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	w.Header().Set("X-Consul-KnownLeader", "true")
	w.Header().Set("X-Consul-LastContact", "0")
	if fault != nil && fault(w, r) {
		return
	}
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == "/v1/kv/lock":
		f.kv(w, r)
	case r.URL.Path == "/v1/session/create":
		f.do(func() {
			f.created++
			id = fmt.Sprint("session-", f.created)
			f.sessions[id] = true
		})
		fmt.Fprintf(w, `{"ID":%q}`, id)
	case strings.HasPrefix(r.URL.Path, "/v1/session/renew/"):
		f.renew(w, id)
	case strings.HasPrefix(r.URL.Path, "/v1/session/info/"):
		if see(f, func() bool { return f.sessions[id] }) {
			fmt.Fprintf(w, `[{"ID":%q}]`, id)
			return
		}
		fmt.Fprint(w, "[]")
	case strings.HasPrefix(r.URL.Path, "/v1/session/destroy/"):
		f.destroy(id)
		fmt.Fprint(w, "true")
	default:
		http.Error(w, "unexpected "+r.URL.Path, 599)
	}
}

func (f *consul) renew(w http.ResponseWriter, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.sessions[id] {
		http.Error(w, fmt.Sprintf("Session id '%s' not found", id), 404)
		return
	}
	f.renewals++
	fmt.Fprintf(w, `[{"ID":%q,"TTL":"15s"}]`, id)
}

func (f *consul) destroy(id string) {
	f.do(func() {
		delete(f.sessions, id)
		if f.pair != nil && f.pair.Session == id {
			f.pair.Session = ""
			f.pair.ModifyIndex = f.index
		}
	})
}

func (f *consul) kv(w http.ResponseWriter, r *http.Request) {
	if r.Method == "GET" {
		f.get(w, r)
		return
	}
	session, ok := r.URL.Query().Get("acquire"), false
	if session != "" && !see(f, func() bool { return f.sessions[session] }) {
		http.Error(w, fmt.Sprintf("raft apply failed: invalid session %q", session), 500)
		return
	}
	f.do(func() { ok = f.write(r) })
	f.mu.Lock()
	after := f.after
	f.mu.Unlock()
	if after != nil {
		after(r)
	}
	fmt.Fprint(w, ok)
}

// write applies a write; the caller holds the lock.
func (f *consul) write(r *http.Request) bool {
	query := r.URL.Query()
	if r.Method == "DELETE" {
		if f.pair == nil || query.Get("cas") != fmt.Sprint(f.pair.ModifyIndex) {
			return false
		}
		f.pair = nil
		return true
	}
	if session := query.Get("release"); session != "" {
		if f.pair == nil || f.pair.Session != session {
			return false
		}
		f.pair.Session = ""
		return true
	}
	session := query.Get("acquire")
	if f.delayed || f.pair != nil && f.pair.Session != "" && f.pair.Session != session {
		return false
	}
	if f.pair == nil {
		f.pair = &api.KVPair{Key: "lock"}
	}
	if f.pair.Session != session {
		f.pair.LockIndex++
	}
	f.pair.Flags, _ = strconv.ParseUint(query.Get("flags"), 10, 64)
	f.pair.Session, f.pair.ModifyIndex = session, f.index
	return true
}

func (f *consul) get(w http.ResponseWriter, r *http.Request) {
	if !r.URL.Query().Has("consistent") {
		http.Error(w, "a read that may be stale", 599)
		return
	}
	wait, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	for wait > 0 && f.index <= wait {
		changed, before := f.changed, f.index
		f.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		f.mu.Lock()
		if r.Context().Err() != nil || f.index < before {
			break
		}
	}
	w.Header().Set("X-Consul-Index", fmt.Sprint(f.index))
	if f.pair == nil {
		w.WriteHeader(404)
		return
	}
	p := f.pair
	fmt.Fprintf(w, `[{"LockIndex":%d,"Key":"lock","Flags":%d,"Value":%q,"Session":%q,"CreateIndex":1,"ModifyIndex":%d}]`,
		p.LockIndex, p.Flags, base64.StdEncoding.EncodeToString(p.Value), p.Session, p.ModifyIndex)
}

// hang answers nothing until the client has lost its patience.
func hang(w http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func status(code int, text string) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, text, code)
		return true
	}
}

// until waits for a condition, and lets the fake clock run meanwhile, if there is one.
func until(t *testing.T, fake *clock.Fake, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
			if fake != nil {
				fake.Advance(200 * time.Millisecond)
			}
		case <-limit:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func lost(term *Term) func() bool {
	return func() bool {
		select {
		case <-term.Lost():
			return true
		default:
			return false
		}
	}
}
