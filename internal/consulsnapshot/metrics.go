package consulsnapshot

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/version"
)

// A board holds what is told of a daemon. It is safe for concurrent use.
type board struct {
	mu sync.Mutex
	status
}

// status is what the daemon has done since it started.
type status struct {
	address  string // on which /health is served
	leading  bool
	ok, bad  int // backups
	last     time.Time
	duration time.Duration // of the last good backup, like what follows
	size     int64
	counts   kvarchive.Counts
	moment   bool
}

func (b *board) change(change func(*status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.status)
}

func (b *board) now() status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *board) listens(address string) { b.change(func(s *status) { s.address = address }) }
func (b *board) lead(leading bool)      { b.change(func(s *status) { s.leading = leading }) }
func (b *board) failed()                { b.change(func(s *status) { s.bad++ }) }

func (b *board) took(r *Result, at time.Time) {
	b.change(func(s *status) {
		s.ok++
		s.last, s.duration, s.size, s.counts, s.moment = at, r.Took, r.Size, r.Counts, r.OneMoment
	})
}

// desc describes a metric; its name gets the prefix lictor_consul_snapshot_.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descInfo      = desc("build_info", "1, with the version of the program.", "version")
	descLeader    = desc("leader", "1 if this daemon makes the backups.")
	descBackups   = desc("backups_total", "Backups that this daemon has made, by how they ended: ok or failed.", "outcome")
	descLast      = desc("last_success_timestamp_seconds", "When this daemon last made a good backup; 0 if it has not yet.")
	descDuration  = desc("duration_seconds", "Duration of the last good backup.")
	descSize      = desc("size_bytes", "Size of the last good backup's archive.")
	descObjects   = desc("objects", "What the last good backup holds, by kind.", "kind")
	descOneMoment = desc("one_moment", "1 if the last good backup is of one native snapshot, 0 if keys were listed and read.")
)

// registry collects the metrics.
func (d *Daemon) registry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	prometheus.WrapRegistererWithPrefix("lictor_consul_snapshot_", registry).MustRegister(&exporter{&d.board}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// exporter shows the board as metrics.
type exporter struct{ *board }

// Describe is part of prometheus.Collector.
func (e *exporter) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(e, to) }

// Collect is part of prometheus.Collector.
func (e *exporter) Collect(to chan<- prometheus.Metric) {
	s := e.now()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descInfo, 1, version.Lictor)
	gauge(descLeader, truth(s.leading))
	for outcome, n := range map[string]int{"ok": s.ok, "failed": s.bad} {
		to <- prometheus.MustNewConstMetric(descBackups, prometheus.CounterValue, float64(n), outcome)
	}
	last := 0.0
	if !s.last.IsZero() {
		last = float64(s.last.UnixMilli()) / 1000
	}
	gauge(descLast, last)
	gauge(descDuration, s.duration.Seconds())
	gauge(descSize, float64(s.size))
	gauge(descOneMoment, truth(s.moment))
	for kind, n := range map[string]int{
		"keys": s.counts.Keys, "queries": s.counts.Queries, "legacy_acls": s.counts.LegacyACLs, "policies": s.counts.Policies,
		"roles": s.counts.Roles, "tokens": s.counts.Tokens,
	} {
		gauge(descObjects, float64(n), kind)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
