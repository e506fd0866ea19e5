package telemetry

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"
	dto "github.com/prometheus/client_model/go"
)

// onKV are labels of the kind that requests have.
var onKV = []metrics.Label{{Name: "method", Value: "GET"}, {Name: "path", Value: "v1 kv"}}

// measureBoth records times in milliseconds as other samples are, and with Timers.
func measureBoth(timers []*Timer, values []float64) {
	for i, ms := range values {
		took := time.Duration(ms * float64(time.Millisecond))
		metrics.MeasureSinceWithLabels([]string{"ordinary"}, time.Now().Add(-took), onKV)
		timers[i%len(timers)].MeasureSince(time.Now().Add(-took))
	}
}

func sampleNamed(s Summary, name string) metrics.SampledValue {
	for _, v := range s.Samples {
		if v.Name == name {
			v.Name = ""
			return v
		}
	}
	return metrics.SampledValue{AggregateSample: &metrics.AggregateSample{}}
}

// More intervals than are kept, some of them empty, and the one that is not complete.
func TestTimersSayWhatSamplesSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := setup(t, withPrometheus(t, plain()))
		other := setup(t, Config{Prefix: "other", Hostname: "node-a", FilterDefault: true})
		timers := []*Timer{NewTimer([]string{"timed"}, onKV...), NewTimer([]string{"timed"}, onKV...)}
		intervals := [][]float64{{3}, {1.5, 8, 0.25}, {2}, {}, {4, 4, 4}, {9, 1}, {}, {}, {7}, {0, 0}, {5, 6}}
		for i, values := range intervals {
			measureBoth(timers, values)
			if i == 0 {
				compareTimed(t, one, "consul", 1) // all there is
			}
			nextInterval()
			compareTimed(t, one, "consul", len(values))
			compareTimed(t, other, "other", len(values))
			compareSummaries(t, scrape(t, one))
		}
	})
}

func compareTimed(t *testing.T, tel *Telemetry, prefix string, count int) {
	t.Helper()
	s := tel.Summary()
	want, got := sampleNamed(s, prefix+".ordinary"), sampleNamed(s, prefix+".timed")
	if got.Count != count || len(got.DisplayLabels) != len(want.DisplayLabels) || got.DisplayLabels["path"] != want.DisplayLabels["path"] {
		t.Errorf("%d values, want %d, labels %v, want %v", got.Count, count, got.DisplayLabels, want.DisplayLabels)
	}
	numbers := func(v metrics.SampledValue) []float64 {
		return []float64{float64(v.Count), v.Rate, v.Sum, v.Min, v.Max, v.Mean, v.Stddev}
	}
	if !slices.EqualFunc(numbers(got), numbers(want), func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
		t.Errorf("got %v, want %v", numbers(got), numbers(want))
	}
}

func compareSummaries(t *testing.T, families map[string]*dto.MetricFamily) {
	t.Helper()
	want, got := families["consul_ordinary"], families["consul_timed"]
	name := strings.NewReplacer("consul_ordinary", "consul_timed")
	if text := name.Replace(want.String()); text != got.String() {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

func TestTimersAndFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain()
		c.Blocked = []string{"consul.timed"}
		tel := setup(t, c)
		timer := NewTimer([]string{"timed"}, onKV...)
		for i, tt := range []struct{ allowed, blocked []string }{
			{nil, []string{"consul.timed"}}, {[]string{"consul.timed"}, []string{"consul"}}, {nil, []string{"consul.ti"}}, {nil, nil},
		} {
			tel.Reload(tt.allowed, tt.blocked)
			timer.MeasureSince(time.Now())
			nextInterval()
			if got, want := sampleNamed(tel.Summary(), "consul.timed").Count, i%2; got != want {
				t.Errorf("%d values of an interval with the filter +%q -%q, want %d", got, tt.allowed, tt.blocked, want)
			}
		}
	})
}

// Where nothing else is collected, an interval begins with a Timer's value and ends with the next one.
func TestTimersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := plain()
		c.FilterDefault, c.Allowed = false, []string{"consul.timed"}
		tel := setup(t, c)
		timer := NewTimer([]string{"timed"})
		for count := range 4 {
			for range count + 1 {
				timer.MeasureSince(time.Now())
			}
			nextInterval()
			if got := sampleNamed(tel.Summary(), "consul.timed").Count; got != count+1 {
				t.Errorf("%d values, want %d", got, count+1)
			}
		}
	})
}

func TestTimersAreSentToStatsd(t *testing.T) {
	addr, next := listenUDP(t)
	c := plain()
	c.StatsdAddr = addr
	setup(t, c)
	timer := NewTimer(APIHTTP, metrics.Label{Name: "method", Value: "GET"})
	for range 3 {
		timer.MeasureSince(time.Now())
	}
	for count := 0; count < 3; {
		line, err := next()
		if err != nil {
			t.Fatalf("%v after %d values", err, count)
		}
		if strings.HasPrefix(line, "consul.api.http.GET:0.") && strings.HasSuffix(line, "|ms") {
			count++
		}
	}
}

func TestPrometheusForgetsTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, withPrometheus(t, plain()))
		timer, sent := NewTimer(APIHTTP, onKV...), NewTimer(KVSApply)
		count := func() (count uint64) {
			for _, m := range scrape(t, tel)["consul_api_http"].GetMetric() {
				count += m.Summary.GetSampleCount()
			}
			return count
		}
		timer.MeasureSince(time.Now())
		timer.MeasureSince(time.Now())
		sent.MeasureSince(time.Now())
		<-time.After(time.Minute)
		if got := count(); got != 2 {
			t.Errorf("%d values before the retention has passed, want 2", got)
		}
		<-time.After(time.Second)
		if got := count(); got != 0 {
			t.Errorf("%d values after the retention", got)
		}
		timer.MeasureSince(time.Now())
		if got := count(); got != 1 {
			t.Errorf("%d values of a series that is new again, want 1", got)
		}
		if got := scrape(t, tel)["consul_kvs_apply"].GetMetric(); len(got) != 1 || got[0].Summary.GetSampleCount() != 1 {
			t.Errorf("without labels: %v", got) // it is the declared one
		}
	})
}

func TestTimersWhenNobodyCollects(t *testing.T) {
	timer := NewTimer(APIHTTP, onKV...)
	timer.MeasureSince(time.Now())
	tel, err := Setup(plain())
	if err != nil {
		t.Fatal(err)
	}
	timer.MeasureSince(time.Now())
	tel.Close()
	timer.MeasureSince(time.Now())
	if got := tel.timers(); len(got) != 1 || sampleNamed(tel.Summary(), "consul.api.http").Count > 1 {
		t.Errorf("%d series, %+v", len(got), tel.Summary().Samples)
	}
}

func TestTimersAllocateNothing(t *testing.T) {
	setup(t, withPrometheus(t, plain()))
	timer := NewTimer(APIHTTP, onKV...)
	if n := testing.AllocsPerRun(100, func() { timer.MeasureSince(time.Now()) }); n != 0 {
		t.Errorf("%v allocations for a value", n)
	}
}

func BenchmarkMeasureSince(b *testing.B) {
	timer := NewTimer(APIHTTP, onKV...)
	for _, c := range []struct {
		name      string
		retention time.Duration
		measure   func(time.Time)
	}{
		{"go-metrics", 0, func(start time.Time) { metrics.MeasureSinceWithLabels(APIHTTP, start, onKV) }},
		{"timer", 0, timer.MeasureSince},
		{"go-metrics for Prometheus", time.Minute, func(start time.Time) { metrics.MeasureSinceWithLabels(APIHTTP, start, onKV) }},
		{"timer for Prometheus", time.Minute, timer.MeasureSince},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := plain()
			config.PrometheusRetention = c.retention
			tel, err := Setup(config)
			if err != nil {
				b.Fatal(err)
			}
			defer tel.Close()
			b.ReportAllocs()
			for b.Loop() {
				c.measure(time.Now())
			}
		})
	}
}
