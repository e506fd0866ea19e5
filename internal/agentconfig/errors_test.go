package agentconfig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Texts are those of a real Consul 1.21.4 agent. X stands for the name of the source.
func TestParseErrors(t *testing.T) {
	tests := []struct{ name, format, text, want string }{
		{"end of JSON", formatJSON, `{"server": true`, "unexpected end of JSON input"},
		{"bad HCL", formatHCL, `server = tru`, "At 1:10: Unknown token: 1:10 IDENT tru"},
		{"unknown keys", formatHCL, `foo = 1 acl { bar = 2 enabled = true }`, "2 errors occurred:\n\t* invalid config key acl.bar\n\t* invalid config key foo\n\n"},
		{"unknown key", formatJSON, `{"check": {"name": "a", "script": "x"}}`, "1 error occurred:\n\t* invalid config key check.script\n\n"},
		{"no underscore", formatJSON, `{"nodename": "a"}`, "1 error occurred:\n\t* invalid config key nodename\n\n"},
		{"removed", formatJSON, `{"statsd_addr": "a", "reap": null}`, "2 errors occurred:\n\t* invalid config key reap\n\t* invalid config key statsd_addr\n\n"},
		{"disabled ttl", formatJSON, `{"acl": {"disabled_ttl": "1s"}}`, "1 error occurred:\n\t* invalid config key acl.disabled_ttl\n\n"},
		{"in a list", formatJSON, `{"services": [{"name": "a"}, {"EnableTagOverride": true}]}`, "1 error occurred:\n\t* invalid config key services[1].EnableTagOverride\n\n"},
		{"two spellings", formatJSON, `{"node_name": "a", "Node_Name": "b"}`, "1 error occurred:\n\t* invalid config key Node_Name\n\n"},
		{"bool", formatHCL, `server = "maybe"`, "1 error(s) decoding:\n\n* 'server' expected type 'bool', got unconvertible type 'string', value: 'maybe'"},
		{"int", formatHCL, `ports { http = "8500" }`, "1 error(s) decoding:\n\n* 'ports.http' expected type 'int', got unconvertible type 'string', value: '8500'"},
		{"fraction", formatJSON, `{"bootstrap_expect": 1.5}`, "1 error(s) decoding:\n\n* 'bootstrap_expect' expected type 'int', got unconvertible type 'float64', value: '1.5'"},
		{"duration", formatJSON, `{"max_query_time": 5}`, "1 error(s) decoding:\n\n* 'max_query_time' expected type 'string', got unconvertible type 'float64', value: '5'"},
		{"list", formatHCL, `retry_join = "a"`, "1 error(s) decoding:\n\n* 'retry_join': source data must be an array or slice, got string"},
		{"element", formatJSON, `{"retry_join": ["a", true]}`, "1 error(s) decoding:\n\n* 'retry_join[1]' expected type 'string', got unconvertible type 'bool', value: 'true'"},
		{"map", formatJSON, `{"node_meta": {"a": 1}}`, "1 error(s) decoding:\n\n* 'node_meta[a]' expected type 'string', got unconvertible type 'float64', value: '1'"},
		{"object", formatJSON, `{"ports": 1}`, "1 error(s) decoding:\n\n* 'ports' expected a map, got 'float64'"},
		{"JSON list for object", formatJSON, `{"ports": [{"http": 1}]}`, "1 error(s) decoding:\n\n* 'ports' expected a map, got 'slice'"},
		{"two services", formatHCL, `service { name = "a" } service { name = "b" }`, "1 error(s) decoding:\n\n* 'service' expected a map, got 'slice'"},
		{"types before keys", formatHCL, `foo = 1 server = 1 bootstrap = 2`, "2 error(s) decoding:\n\n" +
			"* 'bootstrap' expected type 'bool', got unconvertible type 'int', value: '2'\n" +
			"* 'server' expected type 'bool', got unconvertible type 'int', value: '1'"},
		{"secret", formatHCL, `acl { tokens { default = ["s3cret"] } }`, "1 error(s) decoding:\n\n" +
			"* 'acl.tokens.default' expected type 'string', got unconvertible type '[]interface {}', value: hidden"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(source{name: "X", format: tt.format, data: []byte(tt.text)})
			if want := "failed to parse X: " + tt.want; err == nil || err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	odd := write(t, dir, "config.txt", "")
	tests := []struct{ name, path, want string }{
		{"absent", dir + "/none.hcl", "config: Open failed on " + dir + "/none.hcl. open " + dir + "/none.hcl: no such file or directory"},
		{"extension", odd, "file " + odd + " has unknown extension; must be .hcl or .json, or config format must be set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := load(t, "-config-file", tt.path); err == nil || err.Error() != tt.want {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestValidationErrors(t *testing.T) {
	many := strings.Repeat("x", 129)
	tests := []struct{ name, hcl, want string }{
		{"duration", `check_update_interval = "5x"`, "1 error occurred:\n\t* check_update_interval: invalid duration: \"5x\": time: unknown unit \"x\" in duration \"5x\"\n\n"},
		{"days", `max_query_time = "1d"`, "1 error occurred:\n\t* max_query_time: invalid duration: \"1d\": time: unknown unit \"d\" in duration \"1d\"\n\n"},
		{"several values", `max_query_time = "1" ports { http = 70000 }`, "2 errors occurred:\n\t* max_query_time: invalid duration: \"1\": " +
			"time: missing unit in duration \"1\"\n\t* ports.http: invalid port: 70000\n\n"},
		{"no data_dir", `data_dir = ""`, "data_dir cannot be empty"},
		{"data_dir is a file", `data_dir = "` + os.Args[0] + `"`, `data_dir "` + os.Args[0] + `" is not a directory`},
		{"both bootstraps", `bootstrap = true`, "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive"},
		{"bootstrap on a client", `server = false bootstrap = true bootstrap_expect = 0`, "'bootstrap = true' requires 'server = true'"},
		{"expect on a client", `server = false`, "'bootstrap_expect > 0' requires 'server = true'"},
		{"negative expect", `bootstrap_expect = -1`, "bootstrap_expect cannot be -1. Must be greater than or equal to zero"},
		{"node_name", `node_name = " "`, "node_name cannot be empty"},
		{"node_id", `node_id = "x"`, "failed to setup node ID: specified NodeID is invalid: uuid string is wrong length"},
		{"datacenter", `datacenter = "DC one"`, `datacenter can only contain lowercase alphanumeric, - or _ characters. received: "dc one"`},
		{"primary", `primary_datacenter = "a.b"`, `primary_datacenter can only contain lowercase alphanumeric, - or _ characters. received: "a.b"`},
		{"reserved meta", `node_meta { consul-x = "1" }`, "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use"},
		{"meta characters", `node_meta { "a b" = "1" }`, "node_meta invalid: Couldn't load metadata pair ('a b', '1'): Key contains invalid characters"},
		{"meta length", `node_meta { ` + many + ` = "1" }`, "node_meta invalid: Couldn't load metadata pair ('" + many + "', '1'): Key is too long (limit: 128 characters)"},
		{"serf port", `ports { serf_lan = -1 }`, "serf-lan-port must be greater than zero"},
		{"server port", `ports { server = 0 }`, "server-port must be greater than zero"},
		{"port twice", `ports { http = 26000 https = 26000 }`, "HTTPS address 127.0.0.1:26000 already configured for HTTP"},
		{"encrypt", `encrypt = "?"`, "encrypt has invalid key: illegal base64 data at input byte 0"},
		{"log level", `log_level = "foo"`, "Invalid log level: foo. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]"},
		{"raft multiplier", `performance { raft_multiplier = 11 }`, "performance.raft_multiplier cannot be 11. Must be between 1 and 10"},
		{"raft protocol", `raft_protocol = 2`, "raft_protocol version 2 is not supported by this version of Consul"},
		{"raft store", `raft_logstore { backend = "mdb" }`, "raft_logstore.backend must be one of 'boltdb' or 'wal'"},
		{"segment size", `raft_logstore { wal { segment_size_mb = 1025 } }`, "raft_logstore.wal.segment_size_mb cannot be 1025. Must be between 1 and 1024"},
		{"rejoin age", `server_rejoin_age_max = "1h"`, "1 error occurred:\n\t* server_rejoin_age_max: duration '1h' cannot be less than: 6h0m0s\n\n"},
		{"request limits", `limits { request_limits { mode = "foo" } }`, "1 error occurred:\n\t* limits.request_limits.mode: invalid mode: \"foo\"\n\n"},
		{"check output", `check_output_max_size = 0`, "check_output_max_size must be positive, to discard check output use the discard_check_output flag"},
		{"serf networks", `serf_lan_allowed_cidrs = ["x"]`, "serf_lan_allowed_cidrs: 1 error occurred:\n\t* invalid cidr: x\n\n"},
		{"write networks", `http_config { allow_write_http_from = ["x"] }`, "1 error occurred:\n\t* allow_write_http_from: invalid cidr: x\n\n"},
		{"TLS version", `tls { defaults { tls_min_version = "tls12" } }`, "1 error occurred:\n\t* tls.defaults.tls_min_version: invalid TLS version: " +
			"no matching TLS version found for tls12, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]\n\n"},
		{"TLS version by its old name", `tls_min_version = "TLS12"`, "1 error occurred:\n\t* tls.defaults.tls_min_version: invalid TLS version: " +
			"no matching TLS version found for TLS12, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]\n\n"},
		{"cipher suite", `tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,FOO"`,
			"1 error occurred:\n\t* tls.defaults.tls_cipher_suites: invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for FOO\n\n"},
		{"cipher suites of TLS 1.3", `tls { defaults { tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" } https { tls_min_version = "TLSv1_3" } }`,
			"1 error occurred:\n\t* tls.defaults.tls_cipher_suites: invalid TLS cipher suites: TLS 1.3 cipher suites are not configurable\n\n"},
		{"two faults of TLS", `tls { https { tls_min_version = "x" } internal_rpc { tls_cipher_suites = "y" } }`,
			"2 errors occurred:\n\t* tls.internal_rpc.tls_cipher_suites: invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for y\n" +
				"\t* tls.https.tls_min_version: invalid TLS version: no matching TLS version found for x, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]\n\n"},
		{"handshake time", `limits { https_handshake_timeout = "-1s" }`, "1 error occurred:\n\t* limits.https_handshake_timeout: cannot be negative: -1s\n\n"},
		{"https address", `addresses { https = "web" }`, `addresses.https: neither an IP address nor unix://PATH: "web"`},
		{"grpc stanza", `tls { grpc { verify_outgoing = true } }`, "verify_outgoing is not valid in the tls.grpc stanza"},
		{"https stanza", `tls { https { verify_server_hostname = true } }`, "verify_server_hostname is only valid in the tls.defaults and tls.internal_rpc stanzas"},
		{"ttl", `check { name = "a" }`, `check "a": TTL must be > 0 for TTL checks`},
		{"interval", `check { name = "a" http = "x" }`, `check "a": Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks`},
		{"ttl and interval", `check { name = "a" ttl = "1s" interval = "1s" }`, `check "a": Interval and TTL cannot both be specified`},
		{"in a service", `service { name = "a" check { tcp = "x" } }`, `service "a": check "": Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks`},
		{"failures", `check { name = "a" ttl = "1s" failures_before_warning = 3 failures_before_critical = 2 }`,
			`check "a": FailuresBeforeWarning can't be higher than FailuresBeforeCritical`},
		{"weights", `service { name = "a" weights { passing = 65536 } }`,
			"1 error occurred:\n\t* Invalid weight definition for service a: DNS Weight must be between 0 and 65535\n\n"},
		{"service name", `service { port = 1 }`, `Failed to register service "": Service name missing`},
		{"watch", `watches = [{ type = "foo" }]`, "Failed to parse watch (type): Unsupported watch type: foo"},
		{"auto_encrypt", `auto_encrypt { tls = true }`, "auto_encrypt.tls can only be used on a client."},
		{"auto_encrypt on a client", `server = false bootstrap_expect = 0 auto_encrypt { allow_tls = true }`, "auto_encrypt.allow_tls can only be used on a server."},
		{"reconnect", `advertise_reconnect_timeout = "1h"`, "advertise_reconnect_timeout can only be used on a client"},
		{"segment", `segment = "a"`, "Network segments are not supported in this version of Consul"},
		{"segments", `segments = [{ name = "a" }]`, "Network segments are not supported in this version of Consul"},
		{"file limit", `limits { http_max_conns_per_client = 99999999999 }`, "needs at least 100000000019"},
		{"client socket", `client_addr = "unix:///x"`, "client_addr cannot be a unix socket: use addresses.http for one"},
		{"http address", `addresses { http = "web" }`, `addresses.http: neither an IP address nor unix://PATH: "web"`},
		{"socket owner", `unix_sockets { user = "root" }`, `unix_sockets.user: must be a numeric ID: "root"`},
		{"socket mode", `unix_sockets { mode = "rwx" }`, `unix_sockets.mode: not an octal file mode: "rwx"`},
		{"negative size", `limits { kv_max_value_size = -1 }`, "1 error occurred:\n\t* limits.kv_max_value_size: cannot be negative: -1\n\n"},
		{"serf address", `serf_lan = "lan"`, `serf_lan: not an IP address: "lan"`},
		{"serf addresses", `serf_lan = "127.0.0.1 127.0.0.2"`, "serf_lan cannot contain multiple addresses"},
		{"key length", `encrypt = "c2VjcmV0"`, "Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes"},
		{"IPv4 variant", `advertise_addr_ipv4 = "::1"`, `advertise_addr_ipv4: not an IPv4 address to advertise: "::1"`},
		{"IPv6 variant", `advertise_addr_ipv6 = "::"`, `advertise_addr_ipv6: not an IPv6 address to advertise: "::"`},
		{"several", `advertise_addr_ipv6 = "::1 ::2"`, "advertise_addr_ipv6 cannot contain multiple addresses"},
		{"no gossip", `gossip_lan { gossip_nodes = 0 probe_interval = "0s" }`, "2 errors occurred:\n\t* gossip_lan.gossip_nodes: must be positive: 0\n\t" +
			"* gossip_lan.probe_interval: must be positive: 0s\n\n"},
		{"never forgotten", `reconnect_timeout = "0s"`, "1 error occurred:\n\t* reconnect_timeout: must be positive: 0s\n\n"},
		{"no pause", `retry_interval = "0s"`, "1 error occurred:\n\t* retry_interval: must be positive: 0s\n\n"},
		{"negative attempts", `retry_max = -1`, "1 error occurred:\n\t* retry_max: cannot be negative: -1\n\n"},
		{"negative times", `acl { token_ttl = "-1s" } limits { rpc_client_timeout = "-1s" }`, "2 errors occurred:\n\t* acl.token_ttl: cannot be negative: -1s\n\t" +
			"* limits.rpc_client_timeout: cannot be negative: -1s\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := server(t, tt.hcl)
			if err == nil {
				t.Fatal("accepted")
			}
			got := err.Error()
			if tt.name == "file limit" {
				if !strings.HasPrefix(got, "system allows a max of ") || !strings.HasSuffix(got, tt.want) {
					t.Errorf("error %s", got)
				}
				return
			}
			if got != tt.want {
				t.Errorf("error\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// What must be positive takes no 0, and what must not be negative takes it.
func TestSigns(t *testing.T) {
	const positive, notNegative = "must be positive: ", "cannot be negative: "
	for key, want := range map[string]string{
		"gossip_lan.gossip_interval": positive, "gossip_lan.probe_interval": positive, "gossip_lan.probe_timeout": positive,
		"gossip_lan.gossip_nodes": positive, "gossip_lan.suspicion_mult": positive, "gossip_lan.retransmit_mult": positive,
		"retry_interval": positive, "reconnect_timeout": positive,
		"retry_max": notNegative, "limits.rpc_max_burst": notNegative, "limits.rpc_handshake_timeout": notNegative,
		"limits.rpc_client_timeout": notNegative, "discovery_max_stale": notNegative, "performance.leave_drain_time": notNegative,
		"advertise_reconnect_timeout": notNegative, "acl.token_ttl": notNegative, "acl.policy_ttl": notNegative, "acl.role_ttl": notNegative,
	} {
		unit := ""
		if keyByPath[key].kind == kindDuration {
			unit = "s"
		}
		hcl := func(n string) string {
			text := n
			if unit != "" {
				text = strconv.Quote(n + unit)
			}
			if block, name, ok := strings.Cut(key, "."); ok {
				return fmt.Sprintf("%s { %s = %s }", block, name, text)
			}
			return fmt.Sprintf("%s = %s", key, text)
		}
		if _, _, err := client(t, hcl("-1")); err == nil || !strings.Contains(err.Error(), key+": "+want+"-1"+unit) {
			t.Errorf("%s: %v", hcl("-1"), err)
		}
		if _, _, err := client(t, hcl("0")); (err != nil) != (want == positive) {
			t.Errorf("%s: %v", hcl("0"), err)
		}
	}
}

func TestDevErrors(t *testing.T) {
	for args, want := range map[string]string{
		"-bootstrap-expect=1": "'bootstrap_expect > 0' not allowed in dev mode",
	} {
		if _, _, err := load(t, "-dev", "-node=n", args); err == nil || err.Error() != want {
			t.Errorf("-dev %s: %v, want %s", args, err, want)
		}
	}
}

func TestValidationWarnings(t *testing.T) {
	long := strings.Repeat("a", 64)
	see := " See https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table"
	tests := []struct{ name, hcl, want string }{
		{"two servers", `bootstrap_expect = 2`, "bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance." + see},
		{"expecting", `bootstrap_expect = 3`, "bootstrap_expect > 0: expecting 3 servers"},
		{"even", `bootstrap_expect = 4`, "bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance." + see},
		{"bootstrap", `bootstrap_expect = 0 bootstrap = true`, "bootstrap = true: do not enable unless necessary"},
		{"odd name", `node_name = "bad_name"`, `Node name "bad_name" will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.`},
		{"long name", `node_name = "` + long + `"`, `Node name "` + long + `" will not be discoverable via DNS due to it being too long. Valid lengths are between 1 and 63 bytes.`},
		{"datacenter", `datacenter = "dc_1"`, `Datacenter : "dc_1" will not be PKI X.509 compatible due to invalid characters. Valid characters include all alpha-numerics and dashes.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, _ := server(t, tt.hcl)
			if !strings.Contains("\n"+strings.Join(warnings, "\n")+"\n", "\n"+tt.want+"\n") {
				t.Errorf("warnings %q lack %q", warnings, tt.want)
			}
		})
	}
}

// Whatever a file holds, it is read or refused.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `{"server": true, "ports": {"http": 1}}`, `server = true`, `service { name = "a" check { ttl = "1s" } }`,
		`services = [{ name = "a" tagged_addresses { lan { address = "x" port = 1 } } }]`, "client_addr = <<EOT\nx\nEOT\n",
		`check { header { A = ["b"] } serviceid = "x" }`, `connect { x { y = [1, 2.5, "z"] } }`, `{"watches": [1, null]}`, `a "b" "c" { d = 1 }`,
		`raft_boltdb { NoFreelistSync = true } segments = [{}]`, `acl { tokens { managed_service_provider = [{ accessor_id = "x" }] } }`,
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, json bool) {
		format := formatHCL
		if json {
			format = formatJSON
		}
		v, err := parse(source{name: "X", format: format, data: []byte(text)})
		if err != nil {
			return
		}
		s := &settings{user: values{}, origin: map[string]string{}, dev: true, preset: devPresets}
		translate(v, s.origin)
		s.user.merge(v)
		s.user["data_dir"] = dir
		s.user["bind_addr"] = "127.0.0.1"
		s.warn(enterpriseWarnings(s.user)...)
		for _, step := range steps {
			if step(s, &Config{}) != nil {
				return
			}
		}
		s.warn(notServedWarnings(s.user)...)
	})
}
