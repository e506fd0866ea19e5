package snapshotconfig

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const goldenDaemon = `==> Consul snapshot agent running!
             Version: 1.2.3
          Datacenter: (default)
            Interval: "1h0m0s"
              Retain: 30
               Stale: false
                Mode: Daemon
             Service: "consul-snapshot"
    Deregister After: "72h0m0s"
            Lock Key: "consul-snapshot/lock"
        Max Failures: 3
    Snapshot Storage: Amazon S3 -> Region: "us-west-2" Bucket: "backups" Key Prefix: "consul-snapshot"

==> Log data will now stream in as it occurs:

`

const goldenOneShot = `==> Consul snapshot agent running!
             Version: 1.2.3
          Datacenter: "dc2"
            Interval: "0s"
              Retain: 0
               Stale: true
                Mode: One-shot
    Snapshot Storage: Local -> Path: "/l"
    Snapshot Storage: Amazon S3 -> Region: "r" Bucket: "b" Static Name: "x" Endpoint: "http://h"
    Snapshot Storage: Azure Blob Storage -> Account: "a" Container: "c" Key Prefix: "consul-snapshot"
    Snapshot Storage: Azure Blob Storage -> Account: "a" Container: "c" Key Prefix: "p"
    Snapshot Storage: Google Cloud Storage -> Bucket: "g" Key Prefix: "consul-snapshot"
    Snapshot Storage: Google Cloud Storage -> Bucket: "g" Key Prefix: ""

==> Log data will now stream in as it occurs:

`

const secretive = `token = "s3cret" backup_destinations {
	local_storage { path = "/l" }
	aws_storage { access_key_id = "s3cret" secret_access_key = "s3cret" session_token = "s3cret" s3_bucket = "b" s3_region = "r"
		s3_endpoint = "http://h" s3_static_snapshot_name = "x" }
	azure_blob_storage { account_name = "a" account_key = "s3cret" container_name = "c" }
	azure_blob_storage { account_name = "a" container_name = "c" key_prefix = "p" service_principal_id = "i" service_principal_secret = "s3cret"
		tenant_id = "t" }
	google_storage { bucket = "g" }
	google_storage { bucket = "g" key_prefix = "/" } }`

func TestBanner(t *testing.T) {
	c := mustLoad(t, "-aws-s3-region=us-west-2", "-aws-s3-bucket=backups")
	if got := c.Banner("1.2.3"); got != goldenDaemon {
		t.Errorf("got\n%s", got)
	}
	c, _, err := agent(t, secretive, "-interval=0", "-datacenter=dc2", "-retain=0", "-stale")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Banner("1.2.3"); got != goldenOneShot {
		t.Errorf("got\n%s", got)
	}
	if got := mustLoad(t, "-log-json").Banner("1.2.3"); got != "" {
		t.Errorf("beside JSON: %q", got)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c, _, err := agent(t, secretive)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown += fmt.Sprintf(format, *c) + fmt.Sprintf(format, c.Connection) + fmt.Sprintf(format, c.Destinations) +
			fmt.Sprintf(format, c.Connection.Token)
	}
	if strings.Contains(shown, "s3cret") || strings.Contains(shown, fmt.Sprintf("%x", "s3cret")) {
		t.Errorf("a secret is shown: %s", shown)
	}
	if string(c.Connection.Token) != "s3cret" || string(c.Destinations.S3[0].SecretAccessKey) != "s3cret" {
		t.Error("the secrets are not there")
	}
}
