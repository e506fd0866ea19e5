package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-metrics"
)

const (
	// interval is what the JSON answer and the stream add up.
	interval = 10 * time.Second
	// retained is how far back intervals are kept.
	retained = time.Minute
	// runtimeInterval is the time between two looks at the Go runtime. It is short against interval, so that every
	// interval has those gauges, and ends even where nothing else happens.
	runtimeInterval = time.Second
)

// Telemetry collects what the process measures, from Setup to Close.
type Telemetry struct {
	metrics    *metrics.Metrics   // applies prefix, host name and filter
	outputs    metrics.FanoutSink // over the network
	memory     *metrics.InmemSink
	prometheus *exposition // nil if it is not enabled

	timed  sync.Mutex         // guards series
	series map[string]*series // of Timers, by their hashes

	filters sync.Mutex      // held while the filter is replaced or read
	ctx     context.Context // done with Close
	cancel  context.CancelFunc
	runtime sync.WaitGroup
	once    sync.Once
}

// Setup begins to collect, and makes itself the receiver of what go-metrics' package functions are told. It may be
// called again while another Telemetry is open; both then get every measurement.
//
// It fails if an address can never work; that nobody listens there is no failure. The caller must call Close.
func Setup(c Config) (*Telemetry, error) {
	c, err := c.withHostname()
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	outputs, err := c.outputs()
	if err != nil {
		return nil, err
	}
	t := &Telemetry{outputs: outputs, memory: metrics.NewInmemSink(interval, retained), series: map[string]*series{}}
	sinks := append(slices.Clone(outputs), t.memory)
	if c.PrometheusRetention > 0 {
		t.prometheus, err = newExposition(c, t.timers)
		if err != nil {
			sinks.Shutdown()
			return nil, err
		}
		sinks = append(sinks, t.prometheus.sink)
	}
	t.metrics, err = metrics.New(c.goMetrics(), sinks)
	if err == nil {
		err = receivers.add(t)
	}
	if err != nil {
		sinks.Shutdown()
		return nil, err
	}
	t.start()
	return t, nil
}

// start runs what a Telemetry does by itself until Close.
func (t *Telemetry) start() {
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if t.prometheus != nil {
		t.prometheus.sink.RunBackgroundCleanup(t.ctx)
	}
	t.observe()
	t.runtime.Go(func() {
		tick := time.NewTicker(runtimeInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.observe()
			case <-t.ctx.Done():
				return
			}
		}
	})
}

// observe records the gauges that nobody else does.
func (t *Telemetry) observe() {
	t.metrics.EmitRuntimeStats()
	t.metrics.SetGaugeWithLabels(versionKey, 1, versionLabels)
}

// Reload replaces the filter by another, as ParsePrefixFilter has read it. It holds for what is measured from now on.
func (t *Telemetry) Reload(allowed, blocked []string) {
	t.filters.Lock()
	t.metrics.UpdateFilter(allowed, blocked)
	t.filters.Unlock()
	receivers.refilter()
}

// Close ends the collection and all calls of Stream, and closes the outputs. What was collected can still be read. A
// second call does nothing.
func (t *Telemetry) Close() {
	t.once.Do(func() {
		receivers.remove(t) // from here on nobody else records
		t.cancel()
		t.runtime.Wait()
		t.metrics.Shutdown()
	})
}
