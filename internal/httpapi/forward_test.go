package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
)

// fakeMember is an agent of a cluster, with a port that others forward requests to.
type fakeMember struct {
	*fakeBackend
	name      string
	transport *forward.Transport
	handler   *Handler
	address   string                    // of its port
	intercept func(*http.Request) error // before a forwarded request is answered; an error cuts the connection
	before    func(verb string) error   // of a KV write
	tokens    map[agenttoken.Kind]string
	cut       atomic.Bool        // once, an answer to what is forwarded breaks off in its body
	arrived   chan *http.Request // forwarded requests that have come in

	role    sync.Mutex // guards what follows
	leading bool
	leader  string
	changed chan struct{}
	client  bool
	leads   string   // what FindLeader finds
	told    []string // by LeaderIs

	datacenter string              // empty for dc1
	abroad     map[string][]string // addresses of servers, by datacenter
	known      []string            // datacenters; nil for the own one
	sent       []Target            // where requests were sent
}

func newMember(t *testing.T, name string, cfg Config) *fakeMember {
	t.Helper()
	m := &fakeMember{fakeBackend: newFake(), name: name, changed: make(chan struct{}), arrived: make(chan *http.Request, 100)}
	m.transport = forward.NewTransport(func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	if cfg.HoldTimeout == 0 {
		cfg.HoldTimeout = 5 * time.Second
	}
	m.handler = New(cfg, m, hclog.NewNullLogger())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = l.Addr().String()
	web := forward.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m.arrived <- req
		if m.intercept != nil {
			if err := m.intercept(req); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if m.cut.Swap(false) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		m.handler.ServeHTTP(w, req)
	}), 0, hclog.NewNullLogger())
	go web.Serve(l)
	t.Cleanup(func() {
		m.handler.Close()
		web.Close()
		m.transport.Close()
	})
	return m
}

// follow makes this member follow a leader, or nobody.
func (m *fakeMember) follow(leader *fakeMember) {
	m.role.Lock()
	defer m.role.Unlock()
	m.leading, m.leader = leader == m, ""
	if leader != nil && leader != m {
		m.leader = leader.address
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *fakeMember) IsServer() bool { return !m.client }

func (m *fakeMember) Leading() bool {
	m.role.Lock()
	defer m.role.Unlock()
	return m.leading
}

func (m *fakeMember) Leader() (string, <-chan struct{}) {
	m.role.Lock()
	defer m.role.Unlock()
	return m.leader, m.changed
}

func (m *fakeMember) LeaderIs(address string) {
	m.role.Lock()
	defer m.role.Unlock()
	m.told = append(m.told, address)
	if m.client {
		m.leader = address
	}
}

// FindLeader asks the members that this one knows.
func (m *fakeMember) FindLeader(context.Context) string { return m.leads }

func (m *fakeMember) Server() string                         { return m.peers[0] }
func (m *fakeMember) AgentToken(kind agenttoken.Kind) string { return m.tokens[kind] }
func (m *fakeMember) NodeName() string                       { return m.name }
func (m *fakeMember) Self() AgentSelf                        { return AgentSelf{Config: AgentConfig{NodeName: m.name}} }
func (m *fakeMember) Send(req *http.Request, to Target, mark forward.Mark) (*http.Response, error) {
	m.role.Lock()
	m.sent = append(m.sent, to)
	m.role.Unlock()
	return m.transport.Send(req, to.Address, mark)
}
func (m *fakeMember) Datacenter() string {
	if m.datacenter == "" {
		return m.fakeBackend.Datacenter()
	}
	return m.datacenter
}
func (m *fakeMember) Datacenters() []string {
	if m.known == nil {
		return m.fakeBackend.Datacenters()
	}
	return m.known
}
func (m *fakeMember) ServersOf(datacenter string) []string { return m.abroad[datacenter] }

func (m *fakeMember) KVApply(ctx context.Context, verb string, e *record.KVEntry) (bool, error) {
	if m.before != nil {
		if err := m.before(verb); err != nil {
			return false, err
		}
	}
	if !m.Leading() {
		return false, ErrNotLeader
	}
	return m.fakeBackend.KVApply(ctx, verb, e)
}

func (m *fakeMember) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	if !m.Leading() {
		return fsm.Result{}, ErrNotLeader
	}
	return m.fakeBackend.Apply(ctx, entry)
}

func (m *fakeMember) ReadBarrier(_ context.Context, c Consistency) error {
	if c != Stale && !m.Leading() {
		return ErrNotLeader
	}
	return nil
}

// a leader and its follower.
func pair(t *testing.T, cfg Config) (leader, follower *fakeMember) {
	t.Helper()
	leader, follower = newMember(t, "leader", cfg), newMember(t, "follower", cfg)
	leader.follow(leader)
	follower.follow(leader)
	return leader, follower
}

func value(m *fakeMember, key string) string {
	_, e := m.store.KVGet(nil, key)
	if e == nil {
		return ""
	}
	return string(e.Value)
}

func TestForwardToTheLeader(t *testing.T) {
	leader, follower := pair(t, Config{ResponseHeaders: map[string]string{"X-Own": "1"}})
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		want                       string
		forwarded                  bool
	}{
		{"write", "PUT", "/v1/kv/a", "1", 200, "true", true},
		{"default read", "GET", "/v1/kv/a?raw", "", 200, "1", true},
		{"consistent read", "GET", "/v1/kv/a?raw&consistent", "", 200, "1", true},
		{"stale read", "GET", "/v1/kv/a?raw&stale", "", 404, "", false},
		{"absent", "GET", "/v1/kv/b", "", 404, "", true},
		{"transaction", "PUT", "/v1/txn", `[{"KV":{"Verb":"set","Key":"t","Value":"MQ=="}}]`, 200, `"Key":"t"`, true},
		{"stale transaction that reads", "PUT", "/v1/txn?stale", `[{"KV":{"Verb":"get-tree","Key":""}}]`, 200, `"Results":[]`, false},
		{"stale transaction that writes", "PUT", "/v1/txn?stale", `[{"KV":{"Verb":"set","Key":"u","Value":"MQ=="}}]`, 200, `"Key":"u"`, true},
		{"a key with odd characters", "PUT", "/v1/kv/a%2Fb%20c?flags=3", "x", 200, "true", true},
		{"delete", "DELETE", "/v1/kv/a", "", 200, "true", true},
		{"the agent's own", "GET", "/v1/agent/self", "", 200, `"NodeName":"follower"`, false},
		{"any server", "GET", "/v1/status/leader", "", 200, "8300", false},
		{"bad request", "PUT", "/v1/kv/", "", 400, "Missing key name", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(follower.handler, c.method, c.target, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if got := w.Header()["X-Own"]; len(got) != 1 || w.Header().Get("X-Consul-Default-Acl-Policy") != "allow" {
				t.Errorf("headers %v", w.Header())
			}
			select {
			case req := <-leader.arrived:
				if !c.forwarded {
					t.Error("forwarded", req.URL)
				}
			default:
				if c.forwarded {
					t.Error("not forwarded")
				}
			}
		})
	}
	if value(leader, "a/b c") != "x" || value(follower, "a/b c") != "" {
		t.Error("the write is not where it belongs")
	}
}

// What is the receiving agent's own is filled in there; what clients write into headers of the agents' has no effect.
func TestForwardFillsIn(t *testing.T) {
	leader, follower := pair(t, Config{})
	follower.tokens = map[agenttoken.Kind]string{agenttoken.Default: "of-the-agent"}
	leader.tokens = map[agenttoken.Kind]string{agenttoken.Default: "of-the-leader"}
	for _, c := range []struct {
		name, target string
		headers      []string
		want         string
		agent        string
	}{
		{"in the URL", "/v1/kv/a?token=s3cret&raw", nil, "s3cret", "of-the-agent"},
		{"in the header", "/v1/kv/a", []string{"X-Consul-Token: s3cret"}, "s3cret", "of-the-agent"},
		{"as bearer", "/v1/kv/a", []string{"Authorization: Bearer s3cret"}, "s3cret", "of-the-agent"},
		{"the agent's", "/v1/kv/a", nil, "of-the-agent", "of-the-agent"},
		{"nobody's", "/v1/kv/a", nil, acl.AnonymousSecretID, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			follower.tokens[agenttoken.Default] = c.agent
			ask(follower.handler, "GET", c.target, "", append(c.headers, "Lictor-Node: forged", "Lictor-Client: 9.9.9.9:9")...)
			req := <-leader.arrived
			if got := req.Header.Get("X-Consul-Token"); got != c.want {
				t.Errorf("token %q", got)
			}
			if req.Header.Get("Authorization") != "" || strings.Contains(req.URL.RawQuery, "token") {
				t.Errorf("the token travels elsewhere too: %v %s", req.Header, req.URL)
			}
			if m := forward.Of(req.Context()); m == nil || m.Node != "follower" || req.RemoteAddr != "192.0.2.1:1234" {
				t.Errorf("mark %v, client %s", m, req.RemoteAddr)
			}
		})
	}
	register := `{"Node":"follower","Address":"127.0.0.1","Check":{"CheckID":"serfHealth","Name":"s","Status":"passing"}}`
	if w := ask(follower.handler, "PUT", "/v1/catalog/register", register); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if w := ask(follower.handler, "PUT", "/v1/session/create", ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if _, sessions := leader.store.Sessions(nil); len(sessions) != 1 || sessions[0].Node != "follower" {
		t.Errorf("sessions %+v", sessions)
	}
}

// A forwarded request goes no further, and what is an agent's own is not answered to other agents.
func TestForwardOnce(t *testing.T) {
	a, b := newMember(t, "a", Config{HoldTimeout: 200 * time.Millisecond}), newMember(t, "b", Config{})
	a.follow(b)
	b.follow(a)
	w := ask(a.handler, "PUT", "/v1/kv/x", "1")
	if w.Code != 500 || !strings.HasPrefix(w.Body.String(), "No cluster leader") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	select {
	case req := <-a.arrived:
		t.Error("it came back:", req.URL)
	default:
	}
	req := httptest.NewRequest("GET", "/v1/agent/self", nil)
	resp, err := a.transport.Send(req, b.address, forward.Mark{})
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%v, %v", resp, err)
	}
}

// A write whose answer is lost may have been applied: it is not sent again. A read is.
func TestForwardLosesTheAnswer(t *testing.T) {
	for _, method := range []string{"GET", "PUT"} {
		t.Run(method, func(t *testing.T) {
			old, next, follower := newMember(t, "old", Config{}), newMember(t, "next", Config{}), newMember(t, "follower", Config{})
			old.follow(old)
			next.follow(next)
			follower.follow(old)
			next.put(t, "a=new")
			old.intercept = func(*http.Request) error {
				follower.follow(next)
				return errors.New("cut")
			}
			w := ask(follower.handler, method, "/v1/kv/a?raw", "1")
			if method == "GET" && (w.Code != 200 || w.Body.String() != "new") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if method == "PUT" && (w.Code != 500 || !strings.Contains(w.Body.String(), "may have been done") || value(next, "a") != "new") {
				t.Errorf("%d %s; a=%s", w.Code, w.Body, value(next, "a"))
			}
		})
	}
}

// A server that dies in the middle of an answer has not answered: a read is asked again, of a write nobody knows.
func TestForwardedAnswerBreaksOff(t *testing.T) {
	leader, follower := pair(t, Config{})
	leader.put(t, "a=1")
	leader.cut.Store(true)
	if w := ask(follower.handler, "GET", "/v1/kv/a?raw", ""); w.Code != 200 || w.Body.String() != "1" {
		t.Errorf("read: %d %q", w.Code, w.Body)
	}
	leader.cut.Store(true)
	if w := ask(follower.handler, "PUT", "/v1/kv/a", "2"); w.Code != 500 || !strings.Contains(w.Body.String(), "may have been done") || value(leader, "a") != "1" {
		t.Errorf("write: %d %s", w.Code, w.Body)
	}
}

// What has not reached anybody, or only one who could not apply it, is sent to the next leader, body and all.
func TestForwardFindsTheLeader(t *testing.T) {
	gone, late := newMember(t, "gone", Config{}), newMember(t, "late", Config{})
	follower := newMember(t, "follower", Config{})
	gone.address = "127.0.0.1:1" // nobody listens
	follower.follow(gone)
	var once sync.Once
	late.before = func(string) error {
		var err error
		once.Do(func() { err = ErrNotLeader })
		return err
	}
	go func() {
		late.follow(late)
		follower.follow(late)
	}()
	if w := ask(follower.handler, "PUT", "/v1/kv/a", "value"); w.Code != 200 || value(late, "a") != "value" {
		t.Errorf("%d %s, a=%s", w.Code, w.Body, value(late, "a"))
	}
}

// A leader that loses its office while it answers a client forwards what it has not applied.
func TestLeaderBecomesFollower(t *testing.T) {
	next, old := pair(t, Config{})
	old.follow(old)
	old.before = func(string) error {
		old.follow(next)
		return ErrNotLeader
	}
	if w := ask(old.handler, "PUT", "/v1/kv/a", "value"); w.Code != 200 || value(next, "a") != "value" || value(old, "a") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A blocking query on a leader that is one no more moves on to the next.
func TestForwardedQueryMovesOn(t *testing.T) {
	old, follower := pair(t, Config{})
	next := newMember(t, "next", Config{})
	next.follow(next)
	old.put(t, "a=1")
	next.put(t, "b=1", "a=2")
	answer := make(chan *httptest.ResponseRecorder)
	go func() { answer <- ask(follower.handler, "GET", "/v1/kv/a?raw&index=11&wait=5m", "") }()
	<-old.fetched
	follower.follow(next)
	if w := <-answer; w.Code != 200 || w.Body.String() != "2" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestForwardIsCancelledWithTheClient(t *testing.T) {
	leader, follower := pair(t, Config{})
	leader.put(t, "a=1")
	ctx, hangUp := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req := httptest.NewRequestWithContext(ctx, "GET", "/v1/kv/a?index=11&wait=5m", nil)
		follower.handler.ServeHTTP(httptest.NewRecorder(), req)
	}()
	req := <-leader.arrived
	hangUp()
	<-done
	<-req.Context().Done()
}

// Without a leader requests wait for one, snapshots do not.
func TestNobodyLeads(t *testing.T) {
	m := newMember(t, "m", Config{HoldTimeout: 300 * time.Millisecond})
	m.follow(nil)
	for _, c := range []struct {
		method, target string
		waits          bool
	}{{"PUT", "/v1/kv/a", true}, {"GET", "/v1/kv/a", true}, {"GET", "/v1/snapshot", false}, {"PUT", "/v1/snapshot", false}} {
		began := time.Now()
		w := ask(m.handler, c.method, c.target, "x")
		if w.Code != 500 || w.Body.String() != "No cluster leader" {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
		if waited := time.Since(began) >= 300*time.Millisecond; waited != c.waits {
			t.Errorf("%s %s waited: %v", c.method, c.target, waited)
		}
	}
	if w := ask(m.handler, "GET", "/v1/snapshot?stale", ""); w.Code != 200 {
		t.Errorf("stale snapshot: %d %s", w.Code, w.Body)
	}
}

func TestForwardSnapshots(t *testing.T) {
	leader, follower := pair(t, Config{})
	leader.archive = bytes.Repeat([]byte("archive "), 1<<17)
	web := httptest.NewServer(follower.handler)
	defer web.Close()
	resp, err := http.Get(web.URL + "/v1/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !bytes.Equal(body, leader.archive) || resp.Header.Get("Content-Type") != "application/x-gzip" || resp.ContentLength != int64(len(body)) {
		t.Errorf("%d bytes, %v, %v", len(body), resp.Header, err)
	}
	leader.sendErr = errors.New("broken")
	if resp, err = http.Get(web.URL + "/v1/snapshot"); err == nil {
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("a cut archive looks whole: %d bytes", len(body))
		}
		resp.Body.Close()
	}
	put := func(body io.Reader) (int, string) {
		req, err := http.NewRequest(http.MethodPut, web.URL+"/v1/snapshot", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if code, text := put(bytes.NewReader(leader.archive)); code != 200 || !bytes.Equal(leader.restored, leader.archive) {
		t.Errorf("%d %s, %d bytes", code, text, len(leader.restored))
	}
	leader.err = errors.New("no good")
	if code, text := put(bytes.NewReader(leader.archive)); code != 500 || text != "no good" {
		t.Errorf("%d %s", code, text)
	}
}

// A client agent asks any server, and goes where that one says.
func TestClientAgent(t *testing.T) {
	leader, follower := pair(t, Config{})
	client := newMember(t, "client", Config{})
	client.client = true
	client.peers = []string{follower.address}
	follower.put(t, "stale=yes")
	for _, c := range []struct{ method, target, body, want string }{
		{"PUT", "/v1/kv/a", "1", "true"},
		{"GET", "/v1/kv/a?raw", "", "1"},
		{"GET", "/v1/kv/stale?raw&stale", "", "yes"},
		{"GET", "/v1/status/leader", "", "8300"},
	} {
		if w := ask(client.handler, c.method, c.target, c.body); w.Code != 200 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
	if len(client.told) != 1 || client.told[0] != leader.address {
		t.Errorf("it was told %q", client.told)
	}
	client.follow(follower) // an old leader's name
	client.leads = leader.address
	if w := ask(client.handler, "PUT", "/v1/snapshot", "an archive"); w.Code != 200 || string(leader.restored) != "an archive" {
		t.Errorf("restore: %d %s", w.Code, w.Body)
	}
}

func TestForwardLimits(t *testing.T) {
	_, follower := pair(t, Config{ForwardRate: 0.001, ForwardBurst: 2, ForwardTimeout: 100 * time.Millisecond})
	for i, want := range []int{404, 404, 429} {
		if w := ask(follower.handler, "GET", "/v1/kv/a", ""); w.Code != want {
			t.Errorf("request %d: %d %s", i, w.Code, w.Body)
		}
	}
	leader, follower := pair(t, Config{ForwardTimeout: 50 * time.Millisecond})
	leader.intercept = func(req *http.Request) error {
		<-req.Context().Done()
		return req.Context().Err()
	}
	if w := ask(follower.handler, "PUT", "/v1/kv/a", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "has not answered in time") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDiscoveryMaxStale(t *testing.T) {
	leader, follower := pair(t, Config{DiscoveryMaxStale: time.Minute})
	for target, header := range map[string]string{"/v1/catalog/nodes": "stale", "/v1/health/state/any": "stale", "/v1/catalog/nodes?consistent": "consistent", "/v1/catalog/nodes?leader": "leader"} {
		if w := ask(follower.handler, "GET", target, ""); w.Code != 200 || w.Header().Get("X-Consul-Effective-Consistency") != header {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
	if n := len(leader.arrived); n != 2 {
		t.Errorf("%d were forwarded", n)
	}
	follower.contact = time.Hour
	if w := ask(follower.handler, "GET", "/v1/catalog/nodes", ""); w.Code != 200 || len(leader.arrived) != 3 {
		t.Errorf("too old, and not forwarded: %d %s", w.Code, w.Body)
	}
}

// Over HTTP/2 a request without content has a body all the same: it is forwarded as one without.
func TestForwardWithoutContent(t *testing.T) {
	leader, follower := pair(t, Config{})
	req := httptest.NewRequest("PUT", "/v1/session/create", struct{ io.Reader }{strings.NewReader("")})
	req.ContentLength = 0
	follower.handler.ServeHTTP(httptest.NewRecorder(), req)
	if got := <-leader.arrived; got.ContentLength != 0 {
		t.Errorf("%d bytes have arrived", got.ContentLength)
	}
}
