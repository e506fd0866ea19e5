package server

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lictor-dr/lictor/internal/record"
)

// Config is what a server needs to know. All fields without a default must be set.
type Config struct {
	NodeID     string // UUID; the server's ID in Raft
	Datacenter string

	// Dir is the directory for Raft's log and snapshots, or empty to keep them in memory.
	Dir string
	// Scratch is a directory for temporary files, in the same file system as Dir. Empty means the system's.
	Scratch string
	// Address is the host:port under which other servers know this one.
	Address string
	// Stream is how Raft reaches other servers. Without it the server is a cluster of one.
	Stream raft.StreamLayer
	// AwaitCluster makes a server without state wait until the leader of a cluster takes it in, instead of becoming a cluster of its own.
	AwaitCluster bool

	// Pool is who is there, as gossip tells; nil for a server that knows of no others. The server alone receives from its Changed.
	Pool Pool
	// BootstrapExpect, if it is above 1, makes a server without state wait until there are so many that expect the same number, and
	// become a cluster with them. It needs a Pool and FetchPeers.
	BootstrapExpect int
	// FetchPeers asks the server at an address for the addresses in its Raft configuration; none without a configuration.
	FetchPeers func(ctx context.Context, address string) ([]string, error)
	// FetchStats asks the server at an address for its [Server.Stats]. A leader with a Pool needs it.
	FetchStats func(ctx context.Context, address string) (*Stats, error)
	// ForceLeave makes a failed member of the pool one that has left. Nil: it stays failed.
	ForceLeave func(name string) error
	// AutopilotInterval is how often a leader with a Pool promotes and removes servers. It looks at them five times as often.
	// Default [AutopilotInterval].
	AutopilotInterval time.Duration

	// FirstState, if it is not nil, gives a new cluster the state that it begins with: a leader calls it before it writes anything in a
	// cluster in which nothing has been written, again and again until that state is the cluster's. No request is served before.
	FirstState func(ctx context.Context) (*FirstState, error)

	// RejoinAgeMax is how long a server with a Dir may have been stopped that starts again; 0 for any time. See [ErrRejoinAge].
	RejoinAgeMax time.Duration

	disk func(raft.LogStore) raft.LogStore // a disk with faults, in tests; nil otherwise

	longLog logLimit // how far the log may grow at least before there is a snapshot

	HeartbeatTimeout   time.Duration
	ElectionTimeout    time.Duration
	LeaderLeaseTimeout time.Duration
	PreVoteDisabled    bool

	SnapshotInterval  time.Duration // how often to look whether Raft's log should be compacted
	SnapshotThreshold uint64        // entries since the last snapshot that make it so
	TrailingLogs      uint64        // entries kept behind a snapshot

	// Autopilot is the autopilot configuration of a cluster that has none yet.
	Autopilot record.Autopilot

	// Node and Service are what this server registers of itself in the catalog; without a node it registers nothing, and does not
	// look after the catalog.
	Node    *record.Register
	Service *record.NodeService
	// ReconcileInterval is how often the leader compares the catalog with the members. Default [ReconcileInterval].
	ReconcileInterval time.Duration

	// ACL is what the leader provides for ACLs.
	ACL ACLConfig

	// HoldTimeout is how long a request waits for a leader.
	HoldTimeout time.Duration

	Logger hclog.Logger
}

// DefaultConfig returns the timings of a Consul server with raft_multiplier 1.
func DefaultConfig() Config {
	return Config{
		Datacenter:         "dc1",
		HeartbeatTimeout:   time.Second,
		ElectionTimeout:    time.Second,
		LeaderLeaseTimeout: 500 * time.Millisecond,
		SnapshotInterval:   30 * time.Second,
		SnapshotThreshold:  16384,
		TrailingLogs:       10240,
		Autopilot:          record.DefaultAutopilot(),
		ReconcileInterval:  ReconcileInterval,
		AutopilotInterval:  AutopilotInterval,
		HoldTimeout:        7 * time.Second,
		longLog:            logLimit{logEntries, logBytes, logTime},
		Logger:             hclog.NewNullLogger(),
	}
}

// check refuses what could not work.
func (c *Config) check() error {
	switch {
	case c.BootstrapExpect > 1 && (c.Pool == nil || c.FetchPeers == nil):
		return errors.New("a server that expects others must be able to find them: BootstrapExpect needs Pool and FetchPeers")
	case c.Pool != nil && c.FetchStats == nil:
		return errors.New("a server with others must be able to ask how they are: Pool needs FetchStats")
	}
	return nil
}
