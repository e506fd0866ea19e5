package agentconfig

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/tlsconf"
)

// Config is the configuration an agent runs with. Everything in it is checked, resolved and has effect, except that a client agent has
// no use for what concerns servers alone: Raft, autopilot, bootstrapping.
type Config struct {
	// NodeName is the node's name, the host's name by default; trimmed, never empty.
	NodeName string
	// NodeID is the node's UUID in lower case. It is empty until SetupNodeID unless it is configured.
	NodeID string
	// NodeIDFromHost asks SetupNodeID to derive a new ID from the host's own (disable_host_node_id = false).
	NodeIDFromHost bool
	// NodeMeta is the node's metadata; its limits are checked.
	NodeMeta map[string]string
	// Datacenter is the datacenter's name in lower case.
	Datacenter string
	// PrimaryDatacenter is the datacenter that has the ACLs of all, in lower case; Datacenter itself unless the operator names another one.
	PrimaryDatacenter string
	// DataDir is where state is kept. Under DevMode it may be empty, and holds no Raft state when given.
	DataDir string
	// DevMode asks for an agent that keeps the state of Raft and of the gossip in memory; a server elects itself, Bootstrap or not.
	DevMode bool
	// Server tells a server from a client agent, which sends to servers what they alone can answer.
	Server bool
	// Bootstrap asks the server to elect itself while it has no state. BootstrapExpect 1 means the same.
	Bootstrap bool
	// BootstrapExpect is how many servers without state, this one included, must know each other before they elect a leader. It is 0 if
	// the server waits to be taken into a cluster, and also when Bootstrap was given; 1 goes with Bootstrap.
	BootstrapExpect int

	// BindAddr is the address of the server port; it may be an any-address.
	BindAddr netip.Addr
	// AdvertiseAddr is the address other agents reach this one by; never an any-address.
	AdvertiseAddr netip.Addr
	// TaggedAddresses are all addresses that the catalog shows for this node, by name: lan, wan, lan_ipv4, …, and the operator's own.
	TaggedAddresses map[string]string
	// SerfLAN is where the gossip listens. It advertises AdvertiseAddr with the same port.
	SerfLAN netip.AddrPort
	// AdvertiseAddrWAN is the address that servers of other datacenters reach this one by.
	AdvertiseAddrWAN netip.Addr
	// TranslateWANAddrs shows what is in other datacenters under the addresses by which it is reached from here.
	TranslateWANAddrs bool
	// SerfWAN is where the gossip of the servers of all datacenters listens, not valid if there is none. It advertises AdvertiseAddrWAN
	// with the same port.
	SerfWAN netip.AddrPort
	// ServerPort is the internal port, 1 to 65535.
	ServerPort int
	// ClientAddrs are the resolved addresses of client_addr; empty means no client listeners.
	ClientAddrs []netip.Addr
	// HTTPPort is the port of the HTTP API on TCP; 0 or less means no plain HTTP at all.
	HTTPPort int
	// HTTPListeners is where the HTTP API listens, in order; empty when it is off.
	HTTPListeners []Listener
	// HTTPSPort is the port of the HTTP API over TLS on TCP; 0 or less means none.
	HTTPSPort int
	// HTTPSListeners is where the HTTP API listens over TLS, in order; empty when it is off. Without a certificate every handshake fails.
	HTTPSListeners []Listener
	// TLS says what is encrypted, and who is trusted. Its files have not been read.
	TLS tlsconf.Config
	// UnixSockets says how the files of unix listeners are to be owned.
	UnixSockets UnixSocketConfig

	// JoinConfig is how the agent gets into a pool and out of it.
	JoinConfig
	// Restore is what a new cluster begins with.
	Restore RestoreConfig
	// Gossip says how fast news travels in the pool, and failures are seen.
	Gossip GossipConfig
	// GossipWAN is Gossip between the servers of all datacenters.
	GossipWAN GossipConfig
	// SerfAllowed are the networks that members of the pool must come from, SerfWANAllowed those of the servers of all datacenters; empty
	// allows all.
	SerfAllowed, SerfWANAllowed []netip.Prefix
	// Encrypt is the encryption of the gossip.
	Encrypt EncryptConfig
	// DisableCoordinates keeps the agent from finding out and telling how far it is from others.
	DisableCoordinates bool

	// Limits bounds what clients may ask for, and what the agent asks of servers.
	Limits LimitsConfig
	// HTTP is http_config and its like.
	HTTP HTTPConfig
	// ACL says who may do what.
	ACL ACLConfig
	// SessionTTLMin is the shortest TTL of a session.
	SessionTTLMin time.Duration
	// Checks says how the agent's own checks are carried out.
	Checks CheckConfig
	// Services and CheckDefinitions are what the files define, by the names of their fields.
	Services, CheckDefinitions []map[string]any
	// DefaultQueryTime is how long a blocking query waits that does not say.
	DefaultQueryTime time.Duration
	// MaxQueryTime is the longest wait a blocking query may ask for.
	MaxQueryTime time.Duration
	// RPCHoldTimeout is how long a request waits for a leader before it fails.
	RPCHoldTimeout time.Duration
	// DiscoveryMaxStale, when positive, lets any server answer reads of catalog and health whose own state is not older than that.
	DiscoveryMaxStale time.Duration
	// Raft tunes the Raft library.
	Raft RaftConfig
	// Autopilot is the autopilot configuration of a cluster that has none yet.
	Autopilot record.Autopilot

	// ConnectEnabled shows a root of the service mesh's certificate authority to clients that wait for one. The mesh is not served.
	ConnectEnabled bool
	// EnableDebug opens the profiling endpoints under /debug/pprof.
	EnableDebug bool
	// PIDFile is where the process ID is written; empty for nowhere.
	PIDFile string
	// Log says what is logged and where to.
	Log LogConfig
	// Telemetry says how metrics are collected and where they are sent.
	Telemetry TelemetryConfig
	// AutoReload asks to reload when a configuration file changes.
	AutoReload bool

	flags *Flags // that it was loaded with
	files string // the digest of the files that it was loaded from
}

// Listener is an address to listen on.
type Listener struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the path of a socket
}

// UnixSocketConfig is unix_sockets.
type UnixSocketConfig struct {
	UID  int          // owner; -1 leaves it
	GID  int          // group; -1 leaves it
	Mode *os.FileMode // permissions; nil leaves them
}

// CheckConfig says how checks are carried out.
type CheckConfig struct {
	RemoteScripts  bool          // scripts registered over the API may run
	LocalScripts   bool          // scripts from files may run
	UpdateInterval time.Duration // delay of changes of a check's output only; 0 for at once
	OutputMaxSize  int           // bytes
	DiscardOutput  bool
}

// HTTPConfig holds what applies to every HTTP request.
type HTTPConfig struct {
	BlockEndpoints        []string          // path prefixes that answer 403
	AllowWriteFrom        []*net.IPNet      // networks that may use agent write endpoints; empty allows all
	ResponseHeaders       map[string]string // sent with every answer
	MaxHeaderBytes        int               // largest request header; 0 is the library's 1 MiB
	AllowUnprintablePaths bool              // lets unprintable characters pass in request paths
	UseCache              bool              // lets ?cached have an effect
}

// RaftConfig tunes Raft. The three timeouts are multiplied already.
type RaftConfig struct {
	Multiplier         int
	HeartbeatTimeout   time.Duration
	ElectionTimeout    time.Duration
	LeaderLeaseTimeout time.Duration
	SnapshotThreshold  uint64 // log entries since the last snapshot that call for a new one
	SnapshotInterval   time.Duration
	TrailingLogs       uint64 // log entries kept after a snapshot
	PreVoteDisabled    bool
}

// LogConfig says what is logged and where to.
type LogConfig struct {
	Level          string        // TRACE, DEBUG, INFO, WARN or ERROR
	JSON           bool          // one object per line instead of text
	File           string        // besides stdout; a path that ends in a slash is a directory; empty for none
	RotateBytes    int           // 0 is unlimited
	RotateDuration time.Duration // age at which a file is rotated
	RotateMaxFiles int           // archives to keep; 0 keeps all, -1 none
	Syslog         bool          // log to syslog as well
	SyslogFacility string
}

// Load reads everything that the flags name and returns the configuration to run with. The warnings, each once
// and in order, are valid even when it fails.
func Load(f *Flags) (*Config, []string, error) { return loadOver(f, nil) }

// loadOver loads a configuration that is to take over from a running one, if there is one.
func loadOver(f *Flags, running *Config) (*Config, []string, error) {
	s, err := gather(f)
	if err != nil {
		return nil, s.warnings, err
	}
	s.running = running
	c := &Config{DevMode: f.Dev, flags: f, files: s.files}
	for _, step := range steps {
		if err := step(s, c); err != nil {
			return nil, s.warnings, err
		}
	}
	s.warn(notServedWarnings(s.user)...)
	return c, s.warnings, nil
}

// steps check the settings and fill in Config, each its part. The first error ends a Load: mistakes come first,
// then what this release cannot do, so that an operator sees a mistake for what it is.
var steps = []func(*settings, *Config) error{
	checkValues,
	checkNames,
	setNode,
	setAddresses,
	setLimits,
	setRaft,
	setAutopilot,
	setHTTP,
	setProcess,
	setTelemetry,
	setTLS,
	setGossip,
	setEncrypt,
	warnSettings,
	checkDefinitions,
	setChecks,
	setACL,
	setRole,
	setJoin,
	setRestore,
	refuseUnserved,
}

func setChecks(s *settings, c *Config) error {
	c.Checks = CheckConfig{
		RemoteScripts:  s.boolean("enable_script_checks"),
		LocalScripts:   s.boolean("enable_local_script_checks"),
		UpdateInterval: s.duration("check_update_interval"),
		OutputMaxSize:  s.integer("check_output_max_size"),
		DiscardOutput:  s.boolean("discard_check_output"),
	}
	if c.Checks.RemoteScripts && !s.isSet("enable_local_script_checks") {
		c.Checks.LocalScripts = true
	}
	c.Services = definitionsOf(s, "services")
	c.CheckDefinitions = definitionsOf(s, "checks")
	return nil
}

// definitionsOf returns the objects of a list as plain maps.
func definitionsOf(s *settings, path string) (all []map[string]any) {
	list, _ := s.get(path).([]values)
	for _, v := range list {
		all = append(all, plainMap(v))
	}
	return all
}

func plainMap(v values) map[string]any {
	m := make(map[string]any, len(v))
	for key, x := range v {
		switch x := x.(type) {
		case values:
			m[key] = plainMap(x)
		case []values:
			list := make([]map[string]any, len(x))
			for i := range x {
				list[i] = plainMap(x[i])
			}
			m[key] = list
		default:
			m[key] = x
		}
	}
	return m
}

func setAutopilot(s *settings, c *Config) error {
	c.Autopilot = record.Autopilot{
		CleanupDeadServers:      s.boolean("autopilot.cleanup_dead_servers"),
		LastContactThreshold:    s.duration("autopilot.last_contact_threshold"),
		MaxTrailingLogs:         uint64(s.integer("autopilot.max_trailing_logs")),
		MinQuorum:               uint(s.integer("autopilot.min_quorum")),
		ServerStabilizationTime: s.duration("autopilot.server_stabilization_time"),
	}
	return nil
}

func setRaft(s *settings, c *Config) error {
	c.Raft = RaftConfig{
		Multiplier:        s.integer("performance.raft_multiplier"),
		SnapshotThreshold: uint64(orDefault(s, "raft_snapshot_threshold")),
		SnapshotInterval:  s.duration("raft_snapshot_interval"),
		TrailingLogs:      uint64(orDefault(s, "raft_trailing_logs")),
		PreVoteDisabled:   s.boolean("raft_prevote_disabled"),
	}
	if c.Raft.SnapshotInterval == 0 {
		c.Raft.SnapshotInterval, _ = time.ParseDuration(keyByPath["raft_snapshot_interval"].def.(string))
	}
	election, heartbeat, lease := raftTimeouts(s.dev)
	m := time.Duration(c.Raft.Multiplier)
	c.Raft.ElectionTimeout, c.Raft.HeartbeatTimeout, c.Raft.LeaderLeaseTimeout = election*m, heartbeat*m, lease*m
	return nil
}

// raftTimeouts are the timeouts that raft_multiplier multiplies.
func raftTimeouts(dev bool) (election, heartbeat, lease time.Duration) {
	if dev {
		return 52 * time.Millisecond, 35 * time.Millisecond, 20 * time.Millisecond
	}
	return time.Second, time.Second, 500 * time.Millisecond
}

// orDefault returns an integer for which zero means the default.
func orDefault(s *settings, path string) int {
	if n := s.integer(path); n != 0 {
		return n
	}
	return keyByPath[path].def.(int)
}

func setHTTP(s *settings, c *Config) error {
	c.HTTP = HTTPConfig{
		BlockEndpoints:        s.list("http_config.block_endpoints"),
		ResponseHeaders:       s.mapping("http_config.response_headers"),
		MaxHeaderBytes:        s.integer("http_config.max_header_bytes"),
		AllowUnprintablePaths: s.boolean("disable_http_unprintable_char_filter"),
		UseCache:              s.boolean("http_config.use_cache"),
	}
	for _, cidr := range s.list("http_config.allow_write_http_from") {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			return err // checkValues has told of it already
		}
		c.HTTP.AllowWriteFrom = append(c.HTTP.AllowWriteFrom, network)
	}
	return nil
}

func setProcess(s *settings, c *Config) error {
	level, err := logLevel(s.str("log_level"))
	if err != nil && s.running != nil {
		s.warn("Invalid log level in new configuration: level=" + s.str("log_level"))
		level, err = s.running.Log.Level, nil
	}
	if err != nil {
		return err
	}
	c.Log = LogConfig{
		Level:          level,
		JSON:           s.boolean("log_json"),
		File:           s.str("log_file"),
		RotateBytes:    s.integer("log_rotate_bytes"),
		RotateDuration: s.duration("log_rotate_duration"),
		RotateMaxFiles: s.integer("log_rotate_max_files"),
		Syslog:         s.boolean("enable_syslog"),
		SyslogFacility: strings.ToUpper(s.str("syslog_facility")),
	}
	c.EnableDebug = s.boolean("enable_debug")
	c.ConnectEnabled = s.boolean("connect.enabled")
	c.PIDFile = s.str("pid_file")
	c.AutoReload = s.boolean("auto_reload_config")
	return nil
}
