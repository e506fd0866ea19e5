package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// Header is the value at the start of a stream.
type Header struct {
	LastIndex uint64        // the highest index of any table
	Extra     msgpack.Extra `json:"-" bexpr:"-"`
}

// Index (type 16) is the last change of a table, or of a part of one. Keys are compared without case.
type Index struct {
	Key   string
	Value uint64
	Extra msgpack.Extra `json:"-" bexpr:"-"`
}

// Autopilot (type 9) is the replicated autopilot configuration; there is at most one.
type Autopilot struct {
	CleanupDeadServers      bool
	CreateIndex             uint64
	DisableUpgradeMigration bool
	LastContactThreshold    time.Duration
	MaxTrailingLogs         uint64
	MinQuorum               uint
	ModifyIndex             uint64
	RedundancyZoneTag       string
	ServerStabilizationTime time.Duration
	UpgradeVersionTag       string
	Extra                   msgpack.Extra `json:"-" bexpr:"-"`
}

// DefaultAutopilot returns the autopilot configuration of a cluster that was given none.
func DefaultAutopilot() Autopilot {
	return Autopilot{
		CleanupDeadServers:      true,
		LastContactThreshold:    200 * time.Millisecond,
		MaxTrailingLogs:         250,
		ServerStabilizationTime: 10 * time.Second,
	}
}

// SystemMetadata (type 31) is a key and a value of the cluster's own; server-management-token is a secret with full rights.
type SystemMetadata struct {
	CreateIndex uint64
	Key         string
	ModifyIndex uint64
	Value       string
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// Opaque is a record whose value Lictor carries without interpreting it: the type, and the msgpack value byte for byte.
type Opaque struct {
	Type  Type
	Value msgpack.Raw `bexpr:"-"`
}
