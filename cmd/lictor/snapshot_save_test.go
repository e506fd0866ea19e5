package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestSave(t *testing.T) {
	const saved = "Saved and verified snapshot to index 148"
	const ignored = "Warning: -append-filename knows version, dc, node and status; ignored: date, who\n"
	tests := []struct {
		name  string
		args  string // $ stands for the file
		want  result
		files string
		query string
	}{
		{"plain", "$", ok(saved), "b.tar.snap", ""},
		{"datacenter", "-datacenter=dc2 $", ok(saved), "b.tar.snap", "dc=dc2"},
		{"stale", "-stale $", result{0, saved + "\n", "Stale snapshot: KnownLeader true, LastContact 12ms\n"}, "b.tar.snap", "stale="},
		{"name", "-append-filename=dc,version $", ok(saved), "b.tar-1.21.4-dc1.snap", ""},
		{"name, all words", "-append-filename=status,node,dc,version $", ok(saved), "b.tar-1.21.4-dc1-n1-leader.snap", ""},
		{"name, unknown words", "-append-filename=date,dc,who $", result{0, saved + "\n", ignored}, "b.tar-dc1.snap", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			s.archive = snapshotBytes(t, "consul-1.21.4/full")
			dir := t.TempDir()
			check(t, lictor(words("snapshot save "+strings.ReplaceAll(tt.args, "$", filepath.Join(dir, "b.tar.snap")))...), tt.want)
			if got := entries(t, dir); got != tt.files {
				t.Fatalf("files %q, want %q", got, tt.files)
			}
			b, err := os.ReadFile(filepath.Join(dir, tt.files))
			info, statErr := os.Stat(filepath.Join(dir, tt.files))
			if err != nil || statErr != nil || !bytes.Equal(b, s.archive) || info.Mode() != 0o600 {
				t.Errorf("%d bytes of %d, mode %v, %v", len(b), len(s.archive), info.Mode(), err)
			}
			if s.asked() != tt.query {
				t.Errorf("asked with %q, want %q", s.asked(), tt.query)
			}
		})
	}
}

func TestSaveToStandardOutput(t *testing.T) {
	s := newSnapshotServer(t)
	s.archive = snapshotBytes(t, "consul-1.21.4/kv")
	check(t, lictor(words("snapshot save -")...), result{0, string(s.archive), "Warning: the server said that the snapshot is at index 148, " +
		"but it is at index 233\nSaved and verified snapshot to index 148\n"})
	s.archive = snapshotBytes(t, "damaged/state-truncated")
	if got := lictor(words("snapshot save -")...); got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "Error verifying snapshot file: record ") {
		t.Errorf("got %+v", got)
	}
	s.archive = snapshotBytes(t, "consul-1.21.4/kv")
	var stderr bytes.Buffer
	if code := run(append([]string{"lictor"}, words("snapshot save -")...), nil, fullDisk{}, &stderr); code != 1 ||
		stderr.String() != "Error writing the verified snapshot to standard output: no space left on device\n" {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}

func TestSaveJSON(t *testing.T) {
	s := newSnapshotServer(t)
	s.archive = snapshotBytes(t, "damaged/state-unknown-type")
	s.index = ""
	path := filepath.Join(t.TempDir(), "b.snap")
	got := lictor(append(words("snapshot save -format=json"), path)...)
	if got.code != 0 || !strings.HasPrefix(got.err, "Warning: the snapshot holds 1 record that ") || !strings.Contains(got.err, "-allow-types=99\n") {
		t.Errorf("exit %d, stderr %q", got.code, got.err)
	}
	var r savedSnapshot
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(s.archive)
	if r.Path != path || r.Index != 233 || r.ResponseIndex != 0 || r.Term != 2 || r.Bytes != int64(len(s.archive)) ||
		r.SHA256 != hex.EncodeToString(sum[:]) || r.Records["Unknown(99)"] != 1 || r.Records["KVS"] != 199 || len(r.Warnings) != 1 ||
		r.Durations.Total <= 0 || r.LastContact != 0.012 {
		t.Errorf("got %s", got.out)
	}
}

func TestSaveFails(t *testing.T) {
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }
	tests := []struct {
		name   string
		args   []string
		status int
		text   string
		want   string // beginning of the line
	}{
		{"no file", nil, 0, "", "Missing FILE argument\n"},
		{"empty name", []string{""}, 0, "", "Missing FILE argument\n"},
		{"two files", words("a b"), 0, "", "Too many arguments (expected 1, got 2)\n"},
		{"unknown format", words("-format=xml a"), 0, "", "Error saving snapshot: Unknown format: xml\n"},
		{"name of standard output", words("-append-filename=dc -"), 0, "", "Error saving snapshot: -append-filename needs the name of a file"},
		{"no leader", []string{file("a")}, 500, "No cluster leader", "Error saving snapshot: Unexpected response code: 500 (No cluster leader)\n"},
		{"denied", []string{file("a")}, 403, "ACL not found", "Error saving snapshot: Unexpected response code: 403 (ACL not found)\n"},
		{"no server", []string{"-http-addr=127.0.0.1:1", file("a")}, 0, "",
			`Error saving snapshot: Get "http://127.0.0.1:1/v1/snapshot": dial tcp 127.0.0.1:1: connect: connection refused`},
		{"bad address with a name", words("-http-addr=ftp://x -append-filename=dc a"), 0, "",
			"Error connecting to Consul agent: Unknown protocol scheme: ftp\n"},
		{"no server for the name", words("-http-addr=127.0.0.1:1 -append-filename=dc a"), 0, "",
			"Error connecting to Consul agent and fetching datacenter/version: "},
		{"no server for the version", words("-http-addr=127.0.0.1:1 -append-filename=version a"), 0, "",
			"Error fetching version of Consul agent Leader: "},
		{"no directory", words("/nope/a.snap"), 0, "", "Error writing unverified snapshot file: create temporary file for /nope/a.snap.unverified: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			s.archive, s.status, s.text = snapshotBytes(t, "consul-1.21.4/kv"), tt.status, tt.text
			got := lictor(append(words("snapshot save"), tt.args...)...)
			if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, tt.want) {
				t.Errorf("exit %d, stdout %q, stderr %q, want %q", got.code, got.out, got.err, tt.want)
			}
		})
	}
}

// An archive that is bad leaves no file; one that is sound is kept, whatever it
// holds. The numbers are those of the tables in the fixtures' README.
func TestSaveDamaged(t *testing.T) {
	kept := 0
	for _, name := range damagedNames(t) {
		s := newSnapshotServer(t)
		s.archive = snapshotBytes(t, name)
		dir := t.TempDir()
		got := lictor("snapshot", "save", filepath.Join(dir, "b.snap"))
		left := entries(t, dir)
		switch {
		case got.code == 0 && left == "b.snap":
			kept++
		case got.code != 1 || left != "" || !strings.HasPrefix(got.err, "Error verifying snapshot file: "):
			t.Errorf("%s: exit %d, stderr %q, left %q", name, got.code, got.err, left)
		}
	}
	if kept != 20+4 {
		t.Errorf("%d archives kept, want the 20 that Consul restores and the 4 that are sound but kill it", kept)
	}
}

func TestSaveCutStream(t *testing.T) {
	s := newSnapshotServer(t)
	s.archive, s.cut = snapshotBytes(t, "consul-1.21.4/large-kv"), true
	dir := t.TempDir()
	check(t, lictor("snapshot", "save", filepath.Join(dir, "b.snap")), failed("Error writing unverified snapshot file: unexpected EOF"))
	if left := entries(t, dir); left != "" {
		t.Errorf("left %q", left)
	}
}

// A process that is killed in the middle of the stream leaves nothing under the
// name of the file, and one that is interrupted leaves nothing at all.
func TestSaveKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "lictor") // by this name the test binary is the program
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		signal syscall.Signal
		code   int
		left   string // the beginning of what is left besides the old file
		stderr string
	}{
		{"interrupted", syscall.SIGINT, 1, "", "Error writing unverified snapshot file: interrupt signal received\n"},
		{"terminated", syscall.SIGTERM, 1, "", "Error writing unverified snapshot file: terminated signal received\n"},
		{"killed", syscall.SIGKILL, -1, "b.snap.unverified.tmp", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSnapshotServer(t)
			s.archive, s.hang = snapshotBytes(t, "consul-1.21.4/large-kv"), true
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "b.snap"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := exec.Command(program, "snapshot", "save", filepath.Join(dir, "b.snap"))
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-s.halfSent:
			case <-time.After(time.Minute):
				t.Error("the stream did not begin")
			}
			waitForStaged(t, dir)
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the code says it
			if cmd.ProcessState.ExitCode() != tt.code || stderr.String() != tt.stderr {
				t.Errorf("exit %d, stderr %q", cmd.ProcessState.ExitCode(), stderr.String())
			}
			old, err := os.ReadFile(filepath.Join(dir, "b.snap"))
			left := strings.TrimPrefix(strings.TrimPrefix(entries(t, dir), "b.snap"), " ")
			if err != nil || string(old) != "old" || !strings.HasPrefix(left, tt.left) || (tt.left == "") != (left == "") {
				t.Errorf("old file %q, %v; left %q", old, err, left)
			}
		})
	}
}

// waitForStaged waits until something has been staged beside the old file.
func waitForStaged(t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !strings.Contains(entries(t, dir), ".unverified") {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nothing was staged")
		}
	}
}
