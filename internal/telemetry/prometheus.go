package telemetry

import (
	"fmt"
	"net/http"

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
}

// newExposition declares all Definitions, so that they are there with 0 before they happen for the first time.
func newExposition(c Config) (*exposition, error) {
	opts := sink.PrometheusOpts{Expiration: c.PrometheusRetention}
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
		}
	}
	registry := prometheus.NewRegistry()
	opts.Registerer = registry
	s, err := sink.NewPrometheusSinkFrom(opts)
	if err != nil {
		return nil, fmt.Errorf("telemetry: declare the metrics for Prometheus: %w", err)
	}
	return &exposition{sink: s, handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
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
