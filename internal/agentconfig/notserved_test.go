package agentconfig

import (
	"slices"
	"strings"
	"testing"
)

// servedKeys end up in Config, or are checked and then say nothing more.
var servedKeys = strings.Fields(`node_name node_id node_meta disable_host_node_id datacenter data_dir server bootstrap
	bootstrap_expect raft_protocol bind_addr client_addr advertise_addr addresses.http unix_sockets.user unix_sockets.group
	unix_sockets.mode ports.http ports.server leave_on_terminate skip_leave_on_interrupt performance.raft_multiplier
	performance.rpc_hold_timeout raft_snapshot_threshold raft_snapshot_interval
	raft_trailing_logs raft_prevote_disabled limits.http_max_conns_per_client limits.kv_max_value_size
	default_query_time max_query_time http_config.block_endpoints
	http_config.allow_write_http_from http_config.response_headers http_config.max_header_bytes
	disable_http_unprintable_char_filter enable_debug log_level log_json log_file log_rotate_bytes log_rotate_duration
	log_rotate_max_files enable_syslog syslog_facility pid_file autopilot.cleanup_dead_servers autopilot.last_contact_threshold
	autopilot.max_trailing_logs autopilot.min_quorum autopilot.server_stabilization_time
	services checks acl.enabled acl.default_policy acl.down_policy acl.enable_key_list_policy acl.enable_token_persistence
	acl.enable_token_replication acl.tokens.replication primary_datacenter
	acl.tokens.initial_management acl.tokens.default acl.tokens.agent acl.tokens.agent_recovery
	acl.tokens.config_file_service_registration check_update_interval check_output_max_size discard_check_output enable_script_checks enable_local_script_checks
	session_ttl_min limits.txn_max_req_len telemetry.metrics_prefix telemetry.disable_hostname
	telemetry.prometheus_retention_time telemetry.filter_default telemetry.prefix_filter telemetry.statsd_address
	telemetry.statsite_address telemetry.dogstatsd_addr telemetry.dogstatsd_tags
	auto_reload_config http_config.use_cache
	retry_join retry_interval retry_max rejoin_after_leave restore_from restore_backup restore_cluster restore_identity_files restore_passphrase_file server_rejoin_age_max reconnect_timeout advertise_reconnect_timeout
	performance.leave_drain_time serf_lan ports.serf_lan serf_lan_allowed_cidrs disable_coordinates
	gossip_lan.gossip_interval gossip_lan.gossip_nodes gossip_lan.probe_interval gossip_lan.probe_timeout
	gossip_lan.suspicion_mult gossip_lan.retransmit_mult
	encrypt encrypt_verify_incoming encrypt_verify_outgoing disable_keyring_file
	limits.rpc_max_conns_per_client limits.rpc_handshake_timeout limits.rpc_rate limits.rpc_max_burst limits.rpc_client_timeout
	acl.token_ttl acl.policy_ttl acl.role_ttl
	discovery_max_stale advertise_addr_ipv4 advertise_addr_ipv6 tagged_addresses
	retry_join_wan retry_interval_wan retry_max_wan reconnect_timeout_wan serf_wan ports.serf_wan serf_wan_allowed_cidrs
	advertise_addr_wan advertise_addr_wan_ipv4 advertise_addr_wan_ipv6 translate_wan_addrs
	gossip_wan.gossip_interval gossip_wan.gossip_nodes gossip_wan.probe_interval gossip_wan.probe_timeout
	gossip_wan.suspicion_mult gossip_wan.retransmit_mult
	ports.https addresses.https limits.https_handshake_timeout enable_agent_tls_for_checks server_name
	tls.defaults.ca_file tls.defaults.ca_path tls.defaults.cert_file tls.defaults.key_file tls.defaults.verify_incoming
	tls.defaults.verify_outgoing tls.defaults.verify_server_hostname tls.defaults.tls_min_version tls.defaults.tls_cipher_suites
	tls.internal_rpc.ca_file tls.internal_rpc.ca_path tls.internal_rpc.cert_file tls.internal_rpc.key_file tls.internal_rpc.verify_incoming
	tls.internal_rpc.verify_outgoing tls.internal_rpc.verify_server_hostname tls.internal_rpc.tls_min_version tls.internal_rpc.tls_cipher_suites
	tls.https.ca_file tls.https.ca_path tls.https.cert_file tls.https.key_file tls.https.verify_incoming
	tls.https.verify_outgoing tls.https.verify_server_hostname tls.https.tls_min_version tls.https.tls_cipher_suites`)

// Every key has one fate: nothing may be parsed and then forgotten.
func TestEveryKeyHasAFate(t *testing.T) {
	translated := []string{"service", "check", "tls_prefer_server_cipher_suites", "acl_enforce_version_8", "non_voting_server"}
	for _, a := range aliases {
		translated = append(translated, a.old)
		if keyByPath[a.new] == nil {
			t.Errorf("%s becomes %s, which is no key", a.old, a.new)
		}
	}
	var served []string
	for _, k := range allKeys {
		if !slices.Contains(translated, k.path) && ruleFor(k.path).fate == fateServed {
			served = append(served, k.path)
		}
	}
	slices.Sort(served)
	want := slices.Sorted(slices.Values(servedKeys))
	if !slices.Equal(served, want) {
		t.Errorf("served keys\n%q, want\n%q", served, want)
	}
}

func TestRulesNameKeys(t *testing.T) {
	seen := map[string]bool{}
	check := func(name string) {
		if seen[name] {
			t.Errorf("%s is in two tables", name)
		}
		seen[name] = true
		if !slices.ContainsFunc(allKeys, func(k key) bool { return under(k.path, name) }) && !slices.Contains(openBlocks, name) {
			t.Errorf("%s is no key", name)
		}
	}
	for _, r := range slices.Concat(notServed, protected) {
		check(r.key)
		if r.why == "" {
			t.Errorf("%s has no reason", r.key)
		}
	}
	for _, name := range silent {
		check(name)
	}
	for _, e := range enterprise {
		check(e.path)
	}
}

func TestNotServedWarnings(t *testing.T) {
	tests := []struct{ name, hcl, want string }{
		{"cluster", `retry_join = ["a"] retry_max = 3 gossip_lan { gossip_nodes = 4 } serf_lan = "127.0.0.2" disable_coordinates = true
			tagged_addresses { lan = "127.0.0.1" mine = "x" } discovery_max_stale = "1s" limits { rpc_rate = 5 } rejoin_after_leave = true`, ""},
		{"WAN", `translate_wan_addrs = true retry_join_wan = ["a"]`, ""},
		{"WAN without a pool", `retry_join_wan = ["a"] ports { serf_wan = -1 }`, "retry_join_wan has no effect: this agent is in no WAN pool, which takes a server and ports.serf_wan"},
		{"protocol", `protocol = 3`, "The 'protocol' field is accepted, but the agents of this release speak one version of the gossip protocol"},
		{"domain", `domain = "lictor."`, "The 'domain' field is accepted, but DNS is not served: it is used in the names of servers in TLS certificates alone"},
		{"two places of authorities", `tls { defaults { ca_path = "d" } https { ca_file = "f" } }`,
			"The 'tls.defaults.ca_path' field has no effect beside 'tls.https.ca_file': put all certificates in one place"},
		{"TLS", `tls { defaults { ca_file = "f" cert_file = "c" key_file = "k" verify_incoming = true verify_outgoing = true }
			internal_rpc { verify_server_hostname = true } https { verify_outgoing = false } } ports { https = 8501 }
			addresses { https = "127.0.0.2" } server_name = "x" enable_agent_tls_for_checks = true limits { https_handshake_timeout = "1s" }`, ""},
		{"TLS of gRPC", `tls { grpc { verify_incoming = true } }`, "The 'tls.grpc.verify_incoming' field is accepted, but gRPC is not served"},
		{"tagged address of the agent's own", `tagged_addresses { lan = "10.0.0.1" }`, "The 'tagged_addresses.lan' field is accepted, " +
			"but the agent fills it in itself, with 127.0.0.1: use advertise_addr and its variants"},
		{"block names its keys", `dns_config { only_passing = true allow_stale = false }`,
			"The 'dns_config.allow_stale', 'dns_config.only_passing' fields are accepted, but DNS is not served"},
		{"open block", `connect { enabled = true ca_provider = "vault" }`, "The 'connect.ca_provider' field is accepted, but the service mesh is not served"},
		{"port", `ports { dns = 8600 }`, "The 'ports.dns' field is accepted, but DNS is not served"},
		{"service", `service { name = "web" port = 80 token = "s3cret" connect { native = true } }`, ""},
		{"watch", `watches = [{ type = "key" key = "a" }]`, "The 'watches' field is accepted, but watches are not served: no handler will run"},
		{"remote exec", `disable_remote_exec = false`, "The 'disable_remote_exec' field is accepted, but remote execution (consul exec) is not served"},
		{"filter", `telemetry { prefix_filter = ["x", "+a", "x"] }`, `Filter rule must begin with either '+' or '-': "x"`},
		{"telemetry", `telemetry { metrics_prefix = "p" statsd_address = "127.0.0.1:8125" prometheus_retention_time = "1m" }`, ""},
		{"circonus", `telemetry { circonus_api_token = "s3cret" }`, "The 'telemetry.circonus_api_token' field is accepted, " +
			"but metrics are not sent to Circonus: telemetry has statsd, DogStatsD and Prometheus"},
		{"script checks", `enable_script_checks = true`, "using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, " +
			"use enable-local-script-checks instead, see https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/"},
		{"no client address", `client_addr = ""`, "client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections"},
		{"defaults", `retry_interval = "30s" retry_max = 0 ports { serf_lan = 8301 https = -1 grpc = 0 dns = -1 } reconnect_timeout = "72h0m0s"
			autopilot { max_trailing_logs = 250 } domain = "consul" gossip_lan {} limits { rpc_rate = -1 rpc_max_conns_per_client = 100 }
			primary_datacenter = "DC1" telemetry { metrics_prefix = "consul" disable_hostname = false } session_ttl_min = "10000ms"`, ""},
		{"unprotected", `acl { enabled = false default_policy = "allow" tokens {} } tls {} encrypt = "" disable_keyring_file = false
			auto_encrypt { tls = false } limits { request_limits { mode = "disabled" read_rate = 5 } rpc_handshake_timeout = "0s" }`, ""},
		{"replication", `primary_datacenter = "dc9" acl { enabled = true enable_token_replication = true tokens { replication = "s3cret" } }`, ""},
		{"non-UUID management token", `acl { tokens { initial_management = "s3cret" } }`,
			"Configuring a non-UUID management token is deprecated"},
		{"silent", `version = "1" snapshot_agent { anything { goes = [1] } } performance { enable_xds_load_balancing = false }
			raft_logstore { backend = "boltdb" wal { segment_size_mb = 1 } } disable_update_check = true consul { raft { x = 1 } }`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := server(t, tt.hcl)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(slices.DeleteFunc(warnings, func(w string) bool {
				return strings.HasPrefix(w, "BootstrapExpect") || strings.HasPrefix(w, "bootstrap")
			}), "|")
			if got != tt.want {
				t.Errorf("warnings\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestProtectedKeysAreRefused(t *testing.T) {
	tests := []struct{ hcl, names string }{
		{`limits { request_limits { mode = "permissive" } }`, "limits.request_limits.mode"},
		{`connect { enable_mesh_gateway_wan_federation = true }`, "connect.enable_mesh_gateway_wan_federation"},
		{`auto_encrypt { allow_tls = true }`, "auto_encrypt.allow_tls"},
		{`auto_config { authorization { enabled = true } }`, "auto_config.authorization.enabled"},
		{`audit { enabled = true }`, "audit.enabled"},
	}
	for _, tt := range tests {
		t.Run(tt.names, func(t *testing.T) {
			_, _, err := server(t, tt.hcl)
			if err == nil {
				t.Fatalf("%s is accepted", tt.hcl)
			}
			for _, part := range []string{"refuses to start rather than run with less protection than asked", "\n\t* " + tt.names, "remove these keys"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error lacks %q: %v", part, err)
				}
			}
		})
	}
	_, _, err := server(t, `auto_encrypt { allow_tls = true } auto_config { authorization { enabled = true } } audit { enabled = true }`)
	if err == nil || strings.Count(err.Error(), "\n\t* ") != 3 {
		t.Errorf("every key is named: %v", err)
	}
}
