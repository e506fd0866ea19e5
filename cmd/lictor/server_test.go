package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/golden"
)

// startServer runs a real server in this process and points the commands at it.
func startServer(t *testing.T) {
	t.Helper()
	flags, err := agentconfig.ParseFlags([]string{"-dev", "-node=srv", fmt.Sprint("-http-port=", freePort(t)), fmt.Sprint("-server-port=", freePort(t)), fmt.Sprint("-serf-lan-port=", freePort(t)), "-serf-wan-port=-1"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := agentconfig.Load(flags)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("CONSUL_HTTP_ADDR", config.HTTPListeners[0].Address)
	for range 100 { // a default read waits for the election, so this is no busy loop
		if lictor("kv", "get", "-keys", "-recurse").code == 0 {
			return
		}
	}
	t.Fatal("the server has no leader")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Every command that talks to a server works with one of our own.
func TestCommandsAgainstAServer(t *testing.T) {
	startServer(t)
	dir := t.TempDir()
	t.Chdir(dir)
	full := golden.Path("consul-1.21.4/full.snap")
	for _, c := range []struct {
		line string
		code int
		want string // a part of what is printed
	}{
		{"kv put app/a 1", 0, "Success! Data written to: app/a"},
		{"kv put -cas -modify-index=0 app/a 2", 1, "CAS performed with index=0 and key already exists"},
		{"kv get app/a", 0, "1"},
		{"kv get nope", 1, "Error! No key exists at: nope"},
		{"kv export app/", 0, `"key": "app/a"`},
		{"snapshot save first.snap", 0, "Saved and verified snapshot to index"},
		{"snapshot save -append-filename=version,dc,node,status named.snap", 0, "Saved and verified snapshot to index"},
		{"snapshot restore -dry-run " + full, 0, "agent is no live member of the target: lictor-full-1"},
		{"snapshot restore " + full, 0, "Restored snapshot"},
		{"kv get app/a", 1, "No key exists"},
		{"kv get -recurse -keys", 0, "app/"},
		{"snapshot restore first.snap", 0, "Restored snapshot"},
		{"kv get app/a", 0, "1"},
		{"kv delete app/a", 0, "Success! Deleted key: app/a"},
		{"snapshot restore " + golden.Path("damaged/state-unknown-type.snap"), 1, "record 240 (Unknown(99))"},
		{"snapshot restore -allow-types=99 " + golden.Path("damaged/state-unknown-type.snap"), 0, "Restored snapshot"},
		{"snapshot save kept.snap", 0, "-allow-types=99"},
		{"snapshot restore " + golden.Path("damaged/state-legacy-acl.snap"), 1, "-drop-legacy-acl"},
		{"snapshot restore -drop-legacy-acl " + golden.Path("damaged/state-legacy-acl.snap"), 0, "Restored snapshot"},
		{"snapshot save -datacenter=nope x.snap", 1, "500 (No path to datacenter)"},
		{"operator raft list-peers", 0, "leader"},
		{"members", 0, "1.21.4+lictor."},
		{"info", 0, "leader = true"},
	} {
		got := lictor(words(c.line)...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) {
			t.Errorf("%s: exit %d\n%s%s\nwant exit %d and %q", c.line, got.code, got.out, got.err, c.code, c.want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range left {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", f.Name(), info.Mode(), err)
		}
		names = append(names, f.Name())
	}
	if got := strings.Join(names, " "); got != "first.snap kept.snap named-1.21.4+lictor.0.1.0-dc1-srv-leader.snap" {
		t.Errorf("left in the directory: %s", got)
	}
}
