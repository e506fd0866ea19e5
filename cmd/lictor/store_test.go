package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
)

// inOrder runs command lines, and compares exit codes and a part of what is printed.
func inOrder(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		got := lictor(words(s.line)...)
		if got.code != s.code || !strings.Contains(got.out+got.err, s.want) {
			t.Errorf("%s: exit %d\n%s%s\nwant exit %d and %q", s.line, got.code, got.out, got.err, s.code, s.want)
		}
	}
}

type step struct {
	line string
	code int
	want string
}

// listAll returns what snapshot list says of a store.
func listAll(t *testing.T, store string) (all []listed) {
	t.Helper()
	got := lictor("snapshot", "list", "-store="+store, "-format=json")
	if err := json.Unmarshal([]byte(got.out), &all); got.code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s%s", got.code, err, got.out, got.err)
	}
	return all
}

// A snapshot's life: taken by the agent, listed, got, restored, verified.
func TestSnapshotInAStore(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("snaps", 0o700); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot list -store=snaps", 0, "ID"},
		{"snapshot get -store=snaps latest", 1, "no such backup"},
		{"kv put app/a 1", 0, ""},
		{"snapshot agent -interval=0 -local-path=snaps -retain=2", 0, "Saved snapshot"},
		{"kv put app/a 2", 0, ""},
		{"snapshot agent -interval=0 -local-path=snaps -retain=2", 0, "proof=proven"},
		{"snapshot agent -interval=0 -local-path=snaps -retain=2", 0, "Deleted snapshot"},
		{"snapshot agent -interval=0 -local-path=snaps -skip-unchanged", 0, "nothing has changed"},
	})
	all := listAll(t, "snaps")
	if len(all) != 2 || all[0].Proof != "proven" || all[0].Cluster != "dc1" || all[0].Index == 0 {
		t.Fatalf("%+v", all)
	}
	id := all[1].ID
	inOrder(t, []step{
		{"snapshot list -store=snaps", 0, id},
		{"snapshot list -store=snaps -cluster=dc2", 0, "Destination"},
		{"kv put app/a 3", 0, ""},
		{"snapshot get -store=snaps " + id + " back.snap", 0, "Got and verified snapshot " + id},
		{"snapshot restore back.snap", 0, "Restored snapshot"},
		{"kv get app/a", 0, "2"},
		{"snapshot verify back.snap", 0, "sound     back.snap"},
		{"snapshot verify -drill back.snap", 0, "proven    back.snap"},
		{"snapshot verify -store=snaps all", 0, "sound"},
		{"snapshot verify -store=snaps -drill latest", 0, "proven"},
		{"snapshot verify", 1, "one argument is needed"},
		{"snapshot get", 1, "Missing ID"},
		{"snapshot list -store=snaps -config-file=x.json", 1, "use one of them"},
		{"snapshot list", 1, "no store is named"},
		{"snapshot list -store=nope", 1, "nope"},
		{"snapshot get -store=snaps 1 x.snap", 1, `no archive has the ID "1"`},
	})
	if _, err := os.Stat("x.snap"); err == nil {
		t.Error("a failed get leaves a file")
	}
	damage(t, filepath.Join("snaps", "consul-"+id+".snap"))
	inOrder(t, []step{
		{"snapshot verify -store=snaps all", 1, "BAD"},
		{"snapshot get -store=snaps " + id + " x.snap", 1, id},
		{"snapshot verify -store=snaps latest", 0, "sound"},
	})
	if _, err := os.Stat("x.snap"); err == nil {
		t.Error("a damaged snapshot is in a file")
	}
}

// damage flips a bit in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Archives of others are listed, got and left alone; they are pruned only once they have been adopted.
func TestAdopt(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("snaps", 0o700); err != nil {
		t.Fatal(err)
	}
	for id, fixture := range map[string]string{"100": "consul-1.21.4/kv", "200": "consul-1.21.4/full", "300": "damaged/state-truncated"} {
		b, err := os.ReadFile(golden.Path(fixture + ".snap"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("snaps/consul-"+id+".snap", b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inOrder(t, []step{
		{"snapshot agent -interval=0 -local-path=snaps -retain=1", 0, "proven"},
		{"snapshot agent -interval=0 -local-path=snaps -retain=1", 0, "Deleted"},
	})
	if all := listAll(t, "snaps"); len(all) != 4 || all[1].Proof != "foreign" || all[3].ID != "100" {
		t.Errorf("%+v", all)
	}
	inOrder(t, []step{
		{"snapshot get -store=snaps 100 100.snap", 0, "foreign"},
		{"snapshot adopt -store=snaps 400", 1, "no such object"},
		{"snapshot adopt -store=snaps 300", 1, "300.snap"},
		{"snapshot adopt -store=snaps 100", 0, "Adopted"},
		{"snapshot list -store=snaps", 0, "unproven"},
		{"snapshot verify -store=snaps -drill 100", 0, "proven"},
		{"snapshot agent -interval=0 -local-path=snaps -retain=1", 0, "Deleted snapshot 100"},
	})
	if all := listAll(t, "snaps"); len(all) != 3 {
		t.Errorf("%+v", all)
	}
}

// A configuration that is refused says so; nothing is started.
func TestAgentRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.json", []byte(`{"snapshot_agent":{"log":{"enable_syslog":true}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot agent -config-file=bad.json", 1, "log.enable_syslog"},
		{"snapshot agent -interval=-1s", 1, "interval"},
		{"snapshot agent extra", 1, "Too many arguments"},
		{"snapshot agent -local-path=. -interval=0 -http-addr=127.0.0.1:1", 1, "connection refused"},
	})
}
