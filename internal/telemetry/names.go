package telemetry

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/version"
)

// Kind is how values of a metric are added up.
type Kind int

// The kinds of metrics. Timers are in milliseconds. Timers and samples are recorded in the same way, and Prometheus
// has a summary of either.
const (
	CounterKind Kind = iota
	GaugeKind
	TimerKind
	SampleKind
)

// String is the kind's name in the documentation.
func (k Kind) String() string {
	return [...]string{"counter", "gauge", "timer", "sample"}[k]
}

// A Definition describes a metric. Prometheus is told of it before it is measured for the first time.
type Definition struct {
	Name string // without prefix and host name, with dots
	Kind Kind
	Help string
}

// Definitions returns all metrics that operators may rely on.
func Definitions() []Definition { return slices.Clone(definitions) }

var definitions []Definition

// define adds a definition and returns its key.
func define(kind Kind, name, help string) []string {
	definitions = append(definitions, Definition{name, kind, help})
	return strings.Split(name, ".")
}

func counter(name, help string) []string { return define(CounterKind, name, help) }
func gauge(name, help string) []string   { return define(GaugeKind, name, help) }
func timer(name, help string) []string   { return define(TimerKind, name, help+" (ms)") }
func sample(name, help string) []string  { return define(SampleKind, name, help) }

// ReplicationKeys are the metrics of one kind of ACL objects that are taken over from the primary datacenter.
type ReplicationKeys struct{ Status, Index []string }

func replication(kind string) ReplicationKeys {
	return ReplicationKeys{
		Status: gauge("leader.replication.acl-"+kind+".status", "1 if the last replication of ACL "+kind+" from the primary datacenter succeeded, else 0."),
		Index:  gauge("leader.replication.acl-"+kind+".index", "Index of the primary datacenter up to which its ACL "+kind+" have been replicated."),
	}
}

// Keys of what the server's parts record, for go-metrics' functions. Their second text is their documentation, also
// for Prometheus; where it names labels, they are to be given.
var (
	RaftAppliedIndex = gauge("raft.applied_index", "Index of the last entry that the state has applied.")
	RaftLastIndex    = gauge("raft.last_index", "Index of the last entry in the log.")

	ServerIsLeader            = gauge("server.isLeader", "1 if this server leads, else 0.")
	AutopilotHealthy          = gauge("autopilot.healthy", "1 if all servers are healthy, else 0.")
	AutopilotFailureTolerance = gauge("autopilot.failure_tolerance", "Servers that may fail before the cluster does.")

	LeaderBarrier        = timer("leader.barrier", "Time a new leader waits for earlier entries to be applied.")
	LeaderReconcile      = timer("leader.reconcile", "Time the leader takes to bring the catalog in line with the members.")
	LeaderReapTombstones = timer("leader.reapTombstones", "Time the leader takes to remove expired tombstones.")

	// Replication has the metrics of each kind of ACL objects.
	Replication = map[string]ReplicationKeys{
		"policies": replication("policies"), "roles": replication("roles"), "tokens": replication("tokens"),
	}

	KVSApply          = timer("kvs.apply", "Time of a write to the KV store.")
	RaftFSMApply      = timer("raft.fsm.apply", "Time the state takes to apply an entry.")
	FSMKVS            = timer("fsm.kvs", "Time the state takes to apply a write to the KV store, by op.")
	TxnApply          = timer("txn.apply", "Time of a transaction that writes.")
	TxnRead           = timer("txn.read", "Time of a transaction that only reads.")
	SessionApply      = timer("session.apply", "Time of a write to the sessions.")
	SessionRenew      = timer("session.renew", "Time of a session's renewal.")
	SessionTTLActive  = gauge("session_ttl.active", "Sessions with a TTL that this leader watches.")
	SessionInvalidate = timer("session_ttl.invalidate", "Time of the end of an expired session.")

	CatalogRegister      = timer("catalog.register", "Time of a registration in the catalog.")
	CatalogDeregister    = timer("catalog.deregister", "Time of a deregistration in the catalog.")
	PreparedQueryApply   = timer("prepared-query.apply", "Time of a write to the prepared queries.")
	PreparedQueryExecute = timer("prepared-query.execute", "Time of a prepared query's execution.")
	ACLResolveToken      = timer("acl.ResolveToken", "Time to find out what a token permits.")

	APIHTTP = timer("api.http", "Time of an HTTP request, by method and path.")

	RPCRequest           = counter("rpc.request", "Requests of clients and of other agents.")
	RPCRequestError      = counter("rpc.request_error", "Requests from other agents that failed.")
	RPCQuery             = counter("rpc.query", "Reads of the replicated state.")
	RPCCrossDC           = counter("rpc.cross-dc", "Requests sent to another datacenter.")
	RPCAcceptConn        = counter("rpc.accept_conn", "Connections accepted on the server port.")
	RPCRaftHandoff       = counter("rpc.raft_handoff", "Connections on the server port that carry Raft.")
	RPCQueriesBlocking   = gauge("rpc.queries_blocking", "Blocking queries that wait.")
	RPCConsistentRead    = timer("rpc.consistentRead", "Time to confirm the leadership for a consistent read.")
	RPCRateLimitExceeded = counter("rpc.rate_limit.exceeded", "Requests above a limit, by limit_type, op and mode.")
	ClientRPC            = counter("client.rpc", "Requests of this agent to a server.")
	ClientRPCFailed      = counter("client.rpc.failed", "Requests of this agent to a server that failed.")
	ClientRPCExceeded    = counter("client.rpc.exceeded", "Requests of this agent to a server above its limit.")

	MembersServers        = gauge("members.servers", "Servers among the members.")
	MembersClients        = gauge("members.clients", "Client agents among the members.")
	StateNodes            = gauge("state.nodes", "Nodes in the catalog.")
	StateServices         = gauge("state.services", "Services in the catalog, by name.")
	StateServiceInstances = gauge("state.service_instances", "Instances of services in the catalog.")
	StateKVEntries        = gauge("state.kv_entries", "Entries in the KV store.")

	AgentTLSCertExpiry = gauge("agent.tls.cert.expiry", "Seconds until the agent's certificate expires.")
)

// versionKey is recorded by Telemetry itself, always with the same labels.
var (
	versionKey    = gauge("version", "1, with the version and its pre_release as labels.")
	versionLabels = []metrics.Label{{Name: "version", Value: version.Full}, {Name: "pre_release", Value: version.Prerelease}}
	constLabels   = map[string][]metrics.Label{"version": versionLabels}
)

// What Raft, its log store, gossip and the Go runtime record by themselves.
var (
	_ = counter("raft.apply", "Log entries proposed.")
	_ = timer("raft.commitTime", "Time from the proposal of an entry to its commit, on the leader.")
	_ = gauge("raft.commitNumLogs", "Log entries in the last batch given to the state.")
	_ = timer("raft.leader.dispatchLog", "Time the leader takes to write entries to its disk.")
	_ = gauge("raft.leader.dispatchNumLogs", "Log entries in the leader's last write to its disk.")
	_ = timer("raft.leader.lastContact", "Time since the leader was last in contact with a quorum; healthy below 200.")
	_ = gauge("raft.leader.oldestLogAge", "Milliseconds since the oldest log entry that is kept was stored.")
	_ = counter("raft.state.leader", "How often this server became leader.")
	_ = counter("raft.state.candidate", "How often this server began an election.")
	_ = counter("raft.state.follower", "How often this server became a follower.")
	_ = counter("raft.transition.heartbeat_timeout", "Elections begun because no leader was heard.")
	_ = timer("raft.fsm.enqueue", "Time to queue a batch of entries for the state.")
	_ = timer("raft.fsm.snapshot", "Time to take the state for a snapshot.")
	_ = gauge("raft.fsm.lastRestoreDuration", "Milliseconds of the last restore from a snapshot.")
	_ = timer("raft.snapshot.create", "Time to begin a snapshot.")
	_ = timer("raft.snapshot.persist", "Time to write a snapshot.")
	_ = timer("raft.snapshot.takeSnapshot", "Time of a snapshot in all.")
	_ = timer("raft.rpc.appendEntries", "Time a follower takes for new entries.")
	_ = timer("raft.rpc.installSnapshot", "Time a follower takes for a snapshot.")
	_ = timer("raft.replication.appendEntries.rpc", "Time to send entries to a follower, by peer_id.")
	_ = timer("raft.replication.heartbeat", "Time of a heartbeat to a follower, by peer_id.")
	_ = sample("raft.thread.main.saturation", "Share of its time that Raft's main thread is busy, 0 to 1.")
	_ = sample("raft.thread.fsm.saturation", "Share of its time that Raft's thread for the state is busy, 0 to 1.")
	_ = counter("raft.verify_leader", "How often the leader confirmed that it leads.")
	_ = counter("raft.barrier", "How often the leader waited for earlier entries to be applied.")
	_ = gauge("raft.peers", "Servers in Raft's configuration.")

	_ = timer("raft.boltdb.storeLogs", "Time to store entries in a log of the kind boltdb, which is not used.")
	_ = gauge("raft.boltdb.freelistBytes", "Bytes of the free list in a log of the kind boltdb, which is not used.")
	_ = sample("raft.boltdb.logsPerBatch", "Entries in a batch in a log of the kind boltdb, which is not used.")
	_ = counter("raft.wal.log_appends", "Batches appended to the log.")
	_ = counter("raft.wal.log_entries_written", "Entries written to the log.")
	_ = counter("raft.wal.log_entry_bytes_written", "Bytes of entries written to the log.")

	_ = counter("serf.member.join", "Members that joined.")
	_ = counter("serf.member.failed", "Members that failed.")
	_ = counter("serf.member.flap", "Members that failed and soon came back.")
	_ = counter("serf.member.left", "Members that left.")
	_ = timer("memberlist.gossip", "Time of a round of gossip.")

	_ = gauge("runtime.alloc_bytes", "Bytes of objects on the heap.")
	_ = gauge("runtime.sys_bytes", "Bytes of memory got from the system.")
	_ = gauge("runtime.num_goroutines", "Goroutines.")
	_ = gauge("runtime.heap_objects", "Objects on the heap.")
	_ = gauge("runtime.total_gc_pause_ns", "Nanoseconds of garbage collection pauses since the start.")
)
