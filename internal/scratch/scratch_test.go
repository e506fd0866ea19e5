package scratch

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func create(t *testing.T, d *Dir) *File {
	t.Helper()
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Discard(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// What a killed process left is swept; what another holds, and what is no scratch file, stays.
func TestSweep(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"lictor-scratch-1.snap", "consul-1.snap", "lictor-scratch-2.txt"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held := create(t, open(t, path))
	open(t, path)
	for name, want := range map[string]bool{
		"lictor-scratch-1.snap": false, "consul-1.snap": true, "lictor-scratch-2.txt": true, filepath.Base(held.Name()): true,
	} {
		if _, err := os.Stat(filepath.Join(path, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFile(t *testing.T) {
	f := create(t, open(t, t.TempDir()))
	if info, err := f.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := io.WriteString(f, "archive"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := f.Reopen()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != "archive" {
			t.Errorf("%q, %v", b, err)
		}
		r.Close()
	}
	for range 2 {
		if err := f.Discard(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// Processes that start while others make their files take nothing away from them.
func TestSweepersAndCreators(t *testing.T) {
	path := t.TempDir()
	var running sync.WaitGroup
	defer running.Wait()
	for range 4 {
		running.Go(func() {
			for range 200 {
				d, err := Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				f, err := d.Create()
				if err != nil {
					t.Error(err)
					return
				}
				if !f.there() {
					t.Error("a file was swept that is held")
				}
				if err := f.Discard(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "-missing"} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s is taken for a directory", path)
		}
	}
}

// A directory that a killed process has left is swept with all that is in it; one that is held stays.
func TestDirectories(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	held, err := d.CreateDir()
	if err != nil {
		t.Fatal(err)
	}
	left, err := d.CreateDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Place{held, left} {
		if err := os.WriteFile(filepath.Join(p.Path, "state"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left.lock.Close() // as the end of its process does
	open(t, path)
	for _, c := range []struct {
		p    *Place
		want bool
	}{{held, true}, {left, false}} {
		if _, err := os.Stat(filepath.Join(c.p.Path, "state")); (err == nil) != c.want {
			t.Errorf("%s: %v", c.p.Path, err)
		}
	}
	if err := held.Discard(); err != nil {
		t.Error(err)
	}
	if rest, err := os.ReadDir(path); err != nil || len(rest) > 0 {
		t.Errorf("%v, %v", rest, err)
	}
}
