package blobstore_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// Objects of other programs, in directories of theirs, are found by their whole names, in every kind of store.
func TestBelow(t *testing.T) {
	quiet(t)
	dir := t.TempDir()
	server := storetest.S3(t, "backups")
	stores := map[string]func(prefix string) blobstore.Store{
		"directory": func(prefix string) blobstore.Store { return openDir(t, filepath.Join(dir, prefix)) },
		"S3": func(prefix string) blobstore.Store {
			return openS3(t, server, blobstore.S3Config{KeyPrefix: "/" + prefix})
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			store(t, open("backups/2026/11/21"), "a.tar.gz", "deep")
			store(t, open("2025/1/2"), "b.tar.gz", "year")
			store(t, open("other"), "c.tar.gz", "other")
			top := open("")
			store(t, top, "d.tar.gz", "top")
			objects, err := blobstore.ListBelow(t.Context(), top, func(dir string) bool { return dir != "other" })
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, o := range objects {
				names = append(names, o.Name)
				if o.Size != 4 {
					t.Errorf("%+v", o)
				}
			}
			if want := []string{"2025/1/2/b.tar.gz", "backups/2026/11/21/a.tar.gz"}; !slices.Equal(names, want) {
				t.Errorf("listed %q, want %q", names, want)
			}
			for name, want := range map[string]string{"backups/2026/11/21/a.tar.gz": "deep", "d.tar.gz": "top"} {
				r, err := blobstore.GetBelow(t.Context(), top, name)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(r); err != nil || string(b) != want || r.Close() != nil {
					t.Errorf("%s: %q, %v", name, b, err)
				}
			}
			if _, err := blobstore.GetBelow(t.Context(), top, "2025/1/2/none.gz"); !errors.Is(err, blobstore.ErrNotFound) {
				t.Errorf("%v", err)
			}
			for _, name := range []string{"../x", "a/../../x", "/etc/passwd", "a//b", "a/.hidden"} {
				if _, err := blobstore.GetBelow(t.Context(), top, name); err == nil || !strings.Contains(err.Error(), "is refused") {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// A link does not lead out of a directory.
func TestBelowLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(outside, "x.gz"), []byte("x"), 0o600), os.Symlink(outside, filepath.Join(dir, "2026"))); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	if _, err := blobstore.GetBelow(t.Context(), s, "2026/x.gz"); err == nil {
		t.Error("a link leads out of the store")
	}
	objects, err := blobstore.ListBelow(t.Context(), s, func(string) bool { return true })
	if err != nil || len(objects) > 0 {
		t.Errorf("%+v, %v", objects, err)
	}
}

// A store of one object has nothing below it.
func TestBelowOfAStaticName(t *testing.T) {
	quiet(t)
	s := openS3(t, storetest.S3(t, "backups"), blobstore.S3Config{StaticName: "consul.snap"})
	objects, err := blobstore.ListBelow(t.Context(), s, func(string) bool { return true })
	if err != nil || len(objects) > 0 {
		t.Errorf("%+v, %v", objects, err)
	}
	if _, err := blobstore.GetBelow(t.Context(), s, "a/b"); err == nil {
		t.Error("another object is given")
	}
}
