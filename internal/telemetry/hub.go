package telemetry

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
)

// receivers get what go-metrics' package functions and Timers are told, once Setup has been called.
var receivers hub

// hub hands measurements to all that are open. It is the sink of go-metrics' global object, which knows neither
// prefix nor host nor filter: those are the receivers' own.
type hub struct {
	mu   sync.RWMutex // held for reading while a measurement is handed out: who has been removed gets none
	open []*Telemetry
	turn uint64 // grows whenever a Timer must ask again who gets its values
}

var (
	_ metrics.MetricSink               = (*hub)(nil)
	_ metrics.PrecisionGaugeMetricSink = (*hub)(nil)
)

// add puts a receiver in, and the hub behind go-metrics' package functions.
func (h *hub) add(t *Telemetry) error {
	if _, err := metrics.NewGlobal(&metrics.Config{TimerGranularity: time.Millisecond, FilterDefault: true}, h); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, t)
	h.turn++
	return nil
}

// remove takes a receiver out. When it returns, nothing is being handed to it any more.
func (h *hub) remove(t *Telemetry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = slices.DeleteFunc(h.open, func(o *Telemetry) bool { return o == t })
	h.turn++
}

// refilter makes every Timer ask the filters again before its next value.
func (h *hub) refilter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn++
}

func (h *hub) each(record func(*metrics.Metrics)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.open {
		record(t.metrics)
	}
}

func (h *hub) SetGauge(key []string, val float32) { h.SetGaugeWithLabels(key, val, nil) }

func (h *hub) SetGaugeWithLabels(key []string, val float32, labels []metrics.Label) {
	h.each(func(m *metrics.Metrics) { m.SetGaugeWithLabels(key, val, labels) })
}

func (h *hub) SetPrecisionGauge(key []string, val float64) {
	h.SetPrecisionGaugeWithLabels(key, val, nil)
}

func (h *hub) SetPrecisionGaugeWithLabels(key []string, val float64, labels []metrics.Label) {
	h.each(func(m *metrics.Metrics) { m.SetPrecisionGaugeWithLabels(key, val, labels) })
}

func (h *hub) EmitKey(key []string, val float32) {
	h.each(func(m *metrics.Metrics) { m.EmitKey(key, val) })
}

func (h *hub) IncrCounter(key []string, val float32) { h.IncrCounterWithLabels(key, val, nil) }

func (h *hub) IncrCounterWithLabels(key []string, val float32, labels []metrics.Label) {
	h.each(func(m *metrics.Metrics) { m.IncrCounterWithLabels(key, val, labels) })
}

func (h *hub) AddSample(key []string, val float32) { h.AddSampleWithLabels(key, val, nil) }

// AddSampleWithLabels gets timers as well, already in milliseconds.
func (h *hub) AddSampleWithLabels(key []string, val float32, labels []metrics.Label) {
	h.each(func(m *metrics.Metrics) { m.AddSampleWithLabels(key, val, labels) })
}
