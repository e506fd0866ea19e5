package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
)

// exported is a line of an export.
type exported struct {
	Family, Name string
	Object       map[string]any
}

// exportedLines parses what an export has printed.
func exportedLines(t *testing.T, out string) (all []exported) {
	t.Helper()
	for line := range strings.Lines(out) {
		var x exported
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&x); err != nil || x.Family == "" || len(x.Object) == 0 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, x)
	}
	return all
}

// Every object that a comparison with nothing would show as added is exported, with the same words and the same content.
func TestExportHoldsEveryObject(t *testing.T) {
	for _, name := range []string{"kv", "full", "empty"} {
		for _, flags := range []string{"", "-show-secrets", "-indexes"} {
			file := golden.Path("consul-1.21.4/" + name + ".snap")
			got := lictor(words("snapshot export " + flags + " " + file)...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("exit %d, %s", got.code, got.err)
			}
			have := map[string]int{}
			for _, x := range exportedLines(t, got.out) {
				text, _ := json.Marshal(x.Object)
				have[x.Family+" "+x.Name+" "+string(text)]++
			}
			t.Chdir(t.TempDir())
			oldArchive(t, "nothing.tar.gz", func(*kvarchive.Writer) error { return nil })
			var all strings.Builder
			for _, kind := range kindWords() {
				all.WriteString("," + kind + ":")
			}
			diffed := lictor(words("snapshot diff -format=json " + flags + " -only=" + all.String()[1:] + " nothing.tar.gz " + file)...)
			var document struct {
				Changes []struct {
					Family, Name string
					After        map[string]any
				}
			}
			if err := json.Unmarshal([]byte(diffed.out), &document); err != nil || len(document.Changes) == 0 {
				t.Fatalf("%v: %s", err, diffed.err)
			}
			for _, c := range document.Changes {
				text, _ := json.Marshal(c.After)
				key := c.Family + " " + c.Name + " " + string(text)
				if have[key]--; have[key] == 0 {
					delete(have, key)
				} else if have[key] < 0 {
					t.Errorf("%s %s: not exported: %s", name, flags, key)
				}
			}
			for key := range have {
				t.Errorf("%s %s: more than the state has: %s", name, flags, key)
			}
		}
	}
}

func kindWords() []string {
	return strings.Split(strings.Trim(strings.Join(strings.Fields(kindsText()), ""), "."), ",")
}

// No secret is printed unless it is asked for: those of a real snapshot, and those that are planted in an archive.
func TestExportHidesSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	planted := []string{"PLANTED-legacy", "PLANTED-token", "PLANTED-query"}
	oldArchive(t, "old.tar.gz", func(w *kvarchive.Writer) error {
		return errors.Join(
			w.PutKey(&record.KVEntry{Key: "\xffbytes", Value: []byte("x")}),
			w.PutLegacyACL(&kvarchive.LegacyACL{ID: planted[0], Name: "app", Type: "client", Rules: `key "" { policy = "read" }`}),
			w.PutLegacyACL(&kvarchive.LegacyACL{ID: planted[0] + "-odd", Name: "", Type: "client", Rules: `mesh = "write"`}),
			w.PutACL(&kvarchive.ACL{Token: &record.ACLToken{AccessorID: "a", SecretID: planted[1]}}),
			w.PutQuery(&record.PreparedQuery{ID: "q", Name: "geo", Token: planted[2]}))
	})
	for _, flags := range []string{"", "-indexes"} {
		got := lictor(words("snapshot export " + flags + " old.tar.gz")...)
		if got.code != 0 || strings.Contains(got.out+got.err, "PLANTED") || strings.Count(got.out, "<hidden>") != 3 {
			t.Errorf("exit %d, %s%s", got.code, got.out, got.err)
		}
		if !strings.Contains(got.out, `"RawKey":"/2J5dGVz"`) {
			t.Errorf("a key that is no UTF-8 is lost: %s", got.out)
		}
	}
	shown := lictor("snapshot", "export", "-show-secrets", "old.tar.gz")
	for _, secret := range planted {
		if !strings.Contains(shown.out, `"`+secret+`"`) {
			t.Errorf("%s is asked for, and not shown", secret)
		}
	}
	snap := golden.Path("consul-1.21.4/full.snap")
	full := lictor("snapshot", "export", snap)
	n := 0
	for line := range strings.Lines(lictor("snapshot", "decode", snap).out) {
		var x struct{ Data struct{ SecretID string } }
		if json.Unmarshal([]byte(line), &x) != nil || len(x.Data.SecretID) != 36 {
			continue
		}
		if n++; strings.Contains(full.out, x.Data.SecretID) {
			t.Errorf("the secret of a token is shown: %s", x.Data.SecretID)
		}
	}
	if n < 3 {
		t.Errorf("%d secrets were looked for", n)
	}
}

func TestExportFilters(t *testing.T) {
	full := fixturePath("consul-1.21.4/full")
	for line, want := range map[string]string{
		"-only=acl-policy:global-management":         "acl-policy global-management",
		"-prefix=nothing/ -only=query:nope":          "",
		"-only=acl-policy:builtin/global-read-onl":   "",
		"-only=kv:nope,acl-policy:global-management": "acl-policy global-management",
	} {
		got := lictor(words("snapshot export " + line + " " + full)...)
		var names []string
		for _, x := range exportedLines(t, got.out) {
			names = append(names, x.Family+" "+x.Name)
		}
		if got.code != 0 || strings.Join(names, ",") != want || strings.Contains(line, "n") && strings.Contains(line, "nope") != strings.Contains(got.err, "nope") {
			t.Errorf("%s: exit %d, %q, %s", line, got.code, names, got.err)
		}
	}
}

func TestExportFails(t *testing.T) {
	kv := fixturePath("consul-1.21.4/kv")
	for _, c := range []struct{ name, line, want string }{
		{"nothing", "", "one argument is needed, FILE, store:ID or dc:NAME (got 0)"},
		{"two", kv + " " + kv, "(got 2)"},
		{"no such file", "/nope.snap", "/nope.snap: open /nope.snap: no such file"},
		{"damaged sum", fixturePath("damaged/state-bitflip"), "hash check failed"},
		{"damaged trailer", fixturePath("damaged/gzip-bad-crc"), "gzip: invalid checksum"},
		{"records end early", fixturePath("damaged/state-truncated"), "failed to decode msg type KVS"},
		{"an unknown kind", "-only=keys:a " + kv, `there is no kind "keys"`},
		{"no store", "store:latest", "no store is named"},
		{"no ID", "-store=x store:", "store:ID or store:latest"},
		{"a store that nobody means", "-store=x " + kv, "no argument is in it"},
		{"-stale without a datacenter", "-stale " + kv, "no argument is one"},
	} {
		got := lictor(words("snapshot export " + c.line)...)
		if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "Error exporting snapshot: ") || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: exit %d, %q, %s, want %q", c.name, got.code, got.out, got.err, c.want)
		}
	}
}

// failing fails after some bytes.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// An export that breaks off says so, unless its reader has had enough.
func TestExportBreaksOff(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.EPIPE, ""},
		{errors.New("no space left on device"), "Error exporting snapshot: write to standard output: no space left on device: the export is not complete\n"},
	} {
		for _, left := range []int{0, 70_000} {
			var stderr bytes.Buffer
			out := &failing{left, &os.PathError{Op: "write", Path: "|1", Err: c.err}}
			if c.want != "" {
				out.err = c.err
			}
			code := run([]string{"lictor", "snapshot", "export", fixturePath("consul-1.21.4/large-kv")}, nil, out, &stderr)
			if code != 1 || stderr.String() != c.want {
				t.Errorf("%v after %d bytes: exit %d, %q", c.err, left, code, stderr.String())
			}
		}
	}
}

// A store, a datacenter, an encrypted file.
func TestExportFromElsewhere(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	key := newAgeKey(t)
	inOrder(t, []step{
		{"kv put app/a 1", 0, ""},
		{"snapshot agent -interval=0 -local-path=snaps", 0, "proof=proven"},
		{"snapshot export -prefix=app/ -store=snaps store:latest", 0, `{"Family":"kv","Name":"app/a","Object":{"Flags":0,"Key":"app/a","Value":"MQ=="}}`},
		{"snapshot export -prefix=app/ dc:", 0, `"Key":"app/a"`},
		{"snapshot export dc:nowhere", 1, "No path to datacenter"},
		{"snapshot save plain.snap", 0, ""},
		{"snapshot rekey -recipient=" + key.Recipient().String() + " plain.snap", 0, ""},
		{"snapshot export -only=kv:app/a -identity=" + key.file + " plain.snap", 0, `"Key":"app/a"`},
		{"snapshot export plain.snap", 1, "plain.snap: it is encrypted"},
	})
}

// Keys come in order, all of them.
func TestExportOfManyKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	oldArchive(t, "old.tar.gz", func(w *kvarchive.Writer) error {
		var err error
		for i := range 3000 {
			err = errors.Join(err, w.PutKey(&record.KVEntry{Key: fmt.Sprintf("k/%05d", i), Value: []byte("v")}))
		}
		return err
	})
	got := lictor("snapshot", "export", "old.tar.gz")
	lines := exportedLines(t, got.out)
	if got.code != 0 || len(lines) != 3000 || lines[2999].Name != "k/02999" {
		t.Errorf("exit %d, %d lines, %s", got.code, len(lines), got.err)
	}
}
