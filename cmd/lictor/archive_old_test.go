package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/storetest"
)

const oldPassphrase = "correct horse battery staple"

// oldFixtures are archives of consul-snapshot that the real tool wrote, and bad ones made of them, below testdata.
var oldFixtures = map[string]string{
	"plain":      "plain/consul-backup-1.consul.snapshot.1795246816.tar.gz",
	"no ACLs":    "plain/consul-backup-1.consul.snapshot.1795246814.tar.gz",
	"encrypted":  "encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz",
	"local mode": "local-mode/acceptancetest.tar.gz",
	"0.1":        "v0.1-format/consul.backup.1468004512.gz",
	"null":       "bad/consul-unreachable-null-data.tar.gz",
	"cut":        "bad/encrypted-truncated.tar.gz",
	"changed":    "bad/kv-checksum-mismatch.tar.gz",
	"leads out":  "bad/path-traversal.tar.gz",
}

func oldFixture(name string) string { return golden.Path("consul-snapshot-0.3.1/" + oldFixtures[name]) }

// filesBelow are all files below a directory.
func filesBelow(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every archive goes through every command. What is printed, and with which exit code, is in testdata/old.golden. None leaves anything behind.
func TestOldArchives(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	t.Setenv("CRYPTO_PASSWORD", oldPassphrase)
	t.Chdir(deep)
	names := []string{"plain", "no ACLs", "encrypted", "local mode", "0.1", "null", "cut", "changed", "leads out"}
	var transcript strings.Builder
	for _, line := range []string{
		"inspect FILE", "inspect -kvdetails -kvfilter=app/ -kvdepth=1 -format=json FILE", "verify FILE", "verify -format=json FILE", "decode FILE",
		"diff -prefix=app/ " + golden.Path("consul-1.21.4/empty.snap") + " FILE", "diff FILE FILE", "export -prefix=app/config/ FILE",
	} {
		for i, name := range names {
			if strings.Contains(line, "json") && i > 0 && name != "0.1" && name != "changed" {
				continue // the text says as much
			}
			got := lictor(words("snapshot " + strings.ReplaceAll(line, "FILE", oldFixture(name)))...)
			text := "$ lictor snapshot " + line + "   # " + name + "\n" + got.out + got.err
			if strings.HasPrefix(line, "decode") && got.code == 0 {
				text = "$ lictor snapshot " + line + "   # " + name + "\n" + countLines(got.out)
			}
			transcript.WriteString(strings.ReplaceAll(text, golden.Path(""), "testdata") + fmt.Sprintf("exit %d\n\n", got.code))
		}
	}
	for _, name := range names[5:] {
		if got := lictor("snapshot", "restore", oldFixture(name)); got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "Error restoring snapshot: ") {
			t.Errorf("%s is restored: exit %d, %s%s", name, got.code, got.out, got.err)
		}
	}
	goldenText(t, filepath.Join(packageDir, "testdata", "old.golden"), transcript.String())
	if left := filesBelow(t, root); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// packageDir is where the tests began.
var packageDir = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// countLines counts lines of JSON by their Type.
func countLines(out string) string {
	counts := map[string]int{}
	var order []string
	for line := range strings.Lines(out) {
		var x struct{ Type string }
		if json.Unmarshal([]byte(line), &x) != nil {
			return "no JSON: " + line
		}
		if counts[x.Type]++; counts[x.Type] == 1 {
			order = append(order, x.Type)
		}
	}
	var b strings.Builder
	for _, name := range order {
		fmt.Fprintf(&b, "%s %d\n", name, counts[name])
	}
	return b.String()
}

// Standard input is looked at, and then read from its start.
func TestOldArchivesFromStandardInput(t *testing.T) {
	t.Setenv("CRYPTO_PASSWORD", oldPassphrase)
	for _, name := range []string{"plain", "encrypted", "0.1"} {
		data, err := os.ReadFile(oldFixture(name))
		if err != nil {
			t.Fatal(err)
		}
		for line, want := range map[string]string{
			"inspect -": "consul-snapshot", "verify -": "sound     -: 10 keys", "decode -": `"Key":"app/lock"`, "export -": `"Name":"app/lock"`,
			"diff - " + oldFixture("plain"): "No differences in ",
		} {
			if got := lictorReading(string(data), words("snapshot "+line)...); got.code != 0 || !strings.Contains(got.out, want) {
				t.Errorf("%s: %s: exit %d, %s%s", name, line, got.code, got.out, got.err)
			}
		}
	}
	for line, want := range map[string]string{"inspect -": " KVS ", "verify -": "sound ", "decode -": `"Type":"KVS"`, "export -": `"Family":"kv"`} {
		got := lictorReading(string(snapshotBytes(t, "consul-1.21.4/kv")), words("snapshot "+line)...)
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("a snapshot: %s: exit %d, %s", line, got.code, got.err)
		}
	}
}

func TestOldPassphrases(t *testing.T) {
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	writeFile(t, right, []byte(oldPassphrase+"\n"))
	writeFile(t, wrong, []byte("sesame\n"))
	ask, can := askSecret, canAsk
	defer func() { askSecret, canAsk = ask, can }()
	asked := ""
	askSecret = func(string) (string, error) { return asked, nil }
	for _, c := range []struct {
		name, flags, env, typed string
		code                    int
		want                    string
	}{
		{"in a file", "-passphrase-file=" + right, "", "", 0, "10 keys"},
		{"in the environment", "", oldPassphrase, "", 0, "10 keys"},
		{"typed", "", "", oldPassphrase, 0, "10 keys"},
		{"the file wins", "-passphrase-file=" + wrong, oldPassphrase, "", 1, "another passphrase than the one in " + wrong},
		{"wrong in the environment", "", "sesame", "", 1, "another passphrase than the one in CRYPTO_PASSWORD"},
		{"wrong when typed", "", "", "sesame", 1, "another passphrase than the one that was typed"},
		{"none", "", "", "", 1, "its passphrase is taken from CRYPTO_PASSWORD, or from a file, with -passphrase-file"},
		{"no file", "-passphrase-file=/nope", oldPassphrase, "", 1, "passphrase file: open /nope"},
	} {
		t.Setenv("CRYPTO_PASSWORD", c.env)
		asked, canAsk = c.typed, func() bool { return c.typed != "" }
		for _, command := range []string{"verify", "inspect", "export", "decode", "restore"} {
			got := lictor(words("snapshot " + command + " " + c.flags + " " + oldFixture("encrypted"))...)
			if command == "verify" && (got.code != c.code || !strings.Contains(got.out+got.err, c.want)) || c.code == 1 && got.code != 1 ||
				c.code == 1 && !strings.Contains(got.err, c.want) {
				t.Errorf("%s: %s: exit %d, %s%s", c.name, command, got.code, got.out, got.err)
			}
			if strings.Contains(got.out+got.err, "sesame") || strings.Contains(got.out+got.err, oldPassphrase) {
				t.Errorf("%s: %s: the passphrase is shown", c.name, command)
			}
		}
	}
}

// A file that nothing reads is told as what it looks like, with the words that there have always been before that.
func TestNeither(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "x.zip", []byte("PK\x03\x04"+strings.Repeat("zip", 30)))
	writeFile(t, "x.html", []byte("<html>"+strings.Repeat("not found ", 30)))
	for file, looks := range map[string]string{"x.zip": "a zip archive", "x.html": "a web page"} {
		for command, begins := range map[string]string{
			"inspect": "Error reading snapshot: failed to decompress snapshot: gzip: invalid header",
			"decode":  "Error reading snapshot: failed to decompress snapshot: gzip: invalid header",
			"export":  "Error exporting snapshot: " + file + ": failed to decompress snapshot: gzip: invalid header",
			"restore": "Error restoring snapshot: ", "verify": "BAD       " + file + ": ",
		} {
			got := lictor("snapshot", command, file)
			text := got.out + got.err
			if got.code != 1 || !strings.HasPrefix(text, begins) || !strings.Contains(text, "looks like "+looks+": what can be read are") {
				t.Errorf("%s %s: exit %d, %s", command, file, got.code, text)
			}
		}
	}
}

// oldArchive writes an archive of consul-snapshot into a file.
func oldArchive(t *testing.T, file string, fill func(*kvarchive.Writer) error) {
	t.Helper()
	w, err := kvarchive.NewWriter(t.TempDir(), kvarchive.Head{Directory: "d", Started: time.Unix(1795246814, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var b bytes.Buffer
	err = errors.Join(fill(w), w.Finish(time.Unix(1795246815, 0)))
	if err == nil {
		_, err = w.Pack(t.Context(), &b)
	}
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, b.Bytes())
}

// What such an archive lacks is said.
func TestOldWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	oldArchive(t, "old.tar.gz", func(w *kvarchive.Writer) error {
		return errors.Join(w.PutQuery(&record.PreparedQuery{ID: "q", Name: "geo", Token: kvarchive.HiddenToken}),
			w.PutLegacyACL(&kvarchive.LegacyACL{ID: "PLANTED", Name: "odd", Type: "client", Rules: `mesh = "write"`}))
	})
	for _, line := range []string{"inspect old.tar.gz", "verify old.tar.gz", "diff old.tar.gz old.tar.gz", "export old.tar.gz", "restore old.tar.gz"} {
		got := lictor(words("snapshot " + line)...)
		for _, want := range []string{"1 prepared query lacks its token", `a legacy ACL cannot become a token of today: translate the rules of the legacy ACL "odd"`} {
			if !strings.Contains(got.err, want) {
				t.Errorf("%s: no %q in %s", line, want, got.err)
			}
		}
		if strings.Contains(got.out+got.err, "PLANTED") {
			t.Errorf("%s: a secret is shown", line)
		}
	}
}

// Beside snapshots, archives of consul-snapshot are listed with their time and host, read by their names, and never deleted.
func TestOldArchivesInAStore(t *testing.T) {
	t.Setenv("CRYPTO_PASSWORD", oldPassphrase)
	t.Chdir(t.TempDir())
	day := "backups/2026/11/21/consul-backup-1.consul.snapshot.1795246816.tar.gz"
	for name, fixture := range map[string]string{
		day: "plain", "2016/7/8/consul.snapshot.1468004512.tar.gz": "no ACLs", "consul.backup.1468004512.gz": "0.1",
		"h.consul.snapshot.1795246817.tar.gz": "encrypted", "h.consul.snapshot.1795246818.tar.gz": "changed", "other/2026/1/1/consul.backup.1.gz": "0.1",
		"backups/2026/11/21/notes.txt": "0.1",
	} {
		data, err := os.ReadFile(oldFixture(fixture))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir("st/"+name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, "st/"+name, data)
	}
	before := filesBelow(t, "st")
	got := lictor("snapshot", "list", "-store=st", "-format=json")
	var all []listed
	if err := json.Unmarshal([]byte(got.out), &all); err != nil || got.code != 0 {
		t.Fatalf("exit %d, %v, %s", got.code, err, got.err)
	}
	var names []string
	for _, l := range all {
		names = append(names, l.ID)
		if l.Proof != "consul-snapshot" || l.Size == 0 || l.ID == day && (l.Host != "consul-backup-1" || l.Time.Unix() != 1795246816) {
			t.Errorf("%+v", l)
		}
	}
	if want := []string{"h.consul.snapshot.1795246818.tar.gz", "h.consul.snapshot.1795246817.tar.gz", day, "consul.backup.1468004512.gz",
		"2016/7/8/consul.snapshot.1468004512.tar.gz"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	inOrder(t, []step{
		{"snapshot list -store=st", 0, "host consul-backup-1"},
		{"snapshot list -store=st -cluster=dc1", 0, ""},
		{"snapshot verify -store=st " + day, 0, "sound     "},
		{"snapshot verify -store=st h.consul.snapshot.1795246817.tar.gz", 0, "sound     "},
		{"snapshot verify -store=st h.consul.snapshot.1795246818.tar.gz", 1, "BAD       "},
		{"snapshot verify -store=st -drill " + day, 1, "-drill rebuilds snapshots"},
		{"snapshot verify -store=st h.consul.snapshot.1.tar.gz", 1, "no such object"},
		{"snapshot verify -store=st ../st/consul.backup.1468004512.gz", 1, "is refused"},
		{"snapshot diff -store=st store:" + day + " " + oldFixture("plain"), 0, "No differences in "},
		{"snapshot export -store=st -only=kv:zz/large store:" + day, 0, `"Key":"zz/large"`},
		{"snapshot restore -yes -store=st " + day, 1, "Error restoring snapshot: ask the datacenter: "},
		{"snapshot get -store=st " + day, 0, "Got and verified archive of consul-snapshot"},
		{"snapshot verify consul-backup-1.consul.snapshot.1795246816.tar.gz", 0, "sound     "},
		{"snapshot get -store=st h.consul.snapshot.1795246818.tar.gz bad.tar.gz", 1, "is not what was saved"},
		{"snapshot prune -store=st -cluster=dc1 -retain=1", 0, ""},
	})
	if _, err := os.Stat("bad.tar.gz"); !os.IsNotExist(err) {
		t.Errorf("a bad archive was got: %v", err)
	}
	if after := filesBelow(t, "st"); !slices.Equal(after, before) {
		t.Errorf("the store had %q and has %q", before, after)
	}
	t.Setenv("CRYPTO_PASSWORD", "")
	if got := lictor("snapshot", "get", "-store=st", "-format=json", "h.consul.snapshot.1795246817.tar.gz", "x.tar.gz"); got.code != 0 ||
		!strings.Contains(got.err, "it was not looked into") || !strings.Contains(got.out, `"Encrypted": true`) {
		t.Errorf("exit %d, %s%s", got.code, got.out, got.err)
	}
}

// Such an archive is compared with a live datacenter: with no more of it than the archive could hold.
func TestOldArchiveAndADatacenter(t *testing.T) {
	startServer(t)
	old := oldFixture("no ACLs")
	inOrder(t, []step{
		{"kv put app/config/greeting hello", 0, ""},
		{"kv put app/folder/ other", 0, ""},
		{"snapshot diff -stat " + old + " dc:", 1, "Keys              0      8        1\nPrepared queries  0      2        0\nAll               0      10       1\n"},
		{"snapshot diff -only=kv:app/config/greeting " + old + " dc:", 0, "No differences in 1 objects"},
		{"snapshot diff -only=kv:app/folder/ dc: " + old, 1, `Value: "other" → "dir"`},
	})
}

// Archives in a bucket are where that tool puts them.
func TestOldArchivesInABucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	data, err := os.ReadFile(oldFixture("plain"))
	if err != nil {
		t.Fatal(err)
	}
	url := "s3://backups/%s?region=r&use_path_style=true&endpoint=" + storetest.S3(t, "backups").URL
	day, err := blobstore.OpenURL(t.Context(), fmt.Sprintf(url, "backups/2026/11/21"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer day.Close()
	name := "consul-backup-1.consul.snapshot.1795246816.tar.gz"
	if err := day.Put(t.Context(), name, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for prefix, path := range map[string]string{"": "backups/2026/11/21/", "backups": "2026/11/21/", "backups/2026/11/21": ""} {
		store := " -store=" + fmt.Sprintf(url, prefix) + " "
		inOrder(t, []step{
			{"snapshot list" + store, 0, path + name + "  2026-11-21T07:40:16Z"},
			{"snapshot verify" + store + path + name, 0, "sound     "},
			{"snapshot diff" + store + "store:" + path + name + " " + oldFixture("plain"), 0, "No differences in 16 objects"},
			{"snapshot verify" + store + path + "x.consul.snapshot.1.tar.gz", 1, "no such object"},
		})
	}
}

// What an archive says of itself does not talk to the terminal.
func TestOldArchiveWithControlCharacters(t *testing.T) {
	t.Chdir(t.TempDir())
	const odd = "\x1b[31m"
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	meta, err := json.Marshal(map[string]any{"ConsulSnapshotVersion": odd, "NodeName": odd, "StartTime": 1, "EndTime": 1,
		"KVSha256": sum("[]"), "PQSha256": sum("[]"), "ACLSha256": sum("null")})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for _, m := range [][2]string{{"consul.kv.1.json", "[]"}, {"consul.pq.1.json", "[]"}, {"consul.acl.1.json", "null"}, {"meta.json", string(meta)}, {odd, ""}} {
		err = errors.Join(err, tw.WriteHeader(&tar.Header{Name: "d/" + m[0], Mode: 0o600, Size: int64(len(m[1]))}))
		_, wrote := tw.Write([]byte(m[1]))
		err = errors.Join(err, wrote)
	}
	if err := errors.Join(err, tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "odd.tar.gz", b.Bytes())
	for _, line := range []string{"inspect odd.tar.gz", "verify odd.tar.gz", "diff -only=kv: odd.tar.gz " + golden.Path("consul-1.21.4/kv.snap"),
		"export odd.tar.gz", "restore odd.tar.gz", "inspect -format=json odd.tar.gz", "verify -format=json odd.tar.gz", "decode odd.tar.gz"} {
		got := lictor(words("snapshot " + line)...)
		if strings.Contains(got.out+got.err, odd) || !strings.Contains(got.out+got.err, "31m") && !strings.HasPrefix(line, "decode") {
			t.Errorf("%s: exit %d, %q%q", line, got.code, got.out, got.err)
		}
	}
}
