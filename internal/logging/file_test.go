package logging

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// directoryNamed returns the path of a new directory with that name.
func directoryNamed(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents returns every regular file of dir by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func checkContents(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if got := contents(t, dir); !maps.Equal(got, want) {
		t.Errorf("files are %q, want %q", got, want)
	}
}

// archive returns the name of consul.log's archive made at a time.
func archive(at time.Time) string {
	return "consul-" + strconv.FormatInt(at.UnixNano(), 10) + ".log"
}

// opened is openFile for a directory, closed with the test.
func opened(t *testing.T, c *clock, cfg agentconfig.LogConfig) *file {
	t.Helper()
	l, err := openFile(cfg, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() }) // some tests close it themselves
	return l
}

func put(t *testing.T, l *file, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if err := l.write(hclog.Info, []byte(e)); err != nil {
			t.Fatalf("write %q: %v", e, err)
		}
	}
}

func TestFilePath(t *testing.T) {
	tests := map[string]string{
		"/var/log/":           "/var/log/consul.log",
		"logs/":               "logs/consul.log",
		"/":                   "/consul.log",
		"/var/log/consul.log": "/var/log/consul.log",
		"/var/log/node.txt":   "/var/log/node.txt",
		"/var/log/consul":     "/var/log/consul.log",
		"/var/log.d/consul":   "/var/log.d/consul.log",
	}
	for configured, want := range tests {
		if got := filepath.ToSlash(filePath(configured)); got != want {
			t.Errorf("filePath(%q) = %q, want %q", configured, got, want)
		}
	}
}

func TestFileIsBesidesStdout(t *testing.T) {
	dir := t.TempDir()
	logger, stdout := start(t, newClock().system(), agentconfig.LogConfig{Level: "INFO", File: dir + "/"})
	logger.Named("agent").Info("shutdown complete")
	const want = "2025-11-21T10:30:15.250Z [INFO]  agent: shutdown complete\n"
	if stdout.String() != want {
		t.Errorf("stdout is %q", stdout)
	}
	checkContents(t, dir, map[string]string{"consul.log": want})
}

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no permission bits")
	}
	dir, c := t.TempDir(), newClock()
	l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateBytes: 1})
	put(t, l, "one", "two")
	for name := range contents(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestRotateBytes(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	began := c.now()
	l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateBytes: 10})
	put(t, l, "12345", "67890") // exactly full
	checkContents(t, dir, map[string]string{"consul.log": "1234567890"})
	put(t, l, "a")
	c.pass(time.Second)
	put(t, l, "longer than the limit") // an entry is never split, nor refused
	c.pass(time.Second)
	put(t, l, "b")
	checkContents(t, dir, map[string]string{
		archive(began):                      "1234567890",
		archive(began.Add(time.Second)):     "a",
		archive(began.Add(2 * time.Second)): "longer than the limit",
		"consul.log":                        "b",
	})
}

func TestRotateDuration(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateDuration: 24 * time.Hour})
	c.pass(48 * time.Hour) // an empty file does not age
	put(t, l, "one,")
	c.pass(24*time.Hour - 1)
	put(t, l, "two")
	checkContents(t, dir, map[string]string{"consul.log": "one,two"})
	c.pass(1)
	put(t, l, "three")
	checkContents(t, dir, map[string]string{archive(c.now()): "one,two", "consul.log": "three"})
}

func TestRotateMaxFiles(t *testing.T) {
	const entries = 6 // hence five archives
	tests := []struct {
		name     string
		max      int
		archives int
	}{
		{"all", 0, 5},
		{"none", -1, 0},
		{"one", 1, 1},
		{"three", 3, 3},
		{"more than there are", 100, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			others := map[string]string{"consul-old.log": "x", "consul-5.txt": "x", "other-5.log": "x", "consul-05.log": "x"}
			for name, text := range others {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateBytes: 1, RotateMaxFiles: tt.max})
			want := maps.Clone(others)
			for i := range entries {
				put(t, l, strconv.Itoa(i))
				if i < entries-1 && i >= entries-1-tt.archives {
					want[archive(c.now().Add(time.Second))] = strconv.Itoa(i)
				}
				c.pass(time.Second)
			}
			want["consul.log"] = strconv.Itoa(entries - 1)
			checkContents(t, dir, want)
		})
	}
}

func TestRotationsInOneInstantLoseNothing(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateBytes: 1})
	put(t, l, "1", "2", "3")
	got := slices.Sorted(maps.Values(contents(t, dir)))
	if !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("the files hold %q", got)
	}
}

func TestRestartContinues(t *testing.T) {
	c := newClock()
	began := c.now()
	tests := []struct {
		name    string
		cfg     agentconfig.LogConfig
		archive time.Duration // age of an archive at the start; 0 for none
		written time.Duration // age of the file's last write at the start
		rotated bool
	}{
		{"small", agentconfig.LogConfig{RotateBytes: 100}, 0, 0, false},
		{"full", agentconfig.LogConfig{RotateBytes: 5}, 0, 0, true},
		{"young", agentconfig.LogConfig{RotateDuration: time.Hour}, 0, 10 * time.Minute, false},
		{"not written for long", agentconfig.LogConfig{RotateDuration: time.Hour}, 0, 2 * time.Hour, true},
		{"begun long ago", agentconfig.LogConfig{RotateDuration: time.Hour}, 2 * time.Hour, 10 * time.Minute, true},
		{"begun lately", agentconfig.LogConfig{RotateDuration: time.Hour}, 20 * time.Minute, 10 * time.Minute, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			want := map[string]string{"consul.log": "old"}
			if tt.archive > 0 {
				want[archive(began.Add(-tt.archive))] = "older"
			}
			for name, text := range want {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			written := began.Add(-tt.written)
			if err := os.Chtimes(filepath.Join(dir, "consul.log"), written, written); err != nil {
				t.Fatal(err)
			}
			tt.cfg.File = dir + "/"
			put(t, opened(t, c, tt.cfg), "new")
			if tt.rotated {
				want[archive(began)], want["consul.log"] = "old", "new"
			} else {
				want["consul.log"] = "oldnew"
			}
			checkContents(t, dir, want)
		})
	}
}

func TestFailedRotationKeepsWriting(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	l := opened(t, c, agentconfig.LogConfig{File: filepath.Join(dir, "consul.log"), RotateBytes: 1, RotateMaxFiles: 1})
	put(t, l, "1")
	if err := os.Remove(l.path); err != nil { // there is nothing to rename
		t.Fatal(err)
	}
	err := l.write(hclog.Info, []byte("2"))
	if err == nil || !strings.HasPrefix(err.Error(), "rotate log file: ") {
		t.Errorf("write = %v, want the rotation's error", err)
	}
	checkContents(t, dir, map[string]string{"consul.log": "2"})
	c.pass(time.Second)
	put(t, l, "3")
	checkContents(t, dir, map[string]string{archive(c.now()): "2", "consul.log": "3"})
}

func TestLostDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows does not remove a directory in use")
	}
	dir, c := directoryNamed(t, "logs"), newClock()
	l := opened(t, c, agentconfig.LogConfig{File: dir + "/", RotateBytes: 1})
	put(t, l, "1")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.write(hclog.Info, []byte("2")); err == nil {
			t.Error("a write to a file that is gone succeeds")
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = l.write(hclog.Info, []byte("3")) // the entry is written, the rotation may have failed
	if got := contents(t, dir); got["consul.log"] != "3" {
		t.Errorf("after the directory is back, files are %q", got)
	}
}
