package retrieval

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/retention"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// keepAt commits kv.snap as a backup of dc1 whose state is of a time.
func keepAt(t *testing.T, store blobstore.Store, id string, saved time.Time, change func(*inventory.Entry)) {
	t.Helper()
	archive := golden.Read(t, "consul-1.21.4/kv.snap")
	d, err := inventory.Describe(t.Context(), bytes.NewReader(archive), inventory.Own{})
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entry(id, "dc1")
	e.Started, e.Saved, e.Committed, e.Writer = saved.Add(-time.Second), saved, saved.Add(time.Second), "test"
	e.Proof, e.ProvenAt = inventory.Proven, &saved
	if change != nil {
		change(e)
	}
	if err := store.Put(t.Context(), e.Name, bytes.NewReader(archive), int64(len(archive))); err != nil {
		t.Fatal(err)
	}
	if err := inventory.Commit(t.Context(), store, e); err != nil {
		t.Fatal(err)
	}
}

func spoilt(e *inventory.Entry) { e.Proof, e.Reason, e.ProvenAt = inventory.Bad, "a test", nil }
func doubted(e *inventory.Entry) {
	e.Proof, e.Reason, e.ProvenAt = inventory.Unproven, "a test", nil
}

// The newest backup of a time, to the nanosecond, in whichever store it is.
func TestChooseByTime(t *testing.T) {
	first, second, other, empty := dir(t), dir(t), dir(t), dir(t)
	keepAt(t, first, "100", noon, nil)
	keepAt(t, first, "200", noon.Add(time.Hour), doubted)
	keepAt(t, first, "300", noon.Add(2*time.Hour), spoilt)
	keepAt(t, second, "200", noon.Add(time.Hour), nil)
	keepAt(t, second, "150", noon.Add(90*time.Minute), nil) // by a clock that was set back: its state is newer than its ID says
	keepAt(t, other, "400", noon, func(e *inventory.Entry) { e.Cluster = "dc2" })
	if err := other.Put(t.Context(), "consul-1.snap", strings.NewReader("x"), 1); err != nil { // no entry says of when it is
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stores  []blobstore.Store
		at      time.Time
		cluster string
		want    string
		copies  int
		fails   string
	}{
		"to the nanosecond":        {[]blobstore.Store{first}, noon, "", "100", 1, ""},
		"a nanosecond too early":   {[]blobstore.Store{first}, noon.Add(-1), "", "", 0, "the oldest is 100, of 2026-11-21T12:00:00Z"},
		"in between":               {[]blobstore.Store{first}, noon.Add(59 * time.Minute), "", "100", 1, ""},
		"in another zone":          {[]blobstore.Store{first}, noon.In(time.FixedZone("", 7200)), "", "100", 1, ""},
		"unproven":                 {[]blobstore.Store{first}, noon.Add(time.Hour), "", "200", 1, ""},
		"bad ones do not count":    {[]blobstore.Store{first}, noon.Add(3 * time.Hour), "", "200", 1, ""},
		"the newest of all stores": {[]blobstore.Store{first, second}, noon.Add(3 * time.Hour), "", "150", 1, ""},
		"in both stores":           {[]blobstore.Store{first, second}, noon.Add(time.Hour), "", "200", 2, ""},
		"one store has none":       {[]blobstore.Store{second, first}, noon.Add(time.Minute), "", "100", 1, ""},
		"one store is empty":       {[]blobstore.Store{empty, first}, noon, "", "100", 1, ""},
		"one store is down":        {[]blobstore.Store{down{second}, first}, noon, "", "100", 1, ""},
		"nothing there":            {[]blobstore.Store{empty}, noon, "", "", 0, ErrNone.Error()},
		"several clusters":         {[]blobstore.Store{first, other}, noon, "", "", 0, "dc1, dc2"},
		"one of them":              {[]blobstore.Store{first, other}, noon, "dc2", "400", 1, ""},
		"oldest of all stores":     {[]blobstore.Store{second, first}, noon.Add(-time.Hour), "", "", 0, "the oldest is 100"},
		"no such cluster":          {[]blobstore.Store{first}, noon, "dc3", "", 0, ErrNone.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Choose(t.Context(), c.stores, Choice{At: c.at, Cluster: c.cluster})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Sources) != c.copies || got.Sources[0].Backup.ID != c.want {
				t.Errorf("%d copies of %s", len(got.Sources), got.Sources[0].Backup.ID)
			}
		})
	}
}

// The one before is offered where it is, and never one that is bad, or of another cluster.
func TestBefore(t *testing.T) {
	first, second := dir(t), dir(t)
	keepAt(t, first, "100", noon, nil)
	keepAt(t, second, "150", noon, nil)
	keepAt(t, first, "160", noon, spoilt)
	keepAt(t, first, "170", noon, func(e *inventory.Entry) { e.Cluster = "dc2" })
	keepAt(t, first, "200", noon, nil)
	for id, want := range map[string]string{"200": "150", "150": "100", "100": ""} {
		copies, err := FindCopies(t.Context(), []blobstore.Store{first, second}, id, "")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if b := copies.Before(); b != nil {
			got = b.Backup.ID
		}
		if got != want {
			t.Errorf("before %s: %q, want %q", id, got, want)
		}
	}
}

// A state that has shrunk is told of, wherever it is found.
func TestCollapse(t *testing.T) {
	store := dir(t)
	keepAt(t, store, "100", noon, nil)
	keepAt(t, store, "200", noon, func(e *inventory.Entry) {
		e.Previous = &inventory.Compared{ID: "100", Records: 1 << 20, StateSize: 1 << 40}
	})
	for id, want := range map[string]bool{"100": false, "200": true} {
		copies, err := FindCopies(t.Context(), []blobstore.Store{store}, id, "")
		if err != nil {
			t.Fatal(err)
		}
		if lost := copies.Collapse(retention.MaxShrink); (lost != nil) != want {
			t.Errorf("%s: %v", id, lost)
		}
	}
}

// What was set aside is not found by its ID, but named.
func TestFindSetAside(t *testing.T) {
	store := dir(t)
	keepAt(t, store, "100", noon, nil)
	if err := inventory.SetAside(t.Context(), store, list(t, store).Find("100").Entry, "a difference", noon); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(list(t, store), "100", ""); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "a difference") ||
		!strings.Contains(err.Error(), "consul-100.snap.bad") {
		t.Error(err)
	}
}
