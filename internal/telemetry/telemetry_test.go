package telemetry

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"
)

// setup opens a Telemetry and closes it with the test.
func setup(t *testing.T, c Config) *Telemetry {
	t.Helper()
	tel, err := Setup(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tel.Close)
	return tel
}

// plain is a configuration as most operators have it, without host names.
func plain() Config { return Config{Prefix: "consul", DisableHostname: true, FilterDefault: true} }

// nextInterval lets the current interval end. It needs a bubble of synctest, where time passes at once.
func nextInterval() { <-time.After(interval) }

func counterNames(s Summary) []string {
	var names []string
	for _, c := range s.Counters {
		names = append(names, c.Name)
	}
	return names
}

func gaugeNames(s Summary) []string {
	var names []string
	for _, g := range s.Gauges {
		names = append(names, g.Name)
	}
	return names
}

func TestSeveralAgentsInOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := setup(t, Config{Prefix: "consul", Hostname: "node-a", FilterDefault: true})
		other := plain()
		other.Prefix = "other"
		b := setup(t, other)
		metrics.IncrCounter([]string{"raft", "apply"}, 1)
		metrics.SetGauge(RaftLastIndex, 7)
		metrics.SetPrecisionGauge(RaftAppliedIndex, 1<<40)
		nextInterval()
		for _, tt := range []struct {
			tel            *Telemetry
			counter, gauge string
		}{
			{a, "consul.raft.apply", "consul.node-a.raft.last_index"},
			{b, "other.raft.apply", "other.raft.last_index"},
		} {
			s := tt.tel.Summary()
			if got := counterNames(s); !slices.Equal(got, []string{tt.counter}) {
				t.Errorf("counters %q, want %s", got, tt.counter)
			}
			if got := gaugeNames(s); !slices.Contains(got, tt.gauge) {
				t.Errorf("gauges %q lack %s", got, tt.gauge)
			}
		}

		a.Close()
		a.Close()
		metrics.IncrCounter([]string{"raft", "barrier"}, 1)
		nextInterval()
		if got := counterNames(b.Summary()); !slices.Equal(got, []string{"other.raft.barrier"}) {
			t.Errorf("the open one has %q", got)
		}
		if got := counterNames(a.Summary()); slices.Contains(got, "consul.raft.barrier") {
			t.Error("the closed one was told")
		}
	})
}

func TestFilters(t *testing.T) {
	record := func() {
		for _, key := range [][]string{{"raft", "apply"}, {"raft", "barrier"}, {"rpc", "request"}, {"rpc", "server", "call"}} {
			metrics.IncrCounter(key, 1)
		}
	}
	tests := []struct {
		name  string
		byDef bool
		rules []string
		want  []string
	}{
		{"default", true, nil, []string{"consul.raft.apply", "consul.raft.barrier", "consul.rpc.request"}},
		{"longest wins", true, []string{"-consul.r", "+consul.raft.b"}, []string{"consul.raft.barrier"}},
		{"only named", false, []string{"+consul.rpc"}, []string{"consul.rpc.request"}},
		{"server call", false, []string{"+consul.rpc.server.call"}, []string{"consul.rpc.server.call"}},
		{"nothing", false, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := plain()
				c.FilterDefault = tt.byDef
				c.Allowed, c.Blocked, _ = ParsePrefixFilter(tt.rules)
				tel := setup(t, c)
				record()
				nextInterval()
				if got := counterNames(tel.Summary()); !slices.Equal(got, tt.want) {
					t.Errorf("counters %q, want %q", got, tt.want)
				}
				tel.Reload([]string{"consul.raft.apply"}, []string{"consul"})
				record()
				nextInterval()
				if got, want := counterNames(tel.Summary()), []string{"consul.raft.apply"}; !slices.Equal(got, want) {
					t.Errorf("after the reload %q, want %q", got, want)
				}
			})
		})
	}
}

func TestRuntimeAndVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		nextInterval()
		nextInterval() // also in intervals in which nothing happens
		s := tel.Summary()
		for _, name := range []string{
			"alloc_bytes", "sys_bytes", "num_goroutines", "heap_objects", "total_gc_pause_ns",
		} {
			if got := gaugeNames(s); !slices.Contains(got, "consul.runtime."+name) {
				t.Errorf("gauges %q lack %s", got, name)
			}
		}
		i := slices.IndexFunc(s.Gauges, func(g Gauge) bool { return g.Name == "consul.version" })
		if i < 0 || s.Gauges[i].Value != 1 || s.Gauges[i].Labels["version"] == "" {
			t.Errorf("no version in %v", s.Gauges)
		}
		if _, ok := s.Gauges[i].Labels["pre_release"]; !ok {
			t.Errorf("version has labels %v", s.Gauges[i].Labels)
		}
	})
}

func TestLogStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		var store LogStore
		store.IncrementCounter("log_entries_written", 3)
		store.SetGauge("last_segment_age_seconds", 4)
		nextInterval()
		s := tel.Summary()
		if got := s.Counters; len(got) != 1 || got[0].Name != "consul.raft.wal.log_entries_written" || got[0].Sum != 3 {
			t.Errorf("counters %+v", got)
		}
		if got := gaugeNames(s); !slices.Contains(got, "consul.raft.wal.last_segment_age_seconds") {
			t.Errorf("gauges %q", got)
		}
	})
}

// Reads are counted up: all of them are told, within a second or with what comes next.
func TestLogStoreReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := setup(t, plain())
		var store LogStore
		for range 100 {
			store.IncrementCounter("log_entries_read", 1)
			store.IncrementCounter("log_entry_bytes_read", 10)
		}
		time.Sleep(time.Second)
		store.IncrementCounter("log_appends", 1)
		nextInterval()
		got := map[string]float64{}
		for _, c := range tel.Summary().Counters {
			got[c.Name] = c.Sum
			if c.Name == "consul.raft.wal.log_entries_read" && c.Count > 2 {
				t.Errorf("the entries read were told %d times", c.Count)
			}
		}
		want := map[string]float64{"consul.raft.wal.log_entries_read": 100, "consul.raft.wal.log_entry_bytes_read": 1000, "consul.raft.wal.log_appends": 1}
		if !maps.Equal(got, want) {
			t.Errorf("counters %v, want %v", got, want)
		}
	})
}

// everything is a configuration with all outputs, of which none is there.
func everything() Config {
	c := plain()
	c.PrometheusRetention = time.Minute
	c.StatsdAddr, c.StatsiteAddr, c.DogstatsdAddr = "127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1"
	return c
}

func TestCloseLeavesNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		tel, err := Setup(everything())
		if err != nil {
			t.Fatal(err)
		}
		tel.Close()
	}
	if _, err := Setup(Config{DogstatsdAddr: "127.0.0.1:1", StatsdAddr: "x"}); err == nil {
		t.Fatal("an address without a port was accepted")
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
	receivers.mu.RLock()
	defer receivers.mu.RUnlock()
	if len(receivers.open) != 0 {
		t.Errorf("%d receivers are left", len(receivers.open))
	}
}

func TestRecordingWhileAgentsComeAndGo(t *testing.T) {
	done := make(chan struct{})
	var recorders sync.WaitGroup
	timer := NewTimer(KVSApply, metrics.Label{Name: "op", Value: "set"})
	for range 2 {
		recorders.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					metrics.IncrCounter([]string{"raft", "apply"}, 1)
					metrics.MeasureSinceWithLabels(APIHTTP, time.Now(), []metrics.Label{{Name: "method", Value: "GET"}})
					metrics.EmitKey([]string{"point"}, 1)
					metrics.SetGauge(StateNodes, 1)
					timer.MeasureSince(time.Now())
				}
			}
		})
	}
	for range 8 {
		tel, err := Setup(everything())
		if err != nil {
			t.Fatal(err)
		}
		tel.Summary()
		tel.Prometheus(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		tel.Reload(nil, nil)
		tel.Close()
	}
	close(done)
	recorders.Wait()
}
