package localstate

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/record"
)

// fakeCatalog is a catalog of one node that can fail.
type fakeCatalog struct {
	mu     sync.Mutex
	node   *NodeState
	fail   func(what string) error // nil for success
	writes []string                // what was written, with which token
}

func (f *fakeCatalog) do(what, token string) error {
	if f.fail != nil {
		if err := f.fail(what); err != nil {
			return err
		}
	}
	if what != "read" {
		f.writes = append(f.writes, what+" "+token)
	}
	return nil
}

func (f *fakeCatalog) Register(_ context.Context, token string, r Registration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	what := "node"
	for _, c := range r.Checks {
		what = "check " + c.CheckID
	}
	if r.Service != nil {
		what = "service " + r.Service.ID
	}
	if err := f.do(what, token); err != nil {
		return err
	}
	if f.node == nil {
		f.node = &NodeState{Services: map[string]*record.NodeService{}, Checks: map[string]*record.HealthCheck{}}
		f.node.NodeInfo = r.NodeInfo
	}
	if !r.SkipNodeUpdate {
		f.node.NodeInfo = r.NodeInfo
	}
	if r.Service != nil {
		kept := *r.Service
		kept.CreateIndex, kept.ModifyIndex = 7, 8
		f.node.Services[kept.ID] = &kept
	}
	for _, c := range r.Checks {
		if c.ServiceID != "" && f.node.Services[c.ServiceID] == nil {
			return errors.New("Unknown service ID '" + c.ServiceID + "' for check ID '" + c.CheckID + "'")
		}
		f.node.Checks[c.CheckID] = c
	}
	return nil
}

func (f *fakeCatalog) Deregister(_ context.Context, token, _, serviceID, checkID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.do("remove "+serviceID+checkID, token); err != nil {
		return err
	}
	if f.node == nil {
		return nil
	}
	if serviceID != "" {
		delete(f.node.Services, serviceID)
		maps.DeleteFunc(f.node.Checks, func(_ string, c *record.HealthCheck) bool { return c.ServiceID == serviceID })
		return nil
	}
	delete(f.node.Checks, checkID)
	return nil
}

func (f *fakeCatalog) Node(context.Context, string, string) (*NodeState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.do("read", ""); err != nil {
		return nil, err
	}
	return f.copy(), nil
}

func (f *fakeCatalog) copy() *NodeState {
	if f.node == nil {
		return nil
	}
	return &NodeState{NodeInfo: f.node.NodeInfo, Services: maps.Clone(f.node.Services), Checks: maps.Clone(f.node.Checks)}
}

// now is what the catalog holds.
func (f *fakeCatalog) now() *NodeState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.copy()
}

// change changes the catalog or its faults behind the agent's back.
func (f *fakeCatalog) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// took gives what was written since the last time.
func (f *fakeCatalog) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.writes
	f.writes = nil
	return w
}

type fakeTokens struct{}

func (fakeTokens) Agent() string                  { return "agent" }
func (fakeTokens) Default() string                { return "default" }
func (fakeTokens) ConfigFileRegistration() string { return "file" }

// newState makes a registry; configure may be nil.
func newState(t *testing.T, catalog *fakeCatalog, configure func(*Config)) *State {
	t.Helper()
	c := Config{
		Node:       NodeInfo{Node: "n1", ID: "11111111-1111-1111-1111-111111111111", Address: "10.0.0.1", Meta: map[string]string{"a": "b"}},
		Datacenter: "dc1", Catalog: catalog, Tokens: fakeTokens{},
	}
	if configure != nil {
		configure(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func serviceOf(t *testing.T, body string) *definition.Service {
	t.Helper()
	s, err := definition.DecodeService(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkOf(t *testing.T, body string) *definition.Check {
	t.Helper()
	c, err := definition.DecodeCheck(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *State) register(t *testing.T, body string) {
	t.Helper()
	if err := s.AddService(t.Context(), serviceOf(t, body), "", FromAPI, false); err != nil {
		t.Fatal(err)
	}
}

func (s *State) update(t *testing.T, id, status, output string) {
	t.Helper()
	if err := s.UpdateCheck(t.Context(), id, status, output); err != nil {
		t.Fatal(err)
	}
}

func (s *State) load(t *testing.T, services []*definition.Service, checks []*definition.Check) {
	t.Helper()
	if err := s.Load(t.Context(), services, checks); err != nil {
		t.Fatal(err)
	}
}

func (s *State) state(t *testing.T, id string) string {
	t.Helper()
	c, err := s.Check(id)
	if err != nil {
		t.Fatal(err)
	}
	return c.Status + " " + c.Output
}

// files are the regular files below dir and their contents, by directory and name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
