package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
	"github.com/lictor-dr/lictor/internal/userevent"
)

// fakeBackend is a server without Raft: writes go straight into its store. Fields are set before use.
type fakeBackend struct {
	coordinates []coordinate.Datacenter
	mu          sync.Mutex // guards what follows
	store       *state.Store
	index       uint64 // of the last write
	verbs       []string
	barriers    []Consistency
	saves       []bool // stale or not
	restored    []byte
	allowed     []record.Type

	rights    map[string]*acl.Authorizer // by secret; nil: ACLs are off
	contact   time.Duration
	leaderOut bool
	err       error // of whatever may fail
	archive   []byte
	sendErr   error // of sending the archive, half-way
	closed    int
	members   []Member
	health    []ServerHealth
	calls     []string // of operations on Raft
	peers     []string
	telemetry *telemetry.Telemetry
	monitor   *logging.Monitor
	events    *userevent.Buffer
	keyring   *fakeKeyring
	fetched   chan struct{} // gets a value for each read of a key
	indexes   []uint64      // pretended by reads of a key, one after the other
}

func newFake() *fakeBackend {
	return &fakeBackend{store: state.New(), index: 10, archive: []byte("an archive"), fetched: make(chan struct{}, 1000)}
}

func (f *fakeBackend) Telemetry() Telemetry { return f.telemetry }
func (f *fakeBackend) Events() Events       { return f.events }
func (f *fakeBackend) Keyring() Keyring     { return f.keyring }

func (f *fakeBackend) Monitor(ctx context.Context, w io.Writer, level string, json bool) error {
	return f.monitor.Stream(ctx, w, level, json)
}

func (f *fakeBackend) Datacenter() string { return "dc1" }

func (f *fakeBackend) Store() Store {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &watchedStore{f.store, f}
}

// A fakeBackend is a cluster of one unless a test embeds it in something else.
func (f *fakeBackend) IsServer() bool                    { return true }
func (f *fakeBackend) Leading() bool                     { return true }
func (f *fakeBackend) Leader() (string, <-chan struct{}) { return "", nil }
func (f *fakeBackend) FindLeader(context.Context) string { return "" }
func (f *fakeBackend) LeaderIs(string)                   {}
func (f *fakeBackend) Server() string                    { return "" }
func (f *fakeBackend) NoLeader() error                   { return ErrNotLeader }
func (f *fakeBackend) AgentToken(agenttoken.Kind) string { return "" }
func (f *fakeBackend) Send(*http.Request, Target, forward.Mark) (*http.Response, error) {
	return nil, errors.New("there is nobody else")
}
func (f *fakeBackend) NodeName() string                           { return f.Self().Config.NodeName }
func (f *fakeBackend) Datacenters() []string                      { return []string{f.Datacenter()} }
func (f *fakeBackend) ServersOf(string) []string                  { return nil }
func (f *fakeBackend) ServerCoordinates() []coordinate.Datacenter { return f.coordinates }

func (f *fakeBackend) ReadBarrier(_ context.Context, c Consistency) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.barriers = append(f.barriers, c)
	if c == Stale {
		return nil
	}
	return f.err
}

func (f *fakeBackend) LastContact() time.Duration { return f.contact }
func (f *fakeBackend) KnownLeader() bool          { return !f.leaderOut }

func (f *fakeBackend) KVApply(ctx context.Context, verb string, e *record.KVEntry) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verbs = append(f.verbs, verb)
	if err := errors.Join(f.err, ctx.Err()); err != nil {
		return false, err
	}
	f.index++
	return f.store.ApplyKV(f.index, 1, state.KVOp(verb), e)
}

func (f *fakeBackend) Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.err, ctx.Err()); err != nil {
		return fsm.Result{}, err
	}
	f.index++
	return fsm.Apply(f.store, f.index, 1, entry), nil
}

func (f *fakeBackend) Local() *localstate.State { return nil }

func (f *fakeBackend) MeshRoot() *meshca.Root { return nil }

func (f *fakeBackend) BootstrapACLs(ctx context.Context, t *record.ACLToken) error {
	result, err := f.Apply(ctx, fsm.Bootstrap(t, 0))
	if errors.Is(result.Err, state.ErrBootstrapped) {
		reset, _ := f.store.Bootstrapped()
		return fmt.Errorf("%w (reset index: %d)", result.Err, reset)
	}
	return errors.Join(err, result.Err)
}

func (f *fakeBackend) SetAgentToken(_ context.Context, kind agenttoken.Kind, secret string) error {
	f.calls = append(f.calls, "token "+string(kind)+" "+secret)
	return f.err
}

func (f *fakeBackend) ACLReplication() ACLReplication {
	return ACLReplication{Enabled: true, SourceDatacenter: "primary"}
}

func (f *fakeBackend) ACLEnabled() bool { return f.rights != nil }

func (f *fakeBackend) RenewSession(context.Context, string) error { return f.err }

// Authorize knows the secrets in rights; without any, ACLs are off.
func (f *fakeBackend) Authorize(_ context.Context, secret string) (Caller, error) {
	if f.rights == nil {
		return Caller{Rights: acl.ManageAll()}, nil
	}
	rights, ok := f.rights[secret]
	if !ok {
		return Caller{}, acl.ErrNotFound
	}
	return Caller{Rights: rights, Accessor: "accessor-of-" + secret, Anonymous: secret == ""}, nil
}

func (f *fakeBackend) Save(_ context.Context, stale bool) (Saved, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saves = append(f.saves, stale)
	return &fakeSaved{f}, f.err
}

func (f *fakeBackend) Restore(_ context.Context, archive io.Reader, allow []record.Type) error {
	body, err := io.ReadAll(archive)
	if err := errors.Join(f.err, err); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restored, f.allowed = body, allow
	old := f.store
	f.store = state.New()
	old.Abandon()
	return nil
}

func (f *fakeBackend) LeaderAddr() string {
	if f.leaderOut {
		return ""
	}
	return "127.0.0.1:8300"
}

func (f *fakeBackend) PeerAddrs() ([]string, error) { return f.peers, f.err }

func (f *fakeBackend) RaftConfiguration() (RaftConfiguration, error) {
	return RaftConfiguration{Servers: []RaftServer{{
		ID: "aaaa", Node: "n1", Address: "127.0.0.1:8300", Leader: true, ProtocolVersion: "3", Voter: true, LastIndex: 233,
	}}}, nil
}

func (f *fakeBackend) RemovePeer(_ context.Context, id, address string) error {
	f.calls = append(f.calls, "remove "+id+address)
	return f.err
}

func (f *fakeBackend) TransferLeadership(_ context.Context, id string) error {
	f.calls = append(f.calls, "transfer "+id)
	return f.err
}

func (f *fakeBackend) ServerHealth() ([]ServerHealth, error) { return f.health, nil }

func (f *fakeBackend) Self() AgentSelf {
	return AgentSelf{Config: AgentConfig{Datacenter: "dc1", NodeName: "n1", Server: true}, Member: f.lanMembers()[0],
		Stats: map[string]map[string]string{"raft": {"state": "Leader"}}}
}

func (f *fakeBackend) Members(wan bool) ([]Member, error) {
	if wan {
		return nil, ErrNoWAN
	}
	return f.lanMembers(), nil
}

func (f *fakeBackend) lanMembers() []Member {
	if f.members != nil {
		return f.members
	}
	return []Member{
		{Name: "n1", Addr: "127.0.0.1", Port: 8301, Tags: map[string]string{"dc": "dc1", "role": "consul"}, Status: 1},
		{Name: "n2", Addr: "127.0.0.1", Port: 8401, Tags: map[string]string{"dc": "dc1", "role": "node"}, Status: 4},
	}
}

// watchedStore tells of each read, and may pretend to other indexes.
type watchedStore struct {
	*state.Store
	f *fakeBackend
}

func (s *watchedStore) KVGet(w *state.Watch, key string) (uint64, *record.KVEntry) {
	index, e := s.Store.KVGet(w, key)
	s.f.mu.Lock()
	if len(s.f.indexes) > 0 {
		index, s.f.indexes = s.f.indexes[0], s.f.indexes[1:]
	}
	s.f.mu.Unlock()
	s.f.fetched <- struct{}{}
	return index, e
}

type fakeSaved struct{ f *fakeBackend }

func (s *fakeSaved) Index() uint64 { return 233 }
func (s *fakeSaved) Len() int64    { return int64(len(s.f.archive)) }
func (s *fakeSaved) Close() error  { s.f.closed++; return nil }
func (s *fakeSaved) WriteTo(w io.Writer) (int64, error) {
	b := s.f.archive
	if s.f.sendErr != nil {
		b = b[:len(b)/2]
	}
	n, err := w.Write(b)
	if s.f.sendErr == io.EOF { // short, without a word
		return int64(n), err
	}
	return int64(n), errors.Join(err, s.f.sendErr)
}

// statusErr is an error that chooses its status.
type statusErr int

func (e statusErr) Error() string   { return "chosen by the backend" }
func (e statusErr) HTTPStatus() int { return int(e) }

// put writes pairs given as key=value.
func (f *fakeBackend) put(t testing.TB, pairs ...string) {
	t.Helper()
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		if _, err := f.KVApply(t.Context(), "set", &record.KVEntry{Key: key, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
}

func newHandler(f *fakeBackend, cfg Config) *Handler { return New(cfg, f, hclog.NewNullLogger()) }

// ask sends a request to h, whose answer is there when it returns. Headers are given as "Name: value".
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// logger returns a logger that writes all it is told to the buffer.
func logger() (hclog.Logger, *bytes.Buffer) {
	var out bytes.Buffer
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &out, Mutex: new(sync.Mutex)}), &out
}
