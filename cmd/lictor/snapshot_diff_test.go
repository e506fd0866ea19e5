package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Two snapshots in files: what is printed, and the exit codes of diff(1).
func TestDiffFiles(t *testing.T) {
	kv, full, empty := fixturePath("consul-1.21.4/kv"), fixturePath("consul-1.21.4/full"), fixturePath("consul-1.21.4/empty")
	for _, c := range []struct {
		name, line string
		code       int
		want       string // part of standard output, or of standard error with exit code 2
	}{
		{"the same", kv + " " + kv, 0, "No differences in "},
		{"different", empty + " " + kv, 1, "+++ " + kv + " (index 233, "},
		{"filtered until nothing is left", "-only=acl-token:nope " + empty + " " + kv, 0, "No differences in 0 objects\n"},
		{"counted", "-stat " + empty + " " + full, 1, "Kind                   Added  Removed  Changed\nKeys                   20     0        0\n"},
		{"counted in JSON", "-stat -format=json " + empty + " " + full, 1, `"Equal":false`},
		{"one side", kv, 2, "two arguments are needed, BEFORE and AFTER (got 1)"},
		{"standard input twice", "- -", 2, "standard input can be one side only"},
		{"an unknown format", "-format=xml " + kv + " " + kv, 2, "Unknown format: xml"},
		{"an unknown flag", "-nope " + kv + " " + kv, 2, "flag provided but not defined: -nope"},
		{"an unknown kind", "-only=keys:a " + kv + " " + kv, 2, `there is no kind "keys"`},
		{"no such file", "/nope.snap " + kv, 2, "/nope.snap: open /nope.snap: no such file or directory"},
		{"a store that nobody means", "-store=x " + kv + " " + kv, 2, "no argument is in it"},
		{"a store that nobody named", "store:latest " + kv, 2, "no store is named"},
		{"no ID", "-store=x store: " + kv, 2, "store:ID or store:latest"},
		{"-stale without a datacenter", "-stale " + kv + " " + kv, 2, "no argument is one"},
		{"a negative limit", "-limit=-1 " + kv + " " + kv, 2, "-limit is -1"},
		{"damaged before", fixturePath("damaged/state-bitflip") + " " + kv, 2, "hash check failed"},
		{"damaged after", kv + " " + fixturePath("damaged/gzip-bad-crc"), 2, "gzip: invalid checksum"},
		{"records that end early", kv + " " + fixturePath("damaged/state-truncated"), 2, "failed to decode msg type KVS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lictor(words("snapshot diff " + c.line)...)
			text := got.out
			if c.code == 2 {
				text = got.err
				if got.out != "" {
					t.Errorf("printed %q", got.out)
				}
			}
			if got.code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d\n%s%s\nwant exit %d and %q", got.code, got.out, got.err, c.code, c.want)
			}
		})
	}
	if got := lictor("snapshot", "diff", "-only=acl-token:nope", kv, kv); got.err != "Warning: neither side has anything for acl-token:nope\n" {
		t.Errorf("%q", got.err)
	}
	var stderr bytes.Buffer
	code := run([]string{"lictor", "snapshot", "diff", empty, kv}, nil, fullDisk{}, &stderr)
	if code != 2 || stderr.String() != "Error comparing snapshots: write to standard output: no space left on device\n" {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}

func TestDiffStandardInputAndEncrypted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	key := newAgeKey(t)
	kv := snapshotBytes(t, "consul-1.21.4/kv")
	t.Chdir(t.TempDir())
	writeFile(t, "plain.snap", kv)
	writeFile(t, "sealed.snap", kv)
	if got := lictor("snapshot", "rekey", "-recipient="+key.Recipient().String(), "sealed.snap"); got.code != 0 {
		t.Fatal(got.err)
	}
	got := lictorReading(string(kv), "snapshot", "diff", "-identity="+key.file, "sealed.snap", "-")
	if got.code != 0 || got.err != "" {
		t.Errorf("exit %d, %s%s", got.code, got.out, got.err)
	}
	if got := lictor("snapshot", "diff", "plain.snap", "sealed.snap"); got.code != 2 || !strings.Contains(got.err, "sealed.snap: it is encrypted") {
		t.Errorf("exit %d, %s", got.code, got.err)
	}
	if left := entries(t, os.TempDir()); left != "" {
		t.Errorf("left %q", left)
	}
}

func TestDiffJSON(t *testing.T) {
	got := lictor("snapshot", "diff", "-format=json", "-only=kv:", fixturePath("consul-1.21.4/empty"), fixturePath("consul-1.21.4/kv"))
	var document struct {
		Before, After struct {
			Source  string
			Index   uint64
			Objects int64
		}
		Equal  bool
		Counts []struct {
			Family string
			Added  int
		}
		Changes []struct {
			Family, Name, Change string
			After                struct {
				Key   string
				Value []byte
			}
		}
	}
	if err := json.Unmarshal([]byte(got.out), &document); err != nil || got.code != 1 {
		t.Fatalf("exit %d, %v\n%s%s", got.code, err, got.out, got.err)
	}
	if document.Equal || document.After.Index != 233 || len(document.Counts) != 1 || document.Counts[0].Added != len(document.Changes) ||
		int64(len(document.Changes)) != document.After.Objects || document.Before.Objects != 0 {
		t.Errorf("%+v", document)
	}
	for _, c := range document.Changes {
		if c.Family != "kv" || c.Change != "added" || c.Name != c.After.Key {
			t.Errorf("%+v", c)
		}
	}
}

// A live datacenter, a backup in a store and a file are compared with each other.
func TestDiffOfADatacenter(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	inOrder(t, []step{
		{"kv put app/a 1", 0, ""},
		{"kv put app/b 1", 0, ""},
		{"snapshot agent -interval=0 -local-path=snaps", 0, "proof=proven"},
		{"snapshot diff -store=snaps store:latest dc:", 0, "No differences in "},
		{"snapshot diff dc: dc:dc1", 0, "No differences in "},
		{"kv put app/a 2", 0, ""},
		{"kv delete app/b", 0, ""},
		{"snapshot diff -store=snaps -prefix=app/ store:latest dc:", 1,
			"Keys: 1 removed, 1 changed\n  ~ app/a\n      Value: \"1\" → \"2\"\n  - app/b: \"1\"\n"},
		{"snapshot diff -store=snaps -only=kv:app/b dc: store:latest", 1, "Keys: 1 added\n  + app/b: \"1\"\n"},
		{"snapshot get -store=snaps latest back.snap", 0, ""},
		{"snapshot diff -store=snaps store:latest back.snap", 0, "No differences in "},
		{"snapshot diff -store=snaps store:77 back.snap", 2, "no archive has the ID"},
		{"snapshot diff dc:nowhere back.snap", 2, "No path to datacenter"},
	})
}

// Who may not take a snapshot is told what is missing.
func TestDiffOfADatacenterThatRefuses(t *testing.T) {
	s := newSnapshotServer(t)
	for _, c := range []struct {
		status int
		text   string
		want   string
	}{
		{403, "Permission denied", "the token may not take one: name one with acl:write"},
		{500, "No cluster leader", "-stale takes one from a server that may lag behind"},
	} {
		s.status, s.text = c.status, c.text
		got := lictor("snapshot", "diff", fixturePath("consul-1.21.4/kv"), "dc:")
		if got.code != 2 || got.out != "" || !strings.Contains(got.err, c.want) {
			t.Errorf("exit %d, %s%s, want %q", got.code, got.out, got.err, c.want)
		}
	}
	s.status, s.cut, s.archive = 0, true, snapshotBytes(t, "consul-1.21.4/kv")
	if got := lictor("snapshot", "diff", fixturePath("consul-1.21.4/kv"), "dc:"); got.code != 2 || got.out != "" {
		t.Errorf("a snapshot that breaks off: exit %d, %s%s", got.code, got.out, got.err)
	}
}
