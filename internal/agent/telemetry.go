package agent

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// gaugeInterval is the time between two looks at what gauges show. It is a little less than the ten seconds that metrics are added up
// for, so that every such interval has them.
const gaugeInterval = 9 * time.Second

// startTelemetry begins to collect what is measured.
func (a *Agent) startTelemetry() error {
	c := a.config.Telemetry
	allowed, blocked, _ := telemetry.ParsePrefixFilter(c.PrefixFilter) // the configuration has warned already
	t, err := telemetry.Setup(telemetry.Config{
		Prefix: c.MetricsPrefix, DisableHostname: c.DisableHostname, PrometheusRetention: c.PrometheusRetention,
		StatsdAddr: c.StatsdAddress, StatsiteAddr: c.StatsiteAddress, DogstatsdAddr: c.DogstatsdAddr, DogstatsdTags: c.DogstatsdTags,
		FilterDefault: c.FilterDefault, Allowed: allowed, Blocked: blocked, Log: a.log.Named("telemetry"),
	})
	if err != nil {
		return fmt.Errorf("Failed to initialize telemetry: %w", err)
	}
	a.telemetry = t
	return nil
}

// A gauger records, again and again, what is not measured where it happens.
type gauger struct {
	agent   *Agent
	last    httpapi.Traffic // what has been recorded
	stop    context.CancelFunc
	running sync.WaitGroup
}

// startGauges records gauges from now on.
func (a *Agent) startGauges() error {
	ctx, stop := context.WithCancel(context.Background())
	g := &gauger{agent: a, stop: stop}
	a.gauges = g
	g.running.Go(func() {
		tick := time.NewTicker(gaugeInterval)
		defer tick.Stop()
		for {
			g.record()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return nil
}

func (g *gauger) record() {
	if g.agent.server != nil {
		g.agent.server.RecordGauges()
	}
	g.agent.recordExpiry(time.Now())
	now := g.agent.handler.Traffic()
	metrics.IncrCounter(telemetry.RPCRequest, float32(now.Requests-g.last.Requests))
	metrics.IncrCounter(telemetry.RPCQuery, float32(now.Queries-g.last.Queries))
	metrics.SetGauge(telemetry.RPCQueriesBlocking, float32(now.Blocking))
	g.last = now
}

// close ends the recording, and waits for it.
func (g *gauger) close() {
	g.stop()
	g.running.Wait()
}

func (b *backend) Telemetry() httpapi.Telemetry { return b.telemetry }

func (b *backend) Monitor(ctx context.Context, w io.Writer, level string, json bool) error {
	return b.monitor.Stream(ctx, w, level, json)
}
