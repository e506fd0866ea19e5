package snapshotconfig

import (
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/retention"
)

// This file lists every key and every flag of the agent, by the headings of its help text.

// group is the keys under one heading.
type group struct {
	title string
	keys  []key
}

// Names of the blocks that describe a destination.
const (
	localBlock = "local_storage"
	s3Block    = "aws_storage"
	azureBlock = "azure_blob_storage"
	gcsBlock   = "google_storage"
)

// remoteBlocks are the destinations that are not on this host.
var remoteBlocks = []string{s3Block, azureBlock, gcsBlock}

// Reasons that several keys share.
const (
	noSyslog = "logging to syslog is not served: the agent logs to its standard output. Under systemd the journal takes it and hands it " +
		"on to syslog; elsewhere pipe it into logger(1)"
	noLogin = "logging in through an auth method is not served: give the agent a token instead, with -token-file, CONSUL_HTTP_TOKEN_FILE " +
		"or the key token; consul login -method=NAME -bearer-token-file=FILE -token-sink-file=FILE writes a file for -token-file"
	noLicence = "Lictor needs no licence"
)

var groups = []group{
	{"Snapshot Options", snapshotKeys},
	{"Retention Options", keepKeys("snapshot")},
	{"Agent Options", agentKeys},
	{"Encryption Options", encryptionKeys},
	{"Proof Options", drillKeys},
	{"Hooks", hookKeys},
	{"HTTP API Options", connectionKeys},
	{"Local Storage Options", slices.Concat(localKeys, keepKeys(localBlock))},
	{"Amazon S3 Storage Options", slices.Concat(s3Keys, keepKeys(s3Block))},
	{"Azure Blob Storage Options", slices.Concat(azureKeys, keepKeys(azureBlock))},
	{"Google Cloud Storage Options", slices.Concat(gcsKeys, keepKeys(gcsBlock))},
	{"Options That Are Refused", refusedKeys},
}

var snapshotKeys = []key{
	{path: "snapshot.interval", flag: "interval", kind: kindDuration, def: time.Hour,
		usage: "The `duration` between two snapshots. 0 asks for one-shot mode: one snapshot, one removal of old ones, no election, no service."},
	{path: "snapshot.retain", flag: "retain", kind: kindInt, def: 30,
		usage: "The `number` of snapshots to keep at a destination: after each one the oldest are deleted. 0 keeps them all. " +
			"It excludes the rules of -keep-last and its like."},
	{path: "snapshot.max_shrink", flag: "max-shrink", kind: kindPercent, def: retention.MaxShrink,
		usage: "By how much, as a `percentage`, the records or the bytes of the state may shrink from one snapshot to the next. " +
			"After more nothing is deleted until snapshot prune -accept-collapse. 100% lets it shrink to nothing."},
	{path: "snapshot.lock_key", flag: "lock-key", def: "consul-snapshot/lock",
		usage: "The `key` in the KV store by which the agents elect who takes snapshots. All agents of a cluster must agree on it."},
	{path: "snapshot.max_failures", flag: "max-failures", kind: kindInt, def: 3,
		usage: "The `number` of failures in a row after which leadership is given up, so that another agent can try. 0 never gives it up."},
	{path: "snapshot.stale", flag: "stale", kind: kindBool,
		usage: "Let any server answer, also without a leader. The snapshot may be old."},
	{path: "snapshot.skip_unchanged", flag: "skip-unchanged", kind: kindBool,
		usage: "Upload nothing while the state is as in the last proven backup. A skip counts as a fresh backup."},
	{path: "snapshot.rpo", flag: "rpo", kind: kindDuration,
		usage: "The objective: the state that can be brought back from any destination must never be older than this `duration`. What is missed " +
			"shows in /health, in Consul and in metrics, and hooks are told. 0 is none, which is the default."},
	{path: "snapshot.bandwidth_limit", flag: "bandwidth-limit", kind: kindRate,
		usage: "The `rate`, such as 20MB/s, at which a snapshot is read from the cluster, and uploaded to remote storage, all together. " +
			"The default is off: as fast as it goes."},
	{path: "snapshot.local_scratch_path", flag: "local-scratch-path",
		usage: "The `directory` in which a snapshot waits for its upload. The default is the system's directory for temporary files."},
}

var agentKeys = []key{
	{path: "snapshot.service", flag: "service", def: "consul-snapshot",
		usage: "The `name` of the service that is registered with the Consul agent."},
	{path: "snapshot.deregister_after", flag: "deregister-after", kind: kindDuration, def: 72 * time.Hour,
		usage: "The `duration` for which an agent's service must have been critical for Consul to remove it. 0 never removes it."},
	{path: "cluster", flag: "cluster",
		usage: "The `name` of the cluster that backups are filed under; only backups of the same cluster are ever deleted. " +
			"The default is the datacenter, with the trust domain of the cluster's certificate authority if it has one."},
	{path: "listen", flag: "listen", def: "127.0.0.1:5001",
		usage: "The `address`, host:port, on which /health and /metrics are served; off serves them nowhere. Not in one-shot mode."},
	{path: "log.level", flag: "log-level", def: "INFO",
		usage: "The `level` from which on messages are logged: trace, debug, info, warn or error."},
	{path: "log.json", flag: "log-json", kind: kindBool,
		usage: "Log in JSON, an object per line, without the banner."},
	{path: "license_path", fate: noEffect, why: noLicence},
}

var drillKeys = []key{
	{path: "drill.memory", flag: "drill-memory", kind: kindSize,
		usage: "The memory that rebuilding a backup may take, a `size` such as 512MB or 2GB. A backup that needs more stays unproven. " +
			"The default is auto: what the machine can spare when a rebuild starts."},
	{path: "drill.every", flag: "drill-every", kind: kindInt, def: 1,
		usage: "Rebuild every n-th backup only; those between stay unproven. The `number` is at least 1."},
	{path: "drill.consul_binary", flag: "drill-consul-binary",
		usage: "The `path` of a consul binary. Backups are restored into a Consul of that version as well, in a private directory on loopback."},
}

var connectionKeys = []key{
	{path: "http_addr", flag: "http-addr",
		usage: "The `address` of the Consul agent: host:port, http://host:port, https://host:port or unix:///path. " +
			"Environment: CONSUL_HTTP_ADDR. The default is 127.0.0.1:8500."},
	{path: "token", flag: "token",
		usage: "The ACL token to send, as a `value`. Other users of this machine can see it in the list of processes; " +
			"-token-file, files and the environment keep it from them. Environment: CONSUL_HTTP_TOKEN."},
	{path: "token_file", flag: "token-file",
		usage: "A `file` that holds the ACL token. It wins over -token. Environment: CONSUL_HTTP_TOKEN_FILE."},
	{path: "datacenter", flag: "datacenter",
		usage: "The `name` of the datacenter to take snapshots of. The default is the Consul agent's own; another one needs one-shot mode."},
	{path: "ca_file", flag: "ca-file",
		usage: "A PEM `file` of certificate authorities to trust instead of the system's. Environment: CONSUL_CACERT."},
	{path: "ca_path", flag: "ca-path",
		usage: "A `directory` of PEM files of certificate authorities to trust instead of the system's. Environment: CONSUL_CAPATH."},
	{path: "cert_file", flag: "client-cert",
		usage: "A PEM `file` with the certificate to show to the agent. Needs -client-key. Environment: CONSUL_CLIENT_CERT."},
	{path: "key_file", flag: "client-key",
		usage: "A PEM `file` with the key of -client-cert. Environment: CONSUL_CLIENT_KEY."},
	{path: "tls_server_name", flag: "tls-server-name",
		usage: "The `name` to ask for, and to expect in the agent's certificate, instead of the host of the address. " +
			"Environment: CONSUL_TLS_SERVER_NAME."},
}

var localKeys = []key{
	{path: "local_storage.path", flag: "local-path", def: ".",
		usage: "The `directory` to keep snapshots in, where no remote storage is configured."},
	{path: "local_storage.retain", kind: kindInt},
}

var refusedKeys = []key{
	{path: "log.enable_syslog", flag: "syslog", kind: kindBool, fate: refused, why: noSyslog},
	{path: "log.syslog_facility", flag: "syslog-facility", def: "LOCAL0", fate: noEffect, why: noSyslog},
	{path: "login.auth_method", flag: "login-auth-method", fate: refused, why: noLogin},
	{path: "login.bearer_token", flag: "login-bearer-token", fate: refused, why: noLogin},
	{path: "login.bearer_token_file", flag: "login-bearer-token-file", fate: refused, why: noLogin},
	{path: "login.meta", flag: "login-meta", kind: kindMap, fate: refused, why: noLogin},
}
