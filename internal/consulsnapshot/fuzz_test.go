package consulsnapshot

import (
	"net"
	"path"
	"strings"
	"testing"
	"time"
)

// Whatever stands in the environment: it is refused, or makes a configuration that can be worked with.
func FuzzEnvironment(f *testing.F) {
	f.Add("60", "backups", "127.0.0.1:5001", "true", "AES256", "")
	f.Add("-1", "../..", "[::1]", "", "aws:kms", "key")
	f.Add("9223372036854775807", "//a//", ":0", "x", "", "key")
	f.Add("1", ".", "[::1]", "", "aws:kms", "key")
	f.Add("1", "./.", "[::1]", "", "", "")
	f.Fuzz(func(t *testing.T, interval, prefix, address, empty, sse, kms string) {
		c, err := Environment(in(map[string]string{
			"GCSBUCKET": "b", "BACKUPINTERVAL": interval, "CONSUL_SNAPSHOT_UPLOAD_PREFIX": prefix, "CONSUL_SNAPSHOT_HEALTH_ADDR": address,
			"CONSUL_SNAPSHOT_ALLOW_EMPTY": empty, "CONSUL_SNAPSHOT_S3_SSE": sse, "CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID": kms,
		}))
		if err != nil {
			return
		}
		if c.Interval < time.Second || c.Interval > maxInterval || c.limit() < time.Hour {
			t.Errorf("interval %s", c.Interval)
		}
		if _, _, err := net.SplitHostPort(c.HealthAddress); err != nil {
			t.Errorf("address %q: %v", c.HealthAddress, err)
		}
		key := path.Join(c.Prefix, "x")
		if strings.HasPrefix(key, "..") || strings.HasPrefix(key, "/") || c.Prefix != "" && key != c.Prefix+"/x" {
			t.Errorf("prefix %q", c.Prefix)
		}
	})
}
