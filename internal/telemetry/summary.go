package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/go-metrics"
)

// Summary is what one interval holds, each list sorted by name and labels. It always encodes as JSON: there is neither
// a NaN nor an infinity in it.
type Summary struct {
	Timestamp string // when the interval began
	Gauges    []Gauge
	Points    []metrics.PointValue
	Counters  []metrics.SampledValue
	Samples   []metrics.SampledValue
}

// Gauge is the last value that something had in an interval.
type Gauge struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// Summary returns the last complete interval; in the first ten seconds it is the current one, as far as it has come.
func (t *Telemetry) Summary() Summary {
	intervals := t.memory.Data() // one at least
	i := intervals[max(0, len(intervals)-2)]
	return summarize(i, t.tallies(i.Interval))
}

// summarize adds what Timers have counted to what else an interval holds.
func summarize(i *metrics.IntervalMetrics, timers map[string]metrics.SampledValue) Summary {
	i.RLock()
	defer i.RUnlock()
	s := Summary{
		Timestamp: i.Interval.Round(time.Second).UTC().String(),
		Gauges:    gauges(i),
		Points:    []metrics.PointValue{},
		Counters:  samples(i.Counters),
		Samples:   samples(together(i.Samples, timers)),
	}
	for _, name := range slices.Sorted(maps.Keys(i.Points)) {
		points := slices.DeleteFunc(slices.Clone(i.Points[name]), func(v float32) bool { return !finite(float64(v)) })
		s.Points = append(s.Points, metrics.PointValue{Name: name, Points: points})
	}
	return s
}

// gauges are those of single and of double precision together.
func gauges(i *metrics.IntervalMetrics) []Gauge {
	all := make(map[string]Gauge, len(i.Gauges)+len(i.PrecisionGauges))
	for key, g := range i.Gauges {
		all[key] = Gauge{g.Name, widen(g.Value), labelMap(g.Labels)}
	}
	for key, g := range i.PrecisionGauges {
		all[key] = Gauge{g.Name, g.Value, labelMap(g.Labels)}
	}
	list := make([]Gauge, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if finite(all[key].Value) {
			list = append(list, all[key])
		}
	}
	return list
}

// samples copies aggregates, which go-metrics may still write to when the lock of their interval is released.
func samples(source map[string]metrics.SampledValue) []metrics.SampledValue {
	list := make([]metrics.SampledValue, 0, len(source))
	for _, key := range slices.Sorted(maps.Keys(source)) {
		aggregate := *source[key].AggregateSample
		if !finite(aggregate.Sum) || !finite(aggregate.Min) || !finite(aggregate.Max) {
			continue
		}
		deviation := aggregate.Stddev()
		if !finite(deviation) { // equal values, and a rounding error below zero
			deviation = 0
		}
		list = append(list, metrics.SampledValue{
			Name: source[key].Name, AggregateSample: &aggregate, Mean: aggregate.Mean(), Stddev: deviation,
			DisplayLabels: labelMap(source[key].Labels),
		})
	}
	return list
}

// together are the samples of both, added up where both have one. Neither is changed.
func together(a, b map[string]metrics.SampledValue) map[string]metrics.SampledValue {
	sum := maps.Clone(a)
	for hash, more := range b {
		if one, ok := sum[hash]; ok {
			aggregate := *one.AggregateSample
			combine(&aggregate, more.AggregateSample)
			more.AggregateSample = &aggregate
		}
		sum[hash] = more
	}
	return sum
}

// combine makes of a what it would be if it had got b's values as well. Both have had one at least.
func combine(a, b *metrics.AggregateSample) {
	a.Count += b.Count
	a.Sum += b.Sum
	a.SumSq += b.SumSq
	a.Min, a.Max = min(a.Min, b.Min), max(a.Max, b.Max)
	a.Rate = a.Sum / interval.Seconds()
}

func labelMap(labels []metrics.Label) map[string]string {
	m := make(map[string]string, len(labels))
	for _, l := range labels {
		m[l.Name] = l.Value
	}
	return m
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// widen keeps the decimal number that a float32 stands for: 0.1 becomes 0.1, not 0.10000000149011612.
func widen(v float32) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return f
}

// Stream writes each interval when it ends, as one line of JSON, until ctx is done or Close is called, which are no
// errors. It fails if w does. If w is an http.ResponseWriter it is flushed at once and after every line.
func (t *Telemetry) Stream(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	e := &lineEncoder{telemetry: t, w: w}
	e.flush()
	t.memory.Stream(ctx, e)
	return e.err
}

// lineEncoder writes an interval whenever go-metrics says that one has ended.
type lineEncoder struct {
	telemetry *Telemetry
	w         io.Writer
	err       error
}

// Encode takes no notice of go-metrics' own summary, which may hold what JSON cannot carry.
func (e *lineEncoder) Encode(any) error {
	e.err = json.NewEncoder(e.w).Encode(e.telemetry.Summary())
	if e.err == nil {
		e.flush()
	}
	return e.err
}

func (e *lineEncoder) flush() {
	if rw, ok := e.w.(http.ResponseWriter); ok {
		_ = http.NewResponseController(rw).Flush() // a failure shows with the next write
	}
}
