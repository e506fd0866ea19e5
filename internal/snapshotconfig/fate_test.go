package snapshotconfig

import (
	"flag"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// documented are the keys and flags of Consul Enterprise's agent and what becomes of each, as "key flag"; - stands for none.
var documented = map[fate]string{
	served: `snapshot.interval interval, snapshot.retain retain, snapshot.lock_key lock-key, snapshot.max_failures max-failures,
		snapshot.stale stale, snapshot.local_scratch_path local-scratch-path, snapshot.service service,
		snapshot.deregister_after deregister-after, log.level log-level,
		http_addr http-addr, token token, token_file token-file, datacenter datacenter, ca_file ca-file, ca_path ca-path,
		cert_file client-cert, key_file client-key, tls_server_name tls-server-name,
		local_storage.path local-path,
		aws_storage.access_key_id aws-access-key-id, aws_storage.secret_access_key aws-secret-access-key,
		aws_storage.session_token aws-session-token, aws_storage.role_arn aws-role-arn,
		aws_storage.role_session_name aws-role-session-name, aws_storage.web_identity_token_file aws-web-identity-token-file,
		aws_storage.sts_endpoint aws-sts-endpoint, aws_storage.s3_bucket aws-s3-bucket, aws_storage.s3_region aws-s3-region,
		aws_storage.s3_endpoint aws-s3-endpoint, aws_storage.s3_key_prefix aws-s3-key-prefix,
		aws_storage.s3_server_side_encryption aws-s3-server-side-encryption,
		aws_storage.s3_static_snapshot_name aws-s3-static-snapshot-name, aws_storage.s3_force_path_style aws-s3-force-path-style,
		aws_storage.s3_enable_kms aws-s3-enable-kms, aws_storage.s3_kms_key aws-s3-kms-key,
		azure_blob_storage.account_name azure-blob-account-name, azure_blob_storage.account_key azure-blob-account-key,
		azure_blob_storage.container_name azure-blob-container-name, azure_blob_storage.environment azure-blob-environment,
		azure_blob_storage.service_principal_id azure-blob-service-principal-id,
		azure_blob_storage.service_principal_secret azure-blob-service-principal-secret,
		azure_blob_storage.tenant_id azure-blob-tenant-id, google_storage.bucket gcs-bucket`,
	refused: `log.enable_syslog syslog, login.auth_method login-auth-method, login.bearer_token login-bearer-token,
		login.bearer_token_file login-bearer-token-file, login.meta login-meta`,
	noEffect: `log.syslog_facility syslog-facility, license_path -, aws_storage.iam_endpoint aws-iam-endpoint`,
}

// own are Lictor's additions. All are served.
const own = `listen listen, cluster cluster, snapshot.skip_unchanged skip-unchanged, log.json log-json, drill.memory drill-memory,
	drill.every drill-every, drill.consul_binary drill-consul-binary, local_storage.retain -, aws_storage.retain -,
	azure_blob_storage.retain -, google_storage.retain -, azure_blob_storage.key_prefix -, google_storage.key_prefix -, azure_blob_storage.endpoint -,
	google_storage.endpoint -, snapshot.max_shrink max-shrink,
	snapshot.rpo rpo, snapshot.bandwidth_limit bandwidth-limit,
	webhook.url -, webhook.url_file -, webhook.headers -, webhook.secret_header -, webhook.secret_file -, webhook.on -, webhook.timeout -,
	command.args -, command.on -, command.timeout -,
	dead_mans_switch.url -, dead_mans_switch.url_file -, dead_mans_switch.method -, dead_mans_switch.timeout -,
	encryption.recipients encryption-recipient, encryption.passphrase_file encryption-passphrase-file`

func TestEveryKeyHasAFate(t *testing.T) {
	want := map[string]fate{}
	for f, text := range documented {
		for pair := range strings.SplitSeq(text, ",") {
			want[strings.Join(strings.Fields(pair), " ")] = f
		}
	}
	for pair := range strings.SplitSeq(own, ",") {
		want[strings.Join(strings.Fields(pair), " ")] = served
	}
	for _, rule := range strings.Fields("last hourly daily weekly monthly yearly within") {
		want["snapshot.keep."+rule+" keep-"+rule] = served
		for _, block := range append([]string{localBlock}, remoteBlocks...) {
			want[block+".keep."+rule+" -"] = served
		}
	}
	got := map[string]fate{}
	for path, k := range known {
		name := k.flag
		if name == "" {
			name = "-"
		}
		got[path+" "+name] = k.fate
		if (k.fate == served) != (k.why == "") {
			t.Errorf("%s: a reason is for what is not served, and needed there", path)
		}
	}
	if !maps.Equal(got, want) {
		for pair, f := range want {
			if g, ok := got[pair]; !ok || g != f {
				t.Errorf("%q: got fate %d (known: %t), want %d", pair, g, ok, f)
			}
		}
		for pair := range got {
			if _, ok := want[pair]; !ok {
				t.Errorf("%q is in no list", pair)
			}
		}
	}
}

// beside is what must stand beside a key, or in a block, for a configuration to be accepted.
var beside = map[string]string{
	"aws_storage":                                 `s3_bucket = "b"; s3_region = "r"`,
	"azure_blob_storage":                          `account_name = "a"; container_name = "c"`,
	"google_storage":                              `bucket = "g"`,
	"aws_storage.access_key_id":                   `secret_access_key = "s"`,
	"aws_storage.secret_access_key":               `access_key_id = "a"`,
	"aws_storage.session_token":                   `access_key_id = "a"; secret_access_key = "s"`,
	"aws_storage.role_session_name":               `role_arn = "a"`,
	"aws_storage.web_identity_token_file":         `role_arn = "a"`,
	"aws_storage.s3_kms_key":                      `s3_enable_kms = true`,
	"azure_blob_storage.service_principal_id":     `service_principal_secret = "s"; tenant_id = "t"`,
	"azure_blob_storage.service_principal_secret": `service_principal_id = "i"; tenant_id = "t"`,
	"azure_blob_storage.tenant_id":                `service_principal_id = "i"; service_principal_secret = "s"`,
	"webhook":                                     `url = "https://h/x"`,
	"webhook.url_file":                            `url = ""`,
	"webhook.secret_header":                       `secret_file = "/f"`,
	"webhook.secret_file":                         `secret_header = "X-A"`,
	"command":                                     `args = ["true"]`,
	"dead_mans_switch":                            `url = "https://h/x"`,
	"dead_mans_switch.url_file":                   `url = ""`,
}

// samples are two different values of each kind, and of keys that do not take any value of their kind.
func samples(k *key) [2]string {
	switch k.path {
	case "listen":
		return [2]string{`":1"`, `"off"`}
	case "webhook.url", "dead_mans_switch.url":
		return [2]string{`"https://h/a"`, `"https://h/b"`}
	case "webhook.on", "command.on":
		return [2]string{`["success"]`, `["failure", "success"]`}
	case "command.args":
		return [2]string{`["true"]`, `["true", "x"]`}
	case "dead_mans_switch.method":
		return [2]string{`"head"`, `"POST"`}
	case "webhook.timeout", "command.timeout", "dead_mans_switch.timeout":
		return [2]string{`"5s"`, `"6s"`}
	case "webhook.headers":
		return [2]string{`{ a = "b" }`, `{ a = "c" }`}
	case "log.level":
		return [2]string{`"warn"`, `"trace"`}
	case "snapshot.local_scratch_path":
		return [2]string{`"/"`, `"/proc"`}
	case "encryption.recipients":
		return [2]string{
			`["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]`,
			`["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice"]`,
		}
	case "encryption.passphrase_file":
		return [2]string{`"testdata/passphrase-1"`, `"testdata/passphrase-2"`}
	case "drill.consul_binary":
		return [2]string{`"sh"`, `"ls"`}
	case "azure_blob_storage.environment":
		return [2]string{`"AZURECHINACLOUD"`, `"AZUREGERMANCLOUD"`}
	}
	return map[kind][2]string{
		kindString: {`"x"`, `"y"`}, kindBool: {"true", "false"}, kindInt: {"7", "8"}, kindDuration: {`"2h"`, `"3h"`}, kindSize: {`"5MB"`, `"6MB"`},
		kindAge: {`"2d"`, `"3h"`}, kindPercent: {`"30%"`, `40`},
		kindRate: {`"5MB/s"`, `"6MB/s"`},
	}[k.kind]
}

// with is a configuration in which a key has a value.
func with(path, sample string) string {
	block, name, nested := strings.Cut(path, ".")
	if !nested {
		return path + " = " + sample
	}
	lines := []string{name + " = " + sample}
	if inner, rule, ok := strings.Cut(name, "."); ok {
		lines[0] = inner + " { " + rule + " = " + sample + " }"
	}
	for _, needs := range []string{beside[block], beside[path]} {
		for assignment := range strings.SplitSeq(needs, "; ") {
			if !strings.HasPrefix(assignment, name+" ") {
				lines = append(lines, assignment)
			}
		}
	}
	text := block + " {\n" + strings.Join(lines, "\n") + "\n}"
	if slices.Contains(hookBlocks, block) {
		return "hooks {\n" + text + "\n}"
	}
	return text
}

// A served key must change the configuration when it changes: nothing is parsed and forgotten.
func TestEveryServedKeyHasAnEffect(t *testing.T) {
	for path, k := range known {
		if k.fate != served {
			continue
		}
		var configs [2]*Config
		for i, sample := range samples(k) {
			c, _, err := agent(t, with(path, sample))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			c.flags, configs[i] = nil, c
		}
		if reflect.DeepEqual(configs[0], configs[1]) {
			t.Errorf("%s has no effect", path)
		}
	}
}

func TestDescribe(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range NewFlags().Describe() {
		n := 0
		g.Flags.VisitAll(func(f *flag.Flag) {
			n++
			if seen[f.Name] {
				t.Errorf("-%s is in two groups", f.Name)
			}
			seen[f.Name] = true
			argument, usage := flag.UnquoteUsage(f)
			b, ok := f.Value.(interface{ IsBoolFlag() bool })
			if isBool := ok && b.IsBoolFlag(); isBool != (argument == "") {
				t.Errorf("-%s takes %q", f.Name, argument)
			}
			if !strings.HasSuffix(usage, ".") || strings.Contains(usage, "`") || strings.Contains(usage, "..") {
				t.Errorf("-%s: %s", f.Name, usage)
			}
		})
		if n == 0 || g.Title == "" {
			t.Errorf("group %q has %d flags", g.Title, n)
		}
	}
	if len(seen) < 55 {
		t.Errorf("%d flags", len(seen))
	}
	f := NewFlags().Describe()[1].Flags.Lookup("interval")
	if want := "The `duration` between two snapshots. 0 asks for one-shot mode: one snapshot, one removal of old ones, no election, no service. " +
		"The default is 1h. Key: snapshot.interval."; f.Usage != want {
		t.Errorf("usage %q", f.Usage)
	}
}
