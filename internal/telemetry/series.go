package telemetry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// series is what a Telemetry has of the Timers with one key and the same labels. The first value of an interval goes the way of all
// others, so that the interval begins; the rest is counted here, and added to the interval when somebody reads it.
type series struct {
	key        []string // with the prefix
	labels     []metrics.Label
	memory     *metrics.InmemSink
	outputs    metrics.FanoutSink        // get every value
	newSummary func() prometheus.Summary // nil without Prometheus

	mu      sync.Mutex
	tallies [retained / interval]tally // as many as there are intervals
	current int                        // the index of the newest
	summary prometheus.Summary         // nil until it is needed, and when it has been forgotten
	last    time.Time                  // of the latest value
}

// tally counts the values of an interval.
type tally struct {
	began int64 // nanoseconds since 1970
	metrics.AggregateSample
}

// add records a value, of now.
func (s *series) add(now time.Time, v float32) {
	for _, out := range s.outputs {
		out.AddSampleWithLabels(s.key, v, s.labels)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := &s.tallies[s.current]; uint64(now.UnixNano()-t.began) < uint64(interval) || s.seek() {
		s.tallies[s.current].add(float64(v))
	} else {
		s.memory.AddSampleWithLabels(s.key, v, s.labels)
	}
	if s.newSummary == nil {
		return
	}
	if s.summary == nil {
		s.summary = s.newSummary()
	}
	s.summary.Observe(float64(v))
	s.last = now
}

// seek makes the tally of this moment's interval the current one. It returns false if that has just begun.
func (s *series) seek() bool {
	began := time.Now().Truncate(interval).UnixNano() // the clock may have been set since a measurement began
	for i := range s.tallies {
		if s.tallies[i].began == began {
			s.current = i
			return true
		}
	}
	s.current = (s.current + 1) % len(s.tallies)
	s.tallies[s.current] = tally{began: began}
	return false
}

// add does what AggregateSample.Ingest does, but for what nobody reads here: the rate before the end, and the time.
func (t *tally) add(v float64) {
	if t.Count == 0 {
		t.Min, t.Max = v, v
	}
	t.Count++
	t.Sum += v
	t.SumSq += v * v
	t.Min, t.Max = min(t.Min, v), max(t.Max, v)
}

// of returns what has been counted here in the interval that began then.
func (s *series) of(began time.Time) metrics.AggregateSample {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tallies {
		if t.began == began.UnixNano() {
			t.Rate = t.Sum / interval.Seconds()
			return t.AggregateSample
		}
	}
	return metrics.AggregateSample{}
}

// exposed returns the summary for Prometheus, nil if there is none. It is forgotten if the latest value is older than oldest.
func (s *series) exposed(oldest time.Time) prometheus.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Before(oldest) {
		s.summary = nil
	}
	return s.summary
}

// timer returns the series for a Timer, nil if the filter blocks it.
func (t *Telemetry) timer(key []string, labels []metrics.Label) *series {
	if key = t.fullKey(key); key == nil {
		return nil
	}
	t.timed.Lock()
	defer t.timed.Unlock()
	_, hash := nameOf(key, labels)
	s := t.series[hash]
	if s != nil {
		return s
	}
	s = &series{key: key, labels: labels, memory: t.memory, outputs: t.outputs}
	switch {
	case t.prometheus == nil:
	case len(labels) == 0: // go-metrics may have declared it
		s.outputs = append(slices.Clone(t.outputs), t.prometheus.sink)
	default:
		s.newSummary = func() prometheus.Summary { return t.prometheus.newSummary(key, labels) }
	}
	t.series[hash] = s
	return s
}

// timers are the series of all Timers.
func (t *Telemetry) timers() []*series {
	t.timed.Lock()
	defer t.timed.Unlock()
	return slices.Collect(maps.Values(t.series))
}

// tallies are what Timers have counted in the interval that began then, as go-metrics would keep it.
func (t *Telemetry) tallies(began time.Time) map[string]metrics.SampledValue {
	all := map[string]metrics.SampledValue{}
	for _, s := range t.timers() {
		if sum := s.of(began); sum.Count > 0 {
			name, hash := nameOf(s.key, s.labels)
			all[hash] = metrics.SampledValue{Name: name, AggregateSample: &sum, Labels: s.labels}
		}
	}
	return all
}

// nameOf is how go-metrics calls a metric in the summary of an interval, and tells it from others.
func nameOf(key []string, labels []metrics.Label) (name, hash string) {
	name = strings.Join(key, ".")
	hash = name
	for _, l := range labels {
		hash += ";" + l.Name + "=" + l.Value
	}
	return strings.ReplaceAll(name, " ", "_"), strings.ReplaceAll(hash, " ", "_")
}

// fullKey is the name that go-metrics makes of a sample's key, nil if the filter blocks it.
func (t *Telemetry) fullKey(key []string) []string {
	t.filters.Lock()
	defer t.filters.Unlock()
	var heard listener
	m, err := metrics.New(&t.metrics.Config, &heard)
	if err != nil {
		return nil // a Metrics with this configuration is open
	}
	m.AddSample(key, 0)
	return heard.key
}

// listener remembers under which name a sample came.
type listener struct {
	metrics.BlackholeSink
	key []string
}

func (l *listener) AddSampleWithLabels(key []string, _ float32, _ []metrics.Label) { l.key = key }
