package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/retrieval"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// What is encrypted in a store does not lie there in the clear beside itself.
func TestRestoreOfEncryptedBackups(t *testing.T) {
	startServer(t)
	registered(t)
	key, other := newAgeKey(t), newAgeKey(t)
	t.Chdir(t.TempDir())
	writeFile(t, "pass", []byte("correct horse battery staple\n"))
	inOrder(t, []step{
		{"kv put app/a 1", 0, ""},
		{"snapshot agent -interval=0 -local-path=s -encryption-recipient=" + key.Recipient().String(), 0, "proof=proven"},
		{"snapshot agent -interval=0 -local-path=p -encryption-passphrase-file=pass", 0, "proof=proven"},
	})
	last := func(dir string) string {
		files := safeties(t, dir)
		if len(files) == 0 {
			return ""
		}
		return files[len(files)-1]
	}
	sealedFor := func(dir, args string) {
		t.Helper()
		file := last(dir)
		if !strings.HasSuffix(file, ".snap.age") || !isEncryptedFile(file) {
			t.Fatalf("%q is not encrypted", file)
		}
		inOrder(t, []step{{"snapshot verify " + args + " " + file, 0, "sound"}, {"snapshot restore " + args + " " + file, 0, "Restored"}})
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	identity := "-identity=" + key.file
	inOrder(t, []step{
		{"snapshot restore -store=s latest", 1, "give an identity"},
		{"snapshot restore -store=s -identity=" + other.file + " latest", 1, "recipient " + key.fingerprint()},
		{"snapshot restore -store=s " + identity + " latest", 0, "encrypted for recipient " + key.fingerprint()},
	})
	sealedFor("s", identity)
	inOrder(t, []step{{"snapshot restore -store=s " + identity + " -recipient=" + other.Recipient().String() + " latest", 0, other.fingerprint()}})
	sealedFor("s", "-identity="+other.file)
	inOrder(t, []step{{"snapshot restore -store=p -passphrase-file=pass latest", 0, "encrypted for a passphrase"}})
	sealedFor("p", "-passphrase-file=pass")
	writeFile(t, "agent.json", []byte(`{"snapshot_agent": {"local_storage": {"path": "s"}, "encryption": {"recipients": ["`+other.Recipient().String()+`"]}}}`))
	inOrder(t, []step{{"snapshot restore -config-file=agent.json " + identity + " latest", 0, other.fingerprint()}})
	sealedFor("s", "-identity="+other.file)

	inOrder(t, []step{{"snapshot restore -store=s " + identity + " -safety-file=plain.snap latest", 0, "plain.snap"}})
	if isEncryptedFile("plain.snap") {
		t.Error("a file that was named is encrypted for whom nobody named")
	}
	inOrder(t, []step{{"snapshot restore -store=s " + identity + " -safety-file=odd.snap -recipient=" + other.Recipient().String() + " latest", 0,
		"odd.snap does not end in .age"}})
	got := lictor(words("snapshot restore -store=s " + identity + " -safety-file=. -recipient=" + other.Recipient().String() + " latest")...)
	if got.code != 0 || strings.Contains(got.err, "does not end in .age") || len(safeties(t, ".")) != 1 {
		t.Errorf("%+v", got)
	}
	if !isEncryptedFile("odd.snap") {
		t.Error("not encrypted, though a recipient was named")
	}
	defer func(ask func(string) (string, error), can func() bool) { askSecret, canAsk = ask, can }(askSecret, canAsk)
	canAsk = func() bool { return true }
	askSecret = func(string) (string, error) { return "correct horse battery staple", nil }
	inOrder(t, []step{
		{"snapshot restore -store=p latest", 1, "name public keys with -recipient"},
		{"snapshot restore -store=p -no-safety latest", 0, "equal"},
	})
	if last("s") != "" || last("p") != "" {
		t.Errorf("left: %s %s", last("s"), last("p"))
	}
}

// In a bucket the way back is a command that names the store.
func TestRestoreFromABucket(t *testing.T) {
	twoStates(t)
	server := storetest.S3(t, "backups")
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	store := "s3://backups?region=r&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
	config := `{"snapshot_agent": {"snapshot": {"interval": "0s"}, "aws_storage": {"s3_bucket": "backups", "s3_region": "r", "s3_force_path_style": true,
		"s3_endpoint": "` + server.URL + `"}}}`
	writeFile(t, "s3.json", []byte(config))
	inOrder(t, []step{{"kv put app/a 4", 0, ""}, {"snapshot agent -config-file=s3.json", 0, "proof=proven"}, {"kv put app/a 5", 0, ""}})
	r, stderr := restored(t, 0, "-store="+store+" latest")
	name := ""
	for _, key := range server.Keys("backups") {
		if base := filepath.Base(key); retrieval.IsSafetyName(base) {
			name = base
		}
	}
	if want := "lictor snapshot restore '-store=" + store + "' " + name; name == "" || strings.ReplaceAll(r.Safety.Restore, "'", "") != strings.ReplaceAll(want, "'", "") {
		t.Errorf("%q, want %q", r.Safety.Restore, want)
	}
	if strings.Contains(stderr+fmt.Sprint(r), "hidden") {
		t.Error("a secret is shown")
	}
	inOrder(t, []step{
		{"kv get app/a", 0, "4"}, {"snapshot restore -no-safety -store=" + store + " " + name, 0, "equal"}, {"kv get app/a", 0, "5"},
		{"snapshot restore -config-file=s3.json latest", 0, "-config-file=s3.json safety-dc1-"},
	})
	server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if refuse := r.Method == http.MethodPut; refuse {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	inOrder(t, []step{
		{"kv put app/a 6", 0, ""}, {"snapshot restore -store=" + store + " latest", 1, "-safety-file=FILE puts it elsewhere"}, {"kv get app/a", 0, "6"},
		{"snapshot restore -safety-file=here.snap -store=" + store + " latest", 0, "equal"},
	})
}

// A target that cannot be saved is not restored.
func TestRestoreOfATargetThatCannotBeSaved(t *testing.T) {
	s := newSnapshotServer(t)
	t.Chdir(t.TempDir())
	writeFile(t, "f.snap", fixtureBytes(t, "consul-1.21.4/kv"))
	for _, c := range []struct {
		status int
		text   string
		hint   string
	}{
		{500, "No cluster leader", "-no-safety restores without saving it first"}, {403, "Permission denied", "the token needs acl:write"},
		{500, "disk full", "nothing was restored"},
	} {
		s.status, s.text = c.status, c.text
		got := lictor(words("snapshot restore -safety-file=before.snap f.snap")...)
		if got.code != 1 || got.out != "" || !strings.Contains(got.err, c.text) || !strings.Contains(got.err, c.hint) || len(s.arrived()) != 0 {
			t.Errorf("%+v", got)
		}
	}
	s.status, s.cut, s.archive = 0, true, fixtureBytes(t, "consul-1.21.4/full")
	if got := lictor(words("snapshot restore -safety-file=before.snap f.snap")...); got.code != 1 || len(s.arrived()) != 0 {
		t.Errorf("%+v", got)
	}
	if left, _ := filepath.Glob("*"); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// A Consul that holds something else afterwards is different, whatever it answered.
func TestRestoreOfATargetThatDiffers(t *testing.T) {
	s := newSnapshotServer(t)
	t.Chdir(t.TempDir())
	writeFile(t, "f.snap", fixtureBytes(t, "consul-1.21.4/kv"))
	s.archive = fixtureBytes(t, "consul-1.21.4/empty")
	got := lictor(words("snapshot restore -compare f.snap")...)
	if got.code != 2 || !strings.HasPrefix(got.out, "Restored snapshot\nCompared ") || !strings.Contains(got.out, "difference") {
		t.Errorf("%+v", got)
	}
	r, _ := restored(t, 2, "-compare f.snap")
	if !r.Restored || r.Comparison.Equal || len(r.Comparison.Differences) == 0 {
		t.Errorf("%+v", r.Comparison)
	}
	s.archive = fixtureBytes(t, "consul-1.21.4/kv")
	inOrder(t, []step{{"snapshot restore -compare f.snap", 0, "equal"}})
}

// The tokens of the archive replace those of before, the caller's own among them.
func TestRestoreWithATokenThatDoesNotSurvive(t *testing.T) {
	const root = "11111111-2222-3333-4444-555555555555"
	t.Setenv("CONSUL_HTTP_TOKEN", root)
	startServer(t, `-hcl=acl { enabled = true default_policy = "deny" tokens { initial_management = "`+root+`" } }`)
	t.Chdir(t.TempDir())
	inOrder(t, []step{{"kv put app/a 1", 0, ""}, {"snapshot agent -interval=0 -local-path=s", 0, "proof=proven"}})
	newToken := func() string {
		t.Helper()
		client, err := api.NewClient(api.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := client.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{Name: "global-management"}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return token.SecretID
	}
	token := newToken()
	got := lictor("snapshot", "restore", "-token="+token, "-store=s", "latest")
	if got.code != 2 || got.out != "Restored snapshot\n" || !strings.Contains(got.err, "Not compared: ") || !strings.Contains(got.err, "-token-after-file") {
		t.Errorf("%+v", got)
	}
	r, _ := restored(t, 2, "-token="+newToken()+" -store=s latest")
	if r.Comparison != nil || !strings.Contains(r.NotCompared, "403") {
		t.Errorf("%+v", r)
	}
	writeFile(t, "root", []byte(root+"\n"))
	for _, after := range []string{"-token-after=" + root, "-token-after-file=root"} {
		got := lictor("snapshot", "restore", "-token="+newToken(), after, "-store=s", "latest")
		if got.code != 0 || !strings.Contains(got.out, "equal") || strings.Contains(got.out+got.err, root) {
			t.Errorf("%s: %+v", after, got)
		}
	}
	if err := os.Chmod("root", 0o644); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot restore -token-after-file=root -store=s latest", 0, "root can be read by others"},
		{"snapshot restore -token=66666666-2222-3333-4444-555555555555 -store=s latest", 1, "nothing was restored"},
	})
}

// What is written between the restore and the comparison is named, and is no difference.
func TestRestoreWithWritesMeanwhile(t *testing.T) {
	first, _ := twoStates(t)
	direct, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse("http://" + os.Getenv("CONSUL_HTTP_ADDR"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method != http.MethodPut || r.StatusCode != http.StatusOK {
			return nil
		}
		_, err := direct.KV().Put(&api.KVPair{Key: "web/since", Value: []byte("x")}, nil)
		_, err2 := direct.KV().Put(&api.KVPair{Key: "app/a", Value: []byte("9")}, nil)
		if err != nil {
			return err
		}
		return err2
	}
	inFront(t, proxy)
	got := lictor(words("snapshot restore -store=s " + first.ID)...)
	if got.code != 0 || !strings.Contains(got.out, "written since the restore: 2 keys (app/a, web/since)") {
		t.Errorf("%+v", got)
	}
}
