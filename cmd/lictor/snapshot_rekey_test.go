package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rekeyedAs runs the command with -format=json, and returns what it says of the snapshots.
func rekeyedAs(t *testing.T, line string, code int) (all []rekeyed) {
	t.Helper()
	got := lictor(words("snapshot rekey -format=json " + line)...)
	if got.code != code {
		t.Fatalf("%s: exit %d\n%s%s", line, got.code, got.out, got.err)
	}
	d := json.NewDecoder(strings.NewReader(got.out))
	if err := d.Decode(&all); err != nil || d.More() {
		t.Fatalf("%s: this is not one document of JSON: %v\n%s", line, err, got.out)
	}
	return all
}

// Programs are told what became of each snapshot of a store, of those that failed as well, under their names before and after.
func TestRekeyTellsPrograms(t *testing.T) {
	startServer(t)
	old, next := newAgeKey(t), newAgeKey(t)
	t.Chdir(t.TempDir())
	inOrder(t, []step{
		{"snapshot agent -interval=0 -local-path=snaps", 0, "proof=proven"},
		{"snapshot agent -interval=0 -local-path=snaps -encryption-recipient=" + old.Recipient().String(), 0, "proof=proven"},
	})
	listed := listAll(t, "snaps")
	id, plainID := listed[0].ID, listed[1].ID
	writeFile(t, "snaps/consul-5.snap", []byte("of nobody"))
	to := " -store=snaps -recipient=" + next.Recipient().String() + " all"
	type brief struct{ id, outcome, oldName, newName, was, reason string }
	plainName, encryptedName := "consul-"+plainID+".snap", "consul-"+id+".snap.age"
	foreign := brief{"5", "failed", "consul-5.snap", "", "", "it has no entry"}
	for _, c := range []struct {
		name, line string
		code       int
		want       []brief
	}{
		{"a dry run", "-dry-run -identity=" + old.file + to, 1, []brief{
			{id, "planned", encryptedName, "", "encrypted for recipient " + old.fingerprint(), ""},
			{plainID, "planned", plainName, "", "not encrypted", ""}, foreign,
		}},
		{"the wrong key", "-identity=" + next.file + to, 1, []brief{
			{id, "failed", encryptedName, "", "encrypted for recipient " + old.fingerprint(), "recipient " + old.fingerprint()},
			{plainID, "encrypted", plainName, "consul-" + plainID, "not encrypted", ""}, foreign,
		}},
		{"the right one", "-identity=" + old.file + to, 1, []brief{
			{id, "encrypted", encryptedName, "consul-" + id, "encrypted for recipient " + old.fingerprint(), ""},
			{plainID, "already", "consul-" + plainID, "consul-" + plainID, "encrypted for recipient " + next.fingerprint(), ""}, foreign,
		}},
	} {
		all := rekeyedAs(t, c.line, c.code)
		if len(all) != len(c.want) {
			t.Fatalf("%s: %+v", c.name, all)
		}
		for i, want := range c.want {
			got := all[i]
			if got.ID != want.id || got.Outcome != want.outcome || !strings.HasPrefix(got.OldName, want.oldName) ||
				!strings.HasPrefix(got.NewName, want.newName) || (got.NewName == "") != (want.newName == "") || got.Was != want.was ||
				!strings.Contains(got.Reason, want.reason) || (got.Reason == "") != (want.reason == "") ||
				got.For != "recipient "+next.fingerprint() || !strings.Contains(got.Destination, "snaps") {
				t.Errorf("%s: got %+v, want %+v", c.name, got, want)
			}
			if _, err := os.Stat(filepath.Join("snaps", got.NewName)); got.NewName != "" && err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if _, err := os.Stat(filepath.Join("snaps", got.OldName)); (err == nil) == (got.Outcome == "encrypted") {
				t.Errorf("%s: the old archive %s: %v", c.name, got.OldName, err)
			}
		}
	}
	inOrder(t, []step{{"snapshot verify -store=snaps -identity=" + next.file + " " + id, 0, "sound"}})
}

// A file is told of in the same way, and a store without snapshots is an empty list.
func TestRekeyTellsProgramsOfFiles(t *testing.T) {
	newSnapshotServer(t)
	key := newAgeKey(t)
	plain := snapshotBytes(t, "consul-1.21.4/kv")
	t.Chdir(t.TempDir())
	writeFile(t, "b.snap", plain)
	to := "-recipient=" + key.Recipient().String() + " "
	for _, c := range []struct {
		line                     string
		code                     int
		outcome, newName, reason string
	}{
		{"-dry-run " + to + "b.snap", 0, "planned", "", ""},
		{to + "b.snap", 0, "encrypted", "b.snap", ""},
		{to + "b.snap", 1, "failed", "", "give an identity"},
		{"-dry-run " + to + "b.snap", 1, "failed", "", "give an identity"},
	} {
		all := rekeyedAs(t, c.line, c.code)
		if len(all) != 1 || all[0].Outcome != c.outcome || all[0].OldName != "b.snap" || all[0].NewName != c.newName ||
			!strings.Contains(all[0].Reason, c.reason) || all[0].ID != "" {
			t.Errorf("%s: %+v", c.line, all)
		}
	}
	if err := os.Mkdir("none", 0o700); err != nil {
		t.Fatal(err)
	}
	if all := rekeyedAs(t, to+"-store=none all", 0); all == nil || len(all) > 0 {
		t.Errorf("%+v", all)
	}
	if got := lictor(words("snapshot rekey -format=xml " + to + "b.snap")...); got.code != 1 || got.err != "Unknown format: xml\n" {
		t.Errorf("%+v", got)
	}
}
