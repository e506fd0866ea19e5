package snapshotconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FILE stands for the name of the configuration file.
func TestMistakesInFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"JSON", "{\n\"snapshot_agent\": {\n\"token\": s3cret}}", "failed to parse FILE: not JSON at line 3: invalid character 's' looking for beginning of value"},
		{"end of JSON", `{"snapshot_agent": {`, "failed to parse FILE: not JSON at line 1: unexpected end of JSON input"},
		{"no object", `[]`, "failed to parse FILE: malformed HCL at line 1, column 1 (texts stand in double quotes)"},
		{"HCL", "snapshot_agent {\n  token = s3cret }", "failed to parse FILE: malformed HCL at line 2, column 11 (texts stand in double quotes)"},
		{"unknown keys", `snapshot_agent { snapshot { intervall = "1h" } consul = 1 backup_destinations { gcs { } local_storage { dir = "x" } } }`,
			"failed to parse FILE: several faults:\n\t* invalid config key snapshot_agent.backup_destinations.gcs\n\t" +
				"* invalid config key snapshot_agent.backup_destinations.local_storage[0].dir\n\t" +
				"* invalid config key snapshot_agent.consul\n\t* invalid config key snapshot_agent.snapshot.intervall"},
		{"flag names are no keys", `{"snapshot_agent": {"aws_storage": {"s3_role_arn": "a"}}}`, "failed to parse FILE: invalid config key snapshot_agent.aws_storage.s3_role_arn"},
		{"two spellings", `{"snapshot_agent": {"token": "a", "Token": "b"}}`, "failed to parse FILE: snapshot_agent.token: the key is there twice, in two spellings"},
		{"agent", `{"snapshot_agent": 1}`, "failed to parse FILE: snapshot_agent: expected one object, got a number"},
		{"two agents", `snapshot_agent {} snapshot_agent {}`, "failed to parse FILE: snapshot_agent: expected one object, got a list of 2"},
		{"block", `{"snapshot_agent": {"snapshot": "1h"}}`, "failed to parse FILE: snapshot_agent.snapshot: expected one object, got a string"},
		{"block twice", `snapshot_agent { log {} log {} }`, "failed to parse FILE: snapshot_agent.log: expected one object, got a list of 2"},
		{"old layout twice", `{"snapshot_agent": {"google_storage": [{}, {}]}}`, "failed to parse FILE: snapshot_agent.google_storage: expected one object, got a list of 2"},
		{"string", `{"snapshot_agent": {"cluster": 5}}`, "failed to parse FILE: snapshot_agent.cluster: expected a string, got a number"},
		{"bool", `{"snapshot_agent": {"snapshot": {"stale": "yes"}}}`, "failed to parse FILE: snapshot_agent.snapshot.stale: expected true or false, got a string"},
		{"int", `snapshot_agent { snapshot { retain = "30" } }`, "failed to parse FILE: snapshot_agent.snapshot.retain: expected a whole number, got a string"},
		{"rule", `snapshot_agent { snapshot { keep { daily = "7" } } }`,
			"failed to parse FILE: snapshot_agent.snapshot.keep.daily: expected a whole number, got a string"},
		{"unknown rule", `snapshot_agent { snapshot { keep { minutely = 7 } } }`, "failed to parse FILE: invalid config key snapshot_agent.snapshot.keep.minutely"},
		{"rules that are none", `snapshot_agent { snapshot { keep = 7 } }`, "failed to parse FILE: snapshot_agent.snapshot.keep: expected one object, got a number"},
		{"age", `snapshot_agent { snapshot { keep { within = "2 days" } } }`, "failed to parse FILE: snapshot_agent.snapshot.keep.within: not a duration: " +
			"write numbers with their units, as in 36h, 14d, 8w or 1y (a day has 24 hours, a year 365 days)"},
		{"age without unit", `snapshot_agent { snapshot { keep { within = 7 } } }`,
			`failed to parse FILE: snapshot_agent.snapshot.keep.within: expected a duration in quotes, such as "36h" or "14d", got a number`},
		{"percentage", `{"snapshot_agent": {"snapshot": {"max_shrink": 101}}}`,
			"failed to parse FILE: snapshot_agent.snapshot.max_shrink: not a percentage: write a whole number from 1% to 100%"},
		{"fraction", `{"snapshot_agent": {"snapshot": {"retain": 1.5}}}`, "failed to parse FILE: snapshot_agent.snapshot.retain: expected a whole number, got a number"},
		{"duration", `{"snapshot_agent": {"snapshot": {"interval": "1d"}}}`,
			"failed to parse FILE: snapshot_agent.snapshot.interval: not a duration: write a number with its unit, as in 90s, 30m or 12h"},
		{"number as duration", `{"snapshot_agent": {"snapshot": {"interval": 3600}}}`,
			`failed to parse FILE: snapshot_agent.snapshot.interval: expected a duration in quotes, such as "1h", got a number`},
		{"size", `snapshot_agent { drill { memory = "0MB" } }`,
			"failed to parse FILE: snapshot_agent.drill.memory: not a size: write a whole number above 0 with its unit, as in 512MB or 2GB, or auto"},
		{"map", `{"snapshot_agent": {"login": {"meta": {"a": 1}}}}`, "failed to parse FILE: snapshot_agent.login.meta: expected an object of strings, got a number in it"},
		{"secret", `{"snapshot_agent": {"token": ["s3cret"]}}`, "failed to parse FILE: snapshot_agent.token: expected a string, got a list of 1"},
		{"destination", `{"snapshot_agent": {"backup_destinations": {"local_storage": ["/x"]}}}`,
			"failed to parse FILE: snapshot_agent.backup_destinations.local_storage[0]: expected one object, got a string"},
		{"destinations", `{"snapshot_agent": {"backup_destinations": ["/x"]}}`,
			"failed to parse FILE: snapshot_agent.backup_destinations: expected one object, got a list of 1"},
		{"not for the agent", `{"server": true, "Server": 1, "snapshot": {}}`, "none of the configuration files has a snapshot_agent object: " +
			"without one the agent would run with defaults nobody asked for; add it, or leave out -config-file and -config-dir"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := configFile(t, tt.text)
			_, _, err := load(t, "-config-file", path)
			if want := strings.ReplaceAll(tt.want, "FILE", path); err == nil || err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	odd := write(t, filepath.Join(dir, "c.conf"), "")
	list := write(t, filepath.Join(dir, "list.json"), "[]")
	tests := []struct{ name, flag, path, want string }{
		{"absent", "-config-file", dir + "/none.json", "-config-file: open " + dir + "/none.json: no such file or directory"},
		{"extension", "-config-file", odd, "-config-file " + odd + ": the name of a configuration file must end in .json or .hcl; for a directory use -config-dir"},
		{"directory as file", "-config-file", dir, "-config-file " + dir + ": the name of a configuration file must end in .json or .hcl; for a directory use -config-dir"},
		{"absent directory", "-config-dir", dir + "/none", "-config-dir: open " + dir + "/none: no such file or directory"},
		{"empty directory", "-config-dir", t.TempDir(), "none of the configuration files has a snapshot_agent object: " +
			"without one the agent would run with defaults nobody asked for; add it, or leave out -config-file and -config-dir"},
		{"list", "-config-file", list, "failed to parse " + list + ": the file must hold an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := load(t, tt.flag, tt.path); err == nil || err.Error() != tt.want {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// @ stands for the mention of the file.
func TestMistakesInValues(t *testing.T) {
	const s3 = `aws_storage { s3_bucket = "b" s3_region = "r" `
	const several = "backup_destinations { "
	tests := []struct {
		name, hcl string
		args      []string
		want      string
	}{
		{"interval", `snapshot { interval = "-1h" }`, nil, "snapshot.interval @ must not be negative: -1h0m0s"},
		{"flag", ``, []string{"-interval=-1s"}, "-interval must not be negative: -1s"},
		{"retain", `snapshot { retain = -1 }`, nil, "snapshot.retain @ must be at least 0, not -1"},
		{"retain and keep", `snapshot { retain = 9 keep { hourly = 0 daily = 7 } }`, nil, "snapshot.keep.daily @ " + bothKinds},
		{"nothing kept and keep", `snapshot { retain = 0 keep { within = "2d" } }`, nil, "snapshot.keep.within @ " + bothKinds},
		{"flags of both kinds", ``, []string{"-retain=3", "-keep-last=4"}, "-keep-last " + bothKinds},
		{"retain and keep of a destination", s3 + `retain = 3 keep { last = 3 } }`, nil, "aws_storage.keep.last @ " + bothKinds},
		{"negative rule", `snapshot { keep { weekly = -1 } }`, nil, "snapshot.keep.weekly @ must not be negative"},
		{"negative age", ``, []string{"-keep-within=-1h"}, "-keep-within must not be negative"},
		{"negative rule of a destination", several + `local_storage { path = "/x" keep { daily = 7 yearly = -2 } } }`, nil,
			"snapshot_agent.backup_destinations.local_storage[0] @: keep.yearly must not be negative"},
		{"failures", ``, []string{"-max-failures=-1"}, "-max-failures must be at least 0, not -1"},
		{"credentials in address", `http_addr = "http://u:s3cret@h:8500"`, nil, "http_addr @ must not hold credentials: CONSUL_HTTP_AUTH takes user:password"},
		{"lock key", `snapshot { lock_key = "/a" }`, nil, "snapshot.lock_key @ must not begin with a slash: Consul's keys do not"},
		{"scratch path", ``, []string{"-local-scratch-path=/none"}, "-local-scratch-path: stat /none: no such file or directory; make the directory first"},
		{"scratch file", ``, []string{"-local-scratch-path=" + os.Args[0]}, "-local-scratch-path: " + os.Args[0] + " is not a directory"},
		{"log level", `log { level = "loud" }`, nil, "log.level @: Invalid log level: loud. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]"},
		{"cluster", `cluster = "a\nb"`, nil, "cluster @ must be at most 128 bytes without control characters or white space around it"},
		{"listen", ``, []string{"-listen=5001"}, `-listen must be host:port or off, not "5001"`},
		{"listen port", ``, []string{"-listen=:65536"}, `-listen must be host:port or off, not ":65536"`},
		{"drills", `drill { every = 0 }`, nil, "drill.every @ must be at least 1, not 0"},
		{"no binary", ``, []string{"-drill-consul-binary=/none"}, `-drill-consul-binary: no consul binary: exec: "/none": stat /none: no such file or directory`},
		{"no bucket", `aws_storage { s3_region = "r" }`, nil, "aws_storage: s3_bucket is missing (-aws-s3-bucket)"},
		{"no region", `aws_storage { s3_bucket = "b" }`, nil, "aws_storage: s3_region is missing (-aws-s3-region)"},
		{"no region in a list", several + `aws_storage { s3_bucket = "b" } }`, nil, "snapshot_agent.backup_destinations.aws_storage[0] @: s3_region is missing"},
		{"prefix in bucket", `aws_storage { s3_bucket = "b/p" s3_region = "r" }`, nil,
			"aws_storage.s3_bucket @ must be the name of a bucket alone: a prefix goes into s3_key_prefix"},
		{"half credentials", s3 + `access_key_id = "s3cret" }`, nil, "aws_storage.access_key_id @ and secret_access_key go together: one of them is missing"},
		{"session token", s3 + `session_token = "s3cret" }`, nil, "aws_storage.session_token @ needs access_key_id and secret_access_key"},
		{"two logins", s3 + `access_key_id = "s3cret" secret_access_key = "s3cret" web_identity_token_file = "f" role_arn = "r" }`, nil,
			"aws_storage.web_identity_token_file @ and access_key_id are two ways to log in: leave one out"},
		{"no role", s3 + `web_identity_token_file = "f" }`, nil, "aws_storage.web_identity_token_file @ needs role_arn"},
		{"KMS key", s3 + `s3_kms_key = "k" }`, nil, "aws_storage.s3_kms_key @ needs s3_enable_kms: without it nothing would be encrypted with that key"},
		{"endpoint", s3 + `s3_endpoint = "ftp://h" }`, nil, "aws_storage.s3_endpoint @ is not a URL of http or https"},
		{"credentials in URL", s3 + `s3_endpoint = "https://u:s3cret@h" }`, nil, "aws_storage.s3_endpoint @ must not hold credentials or a query"},
		{"unreadable URL", s3 + `s3_endpoint = "https://s3cret:%zz" }`, nil, "aws_storage.s3_endpoint @ is not a URL of http or https"},
		{"destination retain", s3 + `retain = -1 }`, nil, "aws_storage.retain @ must not be negative"},
		{"no account", `azure_blob_storage { container_name = "c" }`, nil, "azure_blob_storage: account_name is missing (-azure-blob-account-name)"},
		{"no container", ``, []string{"-azure-blob-account-name=a"}, "azure_blob_storage: container_name is missing (-azure-blob-container-name)"},
		{"cloud", ``, []string{"-azure-blob-account-name=a", "-azure-blob-container-name=c", "-azure-blob-environment=moon"},
			"-azure-blob-environment must be one of AZUREPUBLICCLOUD, AZURECHINACLOUD, AZUREGERMANCLOUD, AZUREUSGOVERNMENTCLOUD"},
		{"principal", `azure_blob_storage { account_name = "a" container_name = "c" service_principal_id = "i" }`, nil,
			"azure_blob_storage.service_principal_id @ needs service_principal_secret and tenant_id beside it: one of the three is missing"},
		{"two Azure logins", `azure_blob_storage { account_name = "a" container_name = "c" account_key = "s3cret" service_principal_id = "i"
			service_principal_secret = "s3cret" tenant_id = "t" }`, nil, "azure_blob_storage.account_key @ and service_principal_id are two ways to log in: leave one out"},
		{"no Google bucket", several + `google_storage { key_prefix = "p" } }`, nil, "snapshot_agent.backup_destinations.google_storage[0] @: bucket is missing"},
		{"flag beside list", several + `local_storage {} }`, []string{"-aws-s3-bucket=b"},
			"-aws-s3-bucket cannot be combined with backup_destinations, @: describe the destination in one of the two"},
		{"default flag beside list", several + `local_storage {} }`, []string{"-local-path=."},
			"-local-path cannot be combined with backup_destinations, @: describe the destination in one of the two"},
		{"old beside new", several + `local_storage {} } google_storage { bucket = "b" }`, nil,
			"google_storage.bucket @ cannot be combined with backup_destinations, @: move it there"},
		{"empty list", `backup_destinations {}`, nil, "backup_destinations @ has no destination in which anything is set"},
		{"list of nothing", several + `aws_storage { s3_bucket = "" } }`, nil, "backup_destinations @ has no destination in which anything is set"},
		{"same directory", several + `local_storage { path = "/x" } local_storage { path = "/x/" } }`, nil, `two destinations are the same place: Local -> Path: "/x/"`},
		{"same bucket", several + s3 + `} ` + s3 + `s3_key_prefix = "/consul-snapshot" } }`, nil,
			`two destinations are the same place: Amazon S3 -> Region: "r" Bucket: "b" Key Prefix: "consul-snapshot"`},
		{"syslog", ``, []string{"-syslog"}, "-syslog: " + noSyslog},
		{"login", `login { auth_method = "k8s" bearer_token = "s3cret" meta { a = "b" } }`, nil,
			"login.auth_method @, login.bearer_token @, login.meta @: " + noLogin},
		{"login flags", ``, []string{"-login-meta=a=b", "-login-meta=c=d"}, "-login-meta: " + noLogin},
		{"several", `snapshot { retain = -1 } listen = "x"`, []string{"-interval=-1s"}, "several faults:\n\t* -interval must not be negative: -1s\n\t" +
			"* snapshot.retain @ must be at least 0, not -1\n\t* listen @ must be host:port or off, not \"x\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := configFile(t, "snapshot_agent {\n"+tt.hcl+"\n}")
			c, _, err := load(t, append([]string{"-config-file", path}, tt.args...)...)
			if want := "configuration: " + strings.ReplaceAll(tt.want, "@", "in "+path); err == nil || err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
			if c != nil {
				t.Error("there is a configuration beside the error")
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("a secret is told")
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	const s3 = `aws_storage { s3_bucket = "b" s3_region = "r" `
	tests := []struct{ name, hcl, want string }{
		{"nothing to say", `log { enable_syslog = false syslog_facility = "LOCAL0" } login { meta {} } license_path = ""`, ""},
		{"licence", `license_path = "/l"`, "license_path @ has no effect: Lictor needs no licence"},
		{"facility", `log { syslog_facility = "LOCAL3" }`, "log.syslog_facility @ has no effect: " + noSyslog},
		{"IAM", s3 + `iam_endpoint = "x" }`, "aws_storage.iam_endpoint @ has no effect: no request is ever sent to IAM"},
		{"deregistration", `snapshot { deregister_after = "10s" }`,
			"snapshot.deregister_after @: Consul removes no service before it has been critical for a minute, whatever is set below that"},
		{"listener", `listen = ":1" snapshot { interval = "0s" }`, "listen @ has no effect in one-shot mode"},
		{"local path", `local_storage { path = "/x" } ` + s3 + "}",
			"local_storage.path @ has no effect: remote storage switches local storage off; to have both list them in backup_destinations"},
		{"static name", s3 + `s3_static_snapshot_name = "x" retain = 3 }`,
			"aws_storage: retain has no effect beside s3_static_snapshot_name: keep versions in the bucket, and let it expire them"},
		{"static name and rules", s3 + `s3_static_snapshot_name = "x" keep { daily = 3 } }`,
			"aws_storage: keep has no effect beside s3_static_snapshot_name: keep versions in the bucket, and let it expire them"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := configFile(t, "snapshot_agent {\n"+tt.hcl+"\n}")
			_, warnings, err := load(t, "-config-file", path)
			want := strings.ReplaceAll(tt.want, "@", "in "+path)
			if got := strings.Join(warnings, "|"); err != nil || got != want {
				t.Errorf("%v; warnings\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}
