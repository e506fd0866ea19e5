package retrieval

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// remove deletes an object of a store.
func remove(t *testing.T, store blobstore.Store, name string) {
	t.Helper()
	if err := store.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, store blobstore.Store, name, content string) {
	t.Helper()
	if err := store.Put(t.Context(), name, bytes.NewReader([]byte(content)), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

// The newest backup is the newest there is, and not the newest that happens to be good: that one is named.
func TestNewest(t *testing.T) {
	for name, c := range map[string]struct {
		prepare      func(t *testing.T, store blobstore.Store)
		arg, cluster string
		want         string // ID
		fault        string // in the error
		before       string // ID
	}{
		"it is good": {func(*testing.T, blobstore.Store) {}, Latest, "", "200", "", ""},
		"by its ID":  {func(*testing.T, blobstore.Store) {}, "100", "", "100", "", ""},
		"it is bad": {func(t *testing.T, s blobstore.Store) { keep(t, s, "300", "dc1", inventory.Bad) }, Latest, "", "",
			"it is bad: a test", "200"},
		"its archive is gone": {func(t *testing.T, s blobstore.Store) { remove(t, s, "consul-200.snap") }, Latest, "", "",
			"its archive is gone", "100"},
		"its archive is cut": {func(t *testing.T, s blobstore.Store) { write(t, s, "consul-200.snap", "x") }, Latest, "", "",
			"its archive has 1 bytes", "100"},
		"its entry cannot be read": {func(t *testing.T, s blobstore.Store) { write(t, s, "consul-200.snap.json", "{") }, Latest, "", "",
			"its entry cannot be used", "100"},
		"the oldest is gone": {func(t *testing.T, s blobstore.Store) { remove(t, s, "consul-100.snap") }, "100", "", "",
			"its archive is gone", ""},
		"another cluster's is bad": {func(t *testing.T, s blobstore.Store) { keep(t, s, "300", "dc2", inventory.Bad) }, Latest, "dc1", "200", "", ""},
		"one without an entry":     {func(t *testing.T, s blobstore.Store) { write(t, s, "consul-300.snap", "foreign") }, Latest, "", "200", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			store := dir(t)
			keep(t, store, "100", "dc1", inventory.Proven)
			keep(t, store, "200", "dc1", inventory.Proven)
			c.prepare(t, store)
			b, err := Newest(list(t, store), c.arg, c.cluster)
			if c.fault == "" {
				if err != nil || b.ID != c.want {
					t.Errorf("%+v, %v", b, err)
				}
				return
			}
			var bad *NotGoodError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.fault) {
				t.Fatalf("%+v, %v", b, err)
			}
			if got := bad.Before; (got == nil) != (c.before == "") || got != nil && got.ID != c.before {
				t.Errorf("the one before it is %+v", got)
			}
		})
	}
	store := dir(t)
	if _, err := Newest(list(t, store), Latest, ""); !errors.Is(err, ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	keep(t, store, "100", "dc1", inventory.Proven)
	keep(t, store, "200", "dc2", inventory.Proven)
	var several *SeveralError
	if _, err := Newest(list(t, store), Latest, ""); !errors.As(err, &several) {
		t.Errorf("two clusters: %v", err)
	}
}

// Who takes the latest good backup can be told that a newer one was passed over.
func TestNewer(t *testing.T) {
	store := dir(t)
	keep(t, store, "100", "dc1", inventory.Proven)
	keep(t, store, "150", "dc2", inventory.Bad)
	find := func() *Copies {
		copies, err := FindCopies(t.Context(), []blobstore.Store{store}, Latest, "dc1")
		if err != nil || copies.Sources[0].Backup.ID != "100" {
			t.Fatal(copies, err)
		}
		return copies
	}
	if err := find().Newer(); err != nil {
		t.Error(err)
	}
	keep(t, store, "200", "dc1", inventory.Bad)
	if err := find().Newer(); err == nil || !strings.Contains(err.Error(), "a newer backup, 200 of ") {
		t.Error(err)
	}
}
