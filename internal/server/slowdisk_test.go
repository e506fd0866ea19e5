package server

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// slowDisk takes its time for every write.
type slowDisk struct {
	raft.LogStore
	delay *atomic.Int64
}

func (d *slowDisk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *slowDisk) StoreLogs(logs []*raft.Log) error {
	if delay := time.Duration(d.delay.Load()); delay > 0 {
		<-time.After(delay)
	}
	return d.LogStore.StoreLogs(logs)
}

// IsMonotonic is that of the log.
func (d *slowDisk) IsMonotonic() bool { return d.LogStore.(raft.MonotonicLogStore).IsMonotonic() }

// A slow disk of any server costs time and nothing else.
func TestSlowDisks(t *testing.T) {
	var delays []*atomic.Int64
	cluster := startCluster(t, 3, func(c *Config) {
		delay := new(atomic.Int64)
		delays = append(delays, delay)
		c.disk = func(logs raft.LogStore) raft.LogStore { return &slowDisk{logs, delay} }
	})
	for slow := range cluster {
		delays[slow].Store(int64(100 * time.Millisecond))
		for i := range 3 {
			put(t, leader(t, cluster).Server, fmt.Sprint(slow, "/", i), "v")
		}
		delays[slow].Store(0)
	}
	for slow := range cluster {
		for i := range 3 {
			agree(t, cluster, fmt.Sprint(slow, "/", i), "v")
		}
	}
}
