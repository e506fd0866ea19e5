package agentconfig

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// defaultLimits are those of an agent that is not told otherwise.
var defaultLimits = LimitsConfig{200, 5 * time.Second, 524288, 524288, 100, 5 * time.Second, -1, 1000, time.Minute}

// load runs Load on a command line.
func load(t *testing.T, args ...string) (*Config, []string, error) {
	t.Helper()
	f, err := ParseFlags(args, io.Discard)
	if err != nil {
		t.Fatalf("ParseFlags(%q): %v", args, err)
	}
	return Load(f)
}

// server loads HCL on top of what a server needs to start.
func server(t *testing.T, hcl string, args ...string) (*Config, []string, error) {
	t.Helper()
	base := []string{"-server", "-bootstrap-expect=1", "-data-dir", t.TempDir(), "-bind", "127.0.0.1", "-node", "n1"}
	return load(t, append(append(base, "-hcl", hcl), args...)...)
}

// client loads HCL on top of what a client agent needs to start.
func client(t *testing.T, hcl string, args ...string) (*Config, []string, error) {
	t.Helper()
	return load(t, append([]string{"-data-dir", t.TempDir(), "-bind", "127.0.0.1", "-node", "n1", "-hcl", hcl}, args...)...)
}

func mustServer(t *testing.T, hcl string, args ...string) *Config {
	t.Helper()
	c, _, err := server(t, hcl, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	dir := t.TempDir()
	c, warnings, err := load(t, "-server", "-bootstrap-expect", "1", "-data-dir", dir, "-bind=127.0.0.1", "--node", " n1 ")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BootstrapExpect is set to 1; this is the same as Bootstrap mode.",
		"bootstrap = true: do not enable unless necessary",
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("warnings = %q, want %q", warnings, want)
	}
	checks := map[string]bool{
		"node name":    c.NodeName == "n1",
		"node id":      c.NodeID == "" && !c.NodeIDFromHost,
		"datacenter":   c.Datacenter == "dc1",
		"data dir":     c.DataDir == dir && !c.DevMode,
		"role":         c.Server && c.Bootstrap && c.BootstrapExpect == 1,
		"addresses":    c.BindAddr.String() == "127.0.0.1" && c.AdvertiseAddr.String() == "127.0.0.1" && c.ServerPort == 8300,
		"listeners":    slices.Equal(c.HTTPListeners, []Listener{{"tcp", "127.0.0.1:8500"}}) && c.HTTPPort == 8500,
		"limits":       c.Limits == defaultLimits,
		"times":        c.DefaultQueryTime == 300*time.Second && c.MaxQueryTime == 600*time.Second && c.RPCHoldTimeout == 7*time.Second,
		"raft":         c.Raft == RaftConfig{5, 5 * time.Second, 5 * time.Second, 2500 * time.Millisecond, 16384, 30 * time.Second, 10240, false},
		"log":          c.Log == LogConfig{Level: "INFO", RotateDuration: 24 * time.Hour, SyslogFacility: "LOCAL0"},
		"debug":        !c.EnableDebug,
		"unix sockets": c.UnixSockets == UnixSocketConfig{UID: -1, GID: -1},
	}
	for name, ok := range checks {
		if !ok {
			t.Errorf("wrong default: %s: %+v", name, c)
		}
	}
}

func TestDev(t *testing.T) {
	c, warnings, err := load(t, "-dev", "-node=n1")
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load: %v, warnings %q", err, warnings)
	}
	if !c.DevMode || !c.Server || c.Bootstrap || c.DataDir != "" || !c.EnableDebug || c.Log.Level != "DEBUG" {
		t.Errorf("presets: %+v", c)
	}
	if c.BindAddr != netip.MustParseAddr("127.0.0.1") || c.AdvertiseAddr != c.BindAddr {
		t.Errorf("bind %v, advertise %v", c.BindAddr, c.AdvertiseAddr)
	}
	r := c.Raft
	if r.ElectionTimeout != 52*time.Millisecond || r.HeartbeatTimeout != 35*time.Millisecond || r.LeaderLeaseTimeout != 20*time.Millisecond {
		t.Errorf("raft timeouts: %+v", r)
	}
	c, _, err = load(t, "-dev", "-node=n1", "-log-level=warn", "-hcl", `performance { raft_multiplier = 2 } enable_debug = false`)
	if err != nil || c.Log.Level != "WARN" || c.EnableDebug || c.Raft.ElectionTimeout != 104*time.Millisecond {
		t.Errorf("flags and files do not override the presets: %+v, %v", c, err)
	}
}

func TestOrderOfSources(t *testing.T) {
	dir := t.TempDir()
	b := write(t, dir, "b.json", `{"retry_join": ["B"], "log_level": "warn", "node_meta": {"a": "file", "b": "file"}}`)
	c := write(t, dir, "c.hcl", `retry_join = ["C"] node_meta { b = "late" }`)
	f, err := ParseFlags([]string{"-config-file", b, "-config-file", c, "-retry-join", "A", "-node-meta", "a:flag", "-node-meta", "empty",
		"-log-level", "debug", "-hcl", `retry_join = ["D"] log_level = "trace"`}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Load must not see the first one's lists
		s, err := gather(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.list("retry_join"); !slices.Equal(got, []string{"A", "B", "C", "D"}) {
			t.Errorf("retry_join = %q", got)
		}
		if got := s.str("log_level"); got != "trace" {
			t.Errorf("log_level = %q, want the one of -hcl", got)
		}
		meta := s.mapping("node_meta")
		if len(meta) != 3 || meta["a"] != "flag" || meta["b"] != "late" || meta["empty"] != "" {
			t.Errorf("node_meta = %q", meta)
		}
	}
}

func TestMerge(t *testing.T) {
	c := mustServer(t, `
		http_config { block_endpoints = ["/v1/a"] response_headers { A = "1" B = "1" } }
		leave_on_terminate = true
		ports { http = 1 server = 7000 }`,
		"-hcl", `http_config { block_endpoints = ["/v1/b", "/v1/a"] response_headers { B = "2" } } leave_on_terminate = false ports { http = 2 }`)
	if got := c.HTTP.BlockEndpoints; !slices.Equal(got, []string{"/v1/a", "/v1/b", "/v1/a"}) {
		t.Errorf("lists are appended: %q", got)
	}
	if h := c.HTTP.ResponseHeaders; h["A"] != "1" || h["B"] != "2" || len(h) != 2 {
		t.Errorf("maps are merged: %q", h)
	}
	if c.LeaveOnTerminate || c.HTTPPort != 2 || c.ServerPort != 7000 {
		t.Errorf("scalars are replaced, objects merged: %+v", c)
	}
}

func TestSinglesAddUp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", `service { name = "a" } check { name = "c" ttl = "5s" }`)
	write(t, dir, "b.json", `{"service": {"name": "b"}, "services": [{"name": "c"}]}`)
	f, _ := ParseFlags([]string{"-config-dir", dir}, io.Discard)
	s, err := gather(f)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.get("services").([]values)); n != 3 {
		t.Errorf("%d services, want 3", n)
	}
	if n := len(s.get("checks").([]values)); n != 1 {
		t.Errorf("%d checks, want 1", n)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "10-a.hcl", `log_level = "warn" retry_join = ["10"]`)
	write(t, dir, "9-b.json", `{"log_level": "trace", "retry_join": ["9"]}`)
	write(t, dir, "empty.json", ``)
	skipped := write(t, dir, "notes.txt", `not read`)
	other := t.TempDir()
	linked := write(t, other, "linked", `retry_join = ["linked"]`)
	for link, target := range map[string]string{"5-link.hcl": linked, "6-dir.hcl": other} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := ParseFlags([]string{"-config-file", dir}, io.Discard)
	s, err := gather(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.list("retry_join"); !slices.Equal(got, []string{"10", "linked", "9"}) {
		t.Errorf("order of files: %q", got)
	}
	want := []string{"skipping file " + skipped + ", extension must be .hcl or .json, or config format must be set"}
	if !slices.Equal(s.warnings, want) {
		t.Errorf("warnings = %q, want %q", s.warnings, want)
	}
}

func TestConfigFormat(t *testing.T) {
	path := write(t, t.TempDir(), "config.json", `log_level = "warn" // HCL in spite of its name`)
	f, _ := ParseFlags([]string{"-config-format=hcl", "-config-file", path}, io.Discard)
	if s, err := gather(f); err != nil || s.str("log_level") != "warn" {
		t.Errorf("gather: %v", err)
	}
	f.ConfigFormat = "yaml"
	if _, err := gather(f); err == nil || !strings.Contains(err.Error(), "must be either 'hcl' or 'json'") {
		t.Errorf("gather with yaml: %v", err)
	}
}

func TestHCLForms(t *testing.T) {
	c := mustServer(t, `
		# comment
		/* comment */ Node_Name = "ignored, the flag wins"
		DATACENTER = "DC-East"
		ports = [{ HTTP = 9000 }]
		addresses { http = "127.0.0.2 unix:///tmp/x.sock" }
		node_meta = { Key = "Value" }
		client_addr = <<EOT
{{ "127.0.0.9" }}
EOT
	`)
	if c.Datacenter != "dc-east" || c.NodeMeta["Key"] != "Value" {
		t.Errorf("datacenter %q, meta %q", c.Datacenter, c.NodeMeta)
	}
	want := []Listener{{"tcp", "127.0.0.2:9000"}, {"unix", "/tmp/x.sock"}}
	if !slices.Equal(c.HTTPListeners, want) {
		t.Errorf("listeners = %v, want %v", c.HTTPListeners, want)
	}
	if len(c.ClientAddrs) != 1 || c.ClientAddrs[0].String() != "127.0.0.9" {
		t.Errorf("client addresses = %v", c.ClientAddrs)
	}
}

func TestServedKeys(t *testing.T) {
	c := mustServer(t, `
		unix_sockets { user = "1000" group = "1001" mode = "0770" }
		http_config { allow_write_http_from = ["10.0.0.0/8"] max_header_bytes = 4096 }
		disable_http_unprintable_char_filter = true
		limits { http_max_conns_per_client = 7 kv_max_value_size = 8 }
		raft_snapshot_threshold = 0
		raft_snapshot_interval = "1h30m"
		raft_trailing_logs = 5
		raft_prevote_disabled = true
		performance { raft_multiplier = 1 rpc_hold_timeout = "1s" }
		skip_leave_on_interrupt = false
		disable_host_node_id = false
		log_level = "err"
		log_json = true
		pid_file = "/run/x.pid"
		node_id = "ABCDEF01-2345-6789-abcd-ef0123456789"
		ports { http = -1 }`)
	if u := c.UnixSockets; u.UID != 1000 || u.GID != 1001 || u.Mode == nil || *u.Mode != 0o770 {
		t.Errorf("unix sockets: %+v", u)
	}
	if n := c.HTTP.AllowWriteFrom; len(n) != 1 || n[0].String() != "10.0.0.0/8" || c.HTTP.MaxHeaderBytes != 4096 || !c.HTTP.AllowUnprintablePaths {
		t.Errorf("http: %+v", c.HTTP)
	}
	want := defaultLimits
	want.HTTPMaxConnsPerClient, want.KVMaxValueSize = 7, 8
	if c.Limits != want {
		t.Errorf("limits: %+v", c.Limits)
	}
	if c.Raft != (RaftConfig{1, time.Second, time.Second, 500 * time.Millisecond, 16384, 90 * time.Minute, 5, true}) {
		t.Errorf("raft: %+v", c.Raft)
	}
	if c.RPCHoldTimeout != time.Second || c.SkipLeaveOnInterrupt || !c.NodeIDFromHost {
		t.Errorf("config: %+v", c)
	}
	if c.Log.Level != "ERROR" || !c.Log.JSON || c.PIDFile != "/run/x.pid" || c.NodeID != "abcdef01-2345-6789-abcd-ef0123456789" {
		t.Errorf("config: %+v", c)
	}
	if len(c.HTTPListeners) != 0 {
		t.Errorf("HTTP is off, but listens on %v", c.HTTPListeners)
	}
}

// What Consul's own test harness writes, started as `consul agent -config-file F`.
func TestHarnessFile(t *testing.T) {
	path := write(t, t.TempDir(), "config.json", `{
		"node_name": "node-adf4238a", "node_id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e", "performance": {"raft_multiplier": 1},
		"bootstrap": true, "server": true, "data_dir": "/nonexistent/data", "segments": null, "disable_update_check": true,
		"log_level": "debug", "bind_addr": "127.0.0.1", "addresses": {},
		"ports": {"dns": 30001, "http": 30002, "https": 30003, "serf_lan": 30004, "serf_wan": 30005, "server": 30006, "grpc": 30007, "grpc_tls": 30008},
		"acl": {"tokens": {}}, "connect": {"enabled": true, "ca_config": {"cluster_id": "11111111-2222-3333-4444-555555555555"}},
		"skip_leave_on_interrupt": true, "peering": {"enabled": true}, "version": "1.21.4"}`)
	c, warnings, err := load(t, "-config-file", path)
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeID != "adf4238a-882b-9ddc-4a9d-5b6758e4159e" || c.ServerPort != 30006 || c.HTTPListeners[0].Address != "127.0.0.1:30002" {
		t.Errorf("config: %+v", c)
	}
	for _, w := range warnings {
		if strings.Contains(w, "connect") || strings.Contains(w, "peering") {
			t.Errorf("a position that every test sets warns: %s", w)
		}
	}
}

func TestDeprecatedNames(t *testing.T) {
	old := func(o, n string) string {
		return "The '" + o + "' field is deprecated. Use the '" + n + "' field instead."
	}
	tests := []struct {
		name, hcl string
		want      []string
	}{
		{"list", `start_join = ["a"]`, []string{old("start_join", "retry_join")}},
		{"ui", `ui = false`, []string{old("ui", "ui_config.enabled")}},
		{"tls version", `tls_min_version = "tls12"`, []string{old("tls_min_version", "tls.defaults.tls_min_version"),
			"'tls_min_version' value 'tls12' is deprecated, please specify 'TLSv1_2' instead"}},
		{"raft store", `raft_boltdb { NoFreelistSync = true }`, []string{old("raft_boltdb", "raft_logstore.boltdb")}},
		{"dropped", `tls_prefer_server_cipher_suites = true`, []string{"The 'tls_prefer_server_cipher_suites' field is deprecated and will be ignored."}},
		{"version 8", `acl_enforce_version_8 = true`, []string{`config key "acl_enforce_version_8" is deprecated and should be removed`}},
		{"enterprise", `partition = "p"`, []string{`"partition" is a Consul Enterprise configuration and will have no effect`}},
		{"enterprise, second name", `non_voting_server = true`,
			[]string{`"read_replica (or the deprecated non_voting_server)" is a Consul Enterprise configuration and will have no effect`}},
		{"enterprise, off", `read_replica = false non_voting_server = true`, nil},
		{"audit", `audit { enabled = false sink "x" { type = "file" } }`, []string{`"audit" is a Consul Enterprise configuration and will have no effect`}},
		{"reporting", `reporting { license { enabled = true } }`,
			[]string{`"reporting.license.enabled" is a Consul Enterprise configuration and will have no effect`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := server(t, tt.hcl)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(warnings, func(w string) bool { return strings.Contains(strings.ToLower(w), "bootstrap") })
			if !slices.Equal(got, tt.want) {
				t.Errorf("warnings\n%q, want\n%q", got, tt.want)
			}
		})
	}
}

func TestAliasesPerFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "1.hcl", `acl_down_policy = "deny" acl { down_policy = "allow" }`)
	both := filepath.Join(dir, "1.hcl")
	late := write(t, dir, "2.hcl", `acl_down_policy = "async-cache"`)
	f, _ := ParseFlags([]string{"-config-file", both}, io.Discard)
	if s, err := gather(f); err != nil || s.str("acl.down_policy") != "allow" {
		t.Errorf("the new key wins within a file: %q, %v", s.str("acl.down_policy"), err)
	}
	f.ConfigPaths = append(f.ConfigPaths, late)
	if s, err := gather(f); err != nil || s.str("acl.down_policy") != "async-cache" {
		t.Errorf("the later file wins: %q, %v", s.str("acl.down_policy"), err)
	}
	f.ConfigPaths = nil
	f.HCL = []string{`acl_datacenter = "dc1" acl { enabled = false } acl_replication_token = "x"`}
	s, err := gather(f)
	if err != nil || !s.boolean("acl.enabled") || !s.boolean("acl.enable_token_replication") || s.str("primary_datacenter") != "dc1" {
		t.Errorf("side effects: %+v, %v", s.user, err)
	}
}

func TestCheckAliases(t *testing.T) {
	v, err := parse(source{"x", formatJSON, []byte(`{"check": {"name": "a", "ScriptArgs": ["x"], "serviceid": "old", "service_id": "new"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	c := v["checks"].([]values)[0]
	if !slices.Equal(c["args"].([]string), []string{"x"}) || c["service_id"] != "new" {
		t.Errorf("check: %v", c)
	}
}

func TestSetupNodeID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	c := &Config{DataDir: dir}
	if err := c.SetupNodeID(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "node-id")
	data, _ := os.ReadFile(path)
	info, err := os.Stat(path)
	if err != nil || string(data) != c.NodeID || info.Mode().Perm() != 0o600 || len(c.NodeID) != 36 {
		t.Errorf("node-id holds %q, ID is %q, %v", data, c.NodeID, err)
	}
	again := &Config{DataDir: dir}
	if err := again.SetupNodeID(); err != nil || again.NodeID != c.NodeID {
		t.Errorf("second start: %q, %v", again.NodeID, err)
	}
	configured := &Config{DataDir: filepath.Join(dir, "untouched"), NodeID: c.NodeID}
	if err := configured.SetupNodeID(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(configured.DataDir); !os.IsNotExist(err) {
		t.Error("a configured ID must not be written")
	}
	write(t, dir, "node-id", " "+strings.ToUpper(c.NodeID)+"\n")
	if again = (&Config{DataDir: dir}); again.SetupNodeID() != nil || again.NodeID != c.NodeID {
		t.Errorf("surrounding space: %q", again.NodeID)
	}
	write(t, dir, "node-id", "short")
	err = (&Config{DataDir: dir}).SetupNodeID()
	if want := "failed to setup node ID: NodeID in " + path + " is invalid: uuid string is wrong length"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	leftovers, _ := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if len(leftovers) > 0 {
		t.Errorf("left behind: %v", leftovers)
	}
}

func TestHostNodeID(t *testing.T) {
	defer func(old []string) { hostIDFiles = old }(hostIDFiles)
	hostIDFiles = []string{"/nonexistent", write(t, t.TempDir(), "machine-id", "AbC\n")}
	a, b := &Config{NodeIDFromHost: true}, &Config{NodeIDFromHost: true}
	if a.SetupNodeID() != nil || b.SetupNodeID() != nil || a.NodeID != b.NodeID || len(a.NodeID) != 36 {
		t.Errorf("IDs from the same host: %q, %q", a.NodeID, b.NodeID)
	}
}

func TestAdvertise(t *testing.T) {
	tests := []struct{ name, bind, advertise, host, want, err string }{
		{"bind address", "127.0.0.1", "", "", "127.0.0.1", ""},
		{"configured", "0.0.0.0", "10.0.0.9", "", "10.0.0.9", ""},
		{"private", "0.0.0.0", "", "127.0.0.1 8.8.8.8 10.1.2.3 fe80::1", "10.1.2.3", ""},
		{"shared space", "0.0.0.0", "", "127.0.0.1 100.64.0.1", "100.64.0.1", ""},
		{"loopback alone", "0.0.0.0", "", "127.0.0.1 8.8.8.8", "127.0.0.1", ""},
		{"several", "0.0.0.0", "", "10.0.0.1 192.168.0.1", "", "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'."},
		{"none", "0.0.0.0", "", "8.8.8.8", "", "No private IPv4 address found"},
		{"public IPv6", "[::]", "", "::1 fe80::1 fd00::1 2600::1 10.0.0.1", "2600::1", ""},
		{"no IPv6", "::", "", "::1 fe80::1 fd00::1", "", "No public IPv6 address found"},
		{"several IPv6", "::", "", "2600::1 2600::2", "", "Multiple public IPv6 addresses found. Please configure one with 'bind' and/or 'advertise'."},
		{"any-address", "127.0.0.1", "0.0.0.0", "", "", "Advertise address cannot be 0.0.0.0, :: or [::]"},
		{"any-address, IPv6", "127.0.0.1", "[::]", "", "", "Advertise address cannot be 0.0.0.0, :: or [::]"},
		{"name", "127.0.0.1", "localhost", "", "", `advertise_addr: not an IP address: "localhost"`},
		{"two binds", "127.0.0.1 127.0.0.2", "", "", "", "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead."},
		{"no bind", " ", "", "", "", "bind_addr cannot be empty"},
		{"bad bind", "foo", "", "", "", "bind_addr cannot be empty"},
	}
	defer func(old func() ([]netip.Addr, error)) { hostAddresses = old }(hostAddresses)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hostAddresses = func() (out []netip.Addr, _ error) {
				for _, a := range strings.Fields(tt.host) {
					out = append(out, netip.MustParseAddr(a))
				}
				return out, nil
			}
			c, _, err := server(t, "", "-bind", tt.bind, "-advertise", tt.advertise)
			switch {
			case tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Errorf("error %v, want %s", err, tt.err)
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err == "" && c.AdvertiseAddr.String() != tt.want:
				t.Errorf("advertise %v, want %s", c.AdvertiseAddr, tt.want)
			}
		})
	}
}

func TestBanner(t *testing.T) {
	c := mustServer(t, `node_id = "abcdef01-2345-6789-abcd-ef0123456789"`)
	got := c.Banner("1.21.4")
	for _, line := range []string{
		"==> Starting Consul agent...\n               Version: '1.21.4'\n            Build Date: '",
		"\n               Node ID: 'abcdef01-2345-6789-abcd-ef0123456789'\n             Node name: 'n1'\n",
		"\n            Datacenter: 'dc1' (Segment: '<all>')\n                Server: true (Bootstrap: true)\n",
		"\n           Client Addr: [127.0.0.1] (HTTP: 8500, HTTPS: -1, gRPC: -1, gRPC-TLS: -1, DNS: -1)\n",
		"\n          Cluster Addr: 127.0.0.1 (LAN: 8301, WAN: 8302)\n     Gossip Encryption: false\n      Auto-Encrypt-TLS: false\n",
		"\n           ACL Enabled: false\n     Reporting Enabled: false\n    ACL Default Policy: allow\n",
		"\n\n==> Log data will now stream in as it occurs:\n\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("banner lacks %q:\n%s", line, got)
		}
	}
	if c.Log.JSON = true; c.Banner("1.21.4") != "" {
		t.Error("JSON logs and a banner do not go together")
	}
}

func TestBannerOfAClient(t *testing.T) {
	c, _, err := client(t, `node_id = "abcdef01-2345-6789-abcd-ef0123456789" acl { enabled = true } ports { serf_lan = 7 }`)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Banner("1.21.4")
	for _, line := range []string{
		"\n            Datacenter: 'dc1' (Segment: '')\n                Server: false (Bootstrap: false)\n",
		"(LAN: 7, WAN: -1)\n", "\n           ACL Enabled: true\n    ACL Default Policy: allow\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("banner lacks %q:\n%s", line, got)
		}
	}
}

func TestBannerTellsOfEncryption(t *testing.T) {
	keyring := t.TempDir()
	if err := os.Mkdir(filepath.Join(keyring, "serf"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(keyring, "serf"), "local.keyring", "[]")
	for _, tt := range []struct {
		name, hcl, dir string
		want           bool
	}{
		{"no key", ``, t.TempDir(), false},
		{"key", `encrypt = "` + testKey + `"`, t.TempDir(), true},
		{"keyring", ``, keyring, true},
		{"keyring that is not read", `disable_keyring_file = true`, keyring, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustServer(t, tt.hcl, "-data-dir", tt.dir)
			if line := fmt.Sprintf("\n     Gossip Encryption: %t\n", tt.want); !strings.Contains(c.Banner("1.21.4"), line) {
				t.Errorf("banner lacks %q:\n%s", line, c.Banner("1.21.4"))
			}
		})
	}
}

// The primary datacenter is this one unless another one is named, by its new name or the old one, which turns ACLs on.
func TestPrimaryDatacenter(t *testing.T) {
	for _, c := range []struct {
		name, hcl, primary string
		enabled, tokens    bool
	}{
		{"nothing said", `datacenter = "DC2"`, "dc2", false, false},
		{"named", `datacenter = "dc2" primary_datacenter = "DC1" acl { enabled = true enable_token_replication = true }`, "dc1", true, true},
		{"in old words", `datacenter = "dc2" acl_datacenter = "dc1" acl { enabled = false } acl_replication_token = "x"`, "dc1", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _, err := server(t, c.hcl)
			if err != nil {
				t.Fatal(err)
			}
			if config.PrimaryDatacenter != c.primary || config.ACL.Enabled != c.enabled || config.ACL.TokenReplication != c.tokens {
				t.Errorf("%q, ACLs %t, tokens %t", config.PrimaryDatacenter, config.ACL.Enabled, config.ACL.TokenReplication)
			}
		})
	}
}
