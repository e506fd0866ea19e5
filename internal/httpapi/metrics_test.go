package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// measured collects what is measured until the end of the test.
func measured(t testing.TB, c telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	c.Prefix, c.DisableHostname = "consul", true
	tel, err := telemetry.Setup(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tel.Close)
	return tel
}

// observed is a fake whose process measures and logs.
func observed(t *testing.T, retention time.Duration) (*fakeBackend, hclog.InterceptLogger) {
	t.Helper()
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Warn, Output: io.Discard})
	f := newFake()
	f.telemetry = measured(t, telemetry.Config{FilterDefault: true, PrometheusRetention: retention})
	f.monitor = logging.NewMonitor(log)
	return f, log
}

func TestMetrics(t *testing.T) {
	f, _ := observed(t, time.Minute)
	h := newHandler(f, Config{})
	ask(h, "GET", "/v1/kv/a", "")
	ask(h, "OPTIONS", "/v1/kv/a", "")
	ask(h, "INVENTED", "/v1/kv/a", "")
	w := ask(h, "GET", "/v1/agent/metrics", "")
	var summary struct{ Gauges, Counters, Samples []struct{ Name string } }
	if err := json.Unmarshal(w.Body.Bytes(), &summary); err != nil || len(summary.Gauges) == 0 || w.Header().Get("X-Consul-Index") != "" {
		t.Errorf("%v: %s", err, w.Body)
	}
	w = ask(h, "GET", "/v1/agent/metrics?format=prometheus", "")
	for _, want := range []string{
		`consul_api_http_count{method="GET",path="v1_kv_"} 1`, `consul_api_http_count{method="OPTIONS",path="v1_kv_"} 1`,
		`consul_api_http_count{method="GET",path="v1_agent_metrics"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(w.Body.String(), "INVENTED") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%q %s", w.Header().Get("Content-Type"), w.Body)
	}
}

func TestNoPrometheus(t *testing.T) {
	f, _ := observed(t, 0)
	w := ask(newHandler(f, Config{}), "GET", "/v1/agent/metrics?format=prometheus", "")
	const reason = "Prometheus is not enabled since its retention time is not positive"
	if w.Code != 200 || w.Body.Len() > 0 || w.Header().Get("X-Consul-Reason") != reason {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestTelemetryNeedsRights(t *testing.T) {
	f, _ := observed(t, 0)
	f.rights = map[string]*acl.Authorizer{"": acl.DenyAll()}
	for _, path := range []string{"/v1/agent/metrics", "/v1/agent/metrics/stream", "/v1/agent/monitor"} {
		w := ask(newHandler(f, Config{}), "GET", path, "")
		if w.Code != 403 || !strings.Contains(w.Body.String(), `lacks permission 'agent:read' on "n1"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestMonitorRefusesUnknownLevels(t *testing.T) {
	f, _ := observed(t, 0)
	w := ask(newHandler(f, Config{}), "GET", "/v1/agent/monitor?loglevel=zz", "")
	if w.Code != 400 || w.Body.String() != "Unknown log level: zz" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}

// The headers come at once, then lines below the level of the log itself, until the server stops.
func TestEndlessAnswersEndWithTheServer(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"text", "/v1/agent/monitor?loglevel=debug", "[DEBUG] Request finished: method=GET url=/v1/status/leader"},
		{"JSON", "/v1/agent/monitor?loglevel=debug&logjson", `"@message":"Request finished"`},
		{"metrics", "/v1/agent/metrics/stream", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, log := observed(t, 0)
			h := New(Config{}, f, log)
			s := httptest.NewUnstartedServer(nil)
			s.Config = h.NewServer()
			s.Start()
			defer s.Close()
			resp, err := http.Get(s.URL + c.path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if c.want != "" {
				ask(h, "GET", "/v1/status/leader", "")
				line, err := bufio.NewReader(resp.Body).ReadBytes('\n')
				if err != nil || !bytes.Contains(line, []byte(c.want)) {
					t.Errorf("%v: %s", err, line)
				}
			}
			h.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Errorf("the stream does not end well: %v", err)
			}
		})
	}
}

func TestMonitorEndsWithItsClient(t *testing.T) {
	f, log := observed(t, 0)
	h := New(Config{}, f, log)
	s := httptest.NewServer(h)
	resp, err := http.Get(s.URL + "/v1/agent/monitor")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.Close() // waits for the answer to end
	if n := h.monitors.Load(); n != 0 {
		t.Errorf("%d monitors are left", n)
	}
}

func TestTrafficCountsRequestsQueriesAndWhatBlocks(t *testing.T) {
	f := newFake()
	h := newHandler(f, Config{})
	ask(h, "PUT", "/v1/kv/a", "v")
	done := make(chan struct{})
	go func() {
		defer close(done)
		ask(h, "GET", "/v1/kv/a?index=100", "")
	}()
	<-f.fetched // by then it is counted
	if got, want := h.Traffic(), (Traffic{Requests: 2, Queries: 1, Blocking: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	h.Close()
	<-done
	if got, want := h.Traffic(), (Traffic{Requests: 2, Queries: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
