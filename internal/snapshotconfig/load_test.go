package snapshotconfig

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// load runs Load on a command line, in an environment without variables that matter.
func load(t *testing.T, args ...string) (*Config, []string, error) {
	t.Helper()
	for _, k := range known {
		if k.env != "" {
			hide(t, k.env)
		}
	}
	hide(t, "CONSUL_LICENSE")
	hide(t, "CONSUL_LICENSE_PATH")
	f, err := ParseFlags(args)
	if err != nil {
		t.Fatalf("ParseFlags(%q): %v", args, err)
	}
	return Load(f)
}

// hide unsets a variable that the test has not set itself.
func hide(t *testing.T, variable string) {
	t.Helper()
	if os.Getenv(variable) != "" && !strings.HasPrefix(os.Getenv(variable), "test-") {
		t.Setenv(variable, "")
	}
}

func mustLoad(t *testing.T, args ...string) *Config {
	t.Helper()
	c, warnings, err := load(t, args...)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Load(%q): %v, warnings %q", args, err, warnings)
	}
	return c
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// file writes a configuration file into a directory of its own; JSON if the text begins with a brace.
func configFile(t *testing.T, text string) string {
	t.Helper()
	name := "c.hcl"
	if strings.HasPrefix(text, "{") {
		name = "c.json"
	}
	return write(t, filepath.Join(t.TempDir(), name), text)
}

// agent loads the content of a snapshot_agent block in HCL.
func agent(t *testing.T, hcl string, args ...string) (*Config, []string, error) {
	t.Helper()
	return load(t, append([]string{"-config-file", configFile(t, "snapshot_agent {\n"+hcl+"\n}")}, args...)...)
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t)
	c.flags = nil
	want := &Config{
		Interval: time.Hour, Retain: 30, MaxShrink: 50, LockKey: "consul-snapshot/lock", MaxFailures: 3, ScratchDir: os.TempDir(),
		Service: "consul-snapshot", DeregisterAfter: 72 * time.Hour, Listen: "127.0.0.1:5001", LogLevel: "INFO",
		Drill: Drill{Every: 1}, Destinations: Destinations{Local: []Local{{Path: ".", Retain: 30}}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v, want\n%+v", c, want)
	}
}

// The file of the documentation has every key, at its default.
func TestDocumentedFileIsTheDefaults(t *testing.T) {
	c, defaults := mustLoad(t, "-config-file", "testdata/enterprise.json"), mustLoad(t)
	c.flags, defaults.flags = nil, nil
	if c.Connection.Address != "127.0.0.1:8500" {
		t.Errorf("http_addr = %q", c.Connection.Address)
	}
	c.Connection.Address = ""
	if !reflect.DeepEqual(c, defaults) {
		t.Errorf("got\n%+v, want\n%+v", c, defaults)
	}
}

const everyKeyJSON = `{"server": true, "snapshot_agent": {
	"http_addr": "https://c:8501", "token": "t", "datacenter": "dc2", "ca_file": "ca", "ca_path": "cas", "cert_file": "crt", "key_file": "key",
	"tls_server_name": "n", "cluster": "prod", "listen": ":5002",
	"log": {"level": "debug", "json": true},
	"drill": {"memory": "2GB", "every": 4, "consul_binary": "/bin/sh"},
	"snapshot": {"interval": "15m", "retain": 3, "stale": true, "service": "s", "deregister_after": "0s", "lock_key": "l", "max_failures": 1,
		"local_scratch_path": "/", "skip_unchanged": true},
	"backup_destinations": {
		"local_storage": [{"path": "/a"}, {"path": "/b", "retain": 0}],
		"aws_storage": [{"access_key_id": "a", "secret_access_key": "s", "session_token": "t", "role_arn": "r", "role_session_name": "n",
			"sts_endpoint": "sts", "s3_bucket": "b", "s3_region": "r", "s3_endpoint": "http://h:1/", "s3_key_prefix": "/p/q/",
			"s3_force_path_style": true, "s3_server_side_encryption": true, "s3_enable_kms": true, "s3_kms_key": "k"},
			{"s3_bucket": "b2", "s3_region": "r2", "s3_static_snapshot_name": "latest", "s3_server_side_encryption": true,
			"role_arn": "ra", "web_identity_token_file": "w", "s3_key_prefix": "/"}],
		"azure_blob_storage": [{"account_name": "a", "account_key": "k", "container_name": "c", "environment": "azureChinaCloud", "key_prefix": "x/"},
			{"account_name": "a", "container_name": "d", "service_principal_id": "i", "service_principal_secret": "s", "tenant_id": "t",
			"endpoint": "http://h:2"}],
		"google_storage": [{"bucket": "g", "key_prefix": "y", "endpoint": "http://h:3", "retain": 7}]}}}`

const everyKeyHCL = `server = true
snapshot_agent {
	http_addr = "https://c:8501" token = "t" datacenter = "dc2" ca_file = "ca" ca_path = "cas" cert_file = "crt" key_file = "key"
	tls_server_name = "n" cluster = "prod" listen = ":5002"
	log { level = "debug" json = true }
	drill { memory = "2GB" every = 4 consul_binary = "/bin/sh" }
	snapshot { interval = "15m" retain = 3 stale = true service = "s" deregister_after = 0 lock_key = "l" max_failures = 1
		local_scratch_path = "/" skip_unchanged = true }
	backup_destinations {
		local_storage { path = "/a" }
		local_storage { path = "/b" retain = 0 }
		aws_storage = [{ access_key_id = "a" secret_access_key = "s" session_token = "t" role_arn = "r" role_session_name = "n"
			sts_endpoint = "sts" s3_bucket = "b" s3_region = "r" s3_endpoint = "http://h:1/" s3_key_prefix = "/p/q/"
			s3_force_path_style = true s3_server_side_encryption = true s3_enable_kms = true s3_kms_key = "k" },
			{ s3_bucket = "b2" s3_region = "r2" s3_static_snapshot_name = "latest" s3_server_side_encryption = true
			role_arn = "ra" web_identity_token_file = "w" s3_key_prefix = "/" }]
		azure_blob_storage { account_name = "a" account_key = "k" container_name = "c" environment = "azureChinaCloud" key_prefix = "x/" }
		azure_blob_storage { account_name = "a" container_name = "d" service_principal_id = "i" service_principal_secret = "s" tenant_id = "t"
			endpoint = "http://h:2" }
		google_storage { bucket = "g" key_prefix = "y" endpoint = "http://h:3" retain = 7 } } }`

func TestEveryKeyInBothFormats(t *testing.T) {
	want := &Config{
		Interval: 15 * time.Minute, Retain: 3, MaxShrink: 50, LockKey: "l", MaxFailures: 1, Stale: true, SkipUnchanged: true, ScratchDir: "/",
		Service: "s", Cluster: "prod", Listen: ":5002", ListenConfigured: true, LogLevel: "DEBUG", LogJSON: true,
		Connection: Connection{Address: "https://c:8501", Token: "t", Datacenter: "dc2", CAFile: "ca", CAPath: "cas", CertFile: "crt",
			KeyFile: "key", TLSServerName: "n"},
		Drill: Drill{Memory: 2 << 30, Every: 4, ConsulBinary: "/bin/sh"},
		Destinations: Destinations{
			Local: []Local{{Path: "/a", Retain: 3}, {Path: "/b"}},
			S3: []S3{
				{AccessKeyID: "a", SecretAccessKey: "s", SessionToken: "t", RoleARN: "r", RoleSessionName: "n", STSEndpoint: "https://sts",
					Bucket: "b", Region: "r", Endpoint: "http://h:1", KeyPrefix: "p/q", ForcePathStyle: true, KMS: true, KMSKeyID: "k", Retain: 3},
				{RoleARN: "ra", WebIdentityTokenFile: "w", Bucket: "b2", Region: "r2", KeyPrefix: "/", SSE: true, StaticName: "latest"},
			},
			Azure: []Azure{
				{AccountName: "a", AccountKey: "k", ContainerName: "c", Environment: "AZURECHINACLOUD", KeyPrefix: "x", Retain: 3},
				{AccountName: "a", ContainerName: "d", Environment: "AZUREPUBLICCLOUD", ServicePrincipalID: "i", ServicePrincipalSecret: "s",
					TenantID: "t", Endpoint: "http://h:2", KeyPrefix: "consul-snapshot", Retain: 3},
			},
			GCS: []GCS{{Bucket: "g", KeyPrefix: "y", Endpoint: "http://h:3", Retain: 7}},
		},
	}
	for name, text := range map[string]string{"JSON": everyKeyJSON, "HCL": everyKeyHCL} {
		c := mustLoad(t, "-config-file", configFile(t, text))
		c.flags = nil
		if !reflect.DeepEqual(c, want) {
			t.Errorf("%s: got\n%#v, want\n%#v", name, c, want)
		}
	}
}

func TestFlags(t *testing.T) {
	c := mustLoad(t, "--interval", "5m", "-retain=7", "-lock-key=k", "-max-failures=0", "-stale", "-local-scratch-path=/", "-service=s",
		"-deregister-after=1h", "-log-level=ERR", "-log-json", "-cluster=c", "-listen=off", "-drill-memory=64M", "-drill-every=2", "-skip-unchanged",
		"-drill-consul-binary=sh", "-http-addr=a", "-token=t", "-datacenter=d", "-ca-file=1", "-ca-path=2", "-client-cert=3", "-client-key=4",
		"-tls-server-name=5", "-local-path=/l")
	c.flags = nil
	if !filepath.IsAbs(c.Drill.ConsulBinary) || filepath.Base(c.Drill.ConsulBinary) != "sh" {
		t.Errorf("consul binary: %q", c.Drill.ConsulBinary)
	}
	c.Drill.ConsulBinary = ""
	want := &Config{
		Interval: 5 * time.Minute, Retain: 7, MaxShrink: 50, LockKey: "k", Stale: true, SkipUnchanged: true, ScratchDir: "/", Service: "s",
		DeregisterAfter: time.Hour, LogLevel: "ERROR", LogJSON: true, Cluster: "c", ListenConfigured: true, Drill: Drill{Memory: 64 << 20, Every: 2},
		Connection:   Connection{Address: "a", Token: "t", Datacenter: "d", CAFile: "1", CAPath: "2", CertFile: "3", KeyFile: "4", TLSServerName: "5"},
		Destinations: Destinations{Local: []Local{{Path: "/l", Retain: 7}}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v, want\n%+v", c, want)
	}
	c = mustLoad(t, "-interval=0", "-aws-access-key-id=a", "-aws-secret-access-key=s", "-aws-session-token=t", "-aws-role-arn=r",
		"-aws-role-session-name=n", "-aws-sts-endpoint=e", "-aws-s3-bucket=b", "-aws-s3-region=g", "-aws-s3-endpoint=h", "-aws-s3-key-prefix=p",
		"-aws-s3-server-side-encryption", "-aws-s3-static-snapshot-name=x", "-aws-s3-force-path-style", "-azure-blob-account-name=a",
		"-azure-blob-account-key=k", "-azure-blob-container-name=c", "-azure-blob-environment=AZUREUSGOVERNMENTCLOUD", "-gcs-bucket=g")
	if !c.OneShot || c.Interval != 0 || c.Listen != "" || c.MaxAge() != 0 {
		t.Errorf("one-shot mode: %+v", c)
	}
	wantTo := Destinations{
		S3: []S3{{AccessKeyID: "a", SecretAccessKey: "s", SessionToken: "t", RoleARN: "r", RoleSessionName: "n", STSEndpoint: "https://e",
			Bucket: "b", Region: "g", Endpoint: "https://h", KeyPrefix: "p", SSE: true, StaticName: "x", ForcePathStyle: true}},
		Azure: []Azure{{AccountName: "a", AccountKey: "k", ContainerName: "c", Environment: "AZUREUSGOVERNMENTCLOUD", KeyPrefix: "consul-snapshot",
			Retain: 30}},
		GCS: []GCS{{Bucket: "g", KeyPrefix: "consul-snapshot", Retain: 30}},
	}
	if !reflect.DeepEqual(c.Destinations, wantTo) {
		t.Errorf("got\n%#v, want\n%#v", c.Destinations, wantTo)
	}
}

func TestHelpAndMistakesInFlags(t *testing.T) {
	if _, err := ParseFlags([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	tests := []struct{ arg, want string }{
		{"-no-such", "flag provided but not defined: -no-such"},
		{"x", "Too many arguments (expected 0, got 1)"},
		{"-interval=5", `invalid value "5" for flag -interval: not a duration: write a number with its unit, as in 90s, 30m or 12h`},
		{"-retain=many", `invalid value "many" for flag -retain: not a whole number`},
		{"-stale=perhaps", `invalid boolean value "perhaps" for -stale: not a boolean: write true or false`},
		{"-drill-memory=-1", `invalid value "-1" for flag -drill-memory: not a size: write a whole number above 0 with its unit, as in 512MB or 2GB, or auto`},
	}
	for _, tt := range tests {
		if _, err := ParseFlags([]string{tt.arg}); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error\n%v, want\n%s", tt.arg, err, tt.want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.json"), `{"snapshot_agent": {"snapshot": {"retain": 2, "service": "b"}, "cluster": "b"}}`)
	write(t, filepath.Join(dir, "a.hcl"), `snapshot_agent { snapshot { retain = 1 lock_key = "a" service = "a" interval = "1m" } cluster = "a" }`)
	write(t, filepath.Join(dir, "other.hcl"), `node_name = "n" ports { http = 1 }`)
	write(t, filepath.Join(dir, "empty.json"), ``)
	write(t, filepath.Join(dir, "notes.txt"), `{`)
	write(t, filepath.Join(dir, "z.json.bak"), `{`)
	if err := os.Mkdir(filepath.Join(dir, "sub.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sub.hcl", "c.hcl"), `snapshot_agent { cluster = "sub" }`)
	last := configFile(t, `{"snapshot_agent": {"cluster": ""}}`)
	f, err := ParseFlags([]string{"-config-dir", dir, "-retain", "3", "-config-file", last})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Load must not see the first one's values
		c, _, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		if c.Retain != 3 || c.Service != "b" || c.LockKey != "a" || c.Interval != time.Minute || c.Cluster != "" {
			t.Errorf("got %+v", c)
		}
	}
}

func TestDestinationsOfFilesAddUp(t *testing.T) {
	one := configFile(t, `{"Snapshot_Agent": {"backup_destinations": {"local_storage": [{"path": "/a"}, null, {}]}}}`)
	two := configFile(t, `snapshot_agent { backup_destinations { local_storage { path = "/b" } google_storage {} azure_blob_storage = [] } }`)
	c := mustLoad(t, "-config-file", one, "-config-file", two)
	if got := c.Destinations.Describe(); !slices.Equal(got, []string{`Local -> Path: "/a"`, `Local -> Path: "."`, `Local -> Path: "/b"`}) {
		t.Errorf("got %q", got)
	}
}

func TestOldLayoutTakesFlagsKeyByKey(t *testing.T) {
	text := `local_storage { path = "/l" } aws_storage { s3_bucket = "b" s3_region = "r" s3_key_prefix = "p" retain = 4 } google_storage { bucket = "" }`
	c, warnings, err := agent(t, text, "-aws-s3-region=flag")
	if err != nil {
		t.Fatal(err)
	}
	want := Destinations{S3: []S3{{Bucket: "b", Region: "flag", KeyPrefix: "p", Retain: 4}}}
	if !reflect.DeepEqual(c.Destinations, want) {
		t.Errorf("got %+v, want %+v", c.Destinations, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "has no effect: remote storage switches local storage off") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestToken(t *testing.T) {
	tests := []struct {
		name, hcl string
		args      []string
		token     Secret
		file      string
	}{
		{"of the file", `token = "s"`, nil, "s", ""},
		{"flag over file", `token = "s"`, []string{"-token=f"}, "f", ""},
		{"file flag wins over token flag", ``, []string{"-token=f", "-token-file=p"}, "", "p"},
		{"file flag wins over key", `token = "s"`, []string{"-token-file=p"}, "", "p"},
		{"token flag wins over file key", `token_file = "q"`, []string{"-token=f"}, "f", ""},
		{"file key wins over token key", `token = "s" token_file = "q"`, nil, "", "q"},
		{"empty flag", `token = "s"`, []string{"-token="}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := agent(t, tt.hcl, tt.args...)
			if err != nil || c.Connection.Token != tt.token || c.Connection.TokenFile != tt.file {
				t.Errorf("%v, %q, %q", err, string(c.Connection.Token), c.Connection.TokenFile)
			}
		})
	}
}

func TestDatacenter(t *testing.T) {
	tests := []struct {
		name string
		args []string
		ok   bool
	}{
		{"own", nil, true},
		{"own by name", []string{"-datacenter=DC1"}, true},
		{"remote daemon", []string{"-datacenter=dc2"}, false},
		{"remote one-shot", []string{"-datacenter=dc2", "-interval=0"}, true},
	}
	for _, tt := range tests {
		err := mustLoad(t, tt.args...).CheckDatacenter("dc1")
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), `datacenter "dc2" is not that of the Consul agent, "dc1": snapshots of a remote datacenter`) {
			t.Error(err)
		}
	}
}

func TestMaxAge(t *testing.T) {
	tests := []struct {
		interval, every string
		want            time.Duration
	}{
		{"1h", "1", 2 * time.Hour}, {"60s", "1", 2 * time.Minute}, {"10s", "1", 70 * time.Second}, {"1h", "3", 6 * time.Hour},
	}
	for _, tt := range tests {
		if got := mustLoad(t, "-interval", tt.interval, "-drill-every", tt.every).MaxAge(); got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.interval, tt.every, got, tt.want)
		}
	}
}
