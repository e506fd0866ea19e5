//go:build heavy && unix

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

const lockKey = "consul-snapshot/lock"

// A fleet is several snapshot agents for one server, with one depot. Each agent reaches both through a door of its own, so that it is known
// who did what, and when who read the lock.
type fleet struct {
	t        *testing.T
	site     *site
	server   *process
	depot    *depot
	interval time.Duration
	foreign  map[string][]byte
	scratch  string // that all agents share
	skip     bool   // whether they skip what has not changed
	members  []*member
}

// A member is one agent of a fleet.
type member struct {
	*keeper

	mu       sync.Mutex // guards what follows
	sessions map[string]bool
	held     time.Time // when the last request was sent whose answer said that this agent holds the lock
}

func newFleet(t *testing.T, agents int) *fleet {
	t.Helper()
	f := &fleet{t: t, server: backedUp(t, 200, 100), depot: newDepot(t, 3), interval: 5 * time.Second, scratch: t.TempDir()}
	f.site = f.server.site
	f.foreign = map[string][]byte{"consul-1600000000000000000.snap": []byte("of another agent"), "notes.txt": []byte("somebody's")}
	for name, content := range f.foreign {
		r := httptest.NewRequest(http.MethodPut, "/"+bucket+"/"+prefix+name, bytes.NewReader(content))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 the test")
		f.depot.s3.ServeHTTP(httptest.NewRecorder(), r)
	}
	for range agents {
		f.join()
	}
	if agents > 0 {
		f.next(time.Time{}, nil)
	}
	return f
}

// join starts one more agent.
func (f *fleet) join() *member {
	f.t.Helper()
	m := &member{sessions: map[string]bool{}}
	server, err := url.Parse(f.server.base)
	if err != nil {
		f.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.FlushInterval = -1
	proxy.ErrorLog = nil
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // the agent sees a broken connection
	proxy.ModifyResponse = m.overhear
	consul := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), begun{}, time.Now())))
	}))
	f.t.Cleanup(consul.Close)
	ready := make(chan struct{})
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-ready
		f.depot.serve(m, w, r)
	}))
	f.t.Cleanup(store.Close)
	m.keeper = keep(f.t, consul.URL, &setup{interval: f.interval, retain: f.depot.retain, s3: store.URL, scratch: f.scratch, skip: f.skip})
	close(ready)
	f.members = append(f.members, m)
	return m
}

// begun is the key of the time of a request in its context.
type begun struct{}

// overhear notes what an agent reads of the lock.
func (m *member) overhear(resp *http.Response) error {
	r := resp.Request
	if r.URL.Path != "/v1/kv/"+lockKey {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := r.URL.Query().Get("acquire"); id != "" {
		m.sessions[id] = true
	}
	if r.Method != http.MethodGet || r.URL.Query().Has("index") || resp.StatusCode != http.StatusOK {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(b))
	var pairs []entry
	if json.Unmarshal(b, &pairs) == nil && len(pairs) == 1 && m.sessions[pairs[0].Session] {
		m.held, _ = r.Context().Value(begun{}).(time.Time)
	}
	return nil
}

func (m *member) lastHeld() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// next waits for the next backup after a moment, which must come within the promised time, and returns it.
func (f *fleet) next(moment time.Time, not *member) commit {
	f.t.Helper()
	limit := f.interval + lateness
	if !moment.IsZero() {
		limit -= time.Since(moment)
	}
	c := f.depot.after(f.t, moment, not, limit)
	if !moment.IsZero() {
		f.t.Logf("the next backup came %v later", c.at.Sub(moment).Round(100*time.Millisecond))
	}
	return c
}

// leader is who took the last backup.
func (f *fleet) leader() *member {
	f.depot.mu.Lock()
	defer f.depot.mu.Unlock()
	return f.depot.commits[len(f.depot.commits)-1].by
}

// end checks what was promised, and that all agents stop when they are told to.
func (f *fleet) end() {
	f.t.Helper()
	if !f.skip {
		f.next(time.Now(), nil) // so that what is too much after the backup before has been deleted
	}
	f.depot.audit(f.t, f.foreign)
	for _, m := range f.members {
		if m.Running() {
			_ = m.Signal(syscall.SIGTERM)
			if code := m.Exit(f.t, exitLimit); code != 0 {
				f.t.Errorf("agent %d ends with code %d:\n%s", m.PID(), code, m.Tail(10))
			}
		}
	}
	if left := files(f.scratch); len(left) > 0 {
		f.t.Errorf("left in scratch: %q", left)
	}
}

// An instance is an agent as Consul shows it.
type instance struct {
	id            string
	alive, saving string // status of the checks, empty if there is none
}

// instances asks the server for the agents' service.
func (f *fleet) instances() (all []instance, err error) {
	a, err := f.server.get(context.Background(), "/v1/health/service/consul-snapshot")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Service struct{ ID string }
		Checks  []struct{ Name, Status string }
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		return nil, err
	}
	for _, l := range list {
		i := instance{id: l.Service.ID}
		for _, c := range l.Checks {
			switch {
			case strings.HasSuffix(c.Name, "Alive"):
				i.alive = c.Status
			case strings.HasSuffix(c.Name, "Saving Snapshots"):
				i.saving = c.Status
			}
		}
		all = append(all, i)
	}
	return all, nil
}

// shows waits until Consul shows what a test wants of the agents.
func (f *fleet) shows(what string, limit time.Duration, fits func([]instance) bool) (all []instance) {
	f.t.Helper()
	err := testproc.Eventually(limit, func() (err error) {
		if all, err = f.instances(); err == nil && !fits(all) {
			err = fmt.Errorf("Consul shows %+v", all)
		}
		return err
	})
	if err != nil {
		f.t.Fatalf("want %s: %v", what, err)
	}
	return all
}

// sound waits until all of so many agents are alive and one of them, alone, shows that it saves.
func (f *fleet) sound(agents int) (leader instance) {
	f.t.Helper()
	f.shows("all alive and one saving", exitLimit, func(all []instance) bool {
		alive, saving := 0, 0
		for _, i := range all {
			if i.alive == "passing" {
				alive++
				if i.saving == "passing" {
					saving, leader = saving+1, i
				}
			}
		}
		return alive == agents && saving == 1
	})
	return leader
}
