package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// fixturePath is the path of a fixture's archive.
func fixturePath(name string) string { return filepath.Join(allFixtures, name+".snap") }

// fullAftermath is what becomes of full.snap in a cluster without its server.
const fullAftermath = `What the cluster does by itself after a restore
  removes 1 node whose agent is no live member of the target: lictor-full-1
    which ends 2 sessions, releases 1 lock and deletes 1 key locked by sessions with Behavior delete: locks/ttl
  forgets lock delays: what was protected by one can be locked at once
  replaces the server-management-token
`

func TestRestore(t *testing.T) {
	tests := []struct {
		name  string
		args  string
		stdin string // name of a fixture
		sent  string // likewise
		err   string
		query url.Values
	}{
		{"plain", fixturePath("consul-1.21.4/kv"), "", "consul-1.21.4/kv", "", nil},
		{"nodes that are not there", fixturePath("consul-1.21.4/full"), "", "consul-1.21.4/full", fullAftermath, nil},
		{"standard input", "-", "consul-1.21.4/kv", "consul-1.21.4/kv", "", nil},
		{"datacenter", "-datacenter=dc2 " + fixturePath("consul-1.21.4/kv"), "", "consul-1.21.4/kv", "", url.Values{"dc": {"dc2"}}},
		{"stale", "-stale " + fixturePath("consul-1.21.4/kv"), "", "consul-1.21.4/kv", "Warning: -stale has no effect on a write and is ignored\n", nil},
		{"types that are not there", "-allow-types=64,70 " + fixturePath("consul-1.21.4/kv"), "", "consul-1.21.4/kv",
			"Warning: -allow-types=64,70 has no effect: the snapshot holds no records that need it\n", url.Values{"allow-types": {"64,70"}}},
		{"types that are there", "-allow-types=99 " + fixturePath("damaged/state-unknown-type"), "", "damaged/state-unknown-type",
			"Warning: -allow-types lets through records that kill a Consul 1.21.4 Community Edition server (type 99 Unknown(99): 1); " +
				"the target must know them\n", url.Values{"allow-types": {"99"}}},
		{"no legacy records to drop", "-drop-legacy-acl " + fixturePath("consul-1.21.4/kv"), "", "consul-1.21.4/kv",
			"Warning: -drop-legacy-acl has no effect: the snapshot holds no records of the ACL system of Consul 1.3 and before\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			stdin := ""
			if tt.stdin != "" {
				stdin = string(snapshotBytes(t, tt.stdin))
			}
			check(t, lictorReading(stdin, words("snapshot restore "+tt.args)...), result{0, "Restored snapshot\n", tt.err})
			puts := s.arrived()
			if len(puts) != 1 || !bytes.Equal(puts[0], snapshotBytes(t, tt.sent)) {
				t.Errorf("%d bodies arrived, or not the file", len(puts))
			}
			if s.asked() != tt.query.Encode() {
				t.Errorf("parameters %q, want %q", s.asked(), tt.query.Encode())
			}
		})
	}
}

func TestRestoreDropsLegacyACL(t *testing.T) {
	s := newSnapshotServer(t)
	check(t, lictor(words("snapshot restore -drop-legacy-acl "+fixturePath("damaged/state-legacy-acl"))...), result{0, "Restored snapshot\n",
		"Warning: -drop-legacy-acl leaves out records of the ACL system of Consul 1.3 and before (type 4 ACL: 1); " +
			"tokens and rules in them are not restored\n"})
	puts := s.arrived()
	if len(puts) != 1 {
		t.Fatalf("%d bodies arrived", len(puts))
	}
	path := write(t, "sent.snap", string(puts[0]))
	if got := lictor("snapshot", "inspect", path); got.code != 0 || strings.Contains(got.out, " ACL ") || !strings.Contains(got.out, " KVS ") {
		t.Errorf("what was sent: %+v", got)
	}
}

// Nothing that Consul refuses, or that kills it, leaves this machine.
func TestRestoreDamaged(t *testing.T) {
	s := newSnapshotServer(t)
	refused := 0
	for _, name := range damagedNames(t) {
		before := len(s.asked())
		arrived := len(s.arrived())
		got := lictor("snapshot", "restore", fixturePath(name))
		switch {
		case got.code == 0 && got.out == "Restored snapshot\n" && len(s.arrived()) == arrived+1:
		case got.code == 1 && got.out == "" && len(s.arrived()) == arrived && len(s.asked()) == before:
			refused++
			if !strings.HasPrefix(got.err, "Error restoring snapshot: ") || !strings.Contains(got.err, "\nHint: ") {
				t.Errorf("%s: stderr %q", name, got.err)
			}
		default:
			t.Errorf("%s: exit %d, stderr %q, %d bodies arrived", name, got.code, got.err, len(s.arrived())-arrived)
		}
	}
	if refused != 51+7 {
		t.Errorf("%d archives refused, want the 51 that Consul refuses and the 7 that kill it", refused)
	}
	if n := len(s.arrived()); n != 20 {
		t.Errorf("%d archives arrived, want 20", n)
	}
}

func TestRestoreFails(t *testing.T) {
	good := fixturePath("consul-1.21.4/kv")
	tests := []struct {
		name   string
		args   string
		status int
		text   string
		want   string
	}{
		{"no file", "", 0, "", "Missing FILE argument\n"},
		{"two files", "a b", 0, "", "Too many arguments (expected 1, got 2)\n"},
		{"absent", "/nope.snap", 0, "", "Error opening snapshot file: open /nope.snap: no such file or directory\n"},
		{"unknown format", "-format=xml " + good, 0, "", "Error restoring snapshot: Unknown format: xml\n"},
		{"bad type", "-allow-types=64,x " + good, 0, "", `invalid value "64,x" for flag -allow-types: record type "x": must be a number from 0 to 255` + "\n"},
		{"bad address", "-http-addr=ftp://x " + good, 0, "", "Error connecting to Consul agent: Unknown protocol scheme: ftp\n"},
		{"no token file", "-token-file=/nope " + good, 0, "",
			"Error connecting to Consul agent: Error loading token file /nope : open /nope: no such file or directory\n"},
		{"no server", "-http-addr=127.0.0.1:1 " + good, 0, "",
			`Error restoring snapshot: Put "http://127.0.0.1:1/v1/snapshot": dial tcp 127.0.0.1:1: connect: connection refused` + "\n"},
		{"denied", good, 403, "Permission denied: anonymous token lacks permission 'acl:write'",
			"Error restoring snapshot: Unexpected response code: 403 (Permission denied: anonymous token lacks permission 'acl:write')\n"},
		{"no leader", good, 500, "No cluster leader", "Error restoring snapshot: Unexpected response code: 500 (No cluster leader)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			s.status, s.text = tt.status, tt.text
			got := lictor(words("snapshot restore " + tt.args)...)
			if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, tt.want) {
				t.Errorf("exit %d, stdout %q, stderr %q, want %q", got.code, got.out, got.err, tt.want)
			}
		})
	}
}

// All that says where to connect holds for the upload, too.
func TestRestoreConnection(t *testing.T) {
	s := newSnapshotServer(t)
	t.Setenv("CONSUL_HTTP_TOKEN", "env")
	t.Setenv("CONSUL_HTTP_AUTH", "user:password")
	var token, user string
	s.Config.Handler = recordHeaders(s, &token, &user)
	check(t, lictor("snapshot", "restore", "-token=flag", fixturePath("consul-1.21.4/kv")), ok("Restored snapshot"))
	if token != "flag" || user != "user" {
		t.Errorf("token %q, user %q", token, user)
	}
	t.Setenv("CONSUL_HTTP_SSL_VERIFY", "garbage")
	if got := lictor("snapshot", "restore", fixturePath("consul-1.21.4/kv")); got.code != 1 || len(s.arrived()) != 1 {
		t.Errorf("a doubtful CONSUL_HTTP_SSL_VERIFY: %+v", got)
	}
}

func TestRestoreJSON(t *testing.T) {
	newSnapshotServer(t)
	got := lictor("snapshot", "restore", "-format=json", "-drop-legacy-acl", fixturePath("damaged/state-legacy-acl"))
	var r restoredSnapshot
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if got.code != 0 || !r.Restored || r.Index != 233 || r.DroppedTypes[4] != 1 || len(r.AllowedTypes) != 0 || r.Records["KVS"] != 199 ||
		r.Records["ACL"] != 0 || len(r.Warnings) != 1 || len(r.SHA256) != 64 || r.Durations.Total <= 0 {
		t.Errorf("exit %d, got %s", got.code, got.out)
	}
}

func TestDryRun(t *testing.T) {
	s := newSnapshotServer(t)
	got := lictor("snapshot", "restore", "-dry-run", fixturePath("consul-1.21.4/full"))
	if got.code != 0 || got.err != "" {
		t.Errorf("exit %d, stderr %q", got.code, got.err)
	}
	for _, line := range []string{
		" Index        148", " KVS                         20         70.9KB",
		"The snapshot is of datacenter dc1, saved 2026-11-21 07:56:21 UTC",
		"  holds 20 keys, 6 nodes, 11 services, 5 sessions",
		"  server lictor-full-1 at 127.0.0.1, version 1.21.4",
		", datacenter dc1, leader 10.0.0.1:8300", "  a restore replaces all it holds: 3 keys, 1 node, 1 service",
		"  removes 1 node whose agent is no live member of the target: lictor-full-1",
		"    which ends 2 sessions, releases 1 lock and deletes 1 key locked by sessions with Behavior delete: locks/ttl",
		"  replaces the server-management-token", "Dry run: nothing was sent.",
	} {
		if !strings.Contains(got.out, line+"\n") {
			t.Errorf("lacks %q:\n%s", line, got.out)
		}
	}
	if s.asked() != "" || len(s.arrived()) > 0 {
		t.Error("something was sent")
	}
}

func TestDryRunWithoutATarget(t *testing.T) {
	newSnapshotServer(t)
	got := lictor("snapshot", "restore", "-dry-run", "-http-addr=127.0.0.1:1", fixturePath("consul-1.21.4/kv"))
	if got.code != 0 || !strings.Contains(got.out, "The target is http://127.0.0.1:1, which does not answer.") ||
		!strings.Contains(got.out, "  so at most 1 node: lictor-kv-1\n") {
		t.Errorf("got %+v", got)
	}
}

func TestDryRunJSON(t *testing.T) {
	s := newSnapshotServer(t)
	s.answers["/v1/agent/self"] = `{"Config":{"Datacenter":"dc7"}}`
	s.answers["/v1/health/state/passing"] = `[{"Node":"lictor-full-1","CheckID":"serfHealth"}]`
	got := lictor("snapshot", "restore", "-dry-run", "-format=json", fixturePath("consul-1.21.4/full"))
	var r dryRun
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if r.Meta.Index != 148 || r.TotalSize != 134783 || r.Origin.Keys != 20 || *r.Target.Keys != 3 || len(r.Aftermath.NodesRemoved) != 0 ||
		!r.Aftermath.MembersKnown || r.Aftermath.TTLSessions != 1 {
		t.Errorf("got %s", got.out)
	}
	if want := "Warning: the snapshot is of datacenter dc1, the target is dc7\n"; got.err != want || len(r.Warnings) != 1 {
		t.Errorf("stderr %q, want %q", got.err, want)
	}
}

func TestDryRunRefuses(t *testing.T) {
	newSnapshotServer(t)
	for _, name := range []string{"damaged/state-legacy-acl", "damaged/gzip-bad-crc"} {
		if got := lictor("snapshot", "restore", "-dry-run", fixturePath(name)); got.code != 1 || got.out != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
