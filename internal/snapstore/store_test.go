package snapstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := OpenDir(path, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func create(t *testing.T, s raft.SnapshotStore, index, term uint64) raft.SnapshotSink {
	t.Helper()
	_, transport := raft.NewInmemTransport("127.0.0.1:8300")
	configuration := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "127.0.0.1:8300"}}}
	k, err := s.Create(1, index, term, configuration, 1, transport)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ids(t *testing.T, s raft.SnapshotStore) (all []string) {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		all = append(all, strings.Join(strings.Split(m.ID, "-")[:2], "-"))
	}
	return all
}

func TestSnapshotsAreKeptNewestTwo(t *testing.T) {
	d := openDir(t, filepath.Join(t.TempDir(), "snapshots"))
	for _, c := range []struct{ index, term uint64 }{{10, 2}, {9, 3}, {30, 3}, {20, 3}} {
		k := create(t, d, c.index, c.term)
		if _, err := io.WriteString(k, "state"); err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(ids(t, d), " "); got != "3-30 3-20" {
		t.Errorf("kept %s, want 3-30 3-20", got)
	}
	left, err := os.ReadDir(d.path)
	if err != nil || len(left) != 2 {
		t.Errorf("%d directories left, %v", len(left), err)
	}
}

func TestLayoutIsConsuls(t *testing.T) {
	d := openDir(t, t.TempDir())
	k := create(t, d, 148, 2)
	if _, err := io.WriteString(k, "state"); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(d.path, k.ID(), "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		Version     int
		ID          string
		Index, Term uint64
		Peers, CRC  []byte
		Size        int64
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		t.Fatal(err)
	}
	crc := binary.BigEndian.AppendUint64(nil, crc64.Checksum([]byte("state"), crc64.MakeTable(crc64.ECMA)))
	if meta.Version != 1 || meta.ID != k.ID() || meta.Index != 148 || meta.Term != 2 || meta.Size != 5 || string(meta.CRC) != string(crc) ||
		string(meta.Peers) != "\x91\xae127.0.0.1:8300" {
		t.Errorf("meta.json is %s", b)
	}
	for _, name := range []string{"meta.json", "state.bin"} {
		if info, err := os.Stat(filepath.Join(d.path, k.ID(), name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
}

func TestCancelledAndUnfinishedSnapshotsAreGone(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	k := create(t, d, 10, 2)
	if err := k.Cancel(); err != nil {
		t.Fatal(err)
	}
	create(t, d, 11, 2) // never closed, as by a kill
	if len(ids(t, d)) != 0 {
		t.Errorf("listed: %v", ids(t, d))
	}
	d = openDir(t, path)
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 0 {
		t.Errorf("left after a restart: %v, %v", left, err)
	}
	_ = d
}

// Whoever reads a damaged snapshot gets an error before its end, however they read.
func TestDamagedSnapshotIsNotReadToItsEnd(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"state changed":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.bin"), []byte("stale"), 0o600) },
		"state cut":      func(dir string) error { return os.Truncate(filepath.Join(dir, "state.bin"), 3) },
		"state empty":    func(dir string) error { return os.Truncate(filepath.Join(dir, "state.bin"), 0) },
		"state longer":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.bin"), []byte("state!"), 0o600) },
		"state missing":  func(dir string) error { return os.Remove(filepath.Join(dir, "state.bin")) },
		"metadata blank": func(dir string) error { return os.WriteFile(filepath.Join(dir, "meta.json"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			d := openDir(t, t.TempDir())
			k := create(t, d, 10, 2)
			if _, err := io.WriteString(k, "state"); err != nil {
				t.Fatal(err)
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(d.path, k.ID())); err != nil {
				t.Fatal(err)
			}
			if err := d.Verify(k.ID()); err == nil {
				t.Error("a damaged snapshot was verified")
			}
			for name, as := range map[string]func(io.Reader) io.Reader{
				"whole":        func(r io.Reader) io.Reader { return r },
				"byte by byte": iotest.OneByteReader,
			} {
				_, rc, err := d.Open(k.ID())
				if err != nil {
					continue
				}
				info, err := os.Stat(filepath.Join(d.path, k.ID(), "state.bin"))
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(as(rc))
				if err == nil || len(b) > 0 && len(b) >= int(info.Size()) {
					t.Errorf("%s: %q was read of a damaged snapshot, %v", name, b, err)
				}
				if b, again := io.ReadAll(rc); len(b) > 0 || again == nil {
					t.Errorf("%s: %q was read after the error, %v", name, b, again)
				}
				if err := rc.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A sound one is read as it is, and can be closed before.
func TestSoundSnapshotIsRead(t *testing.T) {
	d := openDir(t, t.TempDir())
	for _, content := range []string{"", "state", strings.Repeat("state", 1<<19)} {
		k := create(t, d, 10, 2)
		if _, err := io.WriteString(k, content); err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		_, rc, err := d.Open(k.ID())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(rc); err != nil || string(got) != content {
			t.Errorf("%d bytes were read of %d, %v", len(got), len(content), err)
		}
		_, unread, err := d.Open(k.ID())
		if err := errors.Join(err, rc.Close(), unread.Close(), d.Verify(k.ID()), os.RemoveAll(filepath.Join(d.path, k.ID()))); err != nil {
			t.Error(err)
		}
	}
}

// A reader knows what it reads, wherever the snapshots are.
func TestReadersKnowTheirSnapshot(t *testing.T) {
	for name, inner := range map[string]func(dir string) raft.SnapshotStore{
		"directory": func(dir string) raft.SnapshotStore { return openDir(t, filepath.Join(dir, "snapshots")) },
		"memory":    func(string) raft.SnapshotStore { return raft.NewInmemSnapshotStore() },
	} {
		t.Run(name, func(t *testing.T) {
			s := New(inner(t.TempDir()))
			k := create(t, s, 10, 2)
			if _, err := io.WriteString(k, "records"); err != nil {
				t.Fatal(err)
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			meta, rc, err := s.Open(k.ID())
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			if r, err := ReaderOf(rc); err != nil || r.Meta.Index != 10 || meta.Size != 7 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
