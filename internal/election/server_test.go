package election

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// A server is a Lictor server in this process, that can be started again with its state.
type server struct {
	t       *testing.T
	args    []string
	address string
	agent   *agent.Agent
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	port := testproc.FreePort(t)
	s := &server{t: t, address: fmt.Sprint("127.0.0.1:", port)}
	s.args = append([]string{"-bind=127.0.0.1", "-node=test", "-server", "-bootstrap-expect=1", "-data-dir=" + t.TempDir(),
		"-hcl=performance { raft_multiplier = 1 }", fmt.Sprint("-http-port=", port), fmt.Sprint("-server-port=", testproc.FreePort(t)), fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1",
		fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1", "-hcl=ports { serf_wan = -1 }"}, args...)
	s.start()
	t.Cleanup(s.stop)
	return s
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
	client := newClient(s.t, s.address)
	until(s.t, nil, "a leader", func() bool {
		_, _, err := client.KV().Get("x", &api.QueryOptions{RequireConsistent: true})
		return err == nil || strings.Contains(err.Error(), "403")
	})
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

func save(t *testing.T, client *api.Client) []byte {
	t.Helper()
	body, _, err := client.Snapshot().Save(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func restore(t *testing.T, client *api.Client, archive []byte) {
	t.Helper()
	if err := client.Snapshot().Restore(nil, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
}

// hasty returns a candidate whose clock runs twenty times as fast as the server's, so that its sessions do not end by themselves.
func hasty(t *testing.T, client *api.Client) *Candidate {
	t.Helper()
	c, err := New(client, Config{Key: "consul-snapshot/lock", LockDelay: time.Millisecond, Clock: hurried{20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func mustLead(t *testing.T, c *Candidate) *Term {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	term, err := c.Campaign(ctx)
	if err != nil {
		t.Fatalf("%v; trouble: %v", err, c.Trouble())
	}
	return term
}

func TestRealServer(t *testing.T) {
	s := newServer(t)
	client := newClient(t, s.address)
	first, second := hasty(t, client), hasty(t, client)
	term := mustLead(t, first)
	if err := term.Check(t.Context()); err != nil || term.LockIndex() != 1 {
		t.Fatalf("check: %v, lock index %d", err, term.LockIndex())
	}
	session, _, err := client.Session().Info(term.Session(), nil)
	if err != nil || session == nil {
		t.Fatalf("session %v, %v", session, err)
	}
	if session.Name != "Consul API Lock" || session.TTL != "15s" || session.Behavior != "release" || session.LockDelay != time.Millisecond {
		t.Errorf("session %+v", session)
	}
	got := campaign(t.Context(), t, second)
	if err := term.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := <-got
	if next.Check(t.Context()) != nil || next.LockIndex() != 2 {
		t.Errorf("the second: %v, lock index %d", next.Check(t.Context()), next.LockIndex())
	}
	if _, err := client.Session().Destroy(next.Session(), nil); err != nil {
		t.Fatal(err)
	}
	<-next.Lost()
	if last := mustLead(t, first); last.Check(t.Context()) != nil {
		t.Error("the first did not lead again")
	}
}

// The official client's Lock and a candidate respect each other.
func TestBesideTheClientsLock(t *testing.T) {
	s := newServer(t)
	client := newClient(t, s.address)
	c := hasty(t, client)
	term := mustLead(t, c)
	lock, err := client.LockOpts(&api.LockOptions{
		Key: "consul-snapshot/lock", LockDelay: time.Millisecond, LockTryOnce: true, LockWaitTime: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if held, err := lock.Lock(nil); err != nil || held != nil {
		t.Fatalf("two hold it: %v, %v", held, err)
	}
	if err := term.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	held, err := lock.Lock(nil)
	if err != nil || held == nil {
		t.Fatalf("the client's lock: %v, %v", held, err)
	}
	got := campaign(t.Context(), t, c)
	if !pending(got) {
		t.Error("two hold it")
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if term := <-got; term == nil || term.Check(t.Context()) != nil {
		t.Error("the lock was not taken over")
	}
}

// A restart of the only server is doubt, not loss: the session is as durable as the lock.
func TestServerRestarts(t *testing.T) {
	s := newServer(t)
	client := newClient(t, s.address)
	c := hasty(t, client)
	term := mustLead(t, c)
	s.stop()
	if err := term.Check(t.Context()); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("check without a server: %v", err)
	}
	until(t, nil, "doubt", func() bool { return !term.Held() })
	s.start()
	until(t, nil, "the end of doubt", func() bool { return term.Held() && term.Check(t.Context()) == nil })
}

func TestRestoreOfTheCluster(t *testing.T) {
	s := newServer(t)
	client := newClient(t, s.address)
	first, second := hasty(t, client), hasty(t, client)
	before := save(t, client)
	term := mustLead(t, first)
	during := save(t, client)

	restore(t, client, during) // knows the session: the term goes on
	until(t, nil, "the lock is seen again", func() bool { return term.Check(t.Context()) == nil })
	restore(t, client, before) // knows neither key nor session
	<-term.Lost()
	if err := term.Check(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("check: %v", err)
	}
	next := mustLead(t, second)

	restore(t, client, during) // the lock is that of a session whose holder has gone
	<-next.Lost()
	if term.Check(t.Context()) == nil || next.Check(t.Context()) == nil {
		t.Error("a lost term came back")
	}
	got := campaign(t.Context(), t, second)
	if _, err := client.Session().Destroy(term.Session(), nil); err != nil { // as its TTL would
		t.Fatal(err)
	}
	if last := <-got; last == nil || last.Check(t.Context()) != nil {
		t.Error("nobody leads after the restore")
	}
}

func TestDeniedByACLs(t *testing.T) {
	const secret = "deadbeef-fa4e-4000-8000-000000000001"
	s := newServer(t, `-hcl=acl { enabled = true default_policy = "deny"
		tokens { initial_management = "`+secret+`" agent = "`+secret+`" } }`)
	client := newClient(t, s.address)
	c := hasty(t, client)
	got := campaign(t.Context(), t, c)
	until(t, nil, "denial", func() bool { return errors.Is(c.Trouble(), ErrDenied) })
	if !pending(got) {
		t.Error("leadership without rights")
	}
}
