package demo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// three returns a cluster of fakes that is well; b leads.
func three(t *testing.T) (a, b, c *fake, all cluster) {
	t.Helper()
	fakes := []*fake{newFake(t, "a"), newFake(t, "b"), newFake(t, "c")}
	for _, f := range fakes {
		f.leading, f.voters = "b:8300", 3
		f.members = `[{"Name":"a","Status":1},{"Name":"b","Status":1},{"Name":"c","Status":1}]`
		f.nodes = `[{"Node":"a","TaggedAddresses":{"lan":"x"}},{"Node":"b","TaggedAddresses":{"lan":"x"}},
			{"Node":"c","TaggedAddresses":{"lan":"y"}}]`
		f.checks = `[{"Node":"a","CheckID":"serfHealth"},{"Node":"b","CheckID":"serfHealth"},{"Node":"c","CheckID":"serfHealth"}]`
		all = append(all, f.process)
	}
	return fakes[0], fakes[1], fakes[2], all
}

func TestFaultsOfAClusterAreSeen(t *testing.T) {
	for _, tt := range []struct {
		name  string
		harm  func(a, b, c *fake)
		look  func(cluster, context.Context) error
		fault string // empty if there is none
	}{
		{"formed", func(a, b, c *fake) {}, cluster.formed, ""},
		{"no leader known", func(a, b, c *fake) { c.leading = "" }, cluster.formed, "c knows of no leader"},
		{"two leaders", func(a, b, c *fake) { c.leading = "c:8300" }, cluster.formed, "a and c know different leaders, b:8300 and c:8300"},
		{"a foreign leader", func(a, b, c *fake) { a.leading, b.leading, c.leading = "x:1", "x:1", "x:1" }, cluster.formed,
			"the leader, x:1, is none of a, b and c"},
		{"a failed member", func(a, b, c *fake) { c.members = strings.Replace(c.members, `"Status":1`, `"Status":4`, 1) }, cluster.formed,
			"c: 2 of 3 servers are alive, 3 have a vote"},
		{"a missing vote", func(a, b, c *fake) { a.voters = 2 }, cluster.formed, "a: 3 of 3 servers are alive, 2 have a vote"},
		{"registered by the leader alone", func(a, b, c *fake) {
			b.nodes = strings.Replace(b.nodes, `{"lan":"y"}`, `{}`, 1)
		}, cluster.formed, "2 of 3 servers are in the catalog"},
		{"registered by itself alone", func(a, b, c *fake) {
			b.checks = strings.Replace(b.checks, "serfHealth", "other", 1)
		}, cluster.formed, "2 of 3 servers are in the catalog"},
		{"level", func(a, b, c *fake) { a.appliedN = 10 }, cluster.level, ""},
		{"a follower behind", func(a, b, c *fake) { c.appliedN = 8 }, cluster.level, "c has applied 8 of 9 entries"},
		{"leaderless", func(a, b, c *fake) { a.leading, b.leading, c.leading = "", "", "" }, cluster.leaderless, ""},
		{"one still has a leader", func(a, b, c *fake) { a.leading, b.leading = "", "" }, cluster.leaderless, "c takes b:8300 for its leader"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b, c, all := three(t)
			tt.harm(a, b, c)
			got := ""
			if err := tt.look(all, context.Background()); err != nil {
				got = err.Error()
			}
			if got != tt.fault {
				t.Errorf("got %q, want %q", got, tt.fault)
			}
		})
	}
}

func TestFollowerIsNotTheLeader(t *testing.T) {
	_, b, _, all := three(t)
	for _, c := range []cluster{all, {b.process, all[0]}} {
		p, err := c.follower(context.Background())
		if err != nil || p.name != "a" {
			t.Errorf("got %v, %v", p, err)
		}
	}
}

// What no wait can cure ends it at once.
func TestAwaitEndsWithItsServers(t *testing.T) {
	done := make(chan struct{})
	close(done)
	fault := errors.New("not yet")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	text := "x [ERROR] agent: slow\nx [ERROR] agent: bind: address already in use\nx [INFO]  agent: Exit code: code=1\n"
	if _, err := log.WriteString(text); err != nil {
		t.Fatal(err)
	}
	err = await(context.Background(), cluster{{name: "server-1", done: done, log: log}}, func(context.Context) error { return fault })
	if !errors.Is(err, errPortTaken) || err.Error() != "server-1 ended: a port is taken: agent: bind: address already in use" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = await(ctx, nil, func(context.Context) error { cancel(); return fault })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

func TestSaveWithoutALeaderMustBeRefused(t *testing.T) {
	const words = "Error saving snapshot: Unexpected response code: 500 (No cluster leader)"
	exit := func(code string) error { return exec.Command("sh", "-c", "exit "+code).Run() }
	for _, c := range []struct {
		name  string
		err   error
		notes string
		took  time.Duration
		good  bool
	}{
		{"as it must", exit("1"), words, time.Second, true},
		{"saved", nil, "", 0, false},
		{"late", exit("1"), words, 8 * time.Second, false},
		{"other words", exit("1"), strings.Replace(words, "leader)", "leader (x))", 1), 0, false},
		{"another code", exit("2"), words, 0, false},
		{"no exit", context.Canceled, words, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := checkRefusal(c.err, c.notes, c.took); (err == nil) != c.good {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestStaleReadMustNotKnowALeader(t *testing.T) {
	for _, c := range []struct {
		known string
		good  bool
	}{{"false", true}, {"true", false}} {
		f := newFake(t, "a")
		f.known, f.keys["k"] = c.known, entry{value: []byte("v")}
		story := &clustered{demo: &demo{written: map[string]entry{"k": {value: []byte("v")}}}, servers: cluster{f.process}}
		if _, err := story.readWithout(context.Background()); (err == nil) != c.good {
			t.Errorf("known leader %s: got %v", c.known, err)
		}
		delete(f.keys, "k")
		if _, err := story.readWithout(context.Background()); !errors.Is(err, ErrDifferent) {
			t.Errorf("a key is gone: got %v", err)
		}
	}
}
