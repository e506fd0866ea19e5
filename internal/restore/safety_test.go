package restore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// snapshots is a source that gives one answer after the other, the last again and again. An answer is an archive or an error.
type snapshots struct {
	answers []any
	asked   int
	then    func() // called by each question
}

func (s *snapshots) Snapshot(ctx context.Context) (*backup.Stream, error) {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if s.then != nil {
		s.then()
	}
	if err, failed := answer.(error); failed {
		return nil, err
	}
	return &backup.Stream{Body: io.NopCloser(bytes.NewReader(answer.([]byte)))}, ctx.Err()
}

func dir(t *testing.T) blobstore.Store {
	t.Helper()
	store, err := blobstore.Dir(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// names lists what is in a store.
func names(t *testing.T, store blobstore.Store) (all []string) {
	t.Helper()
	objects, err := store.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		all = append(all, o.Name)
	}
	return all
}

func at() time.Time { return time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC) }

const madeAt = "safety-dc1-20261122T030405.000Z.snap"

func TestSafetyInAFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	full := golden.Read(t, "consul-1.21.4/full.snap")
	home := t.TempDir()
	for name, path := range map[string]string{"before.snap": filepath.Join(home, "before.snap"), madeAt: home} {
		g := &Guard{From: &snapshots{answers: []any{full}}, Depot: &FileDepot{Path: path}, Now: at}
		s, err := g.Take(t.Context(), quiet{})
		want := filepath.Join(home, name)
		if err != nil || s.Empty || s.Location != want || s.Index != 148 || s.Bytes != int64(len(full)) || len(s.SHA256) != 64 {
			t.Fatalf("%+v, %v", s, err)
		}
		got, err := os.ReadFile(want)
		info, statErr := os.Stat(want)
		if err != nil || statErr != nil || !bytes.Equal(got, full) || info.Mode().Perm() != 0o600 {
			t.Errorf("%d bytes, %v, %v", len(got), info.Mode(), err)
		}
		if s, err := g.Take(t.Context(), quiet{}); !errors.Is(err, errExists) || !errors.Is(err, ErrSafety) || s != nil {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 2 {
		t.Errorf("left: %v, %v", left, err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestSafetyOfAnEmptyTarget(t *testing.T) {
	store := dir(t)
	g := &Guard{From: &snapshots{answers: []any{golden.Read(t, "consul-1.21.4/empty.snap")}}, Depot: &StoreDepot{store}, Now: at}
	s, err := g.Take(t.Context(), quiet{})
	if err != nil || !s.Empty || s.Location != "" || len(names(t, store)) != 0 {
		t.Errorf("%+v, %v, %v", s, err, names(t, store))
	}
}

func TestSafetyInAStore(t *testing.T) {
	full := golden.Read(t, "consul-1.21.4/full.snap")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := encryption.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	store := dir(t)
	g := &Guard{From: &snapshots{answers: []any{full}}, Depot: &StoreDepot{store}, Now: at}
	if s, err := g.Take(t.Context(), quiet{}); err != nil || s.Name != madeAt || s.Location != store.Location(madeAt) || s.Encrypted {
		t.Fatalf("%+v, %v", s, err)
	}
	g.To = to
	s, err := g.Take(t.Context(), quiet{})
	if err != nil || s.Name != madeAt+".age" || !s.Encrypted || len(s.Recipients) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	sealed, err := os.Open(s.Location)
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	plain, err := age.Decrypt(sealed, id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(plain); err != nil || !bytes.Equal(got, full) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Whatever a store does wrong, there is no safety snapshot, and nothing is left that looks like one.
func TestSafetyInAFaultyStore(t *testing.T) {
	full := golden.Read(t, "consul-1.21.4/full.snap")
	for _, fault := range []storetest.Fault{
		storetest.FailPut, storetest.FailAfterPut, storetest.LosePut, storetest.TruncatePut, storetest.EmptyPut, storetest.FlipPut, storetest.ZeroPut,
		storetest.FailRead, storetest.TruncateRead, storetest.FlipRead,
	} {
		t.Run(fault.String(), func(t *testing.T) {
			honest := dir(t)
			store := storetest.NewFaulty(honest, 1, storetest.Strike{Fault: fault})
			g := &Guard{From: &snapshots{answers: []any{full}}, Depot: &StoreDepot{store}, Now: at}
			s, err := g.Take(t.Context(), quiet{})
			if !errors.Is(err, ErrSafety) || s != nil || len(names(t, honest)) != 0 || len(store.Struck()) == 0 {
				t.Errorf("%+v, %v; there is %v", s, err, names(t, honest))
			}
		})
	}
}

func TestSafetyThatCannotBeMade(t *testing.T) {
	full := golden.Read(t, "consul-1.21.4/full.snap")
	noLeader := errors.New("Unexpected response code: 500 (No cluster leader)")
	readOnly := t.TempDir()
	if err := os.Chmod(readOnly, 0o500); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped by hand")
	for _, c := range []struct {
		name   string
		answer any
		path   string // empty for a file in a directory of its own
		stop   bool
		want   error
		text   string
	}{
		{"no leader", noLeader, "", false, noLeader, "take a snapshot of the target"},
		{"damaged on its way", full[:len(full)-100], "", false, nil, "take a snapshot of the target"},
		{"no such directory", full, "/nope/before.snap", false, os.ErrNotExist, "/nope"},
		{"a directory that may not be written to", full, filepath.Join(readOnly, "before.snap"), false, os.ErrPermission, "before.snap"},
		{"interrupted while it is taken", full, "", true, stopped, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() == 0 && c.want == os.ErrPermission {
				t.Skip("nothing is forbidden to root")
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			source := &snapshots{answers: []any{c.answer}}
			if c.stop {
				source.then = func() { cancel(stopped) }
			}
			home := t.TempDir()
			path := c.path
			if path == "" {
				path = filepath.Join(home, "before.snap")
			}
			s, err := (&Guard{From: source, Depot: &FileDepot{Path: path}}).Take(ctx, quiet{})
			if !errors.Is(err, ErrSafety) || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || s != nil {
				t.Errorf("%+v, %v", s, err)
			}
			if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// cut is a store that cancels when something has been stored.
type cut struct {
	blobstore.Store
	cancel func()
}

func (c cut) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	err := c.Store.Put(ctx, name, r, size)
	c.cancel()
	return err
}

// Interrupted between the upload and the reading back: what was not read back is no safety snapshot, and is deleted.
func TestSafetyInterruptedBeforeItIsReadBack(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	honest := dir(t)
	g := &Guard{From: &snapshots{answers: []any{golden.Read(t, "consul-1.21.4/full.snap")}}, Depot: &StoreDepot{cut{honest, func() { cancel(stopped) }}}}
	if _, err := g.Take(ctx, quiet{}); !errors.Is(err, stopped) || len(names(t, honest)) != 0 {
		t.Errorf("%v; there is %v", err, names(t, honest))
	}
}
