package consulsnapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// local is a configuration with LOCAL_DIR, in which the fixtures lie, and a directory beside it.
func local(t *testing.T) (c *Config, outside string) {
	t.Helper()
	dir := t.TempDir()
	c = &Config{LocalDir: filepath.Join(dir, "inside"), ScratchDir: filepath.Join(dir, "scratch"), Passphrase: passphrase}
	outside = filepath.Join(dir, "outside")
	for _, d := range []string{c.LocalDir + "/sub", c.ScratchDir, outside} {
		must(t, os.MkdirAll(d, 0o700))
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(c.ScratchDir)
		if must(t, err); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return c, outside
}

const plain = "plain/consul-backup-1.consul.snapshot.1795246816.tar.gz"

func put(t *testing.T, path, fixtureName string) {
	t.Helper()
	must(t, os.WriteFile(path, fixture(t, fixtureName), 0o600))
}

func TestFetchInside(t *testing.T) {
	c, _ := local(t)
	put(t, c.LocalDir+"/a.tar.gz", plain)
	put(t, c.LocalDir+"/sub/b.tar.gz", "encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz")
	put(t, c.LocalDir+"/old.gz", "v0.1-format/consul.backup.1468004512.gz")
	must(t, os.Symlink("sub/b.tar.gz", c.LocalDir+"/latest"))
	for _, tt := range []struct {
		name, path, file string
		keys             int
		encrypted        bool
	}{
		{"a name", "a.tar.gz", "", 10, false},
		{"a whole path", c.LocalDir + "/a.tar.gz", "", 10, false},
		{"deeper", "sub/b.tar.gz", "", 10, true},
		{"out and in again", "sub/../a.tar.gz", "", 10, false},
		{"a link inside", "latest", "", 10, true},
		{"of 0.1", "old.gz", "", 10, false},
		{"the variable", "", "a.tar.gz", 10, false},
		{"the argument before the variable", "a.tar.gz", "old.gz", 10, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.LocalFile = tt.file
			a, err := c.Fetch(t.Context(), tt.path)
			must(t, err)
			if must(t, a.Close()); a.Counts.Keys != tt.keys || a.Encrypted != tt.encrypted || !strings.HasPrefix(a.File, c.LocalDir) {
				t.Errorf("%d keys, encrypted %t, from %s", a.Counts.Keys, a.Encrypted, a.File)
			}
		})
	}
}

func TestNothingOutsideIsFetched(t *testing.T) {
	c, outside := local(t)
	put(t, outside+"/a.tar.gz", plain)
	must(t, os.Symlink(outside+"/a.tar.gz", c.LocalDir+"/link"))
	must(t, os.Symlink("../outside/a.tar.gz", c.LocalDir+"/relative-link"))
	must(t, os.Symlink(outside, c.LocalDir+"/dir-link"))
	for _, path := range []string{
		"../outside/a.tar.gz", "sub/../../outside/a.tar.gz", outside + "/a.tar.gz", c.LocalDir + "/../outside/a.tar.gz",
		"link", "relative-link", "dir-link/a.tar.gz", c.LocalDir + "/link", ".", "sub", "", "none", "/dev/zero",
	} {
		for _, variable := range []bool{false, true} {
			where := path
			if c.LocalFile = ""; variable {
				c.LocalFile, where = path, ""
			}
			if a, err := c.Fetch(t.Context(), where); err == nil {
				t.Errorf("fetched %q: %+v", path, errors.Join(a.Close()))
			}
		}
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	c, outside := local(t)
	for name, want := range map[string]error{
		"bad/consul-unreachable-null-data.tar.gz": kvarchive.ErrNothingSaved,
		"bad/encrypted-truncated.tar.gz":          kvarchive.ErrWrongPassphrase,
		"bad/kv-checksum-mismatch.tar.gz":         kvarchive.ErrCorrupt,
		"bad/path-traversal.tar.gz":               kvarchive.ErrCorrupt,
	} {
		put(t, c.LocalDir+"/bad", name)
		a, err := c.Fetch(t.Context(), "bad")
		if !errors.Is(err, want) && !errors.Is(err, kvarchive.ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	put(t, c.LocalDir+"/sealed", "encrypted/consul-backup-1.consul.snapshot.1795246816.tar.gz")
	c.Passphrase = "another"
	if _, err := c.Fetch(t.Context(), "sealed"); !errors.Is(err, kvarchive.ErrWrongPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	c.Passphrase = ""
	if _, err := c.Fetch(t.Context(), "sealed"); !errors.Is(err, kvarchive.ErrNoPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 3 {
		t.Errorf("beside the directories: %v, %v", entries, err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	withCredentials(t)
	server := storetest.S3(t, "bucket")
	c := &Config{S3Bucket: "bucket", S3Region: "r", S3Endpoint: server.URL, ScratchDir: t.TempDir()}
	for _, where := range []string{"", "/", "..", "../x.tar.gz", "backups/../../x", "a//b.tar.gz", "backups/", "./a", "backups/.hidden"} {
		if _, err := c.Fetch(t.Context(), where); err == nil {
			t.Errorf("fetched %q", where)
		}
	}
	if asked := server.Requests(); len(asked) > 0 {
		t.Errorf("asked for %s", asked[0].Path)
	}
	if _, err := c.Fetch(t.Context(), theKey); err == nil || !strings.Contains(err.Error(), "no such object") {
		t.Errorf("%v", err)
	}
}
