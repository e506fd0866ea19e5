package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/state"
)

func TestConsistency(t *testing.T) {
	for _, c := range []struct {
		name, query string
		contact     time.Duration
		want        Consistency
		err         string
	}{
		{name: "default", want: Default},
		{name: "leader", query: "leader", want: Default},
		{name: "stale", query: "stale", want: Stale},
		{name: "consistent", query: "consistent", want: Consistent},
		{name: "conflict", query: "stale&consistent", err: "Cannot specify ?stale with ?consistent, conflicting semantics."},
		{name: "conflict with cached", query: "cached&consistent", err: "Cannot specify ?cached with ?consistent, conflicting semantics."},
		{name: "cached alone", query: "cached", want: Default},
		{name: "max_stale implies stale", query: "max_stale=10s", contact: 9 * time.Second, want: Stale},
		{name: "max_stale exceeded", query: "max_stale=10s", contact: 11 * time.Second, want: Default},
		{name: "max_stale exceeded, stale", query: "max_stale=10s&stale", contact: 11 * time.Second, want: Default},
		{name: "max_stale of zero", query: "max_stale=0s", want: Default},
		{name: "max_stale and consistent", query: "max_stale=1s&consistent", err: "Cannot specify ?stale with ?consistent, conflicting semantics."},
		{name: "bad max_stale", query: "max_stale=x", err: `Invalid max_stale value "x"`},
	} {
		for _, path := range []string{"/v1/kv/a", "/v1/kv/?recurse", "/v1/kv/?keys", "/v1/operator/raft/configuration"} {
			t.Run(c.name+path, func(t *testing.T) {
				f := newFake()
				f.contact = c.contact
				target := path + "&" + c.query
				if !strings.Contains(path, "?") {
					target = path + "?" + c.query
				}
				w := ask(newHandler(f, Config{}), "GET", target, "")
				if c.err != "" {
					if w.Code != 400 || w.Body.String() != c.err {
						t.Errorf("%d %q, want 400 %q", w.Code, w.Body, c.err)
					}
					return
				}
				if want := []Consistency{c.want}; !slices.Equal(f.barriers, want) {
					t.Errorf("barriers %v, want %v", f.barriers, want)
				}
			})
		}
	}
}

func TestWritesIgnoreTheMode(t *testing.T) {
	f := newFake()
	if w := ask(newHandler(f, Config{}), "PUT", "/v1/kv/a?stale&consistent&index=x", "v"); w.Body.String() != "true" || len(f.barriers) > 0 {
		t.Errorf("%d %s, barriers %v", w.Code, w.Body, f.barriers)
	}
}

func TestBadBlockingParameters(t *testing.T) {
	for target, want := range map[string]string{
		"/v1/kv/a?index=x":        "Invalid index",
		"/v1/kv/a?index=-1":       "Invalid index",
		"/v1/kv/?keys&wait=5":     "Invalid wait time",
		"/v1/kv/?recurse&wait=1y": "Invalid wait time",
	} {
		if w := ask(newHandler(newFake(), Config{}), "GET", target, ""); w.Code != 400 || w.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", target, w.Code, w.Body, want)
		}
	}
}

func TestQueryTime(t *testing.T) {
	for _, c := range []struct {
		name      string
		cfg       Config
		ask, want time.Duration
	}{
		{name: "absent", ask: 0, want: 5 * time.Minute},
		{name: "negative", ask: -5 * time.Second, want: 5 * time.Minute},
		{name: "given", ask: 16 * time.Second, want: 16 * time.Second},
		{name: "above the ceiling", ask: time.Hour, want: 10 * time.Minute},
		{name: "configured default", cfg: Config{DefaultQueryTime: time.Minute}, want: time.Minute},
		{name: "configured ceiling", cfg: Config{MaxQueryTime: time.Minute}, ask: time.Hour, want: time.Minute},
		{name: "default above the ceiling", cfg: Config{MaxQueryTime: time.Minute}, want: time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandler(newFake(), c.cfg)
			seen := map[time.Duration]bool{}
			for range 100 {
				got := h.queryTime(c.ask)
				if got < c.want || got > c.want+c.want/16 {
					t.Fatalf("%v is not within %v and a sixteenth more", got, c.want)
				}
				seen[got] = true
			}
			if len(seen) < 50 {
				t.Errorf("only %d different times", len(seen))
			}
		})
	}
}

// blocked starts a GET, waits until it has read the store once, and returns where its answer comes.
func blocked(t *testing.T, ctx context.Context, h *Handler, f *fakeBackend, target string) <-chan *httptest.ResponseRecorder {
	t.Helper()
	answers := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil).WithContext(ctx))
		answers <- w
	}()
	<-f.fetched
	return answers
}

func answer(t *testing.T, answers <-chan *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	t.Helper()
	select {
	case w := <-answers:
		return w
	case <-time.After(20 * time.Second):
		t.Fatal("the query is still blocked")
		return nil
	}
}

func TestBlockingQueryEnds(t *testing.T) {
	for _, c := range []struct {
		name, query string
		act         func(t *testing.T, h *Handler, f *fakeBackend)
		index       string
		value       string
	}{
		{"by a write of the key", "index=11&wait=10m", func(t *testing.T, _ *Handler, f *fakeBackend) {
			f.put(t, "other=1", "a=2")
		}, "13", "2"},
		{"by its time", "index=11&wait=5ms", func(*testing.T, *Handler, *fakeBackend) {}, "11", "a"},
		{"by its time, asked for the future", "index=900&wait=5ms", func(*testing.T, *Handler, *fakeBackend) {}, "11", "a"},
		{"at once when the server stops", "index=11&wait=10m", func(_ *testing.T, h *Handler, _ *fakeBackend) {
			h.Close()
			h.Close()
		}, "11", "a"},
		{"at once by a restore, with what was there before", "index=11&wait=10m", func(t *testing.T, _ *Handler, f *fakeBackend) {
			if err := f.Restore(t.Context(), strings.NewReader("x"), nil); err != nil {
				t.Error(err)
			}
		}, "11", "a"},
		{"at once below its index", "index=10&wait=10m", func(*testing.T, *Handler, *fakeBackend) {}, "11", "a"},
		{"at once at index 0", "index=0&wait=10m", func(*testing.T, *Handler, *fakeBackend) {}, "11", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.put(t, "a=a")
			h := newHandler(f, Config{})
			answers := blocked(t, t.Context(), h, f, "/v1/kv/a?raw&"+c.query)
			c.act(t, h, f)
			w := answer(t, answers)
			if w.Code != 200 || w.Header().Get("X-Consul-Index") != c.index || w.Body.String() != c.value {
				t.Errorf("%d, index %s, %q; want index %s, %q", w.Code, w.Header().Get("X-Consul-Index"), w.Body, c.index, c.value)
			}
		})
	}
}

// An index that falls is no change that a client waits for.
func TestBlockingQueryGoesOnWhenTheIndexFalls(t *testing.T) {
	f := newFake()
	f.put(t, "a=a")
	f.indexes = []uint64{11, 7, 11, 42}
	answers := blocked(t, t.Context(), newHandler(f, Config{}), f, "/v1/kv/a?index=11&wait=10m")
	for _, value := range []string{"1", "2", "3"} {
		f.put(t, "a="+value)
		<-f.fetched
	}
	if got := answer(t, answers).Header().Get("X-Consul-Index"); got != "42" {
		t.Errorf("index %s, want 42", got)
	}
}

func TestBlockingQueryEndsWithItsClient(t *testing.T) {
	f := newFake()
	f.put(t, "a=a")
	ctx, leave := context.WithCancel(t.Context())
	log, out := logger()
	answers := blocked(t, ctx, New(Config{}, f, log), f, "/v1/kv/a?index=11&wait=10m")
	leave()
	answer(t, answers)
	if strings.Contains(out.String(), "[ERROR]") {
		t.Errorf("a client that goes is no error: %s", out)
	}
}

func TestBarrierComesBeforeTheStore(t *testing.T) {
	f := newFake()
	f.err = errors.New("No cluster leader")
	h := newHandler(f, Config{})
	if w := ask(h, "GET", "/v1/kv/a?index=1&wait=10m", ""); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	if len(f.fetched) > 0 {
		t.Error("the store was read without a leader")
	}
	if w := ask(h, "GET", "/v1/kv/a?stale", ""); w.Code != http.StatusNotFound {
		t.Errorf("stale read without a leader: status %d", w.Code)
	}
}

// The context of a blocked query ends with the query.
func TestBlockingLeavesNothingBehind(t *testing.T) {
	h := newHandler(newFake(), Config{})
	ctx, cancel := h.blocking(t.Context(), state.New(), time.Hour)
	cancel()
	<-ctx.Done()
}
