package localstate

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

func TestContentHashIsConsuls(t *testing.T) {
	s := newState(t, &fakeCatalog{}, nil)
	s.register(t, `{"Name":"foo","Tags":["bar","baz"],"Port":8000,"Checks":[{"TTL":"15s"},{"TTL":"30s"}]}`)
	a, err := s.Service("foo")
	if err != nil || a.ContentHash != "c4bb6737c185ed93" {
		t.Errorf("got %+v, %v", a, err)
	}
	if got := slices.Sorted(maps.Keys(s.Checks())); !slices.Equal(got, []string{"service:foo:1", "service:foo:2"}) {
		t.Errorf("checks %q", got)
	}
}

func TestWaitService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState(t, &fakeCatalog{}, nil)
		defer s.Close()
		s.register(t, `{"Name":"foo","Port":1}`)
		was, _ := s.Service("foo")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if a, err := s.WaitService(ctx, "foo", was.ContentHash); err != nil || a.ContentHash != was.ContentHash || ctx.Err() == nil {
			t.Errorf("did not wait for the whole time: %v, %v", a, err)
		}
		answers := make(chan string, 1)
		wait := func() {
			a, err := s.WaitService(context.Background(), "foo", was.ContentHash)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- a.ContentHash
		}
		go wait()
		synctest.Wait()
		s.register(t, `{"Name":"other"}`) // wakes, but is of no interest
		synctest.Wait()
		if len(answers) != 0 {
			t.Error("another service ended the wait")
		}
		s.register(t, `{"Name":"foo","Port":2}`)
		if got := <-answers; got == was.ContentHash {
			t.Error("the old hash came back")
		}
		s.register(t, `{"Name":"foo","Port":1}`)
		go wait()
		synctest.Wait()
		if err := s.RemoveService(t.Context(), "foo"); err != nil {
			t.Fatal(err)
		}
		if got := <-answers; got != "unknown service ID: foo" {
			t.Errorf("got %s", got)
		}
	})
}

func TestReplaceExistingChecks(t *testing.T) {
	s := newState(t, &fakeCatalog{}, nil)
	s.register(t, `{"Name":"a","Checks":[{"CheckID":"x","TTL":"1m"},{"CheckID":"y","TTL":"1m"}]}`)
	s.update(t, "x", "passing", "fine")
	again := serviceOf(t, `{"Name":"a","Check":{"CheckID":"x","TTL":"1m"}}`)
	if err := s.AddService(t.Context(), again, "", FromAPI, false); err != nil || len(s.Checks()) != 2 {
		t.Errorf("%v, %v", s.Checks(), err)
	}
	if err := s.AddService(t.Context(), again, "", FromAPI, true); err != nil || len(s.Checks()) != 1 {
		t.Errorf("%v, %v", s.Checks(), err)
	}
	if got := s.state(t, "x"); got != "passing fine" {
		t.Errorf("a check that was registered again lost its state: %s", got)
	}
}

func TestErrors(t *testing.T) {
	s := newState(t, &fakeCatalog{}, nil)
	ctx := t.Context()
	s.register(t, `{"Name":"a","Check":{"HTTP":"http://127.0.0.1:1","Interval":"1h"}}`)
	script := checkOf(t, `{"Name":"s","ScriptArgs":["true"],"Interval":"1h"}`)
	_, unknown := s.Service("x")
	for name, tt := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"service":            {unknown, 404, "unknown service ID: x"},
		"remove service":     {s.RemoveService(ctx, "x"), 404, `Unknown service ID "x". Ensure that the service ID is passed, not the service name.`},
		"remove check":       {s.RemoveCheck(ctx, "x"), 404, `Unknown check ID "x". Ensure that the check ID is passed, not the check name.`},
		"update":             {s.UpdateCheck(ctx, "x", "passing", ""), 404, `Unknown check ID "x". Ensure that the check ID is passed, not the check name.`},
		"update of no TTL":   {s.UpdateCheck(ctx, "service:a", "passing", ""), 400, `CheckID "service:a" does not have associated TTL`},
		"status":             {s.UpdateCheck(ctx, "x", "zz", ""), 400, "Invalid check status: 'zz'"},
		"check of nobody":    {s.AddCheck(ctx, checkOf(t, `{"Name":"c","ServiceID":"X","TTL":"1s"}`), "", FromAPI), 404, `ServiceID "X" does not exist`},
		"maintenance":        {s.EnableServiceMaintenance(ctx, "x", "", ""), 404, `Unknown service ID "x". Ensure that the service ID is passed, not the service name.`},
		"remote script":      {s.AddCheck(ctx, script, "", FromAPI), 500, "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"},
		"script from a file": {s.AddCheck(ctx, script, "", FromFile), 500, "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"},
	} {
		e, ok := errors.AsType[*Error](tt.err)
		if !ok || e.HTTPStatus() != tt.status || e.Error() != tt.text {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
	if len(s.Checks()) != 1 || len(s.Services()) != 1 {
		t.Errorf("refused registrations left something: %v", s.Checks())
	}
}

func TestScriptsAllowed(t *testing.T) {
	script := checkOf(t, `{"Name":"s","ScriptArgs":["true"],"Interval":"1h"}`)
	local := newState(t, &fakeCatalog{}, func(c *Config) { c.LocalScripts = true })
	if local.AddCheck(t.Context(), script, "", FromFile) != nil || local.AddCheck(t.Context(), script, "", FromAPI) == nil {
		t.Error("local scripts")
	}
	remote := newState(t, &fakeCatalog{}, func(c *Config) { c.RemoteScripts = true })
	if remote.AddCheck(t.Context(), script, "", FromFile) != nil || remote.AddCheck(t.Context(), script, "", FromAPI) != nil {
		t.Error("remote scripts")
	}
}

func TestHealthAndMaintenance(t *testing.T) {
	s := newState(t, &fakeCatalog{}, nil)
	ctx := t.Context()
	s.register(t, `{"Name":"web","ID":"w1","Check":{"TTL":"1h","Status":"passing"}}`)
	s.register(t, `{"Name":"web","ID":"w2","Check":{"TTL":"1h","Status":"warning"}}`)
	assert := func(id, want, wantName string) {
		t.Helper()
		h, ok := s.ServiceHealth(id)
		all, worst := s.ServiceHealthByName("web")
		if !ok || h.Status != want || worst != wantName || len(all) != 2 {
			t.Errorf("%s is %s, web is %s", id, h.Status, worst)
		}
	}
	assert("w1", "passing", "warning")
	if err := s.EnableServiceMaintenance(ctx, "w1", "", ""); err != nil {
		t.Fatal(err)
	}
	assert("w1", "maintenance", "maintenance")
	assert("w2", "warning", "maintenance")
	c, err := s.Check("_service_maintenance:w1")
	if err != nil || c.Notes != "Maintenance mode is enabled for this service, but no reason was provided. This is a default message." ||
		c.Type != "maintenance" || c.Status != "critical" || c.ServiceName != "web" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := s.DisableServiceMaintenance(ctx, "w1"); err != nil {
		t.Fatal(err)
	}
	assert("w1", "passing", "warning")
	if err := s.EnableNodeMaintenance(ctx, "broken", ""); err != nil {
		t.Fatal(err)
	}
	assert("w2", "maintenance", "maintenance")
	if c, err := s.Check("_node_maintenance"); err != nil || c.Notes != "broken" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := s.DisableNodeMaintenance(ctx); err != nil {
		t.Fatal(err)
	}
	s.update(t, "service:w1", "critical", "down")
	assert("w1", "critical", "critical")
	if _, ok := s.ServiceHealth("nobody"); ok {
		t.Error("an unknown service has health")
	}
	if all, worst := s.ServiceHealthByName("nobody"); all != nil || worst != "" {
		t.Error("an unknown name has health")
	}
}

func TestTTLExpiresAndOutputIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState(t, &fakeCatalog{}, func(c *Config) { c.CheckOutputMaxSize = 4 })
		defer s.Close()
		s.register(t, `{"Name":"a","Check":{"TTL":"10s"}}`)
		s.update(t, "service:a", "passing", "0123456789")
		<-time.After(9 * time.Second)
		if got := s.state(t, "service:a"); got != "passing 6789" {
			t.Errorf("got %s", got)
		}
		s.update(t, "service:a", "warning", "")
		<-time.After(9 * time.Second)
		if got := s.state(t, "service:a"); got != "warning " {
			t.Errorf("got %s", got)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if got := s.state(t, "service:a"); got != "critical TTL expired" {
			t.Errorf("got %s", got)
		}
	})
}

func TestPolledChecksReport(t *testing.T) {
	s := newState(t, &fakeCatalog{}, func(c *Config) { c.MinCheckInterval = time.Millisecond })
	if err := s.AddCheck(t.Context(), checkOf(t, `{"Name":"c","TCP":"127.0.0.1:1","Interval":"1ms","Status":"passing"}`), "", FromAPI); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for !strings.Contains(s.state(t, "c"), "critical") {
		select {
		case <-deadline:
			t.Fatal("no report")
		case <-time.After(time.Millisecond):
		}
	}
	s.SetDiscardCheckOutput(true)
	for s.state(t, "c") != "critical " {
		select {
		case <-deadline:
			t.Fatal("output is not discarded")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestCriticalServicesAreDeregistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState(t, &fakeCatalog{}, nil)
		defer s.Close()
		s.register(t, `{"Name":"short","Check":{"TTL":"1h","DeregisterCriticalServiceAfter":"1s"}}`)
		s.register(t, `{"Name":"long","Check":{"TTL":"1h","DeregisterCriticalServiceAfter":"10m"}}`)
		s.register(t, `{"Name":"never","Check":{"TTL":"1h"}}`)
		s.Start(t.Context())
		gone := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if got := slices.Sorted(maps.Keys(s.Services())); !slices.Equal(got, want) {
				t.Errorf("left are %q, want %q", got, want)
			}
		}
		<-time.After(59 * time.Second)
		gone("long", "never", "short")
		<-time.After(32 * time.Second)
		gone("long", "never")
		s.update(t, "service:long", "passing", "")
		<-time.After(time.Minute)
		s.update(t, "service:long", "critical", "")
		<-time.After(9 * time.Minute)
		gone("long", "never")
		<-time.After(2 * time.Minute)
		gone("never")
	})
}

func TestReload(t *testing.T) {
	s := newState(t, &fakeCatalog{}, nil)
	a, b := serviceOf(t, `{"Name":"a","Check":{"TTL":"1h"}}`), serviceOf(t, `{"Name":"b","Check":{"TTL":"1h"}}`)
	node := checkOf(t, `{"Name":"node","TTL":"1h"}`)
	s.load(t, []*definition.Service{a, b}, []*definition.Check{node})
	s.register(t, `{"Name":"api"}`)
	if err := s.AddCheck(t.Context(), checkOf(t, `{"Name":"mine","ServiceID":"a","TTL":"1h"}`), "", FromAPI); err != nil {
		t.Fatal(err)
	}
	if err := s.EnableNodeMaintenance(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	s.update(t, "service:a", "passing", "fine")
	if err := s.Load(t.Context(), []*definition.Service{a}, []*definition.Check{checkOf(t, `{"Name":"x","ServiceID":"nobody","TTL":"1h"}`)}); err == nil ||
		err.Error() != `Failed to register check 'x': ServiceID "nobody" does not exist` || len(s.Services()) != 3 {
		t.Errorf("%v, %v", s.Services(), err)
	}
	s.load(t, []*definition.Service{a}, nil)
	if got := slices.Sorted(maps.Keys(s.Services())); !slices.Equal(got, []string{"a", "api"}) {
		t.Errorf("services %q", got)
	}
	if got := slices.Sorted(maps.Keys(s.Checks())); !slices.Equal(got, []string{"_node_maintenance", "mine", "service:a"}) {
		t.Errorf("checks %q", got)
	}
	if got := s.state(t, "service:a"); got != "passing fine" {
		t.Errorf("got %s", got)
	}
}

// forbidden is how a catalog says that a token was refused.
type forbidden struct{}

func (forbidden) Error() string   { return "Permission denied" }
func (forbidden) HTTPStatus() int { return http.StatusForbidden }
