package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func service(t *testing.T, a *Agent, name string) bool {
	t.Helper()
	_, ok := a.local.ServiceRecord(name)
	return ok
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A change is taken over once it has settled: not at the first look, but at the second that sees the same.
func TestFilesAreWatched(t *testing.T) {
	dir := t.TempDir()
	a := start(t, load(t, "-dev", "-config-dir="+dir))
	files := a.watchedFiles()
	look := func() { a.look(&files) }
	settle := func() {
		look()
		look()
	}
	settle()
	web, db := filepath.Join(dir, "web.hcl"), filepath.Join(dir, "db.hcl")
	put(t, web, `service { name = "web" }`)
	look()
	put(t, db, `service { name = "d`) // being written
	look()
	if service(t, a, "web") {
		t.Error("a change was taken over before it settled")
	}
	put(t, db, `service { name = "db" }`)
	settle()
	if !service(t, a, "web") || !service(t, a, "db") {
		t.Error("new files were not taken over")
	}
	put(t, db, `nope = 1`)
	settle()
	if !service(t, a, "db") {
		t.Error("a mistake took a service away")
	}
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	settle()
	if !service(t, a, "web") || service(t, a, "db") {
		t.Error("the removal of a file was not taken over")
	}
}

// With auto_reload_config the agent watches by itself, and stops when it ends.
func TestAutoReloadConfig(t *testing.T) {
	dir := t.TempDir()
	a := start(t, load(t, "-dev", "-auto-reload-config", "-config-dir="+dir))
	put(t, filepath.Join(dir, "web.hcl"), `service { name = "web" }`)
	changed, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !service(t, a, "web") {
		select {
		case <-changed.Done():
			t.Fatal("the change was not taken over")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestReloadOnlyWhileRunning(t *testing.T) {
	a, err := Open(load(t, "-dev"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		if err := a.Reread(); err == nil || !strings.Contains(err.Error(), "cannot reload before agent started") {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("before the start")
	if err := a.Start(quiet()); err != nil {
		t.Fatal(err)
	}
	if err := a.Reread(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	refused("after the end")
}

// A level that does not exist leaves the last good one, not the one of the start.
func TestReloadOfTheLogLevel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.hcl")
	put(t, file, "")
	a, err := Open(load(t, "-dev", "-config-file="+file))
	if err != nil {
		t.Fatal(err)
	}
	root := quiet()
	if err := a.Start(root); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, c := range []struct {
		hcl  string
		want hclog.Level
	}{
		{`log_level = "warn"`, hclog.Warn}, {`log_level = "zz"`, hclog.Warn}, {`log_level = "trace"`, hclog.Trace}, {"", hclog.Debug},
	} {
		put(t, file, c.hcl)
		if err := a.Reread(); err != nil {
			t.Errorf("%s: %v", c.hcl, err)
		}
		if got := root.GetLevel(); got != c.want {
			t.Errorf("%s: level %v, want %v", c.hcl, got, c.want)
		}
	}
}
