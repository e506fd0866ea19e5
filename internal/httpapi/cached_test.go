package httpapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// ageOf is what an answer says of the cache: HIT with an age, MISS, or nothing.
func ageOf(t *testing.T, h *Handler, target string, headers ...string) string {
	t.Helper()
	w := ask(h, "GET", target, "", headers...)
	said := w.Header().Get("X-Cache")
	if age := w.Header().Get("Age"); age != "" {
		said += " " + age
	}
	return said
}

func TestCachedReads(t *testing.T) {
	const web = "/v1/health/service/web?cached"
	for _, c := range []struct {
		name, first, second string
		header              string // of the second request
		want                string
	}{
		{"same again", web, web, "", "HIT 0"},
		{"without cached", "/v1/health/service/web", "/v1/health/service/web", "", ""},
		{"only the second", "/v1/health/service/web", web, "", "MISS"},
		{"blocking", web, web + "&index=1&wait=1ms", "", "HIT 0"},
		{"order of parameters", web + "&tag=a&passing", "/v1/health/service/web?passing&tag=a&cached", "", "HIT 0"},
		{"another service", web, "/v1/health/service/db?cached", "", "MISS"},
		{"another filter", web, web + "&tag=a", "", "MISS"},
		{"another token", web, web, "X-Consul-Token: other", "MISS"},
		{"another endpoint", web, "/v1/catalog/service/web?cached", "", "MISS"},
		{"must be fetched", web, web, "Cache-Control: must-revalidate", "MISS"},
		{"too old at once", web, web, "Cache-Control: stale-if-error=60, max-age=0", "MISS"},
		{"new enough", web, web, "Cache-Control: max-age=1", "HIT 0"},
		{"catalog", "/v1/catalog/service/web?cached", "/v1/catalog/service/web?cached", "", "HIT 0"},
		{"mesh", "/v1/health/connect/web?cached", "/v1/health/connect/web?cached", "", "HIT 0"},
		{"not a cached endpoint", "/v1/catalog/nodes?cached", "/v1/catalog/nodes?cached", "", ""},
		{"keys are never cached", "/v1/kv/a?cached", "/v1/kv/a?cached", "", ""},
		{"a failure is no answer", "/v1/health/service/web?cached&passing=x", "/v1/health/service/web?cached&passing=x", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandler(newFake(), Config{})
			ask(h, "GET", c.first, "")
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			if got := ageOf(t, h, c.second, headers...); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What a cache answers is what the state holds at that moment.
func TestCachedReadsAreNeverStale(t *testing.T) {
	const path = "/v1/catalog/service/web?cached"
	f := newFake()
	h := newHandler(f, Config{})
	if got := ask(h, "GET", path, "").Body.String(); got != "[]" {
		t.Fatal(got)
	}
	mustApply(t, f, fsm.Register(&state.Registration{
		Node:    &record.Register{Node: "n1", Address: "127.0.0.1"},
		Service: &record.NodeService{ID: "web", Service: "web"},
	}))
	w := ask(h, "GET", path, "")
	if w.Header().Get("X-Cache") != "HIT" || w.Body.String() == "[]" {
		t.Errorf("%s: %s", w.Header().Get("X-Cache"), w.Body)
	}
}

func TestCacheCanBeDisabled(t *testing.T) {
	h := newHandler(newFake(), Config{CacheDisabled: true})
	for range 2 {
		if got := ageOf(t, h, "/v1/health/service/web?cached"); got != "" {
			t.Errorf("got %q", got)
		}
	}
}

func TestCacheForgets(t *testing.T) {
	h := newHandler(newFake(), Config{})
	now := time.Now()
	h.answered.now = func() time.Time { return now }
	const path = "/v1/health/service/web?cached"
	ask(h, "GET", path, "")
	now = now.Add(cachedFor - 1)
	if got := ageOf(t, h, path); got != "HIT 0" {
		t.Errorf("just before the end: %q", got)
	}
	now = now.Add(cachedFor)
	if got := ageOf(t, h, path); got != "MISS" {
		t.Errorf("long after: %q", got)
	}
	for i := range cachedRequests {
		ask(h, "GET", fmt.Sprint("/v1/health/service/s", i, "?cached"), "")
	}
	if n := h.answered.asked.Len(); n > cachedRequests {
		t.Errorf("%d requests are remembered", n)
	}
	if got := ageOf(t, h, path); got != "MISS" {
		t.Errorf("after many others: %q", got)
	}
}
