package telemetry

import "github.com/hashicorp/go-metrics"

// LogStore records what Raft's log store counts, as raft.wal.NAME. It is a metrics.Collector of raft-wal. The one that
// comes with raft-wal writes to another module's global object, which nothing here reads.
type LogStore struct{}

// IncrementCounter adds to a counter of the log store.
func (LogStore) IncrementCounter(name string, delta uint64) {
	metrics.IncrCounter([]string{"raft", "wal", name}, float32(delta))
}

// SetGauge sets a gauge of the log store.
func (LogStore) SetGauge(name string, val uint64) {
	metrics.SetGauge([]string{"raft", "wal", name}, float32(val))
}
