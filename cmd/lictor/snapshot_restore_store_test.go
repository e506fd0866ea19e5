package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// registered waits until the server of this process is in its own catalog: before, a state is neither that of a new cluster nor another.
func registered(t *testing.T) {
	t.Helper()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	q := &api.QueryOptions{WaitTime: 5 * time.Second}
	for range 50 {
		checks, meta, err := client.Health().State(api.HealthPassing, q)
		if err != nil {
			t.Fatal(err)
		}
		services, _, err := client.Catalog().Service("consul", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(checks) > 0 && len(services) > 0 {
			return
		}
		q.WaitIndex = meta.LastIndex
	}
	t.Fatal("the server does not register itself")
}

// twoStates takes two backups: of app/a 1, then of app/a 2. Now it is 3.
func twoStates(t *testing.T) (first, second listed) {
	t.Helper()
	startServer(t)
	registered(t)
	t.Chdir(t.TempDir())
	inOrder(t, []step{
		{"kv put app/a 1", 0, ""}, {"snapshot agent -interval=0 -local-path=s", 0, "proof=proven"},
		{"kv put app/a 2", 0, ""}, {"snapshot agent -interval=0 -local-path=s", 0, "proof=proven"},
		{"kv put app/a 3", 0, ""}, {"kv put app/b 1", 0, ""},
	})
	all := listAll(t, "s")
	return all[1], all[0]
}

// safeties are the safety snapshots in a directory.
func safeties(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "safety-*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// restored restores with -format=json, and expects an exit code.
func restored(t *testing.T, code int, line string) (r restoredSnapshot, stderr string) {
	t.Helper()
	got := lictor(append([]string{"snapshot", "restore", "-format=json"}, words(line)...)...)
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != code {
		t.Fatalf("%s: exit %d, %v\n%s%s", line, got.code, err, got.out, got.err)
	}
	return r, got.err
}

// There and back: a backup, the safety snapshot that was made before it, by its name and as a file.
func TestRestoreFromAStore(t *testing.T) {
	first, second := twoStates(t)
	got := lictor(words("snapshot restore -store=s latest")...)
	if got.code != 0 || !strings.HasPrefix(got.out, "Restored snapshot\nCompared ") || !strings.Contains(got.out, "with the archive: equal\n") {
		t.Fatalf("%+v", got)
	}
	for _, part := range []string{"Backup " + second.ID + " of cluster dc1, saved ", " ago), proven: ", "Safety snapshot of the target, index ",
		"To go back to the state before: lictor snapshot restore /"} {
		if !strings.Contains(got.err, part) {
			t.Errorf("lacks %q:\n%s", part, got.err)
		}
	}
	files := safeties(t, "s")
	if len(files) != 1 {
		t.Fatalf("safety snapshots: %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	name := filepath.Base(files[0])
	inOrder(t, []step{
		{"kv get app/a", 0, "2"}, {"kv get app/b", 1, ""},
		{"snapshot restore -store=s " + first.ID, 0, "equal"}, {"kv get app/a", 0, "1"},
		{"snapshot restore -no-safety -store=s " + name, 0, name + " has no entry: there is nothing to compare it with"},
		{"kv get app/a", 0, "3"}, {"kv get app/b", 0, "1"},
		{"snapshot restore " + files[0], 0, "Restored snapshot"},
		{"snapshot restore -store=s latest", 0, "equal"},
		{"snapshot list -store=s", 0, second.ID},
		{"snapshot agent -interval=0 -local-path=s -retain=1", 0, "Deleted snapshot " + first.ID},
		{"snapshot verify -store=s all", 0, "sound"},
	})
	if n := len(safeties(t, "s")); n != 3 {
		t.Errorf("%d safety snapshots, want 3: one for each restore with one, none deleted", n)
	}
}

func TestRestoreAtATime(t *testing.T) {
	first, second := twoStates(t)
	at := func(when time.Time) string { return " -at=" + when.Format(time.RFC3339Nano) }
	between := at(second.Entry.Saved.Add(-1))
	inOrder(t, []step{
		{"snapshot restore -no-safety -store=s" + between, 0, "before the time that was asked for), proven"}, {"kv get app/a", 0, "1"},
		{"snapshot restore -no-safety -store=s" + at(second.Entry.Saved), 0, "Backup " + second.ID}, {"kv get app/a", 0, "2"},
		{"snapshot restore -no-safety -store=s" + at(first.Entry.Saved), 0, "Backup " + first.ID},
		{"snapshot restore -store=s" + at(first.Entry.Saved.Add(-1)), 1, "the oldest is " + first.ID},
		{"snapshot restore -no-safety -store=s -at=2999-01-01T00:00:00+02:00", 0, "Backup " + second.ID},
	})
	if len(safeties(t, "s")) != 0 {
		t.Error("there is a safety snapshot")
	}
}

func TestRestoreRefusesContradictions(t *testing.T) {
	s := newSnapshotServer(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("s", 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "f.snap", fixtureBytes(t, "consul-1.21.4/kv"))
	writeFile(t, "two", []byte("one two\n"))
	for line, want := range map[string]string{
		"-store=s": "give latest, an ID, or -at=TIME",
		"-store=s -at=2026-11-21T17:00:00Z latest":             "-at and latest are two ways",
		"-store=s -at=2026-11-21T17:00:00Z 100":                "-at and 100 are two ways",
		"-store=s -at=yesterday":                               "RFC 3339",
		"-at=2026-11-21T17:00:00Z f.snap":                      "-at chooses a backup of a store",
		"-store=s latest 100":                                  "Too many arguments",
		"-store=s f.snap":                                      "f.snap is a file",
		"-store=s -":                                           "- is a file",
		"-store=f.snap latest":                                 "a store is a directory or a URL",
		"-store=s nonsense":                                    `"nonsense" is no ID`,
		"-store=s -config-file=x latest":                       "use one of them",
		"-store=nope latest":                                   "nope",
		"-store=s latest":                                      "no such backup",
		"-store=s 100":                                         "no such backup",
		"-store=s safety-dc1-20261122T030405.000Z.snap":        "there is no safety snapshot",
		"-cluster=dc1 f.snap":                                  "-cluster chooses backups of a store",
		"-safety-file=a -no-safety f.snap":                     "contradict each other",
		"-safety-file=- f.snap":                                "name a file",
		"-safety-file=f.snap f.snap":                           "f.snap: it exists already",
		"-safety-file=nope/a f.snap":                           "nope",
		"-no-safety -recipient=age1x -store=s latest":          "-no-safety makes none",
		"-recipient=age1x f.snap":                              "-safety-file only",
		"-recipient=age1x -safety-file=a f.snap":               "recipient",
		"-token-after=x f.snap":                                "ask for it with -compare",
		"-token-after=x -compare=false -store=s latest":        "ask for it with -compare",
		"-compare -token-after=x -token-after-file=two":        "Missing FILE",
		"-compare -token-after=x -token-after-file=two f.snap": "use one of them",
		"-compare -token-after-file=two f.snap":                "does not hold one token",
		"-compare -token-after-file=nope f.snap":               "nope",
		"-compare=perhaps f.snap":                              "perhaps",
		"-store=s -format=xml latest":                          "Unknown format: xml",
	} {
		got := lictor(words("snapshot restore " + line)...)
		if got.code != 1 || got.out != "" || !strings.Contains(got.err, want) || strings.Contains(got.err, "one two") {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
	if s.asked() != "" && len(s.arrived()) > 0 {
		t.Errorf("asked %q", s.asked())
	}
	if left, _ := filepath.Glob("*"); len(left) != 3 {
		t.Errorf("left: %v", left)
	}
}

// A dry run shows everything, and writes nothing.
func TestDryRunFromAStore(t *testing.T) {
	_, second := twoStates(t)
	before, err := os.ReadDir("s")
	if err != nil {
		t.Fatal(err)
	}
	got := lictor(words("snapshot restore -dry-run -store=s latest")...)
	if got.code != 0 || !strings.HasPrefix(got.out, "Backup "+second.ID+" of cluster dc1") || got.err != "" || !strings.Contains(got.out, "/s/safety-dc1-") ||
		!strings.Contains(got.out, "Before, the target's state is saved, unless it is empty") || !strings.HasSuffix(got.out, "nothing was sent.\n") {
		t.Errorf("%+v", got)
	}
	got = lictor(words("snapshot restore -dry-run -format=json -store=s latest")...)
	var r dryRun
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Backup.ID != second.ID || r.Backup.Proof != "proven" ||
		!strings.Contains(r.Safety.Location, "/s/safety-dc1-") {
		t.Errorf("%v\n%s", err, got.out)
	}
	inOrder(t, []step{
		{"snapshot restore -dry-run -safety-file=x.snap -store=s latest", 0, "x.snap"},
		{"snapshot restore -dry-run -safety-file=s/consul-" + second.ID + ".snap -store=s latest", 1, "exists already"},
		{"snapshot restore -dry-run -no-safety -store=s latest", 0, "nothing was sent"},
		{"kv get app/a", 0, "3"},
	})
	if after, err := os.ReadDir("s"); err != nil || len(after) != len(before) {
		t.Errorf("%v, %v", after, err)
	}
}

func TestRestoreFromAStoreAsJSON(t *testing.T) {
	first, _ := twoStates(t)
	r, _ := restored(t, 0, "-store=s "+first.ID)
	if !r.Restored || r.Backup.ID != first.ID || r.Backup.Cluster != "dc1" || r.Backup.Proof != "proven" || !r.Backup.Saved.Equal(first.Entry.Saved) ||
		r.Backup.Encrypted || r.Comparison == nil || !r.Comparison.Equal || r.NotCompared != "" || r.Safety.Empty || r.Safety.Bytes == 0 ||
		len(r.Safety.SHA256) != 64 || r.Safety.Restore != "lictor snapshot restore "+r.Safety.Location {
		t.Errorf("%+v\n%+v\n%+v", r, r.Backup, r.Safety)
	}
	r, _ = restored(t, 0, "-no-safety -compare=false -store=s "+first.ID)
	if r.Safety != nil || r.Comparison != nil || r.NotCompared != "" {
		t.Errorf("%+v", r)
	}
	r, _ = restored(t, 0, "-safety-file=. -compare "+first.Location)
	if r.Backup != nil || r.Safety == nil || r.Comparison == nil || len(safeties(t, ".")) != 1 {
		t.Errorf("%+v", r)
	}
}

// A new cluster has nothing that is worth a safety snapshot; one with a key has.
func TestRestoreIntoANewCluster(t *testing.T) {
	first, _ := twoStates(t)
	startServer(t)
	registered(t)
	r, stderr := restored(t, 0, "-store=s "+first.ID)
	if !r.Safety.Empty || r.Safety.Location != "" || len(safeties(t, "s")) != 0 || !strings.Contains(stderr, "No safety snapshot: the target holds nothing") {
		t.Errorf("%+v\n%s", r.Safety, stderr)
	}
	r, _ = restored(t, 0, "-store=s "+first.ID)
	if r.Safety.Empty || len(safeties(t, "s")) != 1 {
		t.Errorf("%+v", r.Safety)
	}
}

// Only what is good is restored, and nothing else in its place.
func TestRestoreOfDamagedBackups(t *testing.T) {
	first, second := twoStates(t)
	path := filepath.Join("s", "consul-"+second.ID+".snap")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, path)
	offer := "the backup before it is " + first.ID + " of " + first.Entry.Saved.UTC().Format("2006-01-02T15:04:05Z") +
		", proven: lictor snapshot restore -store=s " + first.ID
	inOrder(t, []step{
		{"snapshot restore -store=s latest", 1, offer}, {"snapshot restore -store=s " + second.ID, 1, offer},
		{"snapshot restore -dry-run -store=s latest", 1, offer}, {"kv get app/a", 0, "3"},
	})
	if len(safeties(t, "s")) != 0 {
		t.Error("a safety snapshot of what was not restored")
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS("s")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(other, "consul-"+second.ID+".snap"), good)
	writeFile(t, "two.json", fmt.Appendf(nil, `{"snapshot_agent": {"backup_destinations": {"local_storage": [{"path": "s"}, {"path": %q}]}}}`, other))
	inOrder(t, []step{
		{"snapshot restore -config-file=two.json latest", 0, "the next store is tried"}, {"kv get app/a", 0, "2"},
		{"snapshot restore -no-safety -store=s " + first.ID, 0, "equal"},
	})
	if len(safeties(t, "s")) != 0 || len(safeties(t, other)) != 1 {
		t.Error("the safety snapshot is not beside the copy that was restored")
	}
}

func TestRestoreOfDoubtfulBackups(t *testing.T) {
	first, second := twoStates(t)
	entry := filepath.Join("s", "consul-"+first.ID+".snap.json")
	data, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	as := func(proof string) {
		writeFile(t, entry, []byte(strings.Replace(string(data), `"proof": "proven"`, `"proof": "`+proof+`", "reason": "it was looked at"`, 1)))
	}
	as("unproven")
	inOrder(t, []step{{"snapshot restore -no-safety -store=s " + first.ID, 0, "backup " + first.ID + " is unproven: it was looked at"}})
	as("bad")
	inOrder(t, []step{
		{"snapshot restore -no-safety -store=s " + first.ID, 1, "it failed its proof"},
		{"snapshot restore -no-safety -store=s " + first.ID, 1, "lictor snapshot get -store=s " + first.ID},
		{"snapshot restore -no-safety -store=s -at=" + first.Entry.Saved.Format(time.RFC3339Nano), 1, "the oldest is " + second.ID},
	})
	writeFile(t, entry, []byte("{"))
	inOrder(t, []step{{"snapshot restore -no-safety -store=s " + first.ID, 0, "cannot be used, so that there is nothing to compare it with"}})
	if err := os.Remove(entry); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot restore -no-safety -store=s " + first.ID, 0, "has no entry: there is nothing to compare it with"}, {"kv get app/a", 0, "1"},
	})
}

// The latest good backup is taken where the newest one is bad, but not silently.
func TestRestoreTellsOfANewerBackup(t *testing.T) {
	_, second := twoStates(t)
	entry := filepath.Join("s", "consul-"+second.ID+".snap.json")
	data, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, entry, []byte(strings.Replace(string(data), `"proof": "proven"`, `"proof": "bad", "reason": "it lost a key"`, 1)))
	inOrder(t, []step{
		{"snapshot restore -no-safety -store=s latest", 0, "a newer backup, " + second.ID + " of "}, {"kv get app/a", 0, "1"},
	})
}

// A command that is shown can be copied into a shell.
func TestShellWord(t *testing.T) {
	for _, word := range []string{"", "a", "/srv/x.snap", "s3://b?region=r&x=y", "it's", "$HOME", "a b", "'", "*", "\n"} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q becomes %s, which is %q, %v", word, shellWord(word), out, err)
		}
	}
}
