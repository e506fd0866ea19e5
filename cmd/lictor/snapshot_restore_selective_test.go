package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/golden"
)

// Flags that contradict are refused with the reason, before anything is asked.
func TestSelectiveFlags(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	file := golden.Path("consul-1.21.4/kv.snap")
	for _, tt := range []struct{ line, want string }{
		{"-rename=a/=b/", "-rename is for bringing back a part of the snapshot"},
		{"-delete", "-delete is for bringing back a part of the snapshot"},
		{"-undo=x", "-undo is for bringing back a part of the snapshot"},
		{"-yes", "-yes is for bringing back a part of the snapshot"},
		{"-limit=3", "-limit is for bringing back a part of the snapshot"},
		{"-only=kv: -compare", "-compare is for a restore of a whole snapshot"},
		{"-only=kv: -no-safety", "-no-safety is for a restore of a whole snapshot"},
		{"-only=kv: -safety-file=x", "-safety-file is for a restore of a whole snapshot"},
		{"-only=kv: -allow-types=64", "-allow-types is for a restore of a whole snapshot"},
		{"-only=kv: -drop-legacy-acl", "-drop-legacy-acl is for a restore of a whole snapshot"},
		{"-only=kv: -token-after=x", "-token-after is for a restore of a whole snapshot"},
		{"-only=kv: -limit=-1", "-limit is -1"},
		{"-only=nope:x", "there is no kind"},
		{"-only=query: -rename=a/=b/", "a rename is for keys"},
		{"-only=kv: -rename=a/=b", "one of the two ends in a slash"},
		{"-only=kv:", "connection refused"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			got := lictor(append(words("snapshot restore "+tt.line), file)...)
			if got.code != 1 || got.out != "" || !strings.Contains(got.err, tt.want) {
				t.Errorf("exit %d, output %q, error %q, want %q", got.code, got.out, got.err, tt.want)
			}
		})
	}
}

// A part of a snapshot comes back into a server of our own, and is taken back.
func TestSelectiveRestore(t *testing.T) {
	startServer(t)
	dir := t.TempDir()
	t.Chdir(dir)
	do := func(code int, want, line string) result {
		t.Helper()
		got := lictor(words(line)...)
		if got.code != code || !strings.Contains(got.out+got.err, want) {
			t.Fatalf("%s: exit %d, want %d and %q:\n%s%s", line, got.code, code, want, got.out, got.err)
		}
		return got
	}
	for _, line := range []string{"kv put app/a 1", "kv put app/b 2", "kv put other x", "snapshot save before.snap", "kv put app/a 99",
		"kv delete app/b", "kv put app/new 3", "kv put other y"} {
		do(0, "", line)
	}
	dry := do(0, "Dry run: nothing was changed.", "snapshot restore -only=kv:app/ -dry-run before.snap")
	if !strings.Contains(dry.out, `Value: "99" → "1"`) || !strings.Contains(dry.out, "Left alone: 1 key") {
		t.Errorf("dry run:\n%s", dry.out)
	}
	do(1, "standard input is no terminal", "snapshot restore -only=kv:app/ before.snap")
	if _, err := os.Stat("before.snap.dc1.undo"); !os.IsNotExist(err) {
		t.Errorf("nothing was done, and there is an undo file: %v", err)
	}
	do(0, "Compared: what was written is what it was to be", "snapshot restore -only=kv:app/ -delete -yes before.snap")
	do(0, "1", "kv get app/a")
	do(1, "", "kv get app/new")
	do(0, "y", "kv get other")
	if info, err := os.Stat("before.snap.dc1.undo"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the undo file: %v, %v", info, err)
	}
	do(0, "Nothing to do", "snapshot restore -only=kv:app/ -delete -yes before.snap")
	do(0, "", "kv put app/b theirs")
	do(2, "key app/b: has been changed since the restore", "snapshot undo -yes before.snap.dc1.undo")
	do(0, "99", "kv get app/a")
	do(0, "theirs", "kv get app/b")
	do(0, "3", "kv get app/new")

	do(1, "takes back a restore that was finished", "snapshot restore -only=kv:app/ -yes -undo=before.snap.dc1.undo before.snap")
	got := do(0, "", "snapshot restore -only=kv:app/ -rename=app/=moved/ -yes -format=json -undo=u before.snap")
	var doc struct {
		Outcome struct{ Equal bool }
		Changes []struct{ Name string }
		Undo    string
	}
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || !doc.Outcome.Equal || len(doc.Changes) != 2 || doc.Undo != "u" {
		t.Errorf("%v: %s", err, got.out)
	}
	do(0, "2", "kv get moved/b")
	if err := os.WriteFile("u", []byte("lictor undo 1\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(1, "cut short", "snapshot undo -yes u")
	archive, err := os.ReadFile("before.snap")
	if err != nil {
		t.Fatal(err)
	}
	piped := lictorReading(string(archive), words("snapshot restore -only=kv:moved/,kv:app/ -")...)
	if piped.code != 1 || !strings.Contains(piped.err, "standard input is the snapshot") {
		t.Errorf("a snapshot on standard input: %d %q", piped.code, piped.err)
	}
}

// Somebody at a terminal is asked, and told what for; only yes is taken for it.
func TestSelectivePrompt(t *testing.T) {
	startServer(t)
	dir := t.TempDir()
	for _, tt := range []struct {
		answer string
		code   int
	}{{"yes\n", 0}, {"y\n", 1}, {"", 1}, {"no\n", 1}} {
		var out, errs bytes.Buffer
		p := &program{name: "lictor", in: strings.NewReader(tt.answer), out: &output{w: &out}, err: &errs}
		c := &connection{}
		_, config, err := c.clientAndConfig(p)
		if err != nil {
			t.Fatal(err)
		}
		run := promptedRun(t, p, config, filepath.Join(dir, "a.snap"))
		d := &snapshotRestore{program: p}
		side, _, err := d.source(t.Context(), []string{golden.Path("consul-1.21.4/kv.snap")})
		if err != nil {
			t.Fatal(err)
		}
		code := run.run(t.Context(), side.records, side.name)
		side.stop()
		if code != tt.code || !strings.Contains(errs.String(), "This changes datacenter dc1, whose leader is 127.0.0.1:") ||
			!strings.Contains(errs.String(), "to create, 0 to update, 0 to delete") {
			t.Errorf("answer %q: exit %d\n%s\n%s", tt.answer, code, out.String(), errs.String())
		}
		if tt.code == 0 {
			lictor("kv", "delete", "-recurse", "")
		}
	}
}

func promptedRun(t *testing.T, p *program, config *api.Config, base string) *selectiveRun {
	t.Helper()
	filter, err := diff.ParseFilter([]string{"kv:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &selectiveRun{program: p, config: config, filter: filter, undoBase: base, limit: usualLimit, terminal: func() bool { return true }}
}
