package telemetry

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"
	sink "github.com/hashicorp/go-metrics/prometheus"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// noPrometheus is the reason given to who asks for what is not enabled.
const noPrometheus = "Prometheus is not enabled since its retention time is not positive"

// exposition keeps metrics for Prometheus.
type exposition struct {
	sink    *sink.PrometheusSink
	handler http.Handler
	help    map[string]string // of the summaries that are declared, by their names
}

// newExposition declares all Definitions, so that they are there with 0 before they happen for the first time. What timers returns is
// exposed besides.
func newExposition(c Config, timers func() []*series) (*exposition, error) {
	opts := sink.PrometheusOpts{Expiration: c.PrometheusRetention}
	help := map[string]string{}
	for _, d := range Definitions() {
		switch name := d.fullName(c); d.Kind {
		case CounterKind:
			opts.CounterDefinitions = append(opts.CounterDefinitions, sink.CounterDefinition{Name: name, Help: d.Help})
		case GaugeKind:
			opts.GaugeDefinitions = append(opts.GaugeDefinitions, sink.GaugeDefinition{
				Name: name, Help: d.Help, ConstLabels: constLabels[d.Name],
			})
		case TimerKind, SampleKind:
			opts.SummaryDefinitions = append(opts.SummaryDefinitions, sink.SummaryDefinition{Name: name, Help: d.Help})
			help[prometheusName(name)] = d.Help
		}
	}
	registry := prometheus.NewRegistry()
	opts.Registerer = registry
	s, err := sink.NewPrometheusSinkFrom(opts)
	if err == nil {
		err = registry.Register(timerCollector{timers, c.PrometheusRetention})
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: declare the metrics for Prometheus: %w", err)
	}
	return &exposition{sink: s, help: help, handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:           failures{c.Log},
		ErrorHandling:      promhttp.ContinueOnError, // one bad metric must not hide the others
		DisableCompression: true,                     // the server around it compresses
	})}, nil
}

// fullName is a definition's name as go-metrics makes it of a key.
func (d Definition) fullName(c Config) []string {
	var name []string
	if c.Prefix != "" {
		name = append(name, c.Prefix)
	}
	if d.Kind == GaugeKind && c.Hostname != "" {
		name = append(name, c.Hostname)
	}
	return append(name, d.Name)
}

// timerCollector collects the series of Timers that have been used within the retention time.
type timerCollector struct {
	timers    func() []*series
	retention time.Duration
}

// Describe names nothing: which series there are shows when they are used.
func (timerCollector) Describe(chan<- *prometheus.Desc) {}

func (c timerCollector) Collect(out chan<- prometheus.Metric) {
	oldest := time.Now().Add(-c.retention)
	for _, s := range c.timers() {
		if summary := s.exposed(oldest); summary != nil {
			out <- summary
		}
	}
}

var forbidden = strings.NewReplacer(" ", "_", ".", "_", "=", "_", "-", "_", "/", "_")

// prometheusName is the name that go-metrics makes of a key for Prometheus.
func prometheusName(key []string) string { return forbidden.Replace(strings.Join(key, "_")) }

// newSummary is a summary as go-metrics makes it of a sample.
func (e *exposition) newSummary(key []string, labels []metrics.Label) prometheus.Summary {
	name := prometheusName(key)
	help, ok := e.help[name]
	if !ok {
		help = name
	}
	return prometheus.NewSummary(prometheus.SummaryOpts{
		Name: name, Help: help, ConstLabels: labelMap(labels),
		MaxAge: 10 * time.Second, Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
	})
}

// failures logs what cannot be exposed.
type failures struct{ log hclog.Logger }

func (f failures) Println(v ...any) {
	f.log.Error("metrics cannot be exposed to Prometheus", "error", fmt.Sprint(v...))
}

// Prometheus answers with all metrics in the format that the request asks for, text if it does not. Without a
// retention time the answer is 200 and empty, and the header X-Consul-Reason says why.
func (t *Telemetry) Prometheus(w http.ResponseWriter, r *http.Request) {
	if t.prometheus == nil {
		w.Header().Set("X-Consul-Reason", noPrometheus)
		w.WriteHeader(http.StatusOK)
		return
	}
	t.prometheus.handler.ServeHTTP(w, r)
}
