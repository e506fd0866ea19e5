package telemetry

import (
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
)

// LogStore records what Raft's log store counts, as raft.wal.NAME. It is a metrics.Collector of raft-wal. The one that
// comes with raft-wal writes to another module's global object, which nothing here reads.
//
// What is read is told once a second at most: a start reads the whole log, entry by entry. A LogStore must not be copied.
type LogStore struct {
	mu   sync.Mutex
	read map[string]uint64 // not told yet
	told time.Time
}

// IncrementCounter adds to a counter of the log store.
func (l *LogStore) IncrementCounter(name string, delta uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !strings.HasSuffix(name, "_read") {
		metrics.IncrCounter(logStoreKey(name), float32(delta))
	} else if l.read == nil {
		l.read = map[string]uint64{name: delta}
	} else {
		l.read[name] += delta
	}
	now := time.Now()
	if len(l.read) == 0 || now.Sub(l.told) < time.Second {
		return
	}
	l.told = now
	for name, n := range l.read {
		metrics.IncrCounter(logStoreKey(name), float32(n))
	}
	clear(l.read)
}

// SetGauge sets a gauge of the log store.
func (*LogStore) SetGauge(name string, val uint64) {
	metrics.SetGauge(logStoreKey(name), float32(val))
}

func logStoreKey(name string) []string { return []string{"raft", "wal", name} }
