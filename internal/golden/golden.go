package golden

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// dir is the project's testdata.
var dir = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata")
}()

// Saved is the time of consul-1.21.4/full.snap: a day before one of its tokens expires. Tests that judge tokens stand in it.
var Saved = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// Path returns the path of a file in testdata, such as consul-1.21.4/full.snap.
func Path(name string) string { return filepath.Join(dir, name) }

// Read returns the content of a file in testdata.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// StateBin returns the state.bin of an archive in testdata, read with the standard library alone.
func StateBin(t testing.TB, name string) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(Read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != "state.bin" {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// State opens what StateBin returns.
func State(t testing.TB, name string) io.Reader {
	t.Helper()
	return bytes.NewReader(StateBin(t, name))
}
