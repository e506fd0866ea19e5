package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manager is the management token of an agent that is started withACLs.
const manager = "5ecc2ea7-0000-4000-8000-000000000001"

var withACLs = []string{"-hcl=acl { enabled = true, default_policy = \"deny\", tokens { initial_management = \"" + manager + "\" } }"}

// copyOld copies a fixture to where undo files may be written beside it.
func copyOld(t *testing.T, name, to string) {
	t.Helper()
	data, err := os.ReadFile(oldFixture(name))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, data)
}

// Every generation of archives is brought back: keys with their flags and without their locks, queries by name. Where ACLs are off, they are left out loudly. Made
// again, a restore has nothing to do; undo gives back what was there.
func TestOldArchivesAreRestored(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	t.Setenv("CRYPTO_PASSWORD", oldPassphrase)
	for name, acls := range map[string]bool{"plain": true, "no ACLs": false, "encrypted": true, "local mode": false, "0.1": false} {
		file := filepath.Join(strings.ReplaceAll(name, " ", "-") + ".gz")
		copyOld(t, name, file)
		inOrder(t, []step{
			{"kv put app/config/greeting mine", 0, ""},
			{"snapshot restore " + file, 1, "-yes says it; nothing was changed"},
			{"snapshot restore -dry-run " + file, 0, "Dry run: nothing was changed."},
			{"kv get app/config/greeting", 0, "mine"},
			{"snapshot restore -compare -yes " + file, 1, "-compare is for a restore of a whole snapshot"},
			{"snapshot restore -delete -yes " + file, 1, "-delete removes what -only and -prefix name"},
			{"snapshot restore -yes -only=kv:app/lock,kv:zz/ " + file, 0, "Keys: 2 created, 0 updated, 0 deleted"},
			{"snapshot restore -yes -undo=undo " + file, 0, "Compared: what was written is what it was to be"},
			{"snapshot restore -yes -undo=undo2 " + file, 0, "Nothing to do"},
			{"snapshot diff -only=kv: " + file + " dc:", 1, "Keys: 1 changed\n  ~ app/lock\n      Session: \"298674d3-4a63-355c-28bf-dd37c6060870\" → none\n"},
		})
		if got := lictor("snapshot", "restore", "-dry-run", file); strings.Contains(got.err, "Warning: ACLs are off in the datacenter: ") != acls {
			t.Errorf("%s: ACLs are off, and it is said: %s", name, got.err)
		}
		if got := lictor("snapshot", "export", "-only=query:", "dc:"); strings.Contains(got.out, `"Name":"geo"`) != (name != "0.1") {
			t.Errorf("%s: the queries are %s", name, got.out)
		}
		inOrder(t, []step{
			{"snapshot undo -yes undo", 0, "Compared: "},
			{"kv get app/config/greeting", 0, "mine"},
			{"snapshot undo -yes " + file + ".dc1.undo", 0, "Compared: "},
			{"kv delete app/config/greeting", 0, ""},
			{"snapshot export -only=kv:,query: dc:", 0, ""},
		})
		if got := lictor("snapshot", "export", "-only=kv:,query:", "dc:"); got.out != "" {
			t.Fatalf("%s: after undo there is %s", name, got.out)
		}
		if err := os.Remove("undo"); err != nil {
			t.Fatal(err)
		}
	}
}

// A legacy ACL is a token with a policy then: its secret is kept, and does what it did, for keys below what it named.
func TestLegacyACLsAreRestored(t *testing.T) {
	startServer(t, withACLs...)
	t.Chdir(t.TempDir())
	t.Setenv("CONSUL_HTTP_TOKEN", manager)
	copyOld(t, "plain", "old.tar.gz")
	const secret = "adf4238a-882b-9ddc-4a9d-5b6758e4159e" // of "app reader"
	t.Setenv("CONSUL_HTTP_TOKEN", secret)
	if got := lictor("kv", "get", "app/config/greeting"); got.code == 0 || !strings.Contains(got.err, "ACL not found") {
		t.Fatalf("before: exit %d, %s%s", got.code, got.out, got.err)
	}
	t.Setenv("CONSUL_HTTP_TOKEN", manager)
	inOrder(t, []step{
		{"snapshot restore -yes old.tar.gz", 0, "Compared: what was written is what it was to be"},
		{"snapshot restore -yes old.tar.gz", 0, "Nothing to do"},
	})
	t.Setenv("CONSUL_HTTP_TOKEN", secret)
	inOrder(t, []step{
		{"kv get app/config/greeting", 0, "hello"}, // the rule was key "app/"
		{"kv get zz/large", 1, "Permission denied"},
		{"kv put app/config/greeting no", 1, "Permission denied"},
	})
}
