package telemetry

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-metrics"
)

// A Timer measures what happens so often that metrics.MeasureSinceWithLabels would cost too much: its name is made of its key, and
// looked up, once and not for each value. What is measured is the same. It is safe for concurrent use.
type Timer struct {
	key    []string
	labels []metrics.Label
	known  atomic.Pointer[audience] // nil before the first value
}

// audience is what gets a Timer's values.
type audience struct {
	turn   uint64 // of the hub, when this was found
	series []*series
}

// NewTimer returns the Timer for a key with labels, whose values clients must not be able to choose: each is kept for good. Timers with
// equal keys and labels share what they measure; but what Timers with labels measure, go-metrics' functions must not.
func NewTimer(key []string, labels ...metrics.Label) *Timer {
	return &Timer{key: slices.Clone(key), labels: slices.Clone(labels)}
}

// MeasureSince records the time since start.
func (t *Timer) MeasureSince(start time.Time) {
	receivers.mu.RLock()
	defer receivers.mu.RUnlock()
	series := t.audience()
	if len(series) == 0 {
		return
	}
	took := time.Since(start)
	for _, s := range series {
		s.add(start.Add(took), float32(took)/float32(time.Millisecond))
	}
}

// audience are the series that get a value. The caller holds the hub's lock.
func (t *Timer) audience() []*series {
	if a := t.known.Load(); a != nil && a.turn == receivers.turn {
		return a.series
	}
	a := &audience{turn: receivers.turn}
	for _, open := range receivers.open {
		if s := open.timer(t.key, t.labels); s != nil {
			a.series = append(a.series, s)
		}
	}
	t.known.Store(a)
	return a.series
}
