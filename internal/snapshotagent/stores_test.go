package snapshotagent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/alarm"
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

// What a bucket refuses reaches the hooks in its own words, with the stage, and without what the request was signed with.
func TestBucketThatRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		code   string
		writes bool // only these are refused
	}{
		{"read-only bucket", http.StatusForbidden, "AccessDenied", true},
		{"revoked key", http.StatusForbidden, "InvalidAccessKeyId", false},
		{"expired credentials", http.StatusBadRequest, "ExpiredToken", false},
		{"wrong region", http.StatusMovedPermanently, "PermanentRedirect", false},
		{"wrong region, as others say it", http.StatusBadRequest, "AuthorizationHeaderMalformed", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, server, _ := inS3(t, nil)
			heard := &ear{}
			s.alarm.Use([]alarm.Hook{{Name: "ear", On: everything, Timeout: time.Second, Action: heard}})
			if err := s.run(t.Context(), s.term); err != nil {
				t.Fatal(err)
			}
			server.Refuse = func(w http.ResponseWriter, r *http.Request) bool {
				if c.writes && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
					return false
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(c.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", c.code)
				return true
			}
			s.clock.Advance(time.Hour)
			if err := s.run(t.Context(), s.term); err == nil {
				t.Fatal("no error")
			}
			s.alarm.Close(10 * time.Second)
			if len(heard.events) != 2 || heard.events[1].Event != alarm.Failure || heard.events[1].Stage != string(StageUpload) ||
				!strings.Contains(heard.events[1].Reason, c.code) || strings.Contains(heard.events[1].Reason, "Signature") {
				t.Errorf("%+v", heard.events)
			}
		})
	}
}
