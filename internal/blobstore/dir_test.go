package blobstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
)

func openDir(t testing.TB, path string) blobstore.Store {
	t.Helper()
	s, err := blobstore.Dir(path, func(err error) { t.Errorf("warning: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func files(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func store(t *testing.T, s blobstore.Store, name, content string) {
	t.Helper()
	if err := s.Put(t.Context(), name, strings.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, s blobstore.Store) []string {
	t.Helper()
	objects, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		names = append(names, o.Name)
	}
	return names
}

func TestDirIsMadeAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "var", "backups")
	s := openDir(t, path)
	store(t, s, "consul-1.snap", "state")
	for p, want := range map[string]os.FileMode{path: 0o700 | os.ModeDir, filepath.Join(path, "consul-1.snap"): 0o600} {
		if info, err := os.Stat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want mode %v", p, info.Mode(), err, want)
		}
	}
	if want := `Local -> Path: "` + path + `"`; s.String() != want {
		t.Errorf("String: %s", s)
	}
	if s.Location("consul-1.snap") != filepath.Join(path, "consul-1.snap") {
		t.Errorf("Location: %s", s.Location("consul-1.snap"))
	}
}

func TestDirListsRegularFilesOnly(t *testing.T) {
	path := t.TempDir()
	s := openDir(t, path)
	store(t, s, "a", "a")
	for _, name := range []string{".hidden", "consul-1.snap.tmp123", "b.tmp"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(path, "sub"), 0o700), os.Symlink("a", filepath.Join(path, "link"))); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, s); !slices.Equal(got, []string{"a"}) {
		t.Errorf("listed: %q", got)
	}
	if _, err := s.Get(t.Context(), "sub"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Get of a directory: %v", err)
	}
	if err := s.Delete(t.Context(), "sub"); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("Delete of a directory: %v", err)
	}
}

func TestDirSweepsWhatKilledRunsLeft(t *testing.T) {
	path := t.TempDir()
	old := time.Now().Add(-25 * time.Hour)
	for name, modified := range map[string]time.Time{
		"consul-1.snap.tmp17":       old,
		"consul-1.snap.json.tmp18":  old,
		"consul-1.7.snap.age.tmp18": old,
		"consul-2.snap.tmp19":       time.Now(), // somebody may write to it
		"notes.txt.tmp20":           old,        // another program's
		"consul-3.snap":             old,
	} {
		p := filepath.Join(path, name)
		if err := errors.Join(os.WriteFile(p, nil, 0o600), os.Chtimes(p, modified, modified)); err != nil {
			t.Fatal(err)
		}
	}
	s := openDir(t, path)
	want := []string{"consul-2.snap.tmp19", "consul-3.snap", "notes.txt.tmp20"}
	if got := files(t, path); !slices.Equal(got, want) {
		t.Errorf("after opening there are %q, want %q", got, want)
	}
	late := filepath.Join(path, "consul-2.snap.tmp19")
	if err := os.Chtimes(late, old, old); err != nil {
		t.Fatal(err)
	}
	store(t, s, "consul-4.snap", "")
	if got, want := files(t, path), []string{"consul-3.snap", "consul-4.snap", "notes.txt.tmp20"}; !slices.Equal(got, want) {
		t.Errorf("after a put there are %q, want %q", got, want)
	}
}

func TestDirLeavesNothingOfAFailure(t *testing.T) {
	path := t.TempDir()
	s := openDir(t, path)
	if err := s.Put(t.Context(), "a", iotest.TimeoutReader(bytes.NewReader(make([]byte, 1<<20))), 1<<20); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("Put: %v", err)
	}
	if got := files(t, path); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

func TestDirThatVanishes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mount")
	s := openDir(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err := s.Put(t.Context(), "a", strings.NewReader("a"), 1)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "still there, or mounted") {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.List(t.Context()); err == nil {
		t.Error("a directory that is gone is listed")
	}
}

func TestDirThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := blobstore.Dir(path, nil); err == nil {
		t.Errorf("opened: %v", s)
	}
}

func TestDirOfAnotherUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	path := t.TempDir()
	s := openDir(t, path)
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a", strings.NewReader("a"), 1); err == nil || !strings.Contains(err.Error(), "check who owns "+path) {
		t.Errorf("Put: %v", err)
	}
}
