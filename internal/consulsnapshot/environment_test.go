package consulsnapshot

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

// in is an environment for Environment.
func in(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestEnvironment(t *testing.T) {
	base := Config{
		S3Bucket: "b", S3Region: "r", Interval: time.Minute, ScratchDir: "/tmp", Prefix: "backups", HealthAddress: "127.0.0.1:5001",
	}
	for _, c := range []struct {
		name string
		vars map[string]string
		want func(*Config)
	}{
		{"S3 alone", nil, func(*Config) {}},
		{"GCS alone", map[string]string{"S3BUCKET": "", "S3REGION": "", "GCSBUCKET": "g"},
			func(c *Config) { c.S3Bucket, c.S3Region, c.GCSBucket = "", "", "g" }},
		{"another S3", map[string]string{"S3ENDPOINT": "http://h:9000"}, func(c *Config) { c.S3Endpoint = "http://h:9000" }},
		{"a directory", map[string]string{"S3BUCKET": "", "LOCAL_DIR": "/srv", "LOCAL_BACKUP_FILE": "a", "LOCAL_DRY_RUN": "1"},
			func(c *Config) { c.S3Bucket, c.LocalDir, c.LocalFile, c.DryRun = "", "/srv", "a", true }},
		{"no dry run", map[string]string{"LOCAL_DRY_RUN": "false"}, func(*Config) {}},
		{"the acceptance test", map[string]string{"S3BUCKET": "", "S3REGION": "", "ACCEPTANCE_TEST": "0", "BACKUPINTERVAL": "5"},
			func(c *Config) { c.S3Bucket, c.S3Region, c.Acceptance = "", "", true }},
		{"an interval", map[string]string{"BACKUPINTERVAL": "900"}, func(c *Config) { c.Interval = 15 * time.Minute }},
		{"a passphrase", map[string]string{"CRYPTO_PASSWORD": " p "}, func(c *Config) { c.Passphrase = " p " }},
		{"scratch", map[string]string{"SNAPSHOT_TMP_DIR": "/var/tmp"}, func(c *Config) { c.ScratchDir = "/var/tmp" }},
		{"a prefix", map[string]string{"CONSUL_SNAPSHOT_UPLOAD_PREFIX": "/dc1/nightly/"}, func(c *Config) { c.Prefix = "dc1/nightly" }},
		{"no prefix", map[string]string{"CONSUL_SNAPSHOT_UPLOAD_PREFIX": "/"}, func(c *Config) { c.Prefix = "" }},
		{"SSE", map[string]string{"CONSUL_SNAPSHOT_S3_SSE": "AES256"}, func(c *Config) { c.S3Encryption = "AES256" }},
		{"KMS", map[string]string{"CONSUL_SNAPSHOT_S3_SSE": "aws:kms", "CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID": "k"},
			func(c *Config) { c.S3Encryption, c.S3KMSKey = "aws:kms", "k" }},
		{"a KMS key alone", map[string]string{"CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID": "k"}, func(c *Config) { c.S3KMSKey = "k" }},
		{"a namespace", map[string]string{"CONSUL_NAMESPACE": "team", "CONSUL_PARTITION": "default"},
			func(c *Config) { c.Tenancy = "CONSUL_NAMESPACE=team" }},
		{"an empty store", map[string]string{"CONSUL_SNAPSHOT_ALLOW_EMPTY": "true"}, func(c *Config) { c.AllowEmpty = true }},
		{"health on a host", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": "10.0.0.1"}, func(c *Config) { c.HealthAddress = "10.0.0.1:5001" }},
		{"health on a port", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": ":5002"}, func(c *Config) { c.HealthAddress = ":5002" }},
		{"health on all addresses", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": "[::]:5001"},
			func(c *Config) { c.HealthAddress = "[::]:5001" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			vars := map[string]string{"S3BUCKET": "b", "S3REGION": "r"}
			maps.Copy(vars, c.vars)
			want := base
			c.want(&want)
			got, err := Environment(in(vars))
			if err != nil || *got != want {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
			}
		})
	}
}

func TestEnvironmentThatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"nothing", map[string]string{"S3BUCKET": "", "S3REGION": ""},
			"Required env var missing, exiting: set S3BUCKET and S3REGION, or GCSBUCKET, or LOCAL_DIR"},
		{"no region", map[string]string{"S3REGION": ""}, "Required env var missing, exiting"},
		{"no bucket", map[string]string{"S3BUCKET": ""}, "Required env var missing, exiting"},
		{"a word for an interval", map[string]string{"BACKUPINTERVAL": "abc"}, `BACKUPINTERVAL="abc" is not a whole number of seconds`},
		{"a fraction", map[string]string{"BACKUPINTERVAL": "1.5"}, "not a whole number"},
		{"a unit", map[string]string{"BACKUPINTERVAL": "60s"}, "not a whole number"},
		{"no interval", map[string]string{"BACKUPINTERVAL": "0"}, "at least one second"},
		{"a negative interval", map[string]string{"BACKUPINTERVAL": "-60"}, "at least one second"},
		{"an interval that overflows", map[string]string{"BACKUPINTERVAL": "9223372037"}, "no more than a year"},
		{"no number at all", map[string]string{"BACKUPINTERVAL": "99999999999999999999"}, "not a whole number"},
		{"another SSE", map[string]string{"CONSUL_SNAPSHOT_S3_SSE": "aes256"}, "S3 knows AES256 and aws:kms"},
		{"SSE with two keys", map[string]string{"CONSUL_SNAPSHOT_S3_SSE": "AES256", "CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID": "k"}, "names another"},
		{"a prefix that climbs", map[string]string{"CONSUL_SNAPSHOT_UPLOAD_PREFIX": "../x"}, "no part of the name"},
		{"a prefix with a gap", map[string]string{"CONSUL_SNAPSHOT_UPLOAD_PREFIX": "a//b"}, "no part of the name"},
		{"a file without a directory", map[string]string{"LOCAL_BACKUP_FILE": "a"}, "LOCAL_DIR, which is not set"},
		{"two local modes", map[string]string{"LOCAL_DIR": "a", "ACCEPTANCE_TEST": "1"}, "unset one"},
		{"perhaps a dry run", map[string]string{"LOCAL_DRY_RUN": "perhaps"}, "LOCAL_DRY_RUN"},
		{"perhaps empty", map[string]string{"CONSUL_SNAPSHOT_ALLOW_EMPTY": "perhaps"}, "CONSUL_SNAPSHOT_ALLOW_EMPTY"},
		{"no port", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": "127.0.0.1:http"}, "http is no port"},
		{"too large a port", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": ":65536"}, "65536 is no port"},
		{"no address", map[string]string{"CONSUL_SNAPSHOT_HEALTH_ADDR": "a:b:c"}, "a host:port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vars := map[string]string{"S3BUCKET": "b", "S3REGION": "r"}
			maps.Copy(vars, c.vars)
			got, err := Environment(in(vars))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v, want %s", got, err, c.want)
			}
		})
	}
	if _, err := Environment(in(nil)); !errors.Is(err, ErrMissing) {
		t.Errorf("nothing at all: %v", err)
	}
}
