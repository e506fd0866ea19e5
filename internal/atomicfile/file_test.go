package atomicfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

func noWarning(t *testing.T) func(error) {
	return func(err error) { t.Errorf("warning: %v", err) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content gives the names and contents of the files in dir.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(data)
	}
	return files
}

func check(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := content(t, dir)
	if len(got) != len(want) {
		t.Errorf("files %v, want %v", got, want)
	}
	for name, data := range want {
		if got[name] != data {
			t.Errorf("%s holds %q, want %q", name, got[name], data)
		}
	}
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.snap")
	must(t, os.WriteFile(path, []byte("old"), 0o644))
	f, err := atomicfile.Create(t.Context(), path, noWarning(t))
	must(t, err)
	defer func() { must(t, f.Abort()) }()
	if dir, base := filepath.Split(f.Name()); !strings.HasPrefix(base, "a.snap.tmp") || filepath.Clean(dir) != filepath.Dir(path) {
		t.Errorf("temporary name %s", f.Name())
	}
	for _, part := range []string{"ne", "w"} {
		_, err := f.Write([]byte(part))
		must(t, err)
	}
	check(t, dir, map[string]string{"a.snap": "old", filepath.Base(f.Name()): "new"})
	must(t, f.Commit())
	check(t, dir, map[string]string{"a.snap": "new"})
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != atomicfile.Mode {
		t.Errorf("mode %v", info.Mode())
	}
	if err := f.Commit(); !errors.Is(err, atomicfile.ErrClosed) {
		t.Errorf("second Commit: %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, atomicfile.ErrClosed) {
		t.Errorf("Write after Commit: %v", err)
	}
}

func TestAbort(t *testing.T) {
	dir := t.TempDir()
	f, err := atomicfile.Create(t.Context(), filepath.Join(dir, "a"), noWarning(t))
	must(t, err)
	_, err = f.Write([]byte("x"))
	must(t, err)
	must(t, f.Abort())
	must(t, f.Abort())
	check(t, dir, nil)
	if err := f.Commit(); !errors.Is(err, atomicfile.ErrClosed) {
		t.Errorf("Commit after Abort: %v", err)
	}
	check(t, dir, nil)
}

func TestCancelledContext(t *testing.T) {
	reason := errors.New("shutting down")
	tests := []struct {
		name string
		use  func(ctx context.Context, cancel func(), path string) error
	}{
		{"before Create", func(ctx context.Context, cancel func(), path string) error {
			cancel()
			_, err := atomicfile.Create(ctx, path, nil)
			return err
		}},
		{"before Write", func(ctx context.Context, cancel func(), path string) error {
			f, err := atomicfile.Create(ctx, path, nil)
			must(t, err)
			cancel()
			_, err = f.Write([]byte("x"))
			return err
		}},
		{"before Commit", func(ctx context.Context, cancel func(), path string) error {
			f, err := atomicfile.Create(ctx, path, nil)
			must(t, err)
			_, err = f.Write([]byte("x"))
			must(t, err)
			cancel()
			return f.Commit()
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancelCause(t.Context())
			err := tc.use(ctx, func() { cancel(reason) }, filepath.Join(dir, "a"))
			if !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
			check(t, dir, nil)
		})
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	must(t, atomicfile.WriteFile(t.Context(), filepath.Join(dir, "a"), []byte("data"), noWarning(t)))
	check(t, dir, map[string]string{"a": "data"})
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.unverified"), filepath.Join(dir, "a")
	must(t, atomicfile.WriteFile(t.Context(), a, []byte("new"), nil))
	must(t, atomicfile.WriteFile(t.Context(), b, []byte("old"), nil))
	must(t, atomicfile.Rename(a, b, noWarning(t)))
	check(t, dir, map[string]string{"a": "new"})
	err := atomicfile.Rename(a, b, noWarning(t))
	if want := "rename " + a + " to " + b + ": no such file or directory"; !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestErrorsNameTheTarget(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "missing", "a")
	_, err := atomicfile.Create(t.Context(), path, nil)
	if want := "create temporary file for " + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "d"), 0o700))
	err = atomicfile.WriteFile(t.Context(), filepath.Join(dir, "d"), nil, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "rename temporary file of "+filepath.Join(dir, "d")+": ") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
