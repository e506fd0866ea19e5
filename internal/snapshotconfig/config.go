package snapshotconfig

import (
	"fmt"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// Config is the configuration a snapshot agent runs with. Everything in it is checked and resolved.
type Config struct {
	// OneShot asks for one snapshot without election and service, instead of a daemon.
	OneShot bool
	// Interval is the time between two snapshots; 0 in one-shot mode only.
	Interval time.Duration
	// Retain is the number of snapshots to keep where a destination does not say; 0 keeps all. Destinations hold their own, resolved.
	Retain int
	// Keep says which snapshots to keep, instead of Retain, which is 0 then. Destinations hold their own, resolved.
	Keep retention.Rules
	// MaxShrink is the percentage of its records or bytes that the state may lose from one snapshot to the next before deletion stops.
	MaxShrink int
	// LockKey is the key of the election.
	LockKey string
	// MaxFailures is the number of failures in a row after which leadership is given up; 0 is never.
	MaxFailures int
	// Stale takes snapshots of any server.
	Stale bool
	// SkipUnchanged skips the upload of a state that equals the last proven one.
	SkipUnchanged bool
	// RPO is the objective: how old the state of the newest proven backup may be at most, in each destination. 0 is none.
	RPO time.Duration
	// BandwidthLimit is how many bytes a second may be read from the cluster, and uploaded to remote storage; 0 is no limit.
	BandwidthLimit int64
	// ScratchDir is an existing directory for scratch files.
	ScratchDir string

	// Service is the name of the service to register.
	Service string
	// DeregisterAfter is how long the service may be critical before Consul removes it; 0 is for ever.
	DeregisterAfter time.Duration
	// Cluster is the name that backups are filed under; empty leaves it to what the cluster says of itself.
	Cluster string
	// Listen is the host:port of /health and /metrics; empty serves them nowhere, as always in one-shot mode.
	Listen string
	// ListenConfigured tells whether the address was configured: an agent that cannot have the default address may do without.
	ListenConfigured bool
	// LogLevel is TRACE, DEBUG, INFO, WARN or ERROR.
	LogLevel string
	// LogJSON asks for logs in JSON.
	LogJSON bool

	// Connection is how to reach the Consul agent.
	Connection Connection
	// Drill says how backups are rebuilt to prove them.
	Drill Drill
	// Encryption says whom backups are encrypted for.
	Encryption Encryption
	// Destinations are where backups go; there is at least one.
	Destinations Destinations
	// Hooks are who is told.
	Hooks Hooks

	flags *Flags // that it was loaded with
}

// Connection is how to reach the Consul agent. As with the connection flags of the other commands an empty field leaves the choice to
// the environment (CONSUL_HTTP_ADDR and its like), and that to the default. At most one of Token and TokenFile is set.
type Connection struct {
	Address       string
	Token         Secret
	TokenFile     string
	Datacenter    string // empty is the agent's own; see CheckDatacenter
	CAFile        string
	CAPath        string
	CertFile      string
	KeyFile       string
	TLSServerName string
}

// Drill says how backups are rebuilt to prove them.
type Drill struct {
	Memory       int64  // bytes that a rebuild may take; 0 leaves it to what the machine can spare
	Every        int    // rebuild every n-th backup; at least 1
	ConsulBinary string // absolute path of an executable, or empty
}

// Load reads everything that the flags name and returns the configuration to run with. The warnings are valid even when it fails. An
// error names the key or flag, the file it is in, and what is wrong.
func Load(f *Flags) (*Config, []string, error) {
	s, err := gather(f)
	if err != nil {
		return nil, nil, err
	}
	s.refuseUnserved()
	c := &Config{flags: f}
	s.setSnapshot(c)
	s.setAgent(c)
	s.setConnection(c)
	s.setEncryption(c)
	s.setDrill(c)
	s.setDestinations(c)
	s.setPressure(c)
	s.setHooks(c)
	if len(s.faults) > 0 {
		return nil, s.warnings, fmt.Errorf("configuration: %w", &Faults{s.faults})
	}
	return c, s.warnings, nil
}

// CheckDatacenter refuses a remote datacenter in daemon mode. agents is the datacenter of the Consul agent that is talked to: only
// there can the service be registered and the lock be held.
func (c *Config) CheckDatacenter(agents string) error {
	remote := c.Connection.Datacenter
	if c.OneShot || remote == "" || strings.EqualFold(remote, agents) {
		return nil
	}
	return fmt.Errorf("datacenter %q is not that of the Consul agent, %q: snapshots of a remote datacenter are taken in one-shot mode only "+
		"(-interval=0); for a daemon run it beside an agent of %q", remote, agents, remote)
}

// MaxAge is how old the last proven backup may become before the agent counts as failing: max(2 × interval, interval + 60 s), with
// the time between two drills for the interval where not every backup is drilled. It is 0 in one-shot mode.
func (c *Config) MaxAge() time.Duration {
	if c.OneShot {
		return 0
	}
	between := c.Interval * time.Duration(c.Drill.Every)
	return max(2*between, between+time.Minute)
}
