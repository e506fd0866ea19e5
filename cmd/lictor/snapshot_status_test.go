package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/snapshotagent"
)

// The status of a store alone: what is there, how old it is, and whether that is good enough.
func TestStatusOfAStore(t *testing.T) {
	startServer(t)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("snaps", 0o700); err != nil {
		t.Fatal(err)
	}
	inOrder(t, []step{
		{"snapshot status -store=snaps", 2, "no proven snapshot that is new enough"},
		{"snapshot status -store=snaps -rpo=1h", 2, "Objective:  1h0m0s, missed"},
		{"snapshot agent -interval=0 -local-path=snaps", 0, "Saved snapshot"},
		{"snapshot status -store=snaps", 0, "none configured; -rpo gives one"},
		{"snapshot status -store=snaps -rpo=1h", 0, "Objective:  1h0m0s, met"},
		{"snapshot status -store=snaps -rpo=1ns", 2, "Objective:  1ns, missed"},
		{"snapshot status -store=snaps -cluster=other -rpo=1h", 2, "none"},
		{"snapshot status -store=nowhere", 1, "nowhere"},
		{"snapshot status -store=snaps -agent=127.0.0.1:1", 1, "two ways to ask"},
		{"snapshot status -store=snaps -format=xml", 1, "Unknown format: xml"},
		{"snapshot status -rpo=-1s", 1, "must not be negative"},
		{"snapshot status -agent=127.0.0.1:1", 1, "name the agent with -agent, or a store with -store"},
		{"snapshot status x", 1, "Too many arguments"},
	})
	got := lictor("snapshot", "status", "-store=snaps", "-rpo=1h", "-format=json")
	var health snapshotagent.Health
	if err := json.Unmarshal([]byte(got.out), &health); err != nil || got.code != 0 {
		t.Fatalf("exit %d, %v: %s", got.code, err, got.out)
	}
	if d := health.Destinations; health.Cluster != "dc1" || len(d) != 1 || d[0].ID != listAll(t, "snaps")[0].ID || d[0].Met == nil || !*d[0].Met ||
		*d[0].Age > 600 || health.RPO.State != "met" || health.RPO.Objective != 3600 {
		t.Errorf("%s", got.out)
	}
}

// The agent of a configuration is asked, and its stores if it does not answer.
func TestStatusAsksTheConfiguredAgent(t *testing.T) {
	answer, status := "", http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/health?format=json" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	address := strings.TrimPrefix(s.URL, "http://")
	store := t.TempDir()
	config := filepath.Join(t.TempDir(), "c.json")
	text := `{"snapshot_agent": {"listen": "` + address + `", "snapshot": {"rpo": "2h"}, "local_storage": {"path": "` + store + `"}}}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := "snapshot status -config-file=" + config
	answer = `{"healthy": true, "cluster": "prod", "node": "n1", "leading": true, "rpo": {"state": "met", "objective_seconds": 7200, "age_seconds": 60},
		"destinations": [{"name": "a", "id": "17", "newest": "2026-11-21T12:00:00Z", "age_seconds": 60, "met": true},
			{"name": "b", "id": "", "newest": null, "age_seconds": null, "met": true, "behind": true}]}`
	inOrder(t, []step{
		{line, 0, "Cluster:    prod\nObjective:  2h0m0s, met\nAgent:      on n1, holds the lock\nHealth:     OK\n\nDestination"},
		{line + " -rpo=10m", 2, "Objective:  10m0s, missed"}, // one destination has none
		{"snapshot status -agent=" + s.URL, 0, "met"},
	})
	answer = `{"healthy": false, "reason": "too old", "last_error": "no route", "lock_trouble": "no leader", "next_run": "2026-11-21T13:00:00Z",
		"max_age_seconds": 7200, "rpo": {"state": "none", "objective_seconds": 0, "age_seconds": 9000}, "destinations": []}`
	status = http.StatusServiceUnavailable
	inOrder(t, []step{
		{line, 2, "Objective:  none configured; by its interval a proven snapshot must not be older than 2h0m0s\n" +
			"Health:     too old\nLast run:   failed: no route\nLock:       no leader\nNext run:   2026-11-21T13:00:00Z\n"},
	})
	answer = "OK: no backup yet"
	inOrder(t, []step{{line, 1, "is no snapshot agent of this version"}})
	s.Close()
	inOrder(t, []step{
		{line, 2, "no snapshot agent answers at " + address + ": reading the stores"},
		{line, 2, "Objective:  2h0m0s, missed"},
		{line + " -agent=" + address, 1, "ask the agent at"},
	})
}
