package retrieval

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// down is a store that cannot be listed.
type down struct{ blobstore.Store }

var errDown = errors.New("the store is down")

func (down) List(context.Context) ([]blobstore.Object, error) { return nil, errDown }

// hangs is a store that never answers.
type hangs struct{ blobstore.Store }

func (hangs) List(ctx context.Context) ([]blobstore.Object, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A store that hangs is waited for as long as no other has the backup, and a little longer.
func TestFindCopiesDespiteAStoreThatHangs(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Millisecond
	store := dir(t)
	keep(t, store, "100", "dc1", inventory.Proven)
	got, err := FindCopies(t.Context(), []blobstore.Store{hangs{store}, store}, Latest, "")
	if err != nil || len(got.Sources) != 1 || len(got.Unlisted) != 1 || !errors.Is(got.Unlisted[0], errSlow) {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FindCopies(ctx, []blobstore.Store{hangs{store}}, Latest, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFindCopies(t *testing.T) {
	behind, ahead, other, empty := dir(t), dir(t), dir(t), dir(t)
	keep(t, behind, "100", "dc1", inventory.Proven)
	keep(t, ahead, "100", "dc1", inventory.Proven)
	keep(t, ahead, "200", "dc1", inventory.Unproven)
	keep(t, other, "300", "dc2", inventory.Proven)
	for name, c := range map[string]struct {
		stores       []blobstore.Store
		arg, cluster string
		want         string // the ID
		copies       int
		unlisted     int
		fails        string
	}{
		"the newest of all stores":     {[]blobstore.Store{behind, ahead}, Latest, "", "200", 1, 0, ""},
		"an ID in two stores":          {[]blobstore.Store{behind, ahead}, "100", "", "100", 2, 0, ""},
		"an ID in one of them":         {[]blobstore.Store{behind, ahead}, "200", "", "200", 1, 0, ""},
		"one is empty":                 {[]blobstore.Store{empty, behind}, Latest, "", "100", 1, 0, ""},
		"one is down":                  {[]blobstore.Store{down{ahead}, behind}, Latest, "", "100", 1, 1, ""},
		"all are down":                 {[]blobstore.Store{down{ahead}}, Latest, "", "", 0, 1, errDown.Error()},
		"none has it":                  {[]blobstore.Store{behind, empty}, "500", "", "", 0, 0, ErrNone.Error()},
		"clusters in different stores": {[]blobstore.Store{behind, other}, Latest, "", "", 0, 0, "dc1, dc2"},
		"one cluster of several":       {[]blobstore.Store{behind, other}, Latest, "dc1", "100", 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FindCopies(t.Context(), c.stores, c.arg, c.cluster)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Sources) != c.copies || got.Sources[0].Backup.ID != c.want || len(got.Unlisted) != c.unlisted {
				t.Errorf("%d copies of %s, %d unlisted", len(got.Sources), got.Sources[0].Backup.ID, len(got.Unlisted))
			}
		})
	}
}
