package nameless

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	f, err := New(dir, "x-*")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it has a name: %v, %v", left, err)
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := io.WriteString(f, "secret"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n, err := f.ReadAt(b, 2); n != 4 || err != nil || string(b) != "cret" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err == nil {
		t.Error("it was closed twice")
	}
}

// Where an open file keeps its name, Close takes it away.
func TestCloseRemoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	open, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&File{open, path}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestBare(t *testing.T) {
	_, err := New(filepath.Join(t.TempDir(), "gone"), "x-*")
	if bare := Bare(err); !errors.Is(bare, fs.ErrNotExist) || bare.Error() != "no such file or directory" {
		t.Errorf("%v", bare)
	}
	if other := errors.New("other"); Bare(other) != other {
		t.Error("another error is changed")
	}
}
