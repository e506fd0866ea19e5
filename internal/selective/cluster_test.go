package selective

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A cluster is a server without Raft behind the real handlers: writes go straight into its store.
type cluster struct {
	httpapi.Backend // what is not asked for
	mu              sync.Mutex
	store           *state.Store
	index           uint64
	rights          map[string]*acl.Authorizer // by secret; nil: ACLs are off
	datacenter      string

	http.Handler
	server *httptest.Server
	fault  func(w http.ResponseWriter, r *http.Request, next http.Handler) // nil: none

	counting sync.Mutex
	ops      int // of transactions
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{store: state.New(), index: 10, datacenter: "dc1"}
	h := httpapi.New(httpapi.Config{}, c, hclog.NewNullLogger())
	c.Handler = h
	c.server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(func() {
		h.Close()
		c.server.Close()
	})
	return c
}

func (c *cluster) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/txn" {
		body, _ := io.ReadAll(r.Body)
		c.counting.Lock()
		c.ops += strings.Count(string(body), `"Verb"`)
		c.counting.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	c.counting.Lock()
	fault := c.fault
	c.counting.Unlock()
	if fault != nil {
		fault(w, r, c.Handler)
		return
	}
	c.Handler.ServeHTTP(w, r)
}

// fail puts a fault in front of all requests; nil removes it.
func (c *cluster) fail(fault func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	c.counting.Lock()
	defer c.counting.Unlock()
	c.fault = fault
}

func (c *cluster) Datacenter() string { return c.datacenter }
func (c *cluster) NodeName() string   { return "n1" }
func (c *cluster) Store() httpapi.Store {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store
}
func (c *cluster) IsServer() bool                    { return true }
func (c *cluster) Leading() bool                     { return true }
func (c *cluster) Leader() (string, <-chan struct{}) { return "", nil }
func (c *cluster) FindLeader(context.Context) string { return "" }
func (c *cluster) LeaderIs(string)                   {}
func (c *cluster) Server() string                    { return "" }
func (c *cluster) NoLeader() error                   { return httpapi.ErrNotLeader }
func (c *cluster) LeaderAddr() string                { return "127.0.0.1:8300" }
func (c *cluster) Datacenters() []string             { return []string{c.datacenter} }
func (c *cluster) ServersOf(string) []string         { return nil }
func (c *cluster) KnownLeader() bool                 { return true }
func (c *cluster) LastContact() time.Duration        { return 0 }
func (c *cluster) MeshRoot() *meshca.Root            { return nil }
func (c *cluster) ACLEnabled() bool                  { return c.rights != nil }
func (c *cluster) Self() httpapi.AgentSelf {
	return httpapi.AgentSelf{Config: httpapi.AgentConfig{Datacenter: c.datacenter, NodeName: "n1", Server: true}}
}
func (c *cluster) ACLReplication() httpapi.ACLReplication                 { return httpapi.ACLReplication{} }
func (c *cluster) ReadBarrier(context.Context, httpapi.Consistency) error { return nil }
func (c *cluster) AgentToken(agenttoken.Kind) string                      { return "" }
func (c *cluster) Send(*http.Request, httpapi.Target, forward.Mark) (*http.Response, error) {
	return nil, errors.New("there is nobody else")
}

func (c *cluster) Authorize(_ context.Context, secret string) (httpapi.Caller, error) {
	if c.rights == nil {
		return httpapi.Caller{Rights: acl.ManageAll()}, nil
	}
	rights, ok := c.rights[secret]
	if !ok {
		return httpapi.Caller{}, acl.ErrNotFound
	}
	caller := httpapi.Caller{Rights: rights, Secret: secret, Anonymous: secret == ""}
	if _, t := c.Store().TokenBySecret(nil, secret); t != nil {
		caller.Accessor = t.AccessorID
	}
	return caller, nil
}

func (c *cluster) KVApply(_ context.Context, verb string, e *record.KVEntry) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	return c.store.ApplyKV(c.index, 1, state.KVOp(verb), e)
}

func (c *cluster) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	return fsm.Apply(c.store, c.index, 1, entry), nil
}

// do applies entries.
func (c *cluster) do(t testing.TB, entries ...fsm.Entry) {
	t.Helper()
	for _, e := range entries {
		if r, err := c.Apply(t.Context(), e); err != nil || r.Err != nil {
			t.Fatal(err, r.Err)
		}
	}
}

// A pair is a key's value and flags.
type pair struct {
	value string
	flags uint64
}

// put sets keys.
func (c *cluster) put(t testing.TB, pairs map[string]pair) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		x := pairs[key]
		if _, err := c.KVApply(t.Context(), "set", &record.KVEntry{Key: key, Value: bytesOrNil(x.value), Flags: x.flags}); err != nil {
			t.Fatal(err)
		}
	}
}

func bytesOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// pairs are all keys.
func (c *cluster) pairs() map[string]pair {
	_, list := c.Store().KVList(nil, "")
	all := map[string]pair{}
	for _, e := range list {
		all[e.Key] = pair{string(e.Value), e.Flags}
	}
	return all
}

// indexes are the ModifyIndexes of all keys.
func (c *cluster) indexes() map[string]uint64 {
	_, list := c.Store().KVList(nil, "")
	all := map[string]uint64{}
	for _, e := range list {
		all[e.Key] = e.ModifyIndex
	}
	return all
}

// target leads to the cluster. Repetitions do not wait.
func (c *cluster) target(token string) *Target {
	return &Target{
		Config: &api.Config{Address: strings.TrimPrefix(c.server.URL, "http://"), Scheme: "http", HttpClient: c.server.Client(), Token: token},
		Wait:   func(ctx context.Context, _ int) error { return context.Cause(ctx) },
	}
}

// source are the records of values, as an archive has them.
func source(t testing.TB, values ...any) digest.Source {
	t.Helper()
	b := record.AppendHeader(nil, record.Header{LastIndex: 5})
	for _, v := range values {
		var err error
		if b, err = record.Append(b, v); err != nil {
			t.Fatal(err)
		}
	}
	return stream(b)
}

func stream(b []byte) digest.Source {
	return digest.Stream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
}

// archiveOf is a source with keys.
func archiveOf(t testing.TB, pairs map[string]pair) digest.Source {
	t.Helper()
	var values []any
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		x := pairs[key]
		values = append(values, &record.KVEntry{Key: key, Value: bytesOrNil(x.value), Flags: x.flags, CreateIndex: 3, ModifyIndex: 4})
	}
	return source(t, values...)
}

// records are all that a cluster holds.
func (c *cluster) records(t testing.TB) digest.Source {
	t.Helper()
	var b bytes.Buffer
	if err := c.Store().(*state.Store).Snapshot().Encode(&b); err != nil {
		t.Fatal(err)
	}
	return stream(b.Bytes())
}

// memory is a scratch file in memory.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) {
	m.b = append(m.b, p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) Close() error { m.b = nil; return nil }

func options(t testing.TB, only string) Options {
	t.Helper()
	o := Options{Scratch: func() (diff.Scratch, error) { return new(memory), nil }, Source: "test.snap"}
	if only != "" {
		var err error
		if o.Filter, err = diff.ParseFilter([]string{only}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// plan makes a plan that is closed at the end of the test.
func plan(t testing.TB, target *Target, src digest.Source, o Options) *Plan {
	t.Helper()
	p, err := Make(t.Context(), target, src, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// apply carries a plan out that has no obstacles.
func apply(t testing.TB, p *Plan, undo string) *Outcome {
	t.Helper()
	out, err := p.Apply(t.Context(), undo)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantEqual(t testing.TB, out *Outcome) {
	t.Helper()
	if !out.Equal() {
		t.Fatalf("not as planned: conflicts %v, failed %v, remaining %v, not done %d, not read: %v", out.Conflicts, out.Failed, out.Remaining,
			out.NotDone, out.NotRead)
	}
}

// text is a plan as people see it.
func text(t testing.TB, p *Plan) string {
	t.Helper()
	var b strings.Builder
	if err := p.WriteText(&b, 0); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func samePairs(t testing.TB, what string, got, want map[string]pair) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s: %q is %v, want %v", what, key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: %q is there", what, key)
		}
	}
	t.FailNow()
}
