package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/clock"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/testproc"
)

const management = "11111111-2222-3333-4444-555555555555"

// A server is a real one, in this process.
type server struct{ address string }

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	ports := testproc.FreePorts(t, 3)
	args = append([]string{"-dev", "-bind=127.0.0.1", "-node=node1", "-hcl=performance { raft_multiplier = 1 }",
		fmt.Sprint("-http-port=", ports[0]), fmt.Sprint("-server-port=", ports[1]), fmt.Sprint("-serf-lan-port=", ports[2]),
		"-serf-wan-port=-1"}, args...)
	flags, err := agentconfig.ParseFlags(args, io.Discard)
	must(t, err)
	config, _, err := agentconfig.Load(flags)
	must(t, err)
	a, err := agent.Open(config)
	must(t, err)
	must(t, a.Start(hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})))
	t.Cleanup(func() { must(t, a.Close()) })
	s := &server{fmt.Sprint("127.0.0.1:", ports[0])}
	must(t, testproc.Eventually(30*time.Second, func() error {
		_, _, err := s.client(t, management).KV().Get("x", &api.QueryOptions{RequireConsistent: true})
		return err
	}))
	return s
}

// secured starts a server with ACLs that deny by default.
func secured(t *testing.T) *server {
	t.Helper()
	const acls = "-hcl=acl { enabled = true default_policy = \"deny\" tokens { initial_management = %[1]q agent = %[1]q } }"
	return newServer(t, fmt.Sprintf(acls, management))
}

func (s *server) client(t *testing.T, token string) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: s.address, Token: token})
	must(t, err)
	return client
}

// backs makes a stage of backups of the server.
func (s *server) backs(t *testing.T, token string) *stage {
	t.Helper()
	stage := newStage(t)
	stage.Client = s.client(t, token)
	return stage
}

func write(t *testing.T, client *api.Client, pairs map[string]string) {
	t.Helper()
	for name, value := range pairs {
		_, err := client.KV().Put(&api.KVPair{Key: name, Value: []byte(value), Flags: 42}, nil)
		must(t, err)
	}
}

// token makes a token with rules.
func token(t *testing.T, client *api.Client, name, rules string) string {
	t.Helper()
	_, _, err := client.ACL().PolicyCreate(&api.ACLPolicy{Name: name, Rules: rules}, nil)
	must(t, err)
	made, _, err := client.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{Name: name}}}, nil)
	must(t, err)
	return made.SecretID
}

// What tokens of several rights get out of a real server.
func TestTokens(t *testing.T) {
	s := secured(t)
	root := s.client(t, management)
	write(t, root, map[string]string{"app/a": "1", "app/b": "2", "other": "3"})
	_, _, err := root.PreparedQuery().Create(&api.PreparedQueryDefinition{Name: "geo", Service: api.ServiceQuery{Service: "web"}}, nil)
	must(t, err)
	const marks = ` key_prefix "service/consul-snapshot/" { policy = "write" }`
	for _, c := range []struct {
		name, secret string
		keys         string // of users
		queries      int
		acls, moment bool
		fail         string
	}{
		{"management", management, "app/a app/b other", 1, true, true, ""},
		{"acl:write", token(t, root, "w", `acl = "write"`+marks), "app/a app/b other", 1, true, true, ""},
		{"reads all", token(t, root, "r", `key_prefix "" { policy = "read" } query_prefix "" { policy = "read" }`+marks),
			"app/a app/b other", 1, false, false, ""},
		{"reads a part", token(t, root, "p", `key_prefix "app/" { policy = "read" }`+marks), "app/a app/b", 0, false, false, ""},
		{"reads nothing", token(t, root, "n", `node_prefix "" { policy = "read" }`), "", 0, false, false, "CONSUL_SNAPSHOT_ALLOW_EMPTY"},
		{"reads the marker", token(t, root, "m", marks), "", 0, false, false, "CONSUL_SNAPSHOT_ALLOW_EMPTY"},
		{"may not mark", token(t, root, "k", `key_prefix "" { policy = "read" }`), "", 0, false, false, "could not be written to the key"},
		{"is none", "99999999-2222-3333-4444-555555555555", "", 0, false, false, "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := s.backs(t, c.secret)
			r, err := b.Take(t.Context(), nil)
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("%v, %v", r, err)
				}
				return
			}
			must(t, err)
			data := b.bin.get(t, r.Key)
			keys := slices.DeleteFunc(slices.Sorted(maps.Keys(contents(t, data))), func(k string) bool { return strings.HasPrefix(k, "service/") })
			a := opened(t, data, "")
			got := strings.Join(keys, " ")
			if got != c.keys || r.Counts.Queries != c.queries || r.OneMoment != c.moment || (r.Counts.Tokens >= 2) != c.acls ||
				(a.Document(kvarchive.ACLs).Name != "") != c.acls {
				t.Errorf("keys %q, %+v, one moment %t", got, r.Counts, r.OneMoment)
			}
			if told := strings.Contains(b.said.String(), "NOT of one moment"); told == c.moment {
				t.Errorf("said %s", b.said)
			}
		})
	}
}

// Tokens that were enough for the real tool may not hold a lock: a real server says so, and backups are made all the same.
func TestADaemonThatMayNotHoldTheLock(t *testing.T) {
	s := secured(t)
	root := s.client(t, management)
	write(t, root, map[string]string{"a": "1"})
	b := s.backs(t, token(t, root, "r", `key_prefix "" { policy = "read" } key "`+MarkerKey+`" { policy = "write" }`))
	b.Config.Interval, b.Clock = time.Second, clock.Real{}
	d, err := NewDaemon(b.Backups)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	err = testproc.Eventually(30*time.Second, func() error {
		if d.board.now().ok < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	cancel()
	must(t, errors.Join(err, <-done))
	if n := strings.Count(b.said.String(), "backups are made without the lock"); n != 1 {
		t.Errorf("told %d times: %s", n, b.said)
	}
}

// Many daemons, one that makes the backups; when it goes, another does. All answer /health alike.
func TestManyDaemonsOneLeader(t *testing.T) {
	s := newServer(t)
	write(t, s.client(t, ""), map[string]string{"a": "1"})
	shared := new(bin)
	type member struct {
		*Daemon
		end  context.CancelFunc
		done chan error
	}
	members := map[string]*member{}
	for i := range 3 {
		b := s.backs(t, "")
		b.Host, b.Places, b.Config.Interval, b.Clock = fmt.Sprint("host", i), []Place{shared.place()}, time.Second, clock.Real{}
		d, err := NewDaemon(b.Backups)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		m := &member{d, cancel, make(chan error, 1)}
		members[b.Host] = m
		go func() { m.done <- d.Run(ctx) }()
		t.Cleanup(func() { cancel(); must(t, <-m.done) })
	}
	makers := func() (hosts []string, backups int) {
		for _, name := range shared.names() {
			o, ok := kvarchive.ParseObjectKey(name)
			if !ok {
				t.Errorf("the name %s", name)
			}
			hosts, backups = append(hosts, o.Host), backups+1
		}
		slices.Sort(hosts)
		return slices.Compact(hosts), backups
	}
	await := func(hosts, backups int) []string {
		t.Helper()
		var who []string
		must(t, testproc.Eventually(30*time.Second, func() error {
			n := 0
			if who, n = makers(); len(who) < hosts || n < backups {
				return errors.New("not yet")
			}
			return nil
		}))
		return who
	}
	first := await(1, 3)
	if len(first) != 1 {
		t.Fatalf("backups by %q", first)
	}
	for host, m := range members {
		must(t, testproc.Eventually(10*time.Second, func() error {
			if m.board.now().address == "" {
				return errors.New("not yet")
			}
			return nil
		}))
		if status, body := get(t, m.board.now().address, "/health"); status != 200 || !strings.HasPrefix(body, "Last backup ") {
			t.Errorf("%s: %d %s", host, status, body)
		}
		if leading := m.board.now().leading; leading != (host == first[0]) {
			t.Errorf("%s leads: %t", host, leading)
		}
	}
	gone := members[first[0]]
	gone.end()
	must(t, <-gone.done)
	gone.done <- nil // for the end of the test
	if second := await(2, 5); len(second) != 2 {
		t.Errorf("backups by %q", second)
	}
}
