package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func mustOpen(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSecondOpenerIsToldWhoHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := mustOpen(t, path)
	_, err := Open(path, "0.1.0")
	if want := fmt.Sprintf("(pid %d)", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("second open: %v, want an error with %q", err, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, path).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name, format, raft string
		want               string
	}{
		{"new", "", "", ""},
		{"ours", `{"Format":1,"Version":"0.0.9"}`, "raft", ""},
		{"newer", `{"Format":2,"Version":"9.9.9"}`, "raft", "written by Lictor 9.9.9"},
		{"damaged", `{"For`, "raft", "is damaged"},
		{"of a Consul server", "", "raft", "Raft data of another program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir()
			if c.format != "" {
				if err := os.WriteFile(filepath.Join(path, formatName), []byte(c.format), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if c.raft != "" {
				if err := os.Mkdir(filepath.Join(path, c.raft), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			d, err := Open(path, "0.1.0")
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				d.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if _, err := Open(path, "0.1.0"); err == nil || strings.Contains(err.Error(), "in use") {
				t.Errorf("the lock was kept after a refusal: %v", err)
			}
		})
	}
}

func TestScratchIsSwept(t *testing.T) {
	path := t.TempDir()
	d := mustOpen(t, path)
	if err := os.WriteFile(filepath.Join(d.Scratch(), "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{formatName + ".tmp123", "node-id.tmp77"} {
		if err := os.WriteFile(d.Path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	d = mustOpen(t, path)
	defer d.Close()
	if unfinished, _ := filepath.Glob(d.Path("*tmp*")); len(unfinished) > 0 {
		t.Errorf("unfinished files left: %v", unfinished)
	}
	left, err := os.ReadDir(d.Scratch())
	if err != nil || len(left) > 0 {
		t.Errorf("left in scratch: %v, %v", left, err)
	}
}
