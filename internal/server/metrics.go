package server

import (
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// applyTimers are the timers of writes, by what they write. Writes that are not in it have none.
var applyTimers = map[record.Type]*telemetry.Timer{
	record.TypeKVS:           telemetry.NewTimer(telemetry.KVSApply),
	record.TypeTxn:           telemetry.NewTimer(telemetry.TxnApply),
	record.TypeSession:       telemetry.NewTimer(telemetry.SessionApply),
	record.TypeRegister:      telemetry.NewTimer(telemetry.CatalogRegister),
	record.TypeDeregister:    telemetry.NewTimer(telemetry.CatalogDeregister),
	record.TypePreparedQuery: telemetry.NewTimer(telemetry.PreparedQueryApply),
}

// measureApply records how long the write of an entry has taken.
func measureApply(entry fsm.Entry, began time.Time) {
	if len(entry) == 0 {
		return
	}
	if timer, ok := applyTimers[record.Type(entry[0])]; ok {
		timer.MeasureSince(began)
	}
}

// RecordGauges records the gauges that tell how the server is at this moment: its log, its leadership, the cluster's health and what the
// state holds. It counts what is registered, which takes longer the more that is.
func (s *Server) RecordGauges() {
	metrics.SetPrecisionGauge(telemetry.RaftAppliedIndex, float64(s.raft.AppliedIndex()))
	metrics.SetPrecisionGauge(telemetry.RaftLastIndex, float64(s.raft.LastIndex()))
	leads := s.Leading()
	metrics.SetGauge(telemetry.ServerIsLeader, truth(leads))
	sessions := 0
	if leads {
		sessions = s.sessions.active()
	}
	metrics.SetGauge(telemetry.SessionTTLActive, float32(sessions))
	s.recordMembers()
	_, usage := s.Store().Usage()
	metrics.SetGauge(telemetry.StateNodes, float32(usage.Nodes))
	metrics.SetGauge(telemetry.StateServices, float32(usage.Services))
	metrics.SetGauge(telemetry.StateServiceInstances, float32(usage.Instances))
	metrics.SetGauge(telemetry.StateKVEntries, float32(usage.KV))
}

// recordMembers records who takes part, and whether they are healthy: there is a leader, and this server's log can be written. A leader
// with a pool leaves the latter to autopilot, which knows better.
func (s *Server) recordMembers() {
	if s.config.Pool != nil {
		s.recordPool()
	}
	if s.pilot != nil && s.Leading() {
		return
	}
	metrics.SetGauge(telemetry.AutopilotHealthy, truth(s.LeaderAddr() != "" && s.disk.failure() == nil))
	members, err := s.Members()
	if err != nil {
		return // the server is about to stop
	}
	voters := 0
	for _, m := range members {
		if m.Voter {
			voters++
		}
	}
	if s.config.Pool == nil {
		metrics.SetGauge(telemetry.MembersServers, float32(len(members)))
		metrics.SetGauge(telemetry.MembersClients, 0)
	}
	metrics.SetGauge(telemetry.AutopilotFailureTolerance, float32(max(voters-1, 0)/2))
}

// recordPool records how many members are alive.
func (s *Server) recordPool() {
	servers, clients := 0, 0
	for _, m := range s.config.Pool.Members() {
		switch {
		case m.Status != gossip.StatusAlive:
		case m.Server:
			servers++
		default:
			clients++
		}
	}
	metrics.SetGauge(telemetry.MembersServers, float32(servers))
	metrics.SetGauge(telemetry.MembersClients, float32(clients))
}

// truth is the value of a gauge that is 1 or 0.
func truth(yes bool) float32 {
	if yes {
		return 1
	}
	return 0
}
