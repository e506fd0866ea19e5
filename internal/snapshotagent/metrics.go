package snapshotagent

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lictor-dr/lictor/internal/version"
)

// desc describes a metric; its name gets the prefix lictor_.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descInfo        = desc("build_info", "1, with the version of the program.", "version")
	descHealthy     = desc("healthy", "1 if /health answers 200.")
	descLeader      = desc("leader", "1 if this agent holds the lock.")
	descLastSuccess = desc("last_success_timestamp_seconds", "When this agent last committed a backup, or skipped one because nothing had changed.")
	descLastProven  = desc("last_proven_timestamp_seconds", "When a backup was last proven, by any agent of the cluster.")
	descAge         = desc("age_seconds", "Time since a backup was last proven, or since the agent started if none has been.")
	descDuration    = desc("duration_seconds", "Duration of the last run that succeeded.")
	descSize        = desc("size_bytes", "Size of the last backup's archive.")
	descIndex       = desc("index", "Raft index of the last backup.")
	descFailures    = desc("failures_total", "Failures of runs, by the stage that failed.", "stage")
	descFailing     = desc("consecutive_failures", "Runs that have failed since the last one that succeeded.")
	descRetained    = desc("retained", "Backups of this cluster in a destination.", "destination")
	descBehind      = desc("behind", "1 if a destination lacks the last backup.", "destination")
	descStopped     = desc("deletion_stopped", "1 if nothing is deleted because the state has collapsed, as a destination shows it.", "destination")
	descNextRun     = desc("next_run_timestamp_seconds", "When the next run is due; 0 on an agent that does not lead.")
	descRPO         = desc("rpo_seconds", "The objective: how old the state in a destination may be at most; 0 for none.")
	descRPOMet      = desc("rpo_met", "1 if the objective is met in every destination, or there is none.")
	descCovered     = desc("destination_age_seconds", "Age of the state that can be brought back from a destination.", "destination")
	descHooks       = desc("hook_events_total", "Events for hooks, by what became of them: delivered, retried (tries), failed, dropped.", "hook", "outcome")
	descBytes       = desc("uploaded_bytes_total", "Bytes of archives uploaded since the start.")
)

// exporter shows the status as metrics.
type exporter struct{ *Agent }

// Describe is part of prometheus.Collector.
func (e *exporter) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(e, to) }

// Collect is part of prometheus.Collector.
func (e *exporter) Collect(to chan<- prometheus.Metric) {
	s, current := e.Status(), e.current.Load()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(descInfo, 1, version.Lictor)
	gauge(descHealthy, truth(e.unhealthy(&s) == ""))
	gauge(descLeader, truth(s.Leading))
	gauge(descLastSuccess, seconds(s.LastSuccess))
	gauge(descLastProven, seconds(s.LastProven))
	gauge(descAge, s.Age.Seconds())
	gauge(descRPO, current.RPO.Seconds())
	gauge(descRPOMet, truth(s.Missed(current.RPO) == ""))
	for _, c := range s.Covered {
		gauge(descCovered, c.Age.Seconds(), c.Name)
	}
	for hook, n := range e.alarm.Counts() {
		counter(descHooks, float64(n.Delivered), hook, "delivered")
		counter(descHooks, float64(n.Retried), hook, "retried")
		counter(descHooks, float64(n.Failed), hook, "failed")
		counter(descHooks, float64(n.Dropped), hook, "dropped")
	}
	gauge(descDuration, s.Duration.Seconds())
	gauge(descSize, float64(s.Size))
	gauge(descIndex, float64(s.Index))
	for stage, n := range s.Failures {
		counter(descFailures, float64(n), string(stage))
	}
	gauge(descFailing, float64(s.Failing))
	for destination, n := range s.Retained {
		gauge(descRetained, float64(n), destination)
	}
	for destination, behind := range s.Behind {
		gauge(descBehind, truth(behind), destination)
	}
	for destination := range s.Retained {
		gauge(descStopped, truth(s.Collapsed[destination] != ""), destination)
	}
	gauge(descNextRun, seconds(s.NextRun))
	counter(descBytes, float64(s.Bytes))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus has it, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
