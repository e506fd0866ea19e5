package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// A Consistency says how sure a read must be that it sees the newest state.
type Consistency int

// The modes of consistency.
const (
	Default    Consistency = iota // the leader answers, trusting its lease
	Stale                         // any server answers, also without a leader
	Consistent                    // the leader answers once a quorum has confirmed it
)

// A Backend is the server that the API belongs to. All methods are safe for concurrent use. The text of an error is what the
// client reads; an error that has a method HTTPStatus() int chooses the status, any other is answered with 500.
type Backend interface {
	// Datacenter is the name of the server's datacenter.
	Datacenter() string
	// NodeName is the name of the agent's node.
	NodeName() string
	// ServerCoordinates are where the servers of each datacenter are, the nearest datacenter first.
	ServerCoordinates() []coordinate.Datacenter
	// Store is the replicated state at this moment. A restore replaces it as a whole: the old one's Abandoned channel closes.
	Store() Store
	// ReadBarrier returns nil once this server may answer a read of that consistency, waiting for a leader up to the RPC hold
	// time.
	ReadBarrier(ctx context.Context, c Consistency) error
	// LastContact is how long ago this server heard from the leader: 0 on the leader.
	LastContact() time.Duration
	// KnownLeader tells whether this server knows of a leader.
	KnownLeader() bool
	// Others are the other agents, and this one's place among them.
	Others
	// Authorize tells who comes with a secret, empty for none, and what they may do. The error for a secret that nobody has says so. It
	// may wait for a leader.
	Authorize(ctx context.Context, secret string) (Caller, error)
	// ACLEnabled tells whether ACLs are on.
	ACLEnabled() bool
	// BootstrapACLs makes t the first management token. The error is a state.ErrBootstrapped if there was one before, and the operator
	// has not allowed another.
	BootstrapACLs(ctx context.Context, t *record.ACLToken) error
	// ACLReplication tells how it goes with the ACLs that come from the primary datacenter, where that is another one.
	ACLReplication() ACLReplication
	// SetAgentToken sets one of the agent's own tokens; an empty secret removes it.
	SetAgentToken(ctx context.Context, kind agenttoken.Kind, secret string) error
	// KVApply performs verb (set, cas, lock, unlock, delete, delete-cas, delete-tree) through Raft, and tells whether its
	// condition held. For cas and delete-cas e.ModifyIndex is the index to match. The backend keeps e.
	KVApply(ctx context.Context, verb string, e *record.KVEntry) (bool, error)
	// Apply applies a log entry through Raft and returns what that gave once it is durable and visible. The error says that it was
	// not applied, or may not have been; an error of the entry itself is in the result.
	Apply(ctx context.Context, entry fsm.Entry) (fsm.Result, error)
	// RenewSession starts the time of a session anew.
	RenewSession(ctx context.Context, id string) error
	// Save takes a snapshot; stale lets this server answer without being leader. Its bytes are ready when it returns.
	Save(ctx context.Context, stale bool) (Saved, error)
	// Restore replaces the replicated state by that of the archive. Records of the types in allow, which would otherwise be
	// refused, are let through.
	Restore(ctx context.Context, archive io.Reader, allow []record.Type) error
	// LeaderAddr is the IP:port of the leader's server address, empty without one.
	LeaderAddr() string
	// PeerAddrs are the server addresses of all Raft servers.
	PeerAddrs() ([]string, error)
	// RaftConfiguration is who takes part in Raft.
	RaftConfiguration() (RaftConfiguration, error)
	// MeshRoot is the root to show if the state has none; nil if the mesh is not enabled.
	MeshRoot() *meshca.Root
	// Local is the registry of the agent's own services and checks.
	Local() *localstate.State
	// RemovePeer removes the Raft server with that ID, or that address if the ID is empty.
	RemovePeer(ctx context.Context, id, address string) error
	// TransferLeadership makes the Raft server with that ID the leader, or any other one if it is empty.
	TransferLeadership(ctx context.Context, id string) error
	// ServerHealth is how the servers are, as far as this one knows.
	ServerHealth() ([]ServerHealth, error)
	// Self describes this server.
	Self() AgentSelf
	// Members are the members of the datacenter's gossip pool or, with wan, of that of the servers of all datacenters; ErrNoWAN if this
	// agent is in none.
	Members(wan bool) ([]Member, error)
	// Telemetry is what the process has measured of itself.
	Telemetry() Telemetry
	// Monitor writes what the process logs from now on, at a level (empty is info) and above, as text or as JSON, and flushes after
	// every line, until ctx is done, which is no error. It fails with a logging.UnknownLevelError before it has written anything.
	Monitor(ctx context.Context, w io.Writer, level string, json bool) error
	Process
	// Events are the events that users have fired and that have reached this agent.
	Events() Events
	// Keyring is the gossip keys.
	Keyring() Keyring
}

// A Store is read by queries. Methods register in w what would change their result; w may be nil. What they return is never changed.
type Store interface {
	// KVGet returns the entry under key and its index, or nil and the index of the whole table.
	KVGet(w *state.Watch, key string) (index uint64, e *record.KVEntry)
	// KVList returns the entries whose key begins with prefix, sorted by key.
	KVList(w *state.Watch, prefix string) (index uint64, es []*record.KVEntry)
	// KVKeys returns the keys that begin with prefix, sorted, cut behind the first separator that follows prefix unless it is
	// empty, and without duplicates.
	KVKeys(w *state.Watch, prefix, separator string) (index uint64, keys []string)
	// Abandoned is closed once a restore has replaced the store.
	Abandoned() <-chan struct{}

	Nodes(w *state.Watch) (uint64, []*record.Register)
	Node(w *state.Watch, name string) (uint64, *record.Register, []*record.NodeService)
	NodeMeta(w *state.Watch) (uint64, func(node string) map[string]string)
	Instances(w *state.Watch) (uint64, []state.Instance)
	ServiceInstances(w *state.Watch, name string) (uint64, []state.Instance)
	ConnectInstances(w *state.Watch, name string) (uint64, []state.Instance)
	HealthInstances(w *state.Watch, name string) (uint64, []state.Instance)
	NodeChecks(w *state.Watch, name string) (uint64, []*record.HealthCheck)
	ServiceChecks(w *state.Watch, name string) (uint64, []*record.HealthCheck)
	ChecksInState(w *state.Watch, status string) (uint64, []*record.HealthCheck)
	Coordinates(w *state.Watch) (uint64, []*record.Coordinate)
	NodeCoordinates(w *state.Watch, name string) (uint64, []*record.Coordinate)
	Usage() (uint64, state.Usage)

	Sessions(w *state.Watch) (uint64, []*record.Session)
	NodeSessions(w *state.Watch, node string) (uint64, []*record.Session)
	Session(w *state.Watch, id string) (uint64, *record.Session)
	LockDelayed(key string) bool
	TxnRead(ops []state.TxnOp) ([]state.TxnResult, []state.TxnError)

	Queries(w *state.Watch) (uint64, []*record.PreparedQuery)
	Query(w *state.Watch, id string) (uint64, *record.PreparedQuery)

	Tokens(w *state.Watch) (uint64, []*record.ACLToken)
	Token(w *state.Watch, accessor string) (uint64, *record.ACLToken)
	TokenBySecret(w *state.Watch, secret string) (uint64, *record.ACLToken)
	Policies(w *state.Watch) (uint64, []*record.ACLPolicy)
	Policy(w *state.Watch, id, name string) (uint64, *record.ACLPolicy)
	Roles(w *state.Watch) (uint64, []*record.ACLRole)
	Role(w *state.Watch, id, name string) (uint64, *record.ACLRole)
	BindingRules(w *state.Watch) (uint64, []*record.ACLBindingRule)
	AuthMethods(w *state.Watch) (uint64, []*record.ACLAuthMethod)
	Bootstrapped() (resetIndex uint64, done bool)
	Autopilot() *record.Autopilot
	Carried(t record.Type, indexKey string) (uint64, []*record.Opaque)
}

// A Caller is who sent a request, and what they may do.
type Caller struct {
	Rights    *acl.Authorizer
	Accessor  string // of the token
	Secret    string // of the token that counted, the agent's own default among them
	Anonymous bool   // there was no token
}

// A Saved is a snapshot whose archive is ready to be sent. Close removes it.
type Saved interface {
	Index() uint64 // of the last log entry that it covers
	Len() int64    // of the archive, in bytes
	io.WriterTo
	Close() error
}

// RaftConfiguration is the answer of /v1/operator/raft/configuration.
type RaftConfiguration struct {
	Servers []RaftServer
	Index   uint64
}

// RaftServer is one server that takes part in Raft.
type RaftServer struct {
	ID              string
	Node            string
	Address         string // IP:port
	Leader          bool
	ProtocolVersion string // of Raft
	Voter           bool
	LastIndex       uint64
}

// ServerHealth is how one server is.
type ServerHealth struct {
	ID          string
	Name        string
	Address     string // IP:port
	SerfStatus  string
	Version     string
	Leader      bool
	LastContact Duration // since it heard from the leader
	LastTerm    uint64
	LastIndex   uint64
	Healthy     bool
	Voter       bool
	StableSince time.Time // when Healthy last changed
}

// AgentSelf is the answer of /v1/agent/self.
type AgentSelf struct {
	Config      AgentConfig
	DebugConfig map[string]any
	Coord       *Coordinate
	Member      Member
	Stats       map[string]map[string]string // by section: what `info` prints
	Meta        map[string]string            // the node's
}

// AgentConfig is the part of the configuration that every client may rely on.
type AgentConfig struct {
	Datacenter        string
	PrimaryDatacenter string
	NodeName          string
	NodeID            string
	Revision          string
	Server            bool
	Version           string
	BuildDate         string // RFC 3339
}

// Coordinate is a network coordinate of the node. Distances are in seconds.
type Coordinate struct {
	Vec        []float64
	Error      float64
	Adjustment float64
	Height     float64
}

// Member is a member of a gossip pool.
type Member struct {
	Name        string
	Addr        string // IP
	Port        uint16 // of gossip
	Tags        map[string]string
	Status      int // 0 none, 1 alive, 2 leaving, 3 left, 4 failed
	ProtocolMin uint8
	ProtocolMax uint8
	ProtocolCur uint8
	DelegateMin uint8
	DelegateMax uint8
	DelegateCur uint8
}
