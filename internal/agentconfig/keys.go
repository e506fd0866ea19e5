package agentconfig

import "slices"

// This file lists every key of a configuration file: its type, and its default where that is not the zero value.
// What happens to a key that is set is told by the tables in notserved.go and deprecated.go; a key in none of
// them is served. Durations are written as an operator writes them.

var identityKeys = slices.Concat(
	define(kindString, "node_name", "node_id", "primary_datacenter", "data_dir", "locality.region", "locality.zone"),
	define(kindBool, "server", "bootstrap"),
	define(kindString, "restore_from", "restore_cluster", "restore_passphrase_file"),
	define(kindList, "restore_identity_files"),
	define(kindMap, "node_meta", "tagged_addresses"),
	[]key{
		{path: "disable_host_node_id", kind: kindBool, def: true},
		{path: "datacenter", kind: kindString, def: "dc1"},
		{path: "bootstrap_expect", kind: kindInt},
		{path: "server_rejoin_age_max", kind: kindDuration, def: "168h"},
		{path: "restore_backup", kind: kindString, def: "latest"},
		{path: "protocol", kind: kindInt, def: 2},
		{path: "raft_protocol", kind: kindInt, def: 3},
	},
)

var addressKeys = slices.Concat(
	define(kindString,
		"advertise_addr", "advertise_addr_ipv4", "advertise_addr_ipv6",
		"advertise_addr_wan", "advertise_addr_wan_ipv4", "advertise_addr_wan_ipv6",
		"addresses.http", "addresses.https", "addresses.dns", "addresses.grpc", "addresses.grpc_tls",
		"unix_sockets.user", "unix_sockets.group", "unix_sockets.mode",
		"serf_lan", "serf_wan"),
	define(kindList, "serf_lan_allowed_cidrs", "serf_wan_allowed_cidrs"),
	define(kindBool, "translate_wan_addrs"),
	[]key{
		{path: "bind_addr", kind: kindString, def: "0.0.0.0"},
		{path: "client_addr", kind: kindString, def: "127.0.0.1"},
		{path: "ports.http", kind: kindInt, def: 8500},
		{path: "ports.https", kind: kindInt, def: -1},
		{path: "ports.server", kind: kindInt, def: 8300},
		{path: "ports.serf_lan", kind: kindInt, def: 8301},
		{path: "ports.serf_wan", kind: kindInt, def: 8302},
		// Consul's 8600 and 8503 are not opened here, so that an explicit port is told from none.
		{path: "ports.dns", kind: kindInt, def: -1},
		{path: "ports.grpc", kind: kindInt, def: -1},
		{path: "ports.grpc_tls", kind: kindInt, def: -1},
		{path: "ports.proxy_min_port", kind: kindInt, def: 20000},
		{path: "ports.proxy_max_port", kind: kindInt, def: 20255},
		{path: "ports.sidecar_min_port", kind: kindInt, def: 21000},
		{path: "ports.sidecar_max_port", kind: kindInt, def: 21255},
		{path: "ports.expose_min_port", kind: kindInt, def: 21500},
		{path: "ports.expose_max_port", kind: kindInt, def: 21755},
	},
)

var joinKeys = slices.Concat(
	define(kindList, "retry_join", "retry_join_wan"),
	define(kindInt, "retry_max", "retry_max_wan"),
	define(kindBool, "rejoin_after_leave", "disable_coordinates"),
	define(kindBool, "leave_on_terminate", "skip_leave_on_interrupt"), // their defaults depend on the role
	define(kindDuration, "advertise_reconnect_timeout"),
	[]key{
		{path: "retry_interval", kind: kindDuration, def: "30s"},
		{path: "retry_interval_wan", kind: kindDuration, def: "30s"},
		{path: "reconnect_timeout", kind: kindDuration, def: "72h"},
		{path: "reconnect_timeout_wan", kind: kindDuration, def: "72h"},
		{path: "gossip_lan.gossip_interval", kind: kindDuration, def: "200ms"},
		{path: "gossip_lan.gossip_nodes", kind: kindInt, def: 3},
		{path: "gossip_lan.probe_interval", kind: kindDuration, def: "1s"},
		{path: "gossip_lan.probe_timeout", kind: kindDuration, def: "500ms"},
		{path: "gossip_lan.suspicion_mult", kind: kindInt, def: 4},
		{path: "gossip_lan.retransmit_mult", kind: kindInt, def: 4},
		{path: "gossip_wan.gossip_interval", kind: kindDuration, def: "500ms"},
		{path: "gossip_wan.gossip_nodes", kind: kindInt, def: 3},
		{path: "gossip_wan.probe_interval", kind: kindDuration, def: "5s"},
		{path: "gossip_wan.probe_timeout", kind: kindDuration, def: "3s"},
		{path: "gossip_wan.suspicion_mult", kind: kindInt, def: 6},
		{path: "gossip_wan.retransmit_mult", kind: kindInt, def: 4},
	},
)

var raftKeys = slices.Concat(
	define(kindBool, "raft_prevote_disabled", "raft_logstore.disable_log_cache", "raft_logstore.verification.enabled",
		"raft_logstore.boltdb.no_freelist_sync", "autopilot.disable_upgrade_migration"),
	define(kindString, "raft_logstore.backend", "autopilot.redundancy_zone_tag", "autopilot.upgrade_version_tag"),
	define(kindDuration, "raft_logstore.verification.interval"),
	[]key{
		{path: "performance.raft_multiplier", kind: kindInt, def: 5},
		{path: "performance.leave_drain_time", kind: kindDuration, def: "5s"},
		{path: "performance.rpc_hold_timeout", kind: kindDuration, def: "7s"},
		{path: "performance.grpc_keepalive_interval", kind: kindDuration, def: "30s"},
		{path: "performance.grpc_keepalive_timeout", kind: kindDuration, def: "20s"},
		{path: "performance.enable_xds_load_balancing", kind: kindBool, def: true},
		{path: "raft_snapshot_threshold", kind: kindInt, def: 16384},
		{path: "raft_snapshot_interval", kind: kindDuration, def: "30s"},
		{path: "raft_trailing_logs", kind: kindInt, def: 10240},
		{path: "raft_logstore.wal.segment_size_mb", kind: kindInt, def: 64},
		{path: "autopilot.cleanup_dead_servers", kind: kindBool, def: true},
		{path: "autopilot.last_contact_threshold", kind: kindDuration, def: "200ms"},
		{path: "autopilot.max_trailing_logs", kind: kindInt, def: 250},
		{path: "autopilot.min_quorum", kind: kindInt},
		{path: "autopilot.server_stabilization_time", kind: kindDuration, def: "10s"},
		{path: "limits.http_max_conns_per_client", kind: kindInt, def: 200},
		{path: "limits.rpc_max_conns_per_client", kind: kindInt, def: 100},
		{path: "limits.https_handshake_timeout", kind: kindDuration, def: "5s"},
		{path: "limits.rpc_handshake_timeout", kind: kindDuration, def: "5s"},
		{path: "limits.rpc_rate", kind: kindFloat, def: -1.0},
		{path: "limits.rpc_max_burst", kind: kindInt, def: 1000},
		{path: "limits.rpc_client_timeout", kind: kindDuration, def: "60s"},
		{path: "limits.request_limits.mode", kind: kindString, def: "disabled"},
		{path: "limits.request_limits.read_rate", kind: kindFloat, def: -1.0},
		{path: "limits.request_limits.write_rate", kind: kindFloat, def: -1.0},
		{path: "limits.kv_max_value_size", kind: kindInt, def: 524288},
		{path: "limits.txn_max_req_len", kind: kindInt, def: 524288},
		{path: "default_query_time", kind: kindDuration, def: "300s"},
		{path: "max_query_time", kind: kindDuration, def: "600s"},
		{path: "session_ttl_min", kind: kindDuration, def: "10s"},
		{path: "discovery_max_stale", kind: kindDuration, def: "0s"},
		{path: "cache.entry_fetch_rate", kind: kindFloat},
		{path: "cache.entry_fetch_max_burst", kind: kindInt, def: 2},
		{path: "rpc.enable_streaming", kind: kindBool, def: true},
		{path: "use_streaming_backend", kind: kindBool, def: true},
	},
)

var httpKeys = slices.Concat(
	define(kindList, "http_config.block_endpoints", "http_config.allow_write_http_from"),
	define(kindMap, "http_config.response_headers"),
	define(kindInt, "http_config.max_header_bytes"),
	define(kindBool, "disable_http_unprintable_char_filter", "enable_debug", "enable_script_checks",
		"enable_local_script_checks", "discard_check_output", "enable_agent_tls_for_checks"),
	[]key{
		{path: "http_config.use_cache", kind: kindBool, def: true},
		{path: "disable_remote_exec", kind: kindBool, def: true},
		{path: "check_update_interval", kind: kindDuration, def: "5m"},
		{path: "check_output_max_size", kind: kindInt, def: 4096},
		{path: "watches", kind: kindAnyList},
		key{path: "service", kind: kindObject}.of(serviceKeys),
		key{path: "services", kind: kindObjects}.of(serviceKeys),
		key{path: "check", kind: kindObject}.of(checkKeys),
		key{path: "checks", kind: kindObjects}.of(checkKeys),
	},
)

// serviceKeys are the fields of a service definition.
var serviceKeys = slices.Concat(
	define(kindString, "id", "name", "address", "socket_path", "kind", "locality.region", "locality.zone"),
	define(kindList, "tags"),
	define(kindMap, "meta"),
	define(kindInt, "port", "weights.passing", "weights.warning"),
	define(kindBool, "enable_tag_override"),
	define(kindAny, "proxy", "connect"),
	[]key{
		key{path: "token", kind: kindString}.hidden(),
		key{path: "tagged_addresses", kind: kindObjectMap}.of([]key{{path: "address", kind: kindString}, {path: "port", kind: kindInt}}),
		key{path: "check", kind: kindObject}.of(checkKeys),
		key{path: "checks", kind: kindObjects}.of(checkKeys),
	},
)

// checkKeys are the fields of a check definition.
var checkKeys = slices.Concat(
	define(kindString, "id", "name", "notes", "status", "shell", "http", "method", "body", "tcp", "udp", "grpc", "h2ping",
		"os_service", "alias_service", "alias_node", "tls_server_name"),
	define(kindBool, "disable_redirects", "tcp_use_tls", "grpc_use_tls", "h2ping_use_tls"),
	define(kindDuration, "ttl", "interval", "timeout"),
	define(kindInt, "output_max_size", "success_before_passing", "failures_before_critical", "failures_before_warning"),
	define(kindListMap, "header"),
	[]key{
		key{path: "token", kind: kindString}.hidden(),
		key{path: "service_id", kind: kindString}.or("serviceid"),
		key{path: "args", kind: kindList}.or("scriptargs"),
		key{path: "docker_container_id", kind: kindString}.or("dockercontainerid"),
		key{path: "tls_skip_verify", kind: kindBool}.or("tlsskipverify"),
		key{path: "deregister_critical_service_after", kind: kindDuration}.or("deregistercriticalserviceafter"),
	},
)

var processKeys = slices.Concat(
	define(kindBool, "log_json", "enable_syslog", "auto_reload_config", "disable_update_check", "disable_anonymous_signature",
		"telemetry.disable_hostname", "telemetry.enable_host_metrics", "telemetry.disable_per_tenancy_usage_metrics"),
	define(kindString, "log_file", "pid_file", "telemetry.statsd_address", "telemetry.statsite_address", "telemetry.dogstatsd_addr",
		"telemetry.circonus_api_app", "telemetry.circonus_api_url", "telemetry.circonus_broker_id",
		"telemetry.circonus_broker_select_tag", "telemetry.circonus_check_display_name",
		"telemetry.circonus_check_force_metric_activation", "telemetry.circonus_check_id", "telemetry.circonus_check_instance_id",
		"telemetry.circonus_check_search_tag", "telemetry.circonus_check_tags", "telemetry.circonus_submission_interval",
		"telemetry.circonus_submission_url"),
	define(kindInt, "log_rotate_bytes", "log_rotate_max_files"),
	define(kindList, "telemetry.prefix_filter", "telemetry.dogstatsd_tags"),
	[]key{
		key{path: "telemetry.circonus_api_token", kind: kindString}.hidden(),
		{path: "log_level", kind: kindString, def: "INFO"},
		{path: "log_rotate_duration", kind: kindDuration, def: "24h"},
		{path: "syslog_facility", kind: kindString, def: "LOCAL0"},
		{path: "telemetry.metrics_prefix", kind: kindString, def: "consul"},
		{path: "telemetry.prometheus_retention_time", kind: kindDuration, def: "0s"},
		{path: "telemetry.filter_default", kind: kindBool, def: true},
		{path: "telemetry.retry_failed_connection", kind: kindBool, def: true},
	},
)

var aclKeys = []key{
	{path: "acl.enabled", kind: kindBool},
	{path: "acl.default_policy", kind: kindString, def: "allow"},
	{path: "acl.down_policy", kind: kindString, def: "extend-cache"},
	{path: "acl.token_ttl", kind: kindDuration, def: "30s"},
	{path: "acl.policy_ttl", kind: kindDuration, def: "30s"},
	{path: "acl.role_ttl", kind: kindDuration, def: "0s"},
	{path: "acl.enable_key_list_policy", kind: kindBool},
	{path: "acl.enable_token_replication", kind: kindBool},
	{path: "acl.enable_token_persistence", kind: kindBool},
	{path: "acl.msp_disable_bootstrap", kind: kindBool},
	key{path: "acl.tokens.initial_management", kind: kindString}.hidden(),
	key{path: "acl.tokens.default", kind: kindString}.hidden(),
	key{path: "acl.tokens.agent", kind: kindString}.hidden(),
	key{path: "acl.tokens.agent_recovery", kind: kindString}.hidden(),
	key{path: "acl.tokens.replication", kind: kindString}.hidden(),
	key{path: "acl.tokens.config_file_service_registration", kind: kindString}.hidden(),
	key{path: "acl.tokens.dns", kind: kindString}.hidden(),
	key{path: "acl.tokens.managed_service_provider", kind: kindAnyList}.hidden(),
	key{path: "encrypt", kind: kindString}.hidden(),
	{path: "encrypt_verify_incoming", kind: kindBool, def: true},
	{path: "encrypt_verify_outgoing", kind: kindBool, def: true},
	{path: "disable_keyring_file", kind: kindBool},
}

var tlsKeys = slices.Concat(tlsStanza("defaults"), tlsStanza("internal_rpc"), tlsStanza("https"), tlsStanza("grpc"),
	[]key{{path: "tls.grpc.use_auto_cert", kind: kindBool}, {path: "server_name", kind: kindString}})

// tlsStanza describes one of the four stanzas of tls. All take the same fields; validate.go refuses those that
// have no meaning in a stanza, with a message of their own.
func tlsStanza(name string) []key {
	p := "tls." + name + "."
	return append(
		define(kindString, p+"ca_file", p+"ca_path", p+"cert_file", p+"key_file", p+"tls_cipher_suites"),
		key{path: p + "verify_incoming", kind: kindBool},
		key{path: p + "verify_outgoing", kind: kindBool},
		key{path: p + "verify_server_hostname", kind: kindBool},
		key{path: p + "tls_min_version", kind: kindString, def: "TLSv1_2"},
	)
}

// otherKeys belong to what is outside of the product: DNS, the web UI, the mesh, Enterprise, internals.
var otherKeys = slices.Concat(
	define(kindString, "alt_domain", "ui_config.dir", "ui_config.metrics_provider", "ui_config.metrics_provider_options_json",
		"partition", "license_path", "segment", "dns_config.recursor_strategy",
		"version", "version_prerelease", "version_metadata", "revision", "build_date", "default_intention_policy"),
	define(kindList, "recursors", "primary_gateways", "experiments", "ui_config.metrics_provider_files",
		"auto_encrypt.dns_san", "auto_encrypt.ip_san"),
	define(kindBool, "ui_config.enabled", "dns_config.only_passing", "dns_config.disable_compression", "dns_config.use_cache",
		"dns_config.enable_truncate", "dns_config.enable_additional_node_meta_txt", "dns_config.prefer_namespace",
		"connect.enabled", "connect.enable_mesh_gateway_wan_federation", "peering.enabled",
		"auto_encrypt.tls", "auto_encrypt.allow_tls", "auto_config.enabled", "auto_config.authorization.enabled",
		"read_replica", "audit.enabled", "reporting.license.enabled"),
	define(kindInt, "dns_config.udp_answer_limit", "dns_config.a_record_limit", "dns_config.soa.expire",
		"dns_config.soa.min_ttl", "dns_config.soa.refresh", "dns_config.soa.retry", "segment_limit", "segment_name_limit"),
	define(kindDuration, "dns_config.max_stale", "dns_config.node_ttl", "dns_config.recursor_timeout", "dns_config.cache_max_age",
		"primary_gateways_interval", "ae_interval", "check_deregister_interval_min", "check_reap_interval",
		"sync_coordinate_interval_min", "license_poll_base_time", "license_poll_max_time", "license_update_base_time",
		"license_update_max_time"),
	define(kindMap, "dns_config.service_ttl", "ui_config.dashboard_url_templates"),
	define(kindAny, "ui_config.metrics_proxy", "connect.ca_config", "segments", "snapshot_agent"),
	define(kindFloat, "sync_coordinate_rate_target"),
	define(kindAnyList, "config_entries.bootstrap"),
	[]key{
		{path: "domain", kind: kindString, def: "consul."},
		{path: "ui_config.content_path", kind: kindString, def: "/ui/"},
		{path: "dns_config.allow_stale", kind: kindBool, def: true},
		{path: "enable_central_service_config", kind: kindBool, def: true},
		// Open blocks that have no known key of their own.
		{path: "xds.update_max_per_second", kind: kindFloat},
		{path: "cloud.resource_id", kind: kindString},
		{path: "consul.coordinate", kind: kindAny},
	},
)

// oldKeys are names that aliases in deprecated.go translate.
var oldKeys = slices.Concat(
	define(kindString, "acl_datacenter", "acl_default_policy", "acl_down_policy",
		"ca_file", "ca_path", "cert_file", "key_file", "tls_cipher_suites", "tls_min_version", "ui_dir", "ui_content_path"),
	define(kindDuration, "acl_ttl"),
	define(kindBool, "acl_enable_key_list_policy", "enable_acl_replication", "verify_outgoing", "verify_incoming",
		"verify_incoming_rpc", "verify_incoming_https", "verify_server_hostname", "tls_prefer_server_cipher_suites",
		"raft_boltdb.nofreelistsync", "ui", "acl_enforce_version_8", "non_voting_server"),
	define(kindList, "start_join", "start_join_wan"),
	hide(define(kindString, "acl_master_token", "acl_agent_master_token", "acl_agent_token", "acl_token", "acl_replication_token",
		"acl.tokens.master", "acl.tokens.agent_master")),
)

func hide(keys []key) []key {
	for i := range keys {
		keys[i].secret = true
	}
	return keys
}
