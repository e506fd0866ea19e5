package alarm

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/clock"
)

// sample is an event with everything in it.
func sample() *Event {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return &Event{
		Event: Failure, Text: "backup failed", Cluster: "prod", Datacenter: "dc1", Node: "n1", Leading: true, Time: at,
		Destinations: []Destination{{Name: "a"}, {Name: "b", Behind: true, Newest: &at}},
		ID:           "17", Index: 42, Proof: "proven", Stage: "upload", Reason: "disk\x00full", Failures: 3, LastGood: &at, Next: &at,
		RPO: Objective{State: "missed", Seconds: 7200, Age: 7300},
	}
}

func TestWebhook(t *testing.T) {
	var got *http.Request
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("Bearer s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &Webhook{URL: s.URL + "/x?y=z", Headers: map[string]string{"X-A": "b"}, SecretHeader: "Authorization", SecretFile: file}
	if err := w.Do(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.URL.RequestURI() != "/x?y=z" || got.Header.Get("X-A") != "b" || got.Header.Get("Authorization") != "Bearer s3cret" ||
		got.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.UserAgent(), "lictor/") {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
	const want = `{"event":"failure","text":"backup failed","cluster":"prod","datacenter":"dc1","node":"n1","leading":true,` +
		`"time":"2026-11-21T12:00:00Z","destinations":[{"name":"a","behind":false,"newest":null},` +
		`{"name":"b","behind":true,"newest":"2026-11-21T12:00:00Z"}],"id":"17","index":42,"proof":"proven","stage":"upload",` +
		`"reason":"disk\u0000full","failures":3,"last_good":"2026-11-21T12:00:00Z","next":"2026-11-21T12:00:00Z",` +
		`"rpo":{"state":"missed","objective_seconds":7200,"age_seconds":7300}}`
	if string(body) != want {
		t.Errorf("body\n%s, want\n%s", body, want)
	}
	if err := (&Webhook{URL: s.URL, Method: http.MethodGet}).Do(t.Context(), sample()); err != nil || got.Method != http.MethodGet || len(body) > 0 {
		t.Errorf("%s with %q: %v", got.Method, body, err)
	}
	urls := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(urls, []byte(s.URL+"/from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Webhook{URLFile: urls}).Do(t.Context(), sample()); err != nil || got.URL.Path != "/from-file" {
		t.Errorf("%s: %v", got.URL, err)
	}
}

// Whatever goes wrong: nothing of a URL but its host is in the error or the log, nor is a secret.
func TestWebhookKeepsSecrets(t *testing.T) {
	status := http.StatusInternalServerError
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/s3cret-too")
		w.WriteHeader(status)
		io.WriteString(w, "s3cret of the answer")
	}))
	defer s.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	odd := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(odd, []byte("s3cret\nand more"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		hook    Webhook
		status  int
		want    string
		refused bool
	}{
		{"broken", Webhook{URL: s.URL + "/s3cret?t=s3cret"}, 500, "127.0.0.1 answered 500", false},
		{"too many", Webhook{URL: s.URL + "/s3cret"}, 429, "answered 429", false},
		{"denied", Webhook{URL: s.URL + "/s3cret"}, 403, "answered 403", true},
		{"elsewhere", Webhook{URL: s.URL + "/s3cret"}, 302, "redirects are not followed", true},
		{"down", Webhook{URL: gone.URL + "/s3cret"}, 0, "request to 127.0.0.1", false},
		{"no such host", Webhook{URL: "http://nowhere.invalid/s3cret"}, 0, "request to nowhere.invalid", false},
		{"no URL", Webhook{URL: "http://[s3cret"}, 0, "not a URL", false},
		{"no file", Webhook{URLFile: "/nowhere/file"}, 0, "read the secret", false},
		{"odd file", Webhook{URL: s.URL, SecretHeader: "X", SecretFile: odd}, 0, "must hold one line", false},
		{"bad method", Webhook{URL: s.URL, Method: "S3CRET /"}, 0, "cannot be made", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			status = c.status
			var log bytes.Buffer
			a := New(clock.NewFake(), hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace}))
			a.Use([]Hook{{"h", []Kind{Failure}, time.Minute, &c.hook}})
			err := c.hook.Do(t.Context(), sample())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(strings.ToLower(err.Error()), "s3cret") {
				t.Errorf("error %v", err)
			}
			if _, refused := err.(*refusal); refused != c.refused {
				t.Errorf("refused: %t", refused)
			}
			a.Tell(*sample(), Failure)
			until(t, nil, "tried", func() bool { n := a.Counts()["h"]; return n.Retried+n.Failed > 0 })
			a.Close(0)
			if log.Len() == 0 || strings.Contains(strings.ToLower(log.String()), "s3cret") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// An event says the same in both forms.
func TestEnvironment(t *testing.T) {
	e := sample()
	env := map[string]string{}
	for _, assignment := range e.environment() {
		name, value, _ := strings.Cut(assignment, "=")
		env[name] = value
	}
	for name, want := range map[string]string{
		"LICTOR_EVENT": "failure", "LICTOR_CLUSTER": "prod", "LICTOR_DATACENTER": "dc1", "LICTOR_NODE": "n1", "LICTOR_LEADING": "true",
		"LICTOR_TIME": "2026-11-21T12:00:00Z", "LICTOR_DESTINATIONS": "a\nb", "LICTOR_BEHIND": "b", "LICTOR_ID": "17", "LICTOR_INDEX": "42",
		"LICTOR_PROOF": "proven", "LICTOR_STAGE": "upload", "LICTOR_REASON": "disk\uFFFDfull", "LICTOR_FAILURES": "3",
		"LICTOR_LAST_GOOD": "2026-11-21T12:00:00Z", "LICTOR_NEXT": "2026-11-21T12:00:00Z", "LICTOR_RPO": "missed", "LICTOR_RPO_SECONDS": "7200",
		"LICTOR_RPO_AGE_SECONDS": "7300", "LICTOR_TEXT": "backup failed",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	var fields map[string]any
	body, err := e.body()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &fields); err != nil || len(fields) != 17 || len(env) != 20 {
		t.Errorf("%d fields, %d variables, %v: one that is new must be in both, and documented", len(fields), len(env), err)
	}
	if got := (&Event{}).environment(); !strings.Contains(strings.Join(got, " "), "LICTOR_LAST_GOOD= ") {
		t.Errorf("%q", got)
	}
}
