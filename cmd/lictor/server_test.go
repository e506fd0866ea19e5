package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agent"
	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// startServer runs a real server in this process and points the commands at it.
func startServer(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"-dev", "-node=srv", fmt.Sprint("-http-port=", testproc.FreePort(t)), fmt.Sprint("-server-port=", testproc.FreePort(t)), fmt.Sprint("-serf-lan-port=", testproc.FreePort(t)), "-serf-wan-port=-1"}, args...)
	flags, err := agentconfig.ParseFlags(args, io.Discard)
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

// The commands for members and keys work between datacenters.
func TestCommandsBetweenDatacenters(t *testing.T) {
	first, second := strings.Repeat("a", 42)+"Y=", "b"+strings.Repeat("A", 42)+"="
	encrypt := fmt.Sprintf("-hcl=encrypt = %q", first)
	wan := testproc.FreePort(t)
	startServer(t, encrypt, fmt.Sprint("-serf-wan-port=", wan))
	startServer(t, encrypt, fmt.Sprint("-serf-wan-port=", testproc.FreePort(t)), "-datacenter=dc2")
	keys := func(title, key string) string {
		return "==> Gathering installed " + title + "encryption keys...\n\nWAN:\n  " + key + " [2/2]\n\ndc2 (LAN):\n  " + key + " [1/1]\n\ndc1 (LAN):\n  " + key + " [1/1]\n"
	}
	for _, c := range []struct {
		line string
		want string // a part of what is printed; all of it if it begins with ==>
	}{
		{fmt.Sprint("join -wan 127.0.0.1:", wan), "Successfully joined cluster by contacting 1 nodes.\n"},
		{"members -wan", "srv.dc1"},
		{"members -wan -detailed", "srv.dc2"},
		{"info", "serf_wan:\n"},
		{"keyring -list", keys("", first)},
		{"keyring -install=" + second, "==> Installing new gossip encryption key...\n"},
		{"keyring -use=" + second, "==> Changing primary gossip encryption key...\n"},
		{"keyring -list-primary", keys("primary ", second)},
		{"keyring -remove=" + first, "==> Removing gossip encryption key...\n"},
		{"keyring -list", keys("", second)},
		{"keyring -list -local-only", "==> Gathering installed encryption keys...\n\ndc2 (LAN):\n  " + second + " [1/1]\n"},
		{"keyring -list -local-only -datacenter=dc1", "==> Gathering installed encryption keys...\n\ndc1 (LAN):\n  " + second + " [1/1]\n"},
		{"kv put -datacenter=dc1 a 1", "Success! Data written to: a"},
		{"force-leave -wan srv.dc1", ""},
	} {
		got := lictor(words(c.line)...)
		if got.code != 0 || !strings.Contains(got.out, c.want) || strings.HasPrefix(c.want, "==>") && got.out != c.want {
			t.Errorf("%s: exit %d\n%s%s\nwant %q", c.line, got.code, got.out, got.err, c.want)
		}
	}
}
