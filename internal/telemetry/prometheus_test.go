package telemetry

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-metrics"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape asks as Prometheus does, and reads the answer as Prometheus does.
func scrape(t *testing.T, tel *Telemetry) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/v1/agent/metrics?format=prometheus", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	tel.Prometheus(w, r)
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Fatalf("%d %s", w.Code, got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// withPrometheus configures Prometheus and a log that must stay empty.
func withPrometheus(t *testing.T, c Config) Config {
	var log bytes.Buffer
	t.Cleanup(func() {
		if log.Len() > 0 {
			t.Errorf("log: %s", &log)
		}
	})
	c.PrometheusRetention = time.Minute
	c.Log = hclog.New(&hclog.LoggerOptions{Output: &log})
	return c
}

var types = map[Kind]dto.MetricType{
	CounterKind: dto.MetricType_COUNTER, GaugeKind: dto.MetricType_GAUGE,
	TimerKind: dto.MetricType_SUMMARY, SampleKind: dto.MetricType_SUMMARY,
}

func TestPrometheusDeclaresEverything(t *testing.T) {
	for _, tt := range []struct{ name, host string }{{"plain", ""}, {"with host names", "node-1.example"}} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Prefix: "consul", Hostname: tt.host, DisableHostname: tt.host == "", FilterDefault: true}
			families := scrape(t, setup(t, withPrometheus(t, c)))
			for _, d := range Definitions() {
				name := "consul." + d.Name
				if d.Kind == GaugeKind && tt.host != "" {
					name = "consul." + tt.host + "." + d.Name
				}
				f := families[strings.NewReplacer(".", "_", "-", "_").Replace(name)]
				if f == nil {
					t.Errorf("%s is missing", name)
					continue
				}
				if f.GetType() != types[d.Kind] || f.GetHelp() != d.Help || len(f.Metric) != 1 {
					t.Errorf("%s is %v", name, f)
				}
			}
		})
	}
}

func TestPrometheusValues(t *testing.T) {
	tel := setup(t, withPrometheus(t, plain()))
	before := scrape(t, tel)
	if got := before["consul_raft_apply"].Metric[0].Counter.GetValue(); got != 0 {
		t.Errorf("consul_raft_apply is %v before it happened", got)
	}
	metrics.IncrCounter([]string{"raft", "apply"}, 2)
	metrics.SetGauge(StateKVEntries, 5)
	metrics.SetGauge([]string{"bad"}, float32(math.NaN()))
	labels := []metrics.Label{{Name: "op", Value: "set"}}
	for range 10 {
		metrics.AddSampleWithLabels(FSMKVS, 3, labels)
	}
	after := scrape(t, tel)
	if got := after["consul_raft_apply"].Metric[0].Counter.GetValue(); got != 2 {
		t.Errorf("consul_raft_apply is %v", got)
	}
	if got := after["consul_state_kv_entries"].Metric[0].Gauge.GetValue(); got != 5 {
		t.Errorf("consul_state_kv_entries is %v", got)
	}
	if got := after["consul_bad"].Metric[0].Gauge.GetValue(); !math.IsNaN(got) {
		t.Errorf("consul_bad is %v", got)
	}
	if got := after["consul_version"].Metric; len(got) != 1 || got[0].Gauge.GetValue() != 1 {
		t.Errorf("consul_version is %v", got)
	}
	checkSummary(t, after["consul_fsm_kvs"])
}

// checkSummary wants the declared series, empty, and the one of ten times 3 with a label.
func checkSummary(t *testing.T, f *dto.MetricFamily) {
	t.Helper()
	if len(f.Metric) != 2 {
		t.Fatalf("consul_fsm_kvs is %v", f)
	}
	for _, m := range f.Metric {
		want := map[float64]float64{0.5: math.NaN(), 0.9: math.NaN(), 0.99: math.NaN()}
		count := uint64(0)
		if len(m.Label) == 1 && m.Label[0].GetName() == "op" && m.Label[0].GetValue() == "set" {
			want, count = map[float64]float64{0.5: 3, 0.9: 3, 0.99: 3}, 10
		}
		if m.Summary.GetSampleCount() != count || m.Summary.GetSampleSum() != float64(3*count) || len(m.Summary.Quantile) != len(want) {
			t.Errorf("summary %v", m)
		}
		for _, q := range m.Summary.Quantile {
			w, ok := want[q.GetQuantile()]
			if !ok || (q.GetValue() != w && !(math.IsNaN(w) && math.IsNaN(q.GetValue()))) {
				t.Errorf("quantile %v is %v, want %v", q.GetQuantile(), q.GetValue(), w)
			}
		}
	}
}

func TestPrometheusForgetsAfterTheRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, withPrometheus(t, plain()))
		metrics.IncrCounter([]string{"of", "the", "moment"}, 1)
		metrics.IncrCounter([]string{"raft", "apply"}, 1)
		<-time.After(30 * time.Second)
		if scrape(t, tel)["consul_of_the_moment"] == nil {
			t.Error("forgotten before the retention has passed")
		}
		<-time.After(31 * time.Second)
		families := scrape(t, tel)
		if families["consul_of_the_moment"] != nil {
			t.Error("not forgotten after the retention")
		}
		if got := families["consul_raft_apply"].GetMetric(); len(got) != 1 || got[0].Counter.GetValue() != 1 {
			t.Errorf("what is declared became %v", got)
		}
	})
}

func TestPrometheusLogsWhatItCannotExpose(t *testing.T) {
	var log bytes.Buffer
	c := withPrometheus(t, plain())
	c.Log = hclog.New(&hclog.LoggerOptions{Output: &log})
	tel := setup(t, c)
	metrics.SetGauge([]string{"raft", "apply"}, 1) // which is a counter
	families := scrape(t, tel)
	if families["consul_raft_peers"] == nil || !strings.Contains(log.String(), "consul_raft_apply") {
		t.Errorf("log %q", &log)
	}
}

func TestNoPrometheusWithoutRetention(t *testing.T) {
	w := httptest.NewRecorder()
	setup(t, plain()).Prometheus(w, httptest.NewRequest(http.MethodGet, "/", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("X-Consul-Reason"); w.Code != http.StatusOK || len(body) != 0 ||
		got != "Prometheus is not enabled since its retention time is not positive" {
		t.Errorf("%d %q %q", w.Code, body, got)
	}
}
