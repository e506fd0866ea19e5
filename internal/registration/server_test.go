package registration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// A server is a Lictor agent in this process, without a data directory.
type server struct {
	t       *testing.T
	args    []string
	address string
	agent   *agent.Agent
	client  *api.Client
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	port := testproc.FreePort(t)
	s := &server{t: t, address: fmt.Sprint("127.0.0.1:", port)}
	s.client = newClient(t, s.address)
	s.args = append([]string{"-bind=127.0.0.1", "-node=test", "-dev", "-hcl=performance { raft_multiplier = 1 }",
		fmt.Sprint("-http-port=", port), fmt.Sprint("-server-port=", testproc.FreePort(t)), fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1"}, args...)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func newClient(t *testing.T, address string) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: address, Scheme: "http"})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *server) start() {
	s.t.Helper()
	flags, err := agentconfig.ParseFlags(s.args, io.Discard)
	if err != nil {
		s.t.Fatal(err)
	}
	config, _, err := agentconfig.Load(flags)
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := agent.Open(config)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := a.Start(hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})); err != nil {
		s.t.Fatal(err)
	}
	s.agent = a
}

func (s *server) stop() {
	if s.agent == nil {
		return
	}
	if err := s.agent.Close(); err != nil {
		s.t.Error(err)
	}
	s.agent = nil
}

// checks are the status and the output of the checks that the agent has, by name.
func (s *server) checks() map[string]string {
	have, err := s.client.Agent().Checks()
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	got := map[string]string{}
	for _, c := range have {
		got[c.Name] += c.Status + ": " + c.Output
	}
	return got
}

// until waits for a condition, and lets the clock run meanwhile if it may.
func until(t *testing.T, fake *clock.Fake, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
			if fake != nil {
				fake.Advance(500 * time.Millisecond)
			}
		case <-limit:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// run registers an instance of a service. The function ends it and returns what Run did.
func run(t *testing.T, client *api.Client) (*Registration, *clock.Fake, func() error) {
	t.Helper()
	fake := clock.NewFake()
	r, err := New(client, Config{Service: "consul-snapshot", SavingTTL: time.Hour, DeregisterAfter: 72 * time.Hour, Clock: fake})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		result <- r.Run(ctx)
	}()
	end := func() error {
		cancel()
		until(t, fake, "the end", func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
		return <-result
	}
	t.Cleanup(func() {
		cancel()
		until(t, fake, "the end", func() bool {
			select {
			case <-done:
				return true
			default:
				return false
			}
		})
	})
	return r, fake, end
}

const alive = "passing: The snapshot agent is running."

func TestLifeOfAnInstance(t *testing.T) {
	s := newServer(t)
	r, fake, end := run(t, s.client)
	is := func(what string, saving string) {
		t.Helper()
		until(t, nil, what, func() bool { c := s.checks(); return c[AliveCheck] == alive && c[SavingCheck] == saving })
	}
	is("registered", "")
	services, err := s.client.Agent().Services()
	service := services[r.ID()]
	if err != nil || service == nil || service.Service != "consul-snapshot" || !strings.HasPrefix(r.ID(), "consul-snapshot:") {
		t.Errorf("services %v, %v", services, err)
	}
	r.Lead()
	is("leading", "passing: Became leader: the first snapshot is to be taken.")
	r.Failed(errors.New("upload: Get \"https://key:secret@bucket/x?sig=abc\": no route"))
	is("failed", `warning: upload: Get "https://bucket/x": no route`)
	r.Saved("Saved snapshot 17")
	is("saved", "passing: Saved snapshot 17")
	r.Failed(errors.New("disk full"))
	is("failed again", "warning: disk full")
	saved := fake.Now()
	fake.Advance(59 * time.Minute)
	is("still fresh", "warning: disk full")
	until(t, fake, "stale", func() bool {
		return s.checks()[SavingCheck] == "critical: No snapshot was saved within 1h0m0s. disk full"
	})
	if age := fake.Now().Since(saved); age < time.Hour || age > time.Hour+2*period {
		t.Errorf("critical after %s", age)
	}
	r.Saved("Saved snapshot 18")
	is("saved at last", "passing: Saved snapshot 18")
	r.Follow()
	is("not leading", "")
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if got := s.checks(); got[AliveCheck] != "" {
		t.Errorf("left behind: %v", got)
	}
}

// What makes backups unreliable although none failed is critical for as long, also where nobody is known to lead.
func TestMissedObjective(t *testing.T) {
	s := newServer(t)
	r, _, _ := run(t, s.client)
	is := func(what string, saving string) {
		t.Helper()
		until(t, nil, what, func() bool { c := s.checks(); return c[AliveCheck] == alive && c[SavingCheck] == saving })
	}
	is("registered", "")
	r.Missed(`too old: https://u:s3cret@h/x?s3cret`)
	is("missed without a leader", "critical: too old: https://h/x.")
	r.Missed("")
	is("met", "")
	r.Lead()
	r.Saved("Saved snapshot 17")
	is("saved", "passing: Saved snapshot 17")
	r.Missed("too old")
	is("missed", "critical: too old. Saved snapshot 17")
	r.Failed(errors.New("disk full"))
	is("failed, too", "critical: too old. disk full")
	r.Missed("older still")
	r.Saved("Saved snapshot 18")
	is("one more", "critical: too old. Saved snapshot 18")
	r.Missed("")
	is("met again", "passing: Saved snapshot 18")
}

func TestTwoOnOneHost(t *testing.T) {
	s := newServer(t)
	run(t, s.client)
	second, _, end := run(t, s.client)
	until(t, nil, "two instances", func() bool { return s.checks()[AliveCheck] == alive+alive })
	second.Lead()
	until(t, nil, "one leads", func() bool { return s.checks()[SavingCheck] != "" })
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if got := s.checks(); got[AliveCheck] != alive || got[SavingCheck] != "" {
		t.Errorf("checks %v", got)
	}
}

// Each snapshot starts the check's time anew, also if there is nothing else to tell.
func TestEverySnapshotIsTold(t *testing.T) {
	s := newServer(t)
	r, _, _ := run(t, s.client)
	r.Lead()
	r.Saved("unchanged")
	told := func() bool { return s.checks()[SavingCheck] == "passing: unchanged" }
	until(t, nil, "told", told)
	if err := s.client.Agent().UpdateTTL(r.SavingID(), "before", api.HealthPassing); err != nil {
		t.Fatal(err)
	}
	r.Saved("unchanged")
	until(t, nil, "told again", told)
}

// What the agent has lost is registered again, with what is known of the last snapshot.
func TestRegistersAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(s *server, r *Registration) error
	}{
		{"service deregistered", func(s *server, r *Registration) error { return s.client.Agent().ServiceDeregister(r.ID()) }},
		{"check of life removed", func(s *server, r *Registration) error { return s.client.Agent().CheckDeregister(r.AliveID()) }},
		{"saving check removed", func(s *server, r *Registration) error { return s.client.Agent().CheckDeregister(r.SavingID()) }},
		{"outcome forgotten", func(s *server, r *Registration) error {
			return s.client.Agent().UpdateTTL(r.SavingID(), "", api.HealthCritical)
		}},
		{"agent restarted without data", func(s *server, r *Registration) error {
			s.stop()
			s.start()
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			r, fake, _ := run(t, s.client)
			r.Lead()
			r.Saved("Saved snapshot 17")
			there := func() bool {
				got := s.checks()
				return got[AliveCheck] == alive && got[SavingCheck] == "passing: Saved snapshot 17"
			}
			until(t, nil, "registered", there)
			lost := false
			for range 10 { // what is on its way when something gets lost may bring it back at once
				if err := c.lose(s, r); err != nil {
					t.Fatal(err)
				}
				if lost = !there(); lost {
					break
				}
			}
			if !lost {
				t.Fatal("nothing was lost")
			}
			until(t, fake, "registered again", there)
			until(t, nil, "end of trouble", func() bool { return r.Trouble() == nil })
		})
	}
}

// The age of the last snapshot survives, too: what is registered again does not pass anew.
func TestRegistersAgainWhatIsStale(t *testing.T) {
	s := newServer(t)
	r, fake, _ := run(t, s.client)
	r.Lead()
	r.Saved("Saved snapshot 17")
	until(t, nil, "registered", func() bool { return s.checks()[SavingCheck] == "passing: Saved snapshot 17" })
	s.stop()
	fake.Advance(2 * time.Hour)
	until(t, fake, "trouble", func() bool { return r.Trouble() != nil })
	s.start()
	want := "critical: No snapshot was saved within 1h0m0s. Saved snapshot 17"
	until(t, fake, "critical", func() bool { return s.checks()[SavingCheck] == want })
}

// A restore of the cluster takes the service out of the catalog, not from the agent: it goes on as before.
func TestRestoreOfTheCluster(t *testing.T) {
	s := newServer(t)
	var archive io.ReadCloser
	until(t, nil, "a leader that saves", func() bool {
		var err error
		archive, _, err = s.client.Snapshot().Save(nil)
		return err == nil
	})
	defer archive.Close()
	r, fake, _ := run(t, s.client)
	r.Lead()
	until(t, nil, "registered", func() bool { return s.checks()[SavingCheck] != "" })
	if err := s.client.Snapshot().Restore(nil, archive); err != nil {
		t.Fatal(err)
	}
	r.Saved("Saved snapshot 17")
	until(t, fake, "told after the restore", func() bool {
		got := s.checks()
		return got[AliveCheck] == alive && got[SavingCheck] == "passing: Saved snapshot 17" && r.Trouble() == nil
	})
}

func TestDeniedByACLs(t *testing.T) {
	const secret = "deadbeef-fa4e-4000-8000-000000000001"
	s := newServer(t, `-hcl=acl { enabled = true default_policy = "deny"
		tokens { initial_management = "`+secret+`" agent = "`+secret+`" } }`)
	r, fake, _ := run(t, s.client)
	until(t, fake, "denial", func() bool {
		err := r.Trouble()
		return err != nil && strings.Contains(err.Error(), `the token needs the rule service "consul-snapshot" { policy = "write" }`)
	})
}

func answer(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Error(w, text, code) }
}

func TestConsulThatFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		trouble string
		end     string
	}{
		{"hangs", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, "asking the Consul agent for its checks", "deregistering service consul-snapshot:"},
		{"answers nonsense", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{") }, "asking the Consul agent for its checks", ""},
		{"unknown token", answer(http.StatusForbidden, "ACL not found"), "does not know the token", "does not know the token"},
		{"old, and knows nothing", answer(http.StatusInternalServerError, `Unknown service "x"`), "Unknown service", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := &http.Server{Handler: c.handler}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = server.Serve(listener) }()
			t.Cleanup(func() { server.Close() })
			r, fake, end := run(t, newClient(t, listener.Addr().String()))
			until(t, fake, "trouble", func() bool { return r.Trouble() != nil })
			if err := r.Trouble(); !strings.Contains(err.Error(), c.trouble) {
				t.Errorf("trouble %v, want %q", err, c.trouble)
			}
			if err := end(); c.end == "" && err != nil || c.end != "" && (err == nil || !strings.Contains(err.Error(), c.end)) {
				t.Errorf("end %v, want %q", err, c.end)
			}
		})
	}
}
