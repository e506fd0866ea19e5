package retrieval

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/storetest"
)

func TestSafetyNames(t *testing.T) {
	now := time.Date(2026, 11, 22, 4, 5, 6, 789_999_999, time.FixedZone("", 3600))
	for _, c := range []struct {
		datacenter string
		encrypted  bool
		want       string
	}{
		{"dc1", false, "safety-dc1-20261122T030506.789Z.snap"},
		{"eu-west_1", true, "safety-eu-west_1-20261122T030506.789Z.snap.age"},
		{"../x y", false, "safety-___x_y-20261122T030506.789Z.snap"},
		{"", false, "safety-cluster-20261122T030506.789Z.snap"},
		{strings.Repeat("a", 500), false, "safety-" + strings.Repeat("a", 100) + "-20261122T030506.789Z.snap"},
	} {
		got := SafetyName(c.datacenter, now, c.encrypted)
		if got != c.want || !IsSafetyName(got) {
			t.Errorf("%q, want %q; is one: %t", got, c.want, IsSafetyName(got))
		}
	}
	for _, name := range []string{"", "consul-100.snap", "safety-dc1.snap.json", "safety-dc1.age", "x/safety-dc1.snap", "safety-/../dc1.snap", "latest", "100"} {
		if IsSafetyName(name) {
			t.Errorf("%q is one", name)
		}
	}
}

// No inventory shows a safety snapshot, none takes it for the latest, and no retention deletes it.
func TestSafetySnapshotsAreNoBackups(t *testing.T) {
	store := dir(t)
	now := time.Now()
	plain, sealed := SafetyName("dc1", now, false), SafetyName("dc1", now, true)
	for _, name := range []string{plain, sealed} {
		if err := store.Put(t.Context(), name, strings.NewReader("safety"), 6); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(list(t, store), Latest, ""); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	keep(t, store, "100", "dc1", inventory.Proven)
	keep(t, store, "200", "dc1", inventory.Proven)
	inv := list(t, store)
	if len(inv.Backups) != 2 || len(inv.Bad) != 0 || inv.Newest() != "200" {
		t.Errorf("%+v", inv)
	}
	deleted, err := inventory.Prune(t.Context(), store, inv, inventory.Keep{Cluster: "dc1", Retain: 1})
	if err != nil || len(deleted) != 1 {
		t.Fatalf("%+v, %v", deleted, err)
	}
	if r, err := inventory.Rebuild(t.Context(), store, inventory.Claim{Cluster: "dc1", Now: time.Now}); err != nil || len(r.Rebuilt)+len(r.Skipped) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	objects, err := store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, o := range objects {
		left[o.Name] = true
	}
	if !left[plain] || !left[sealed] || len(left) != 4 {
		t.Errorf("left: %v", left)
	}
}

func TestFindSafety(t *testing.T) {
	first, second := dir(t), dir(t)
	name := SafetyName("dc1", time.Now(), false)
	stores := []blobstore.Store{first, second}
	if _, err := FindSafety(t.Context(), stores, name); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
	if err := second.Put(t.Context(), name, strings.NewReader("safety"), 6); err != nil {
		t.Fatal(err)
	}
	got, err := FindSafety(t.Context(), stores, name)
	if err != nil || len(got.Sources) != 1 || got.Sources[0].Store != second || got.Sources[0].Backup.Entry != nil || got.Before() != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// A store that takes one name only takes what begins with it.
func TestFindSafetyUnderAStaticName(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	server := storetest.S3(t, "backups")
	store, err := blobstore.OpenURL(t.Context(), "s3://backups?region=r&use_path_style=true&static_name=consul.snap&endpoint="+server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	name := SafetyName("dc1", time.Now(), false)
	if err := store.Put(t.Context(), SafetyObject(store, name), strings.NewReader("safety"), 6); err != nil {
		t.Fatal(err)
	}
	got, err := FindSafety(t.Context(), []blobstore.Store{store}, name)
	if err != nil || len(got.Sources) != 1 || got.Sources[0].Backup.Name != "consul.snap."+name {
		t.Errorf("%+v, %v", got, err)
	}
	if inv := list(t, store); len(inv.Backups)+len(inv.Bad) != 0 {
		t.Errorf("%+v", inv)
	}
}
