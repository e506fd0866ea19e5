package diskspace

import (
	"path/filepath"
	"runtime"
	"testing"
)

func TestOf(t *testing.T) {
	dir := t.TempDir()
	s, ok := Of(dir)
	if known := runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "freebsd"; ok != known {
		t.Fatalf("known: %t", ok)
	}
	if !ok {
		return
	}
	if other, _ := Of(t.TempDir()); s.Free == 0 || other.System != s.System {
		t.Errorf("%+v, %+v", s, other)
	}
	if _, ok := Of(filepath.Join(dir, "nothing")); ok {
		t.Error("there is space in a directory that is not there")
	}
}
