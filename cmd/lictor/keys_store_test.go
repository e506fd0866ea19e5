package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The life of encrypted backups: taken by the agent, listed, verified, got, restored; then the key is changed.
func TestEncryptedInAStore(t *testing.T) {
	startServer(t)
	old, next := newAgeKey(t), newAgeKey(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("snaps", 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "agent.json", []byte(`{"snapshot_agent": {"snapshot": {"interval": "0s"}, "local_storage": {"path": "snaps"},
		"encryption": {"recipients": ["`+old.Recipient().String()+`"]}}}`))
	inOrder(t, []step{
		{"kv put app/a 1", 0, ""},
		{"snapshot agent -interval=0 -local-path=snaps", 0, "proof=proven"},
		{"snapshot agent -config-file=agent.json", 0, "Encryption: recipient " + old.fingerprint()},
		{"snapshot agent -config-file=agent.json -skip-unchanged", 0, "nothing has changed"},
		{"snapshot list -store=snaps", 0, "recipient " + old.fingerprint()},
		{"snapshot list -store=snaps", 0, "none"},
	})
	all := listAll(t, "snaps")
	if len(all) != 2 || all[0].Proof != "proven" || all[0].Encryption != "recipient "+old.fingerprint() || all[1].Encryption != "" {
		t.Fatalf("%+v", all)
	}
	id, plainID := all[0].ID, all[1].ID
	inOrder(t, []step{
		{"snapshot verify -store=snaps all", 0, "encrypted"},
		{"snapshot verify -store=snaps all", 0, "but not decrypted: it is encrypted for recipient " + old.fingerprint()},
		{"snapshot verify -store=snaps -identity=" + old.file + " all", 0, "sound"},
		{"snapshot verify -drill -store=snaps " + id, 1, "unproven"},
		{"snapshot list -store=snaps", 0, "  proven"},
		{"snapshot verify -drill -store=snaps -identity=" + old.file + " " + id, 0, "rebuilt and compared"},
		{"snapshot verify -store=snaps -identity=" + next.file + " " + id, 1, "recipient " + old.fingerprint()},
		{"snapshot get -store=snaps latest", 0, "Got encrypted snapshot " + id + ", proven: consul-" + id + ".snap.age"},
		{"snapshot verify consul-" + id + ".snap.age", 1, "give an identity"},
		{"snapshot get -store=snaps -identity=" + next.file + " latest no.snap", 1, "recipient " + old.fingerprint()},
		{"snapshot get -store=snaps -identity=" + old.file + " latest", 0, "Got and verified snapshot " + id},
		{"snapshot verify consul-" + id + ".snap", 0, "sound"},
		{"snapshot get -store=snaps " + plainID + " plain.snap", 0, "Got and verified"},
		{"kv put app/a 2", 0, ""},
		{"snapshot restore -identity=" + old.file + " consul-" + id + ".snap.age", 0, "Restored snapshot"},
		{"kv get app/a", 0, "1"},
	})
	to := " -recipient=" + next.Recipient().String()
	inOrder(t, []step{
		{"snapshot rekey -store=snaps -identity=" + old.file + to + " -dry-run all", 0, "Would encrypt"},
		{"snapshot rekey -store=snaps -identity=" + next.file + to + " all", 1, "1 of 2 snapshots are not encrypted for recipient " + next.fingerprint()},
		{"snapshot rekey -store=snaps -identity=" + old.file + to + " all", 0, "already"},
		{"snapshot verify -store=snaps -identity=" + next.file + " all", 0, "sound"},
		{"snapshot verify -store=snaps -identity=" + old.file + " all", 1, "recipient " + next.fingerprint()},
		{"snapshot agent -config-file=agent.json -retain=1", 0, "Deleted snapshot " + id},
	})
	left, err := filepath.Glob("snaps/*")
	if now := listAll(t, "snaps"); err != nil || len(now) != 1 || len(left) != 2 {
		t.Errorf("%+v, files %v", now, left)
	}
}

// What was damaged, or put in the place of a backup, is seen without a key.
func TestEncryptedAndDamagedInAStore(t *testing.T) {
	startServer(t)
	key := newAgeKey(t)
	t.Chdir(t.TempDir())
	inOrder(t, []step{{"snapshot agent -interval=0 -local-path=s -encryption-recipient=" + key.Recipient().String(), 0, "proof=proven"}})
	b := listAll(t, "s")[0]
	name := "s/consul-" + b.ID + ".snap.age"
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	forged := byAge(t, fixtureBytes(t, "consul-1.21.4/kv"), key.Recipient())
	for what, content := range map[string][]byte{"cut": good[:len(good)-1], "forged": forged} {
		writeFile(t, name, content)
		inOrder(t, []step{
			{"snapshot verify -store=s latest", 1, ""},
			{"snapshot verify -store=s " + b.ID, 1, "BAD"},
			{"snapshot get -store=s " + b.ID + " out.age", 1, ""},
			{"snapshot get -identity=" + key.file + " -store=s " + b.ID + " out.snap", 1, ""},
		})
		if files, _ := filepath.Glob("out*"); len(files) > 0 {
			t.Errorf("%s: %v", what, files)
		}
	}
	writeFile(t, name, good)
	if err := os.Remove("s/consul-" + b.ID + ".snap.json"); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot list -store=s", 0, "recipients that are not known"},
		{"snapshot get -store=s " + b.ID + " out.age", 0, "there is nothing to compare it with"},
		{"snapshot adopt -store=s all", 1, "give an identity"},
		{"snapshot adopt -store=s -identity=" + key.file + " all", 0, "Adopted"},
		{"snapshot verify -drill -store=s -identity=" + key.file + " latest", 0, "proven"},
		{"snapshot list -store=s", 0, "  proven"},
	})
}

// With a passphrase the agent can read what it has made.
func TestEncryptedWithAPassphraseInAStore(t *testing.T) {
	startServer(t)
	key := newAgeKey(t)
	t.Chdir(t.TempDir())
	writeFile(t, "pass.txt", []byte("correct horse battery staple\n"))
	inOrder(t, []step{
		{"snapshot agent -interval=0 -local-path=s -encryption-passphrase-file=pass.txt", 0, "proof=proven"},
		{"snapshot list -store=s", 0, "a passphrase"},
		{"snapshot verify -store=s all", 0, "it is encrypted with a passphrase: give that with -passphrase-file"},
		{"snapshot get -store=s -passphrase-file=pass.txt latest b.snap", 0, "Got and verified"},
		{"snapshot rekey -store=s -passphrase-file=pass.txt -recipient=" + key.Recipient().String() + " latest", 0, "it was encrypted for a passphrase"},
		{"snapshot verify -drill -store=s -identity=" + key.file + " latest", 0, "proven"},
	})
	if err := os.Chmod("pass.txt", 0o644); err != nil {
		t.Fatal(err)
	}
	got := lictor(words("snapshot agent -interval=0 -local-path=s -encryption-passphrase-file=pass.txt")...)
	if got.code != 0 || !strings.Contains(got.out, "can be read by others") || strings.Contains(got.out+got.err, "correct horse") {
		t.Errorf("%+v", got)
	}
}
