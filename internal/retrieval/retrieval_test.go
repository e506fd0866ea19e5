package retrieval

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
)

func dir(t *testing.T) blobstore.Store {
	t.Helper()
	store, err := blobstore.Dir(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// keep commits kv.snap as a backup of a cluster.
func keep(t *testing.T, store blobstore.Store, id, cluster string, proof inventory.Proof) {
	t.Helper()
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	d, err := inventory.Describe(t.Context(), bytes.NewReader(archive), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry(id, cluster)
	now := time.Now()
	e.Started, e.Saved, e.Committed, e.Proof, e.Writer = now, now, now, proof, "test"
	if proof == inventory.Proven {
		e.ProvenAt = &now
	} else {
		e.Reason = "a test"
	}
	if err := store.Put(t.Context(), e.Name, bytes.NewReader(archive), int64(len(archive))); err != nil {
		t.Fatal(err)
	}
	if err := inventory.Commit(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, store blobstore.Store) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.List(t.Context(), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestFind(t *testing.T) {
	store := dir(t)
	if _, err := Find(list(t, store), Latest, ""); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	keep(t, store, "100", "dc1", inventory.Proven)
	keep(t, store, "200", "dc1", inventory.Unproven)
	if b, err := Find(list(t, store), Latest, ""); err != nil || b.ID != "200" {
		t.Errorf("%+v, %v", b, err)
	}
	keep(t, store, "300", "dc2", inventory.Proven)
	if _, err := Find(list(t, store), Latest, ""); err == nil || !strings.Contains(err.Error(), "dc1, dc2") {
		t.Error(err)
	}
	if err := store.Put(t.Context(), "consul-400.snap", strings.NewReader("foreign"), 7); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ arg, cluster, want string }{
		{Latest, "dc1", "200"}, {Latest, "dc2", "300"}, {"100", "", "100"}, {"400", "", "400"}, {Latest, "dc3", ""}, {"500", "", ""},
	} {
		b, err := Find(list(t, store), c.arg, c.cluster)
		if (err == nil) != (c.want != "") || err == nil && b.ID != c.want || err != nil && !errors.Is(err, ErrNone) {
			t.Errorf("%+v: %+v, %v", c, b, err)
		}
	}
}

// What comes out of a store is compared with the entry to the last byte.
func TestSource(t *testing.T) {
	store := dir(t)
	keep(t, store, "100", "dc1", inventory.Proven)
	want := golden.Read(t, "consul-1.21.4/kv.snap")
	read := func() ([]byte, error) {
		stream, err := (&Source{store, list(t, store).Find("100")}).Snapshot(context.Background())
		if err != nil {
			return nil, err
		}
		defer stream.Body.Close()
		return io.ReadAll(stream.Body)
	}
	if b, err := read(); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[50] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"longer":  func(b []byte) []byte { return append(b, 0) },
	} {
		damaged := damage(bytes.Clone(want))
		if err := store.Put(t.Context(), "consul-100.snap", bytes.NewReader(damaged), int64(len(damaged))); err != nil {
			t.Fatal(err)
		}
		if _, err := read(); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
