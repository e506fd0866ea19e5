package snapshotagent

import (
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// inS3 makes an agent whose one destination is in a bucket of a fake S3.
func inS3(t *testing.T, change func(*blobstore.S3Config)) (*stage, *storetest.S3Server, blobstore.Store) {
	t.Helper()
	server := storetest.S3(t, "backups")
	c := blobstore.S3Config{
		Bucket: "backups", Region: "eu-west-1", Endpoint: server.URL, ForcePathStyle: true, AccessKeyID: "id", SecretAccessKey: "secret",
	}
	if change != nil {
		change(&c)
	}
	store, err := blobstore.S3(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, 0, func(config *Config) { config.Destinations = []Destination{{Store: store, Retain: 2}} })
	return s, server, store
}

func TestRunIntoS3(t *testing.T) {
	s, server, store := inS3(t, nil)
	for range 3 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(time.Hour)
	}
	inv, err := inventory.List(t.Context(), store, nil)
	if err != nil || len(inv.Backups) != 2 || !inv.Backups[0].Proven() {
		t.Errorf("%+v, %v", inv, err)
	}
	for _, key := range server.Keys("backups") {
		if key[:len("consul-snapshot/consul-")] != "consul-snapshot/consul-" {
			t.Errorf("key %s", key)
		}
	}
}

// With a static name every backup goes to one key, with its entry beside it; nothing is ever deleted.
func TestStaticName(t *testing.T) {
	s, server, store := inS3(t, func(c *blobstore.S3Config) { c.StaticName = "dir/consul.snap" })
	var last string
	for range 3 {
		if err := s.run(t.Context(), s.term); err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.List(t.Context(), store, nil)
		if err != nil || len(inv.Backups) != 1 || !inv.Backups[0].Proven() || inv.Backups[0].ID == last || inv.Backups[0].Name != "dir/consul.snap" {
			t.Errorf("%+v, %v", inv, err)
			return
		}
		last = inv.Backups[0].ID
		s.clock.Advance(time.Hour)
	}
	if keys := server.Keys("backups"); len(keys) != 2 || keys[0] != "dir/consul.snap" || keys[1] != "dir/consul.snap.json" {
		t.Errorf("keys %q", keys)
	}
	if status := s.Status(); status.Retained[s.current.Load().destinations[0].name] != 1 {
		t.Errorf("%+v", status)
	}
}
