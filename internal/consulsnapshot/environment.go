package consulsnapshot

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/kvarchive"
)

// Defaults of the configuration.
const (
	DefaultInterval      = time.Minute
	DefaultScratchDir    = "/tmp"
	DefaultHealthAddress = "127.0.0.1:5001"
)

// maxInterval is the longest that may lie between backups.
const maxInterval = 366 * 24 * time.Hour

// Config is what the environment says. The comments name the variables.
type Config struct {
	S3Bucket, S3Region string        // S3BUCKET, S3REGION
	S3Endpoint         string        // S3ENDPOINT: a URL; the bucket stands in the path then
	S3Encryption       string        // CONSUL_SNAPSHOT_S3_SSE: AES256, aws:kms, or empty
	S3KMSKey           string        // CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID: means aws:kms by itself
	GCSBucket          string        // GCSBUCKET
	Prefix             string        // CONSUL_SNAPSHOT_UPLOAD_PREFIX: the first part of the names of objects, without slashes around it
	LocalDir           string        // LOCAL_DIR: archives are files in this directory, and are not uploaded
	LocalFile          string        // LOCAL_BACKUP_FILE: what is restored out of LocalDir if nothing else is said
	DryRun             bool          // LOCAL_DRY_RUN: a restore restores nothing
	Acceptance         bool          // ACCEPTANCE_TEST: one file in ScratchDir, no marker
	Interval           time.Duration // BACKUPINTERVAL, in seconds
	Passphrase         string        // CRYPTO_PASSWORD: archives are encrypted with it
	ScratchDir         string        // SNAPSHOT_TMP_DIR
	HealthAddress      string        // CONSUL_SNAPSHOT_HEALTH_ADDR: where the daemon serves /health and /metrics
	AllowEmpty         bool          // CONSUL_SNAPSHOT_ALLOW_EMPTY: a backup without keys is right
	Tenancy            string        // CONSUL_NAMESPACE or CONSUL_PARTITION: where the client asks, if that is not the default
}

// ErrMissing is the error of an environment that does not say where archives are kept.
var ErrMissing = errors.New("Required env var missing, exiting")

// Environment reads the configuration out of the variables that get returns, which is empty for one that is not set. The error says which
// variable is wrong, and how.
func Environment(get func(string) string) (*Config, error) {
	c := &Config{
		S3Bucket: get("S3BUCKET"), S3Region: get("S3REGION"), S3Endpoint: get("S3ENDPOINT"),
		S3Encryption: get("CONSUL_SNAPSHOT_S3_SSE"), S3KMSKey: get("CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID"), GCSBucket: get("GCSBUCKET"),
		LocalDir: get("LOCAL_DIR"), LocalFile: get("LOCAL_BACKUP_FILE"), Acceptance: get("ACCEPTANCE_TEST") != "",
		Passphrase: get("CRYPTO_PASSWORD"), ScratchDir: cmp.Or(get("SNAPSHOT_TMP_DIR"), DefaultScratchDir),
		Prefix: strings.Trim(cmp.Or(get("CONSUL_SNAPSHOT_UPLOAD_PREFIX"), kvarchive.DefaultPrefix), "/"),
	}
	for _, name := range []string{"CONSUL_NAMESPACE", "CONSUL_PARTITION"} {
		if value := get(name); value != "" && value != "default" {
			c.Tenancy = strings.TrimSpace(c.Tenancy + " " + name + "=" + value)
		}
	}
	var errs [4]error
	c.Interval, errs[0] = interval(get("BACKUPINTERVAL"))
	c.DryRun, errs[1] = boolean("LOCAL_DRY_RUN", get("LOCAL_DRY_RUN"))
	c.AllowEmpty, errs[2] = boolean("CONSUL_SNAPSHOT_ALLOW_EMPTY", get("CONSUL_SNAPSHOT_ALLOW_EMPTY"))
	c.HealthAddress, errs[3] = address(get("CONSUL_SNAPSHOT_HEALTH_ADDR"))
	if c.Acceptance {
		c.Interval = DefaultInterval
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return c, c.check()
}

func (c *Config) check() error {
	switch {
	case c.Acceptance && c.LocalDir != "":
		return errors.New("ACCEPTANCE_TEST and LOCAL_DIR name different places for the archive: unset one of them")
	case c.LocalFile != "" && c.LocalDir == "":
		return errors.New("LOCAL_BACKUP_FILE names a file in LOCAL_DIR, which is not set")
	case !c.local() && c.GCSBucket == "" && (c.S3Bucket == "" || c.S3Region == ""):
		return fmt.Errorf("%w: set S3BUCKET and S3REGION, or GCSBUCKET, or LOCAL_DIR", ErrMissing)
	case c.S3Encryption != "" && c.S3Encryption != sseS3 && c.S3Encryption != sseKMS:
		return fmt.Errorf("CONSUL_SNAPSHOT_S3_SSE=%q: S3 knows AES256 and aws:kms", c.S3Encryption)
	case c.S3Encryption == sseS3 && c.S3KMSKey != "":
		return errors.New("CONSUL_SNAPSHOT_S3_SSE=AES256 encrypts with S3's own keys, and CONSUL_SNAPSHOT_S3_SSE_KMS_KEY_ID names another: " +
			"set CONSUL_SNAPSHOT_S3_SSE=aws:kms, or unset the key")
	case !c.local() && !isName(c.Prefix), strings.HasPrefix(c.Prefix, ".."):
		return fmt.Errorf("CONSUL_SNAPSHOT_UPLOAD_PREFIX=%q: double slashes, . and .. are no part of the name of an object", c.Prefix)
	}
	return nil
}

// isName tells whether a prefix can be a part of the names of objects as it is.
func isName(prefix string) bool { return prefix == "" || prefix != "." && path.Clean(prefix) == prefix }

// local tells whether archives stay on this machine.
func (c *Config) local() bool { return c.Acceptance || c.LocalDir != "" }

func interval(text string) (time.Duration, error) {
	if text == "" {
		return DefaultInterval, nil
	}
	seconds, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("BACKUPINTERVAL=%q is not a whole number of seconds", text)
	case seconds <= 0:
		return 0, fmt.Errorf("BACKUPINTERVAL=%d: there must be at least one second between backups", seconds)
	case seconds > int(maxInterval/time.Second):
		return 0, fmt.Errorf("BACKUPINTERVAL=%d: there must be no more than a year between backups", seconds)
	}
	return time.Duration(seconds) * time.Second, nil
}

func boolean(name, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s=%q is not a boolean: set it to true or false, or unset it", name, text)
	}
	return value, nil
}

// address completes the address of the health server: a host, a port, or both.
func address(text string) (string, error) {
	host, port, _ := net.SplitHostPort(DefaultHealthAddress)
	switch h, p, err := net.SplitHostPort(text); {
	case text == "":
	case err == nil:
		host, port = h, cmp.Or(p, port) // without a host: all of the machine's addresses
	case strings.Contains(err.Error(), "missing port"):
		host = strings.Trim(text, "[]")
	default:
		return "", fmt.Errorf("CONSUL_SNAPSHOT_HEALTH_ADDR=%q: a host, a host:port or a :port is needed", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("CONSUL_SNAPSHOT_HEALTH_ADDR=%q: %s is no port", text, port)
	} else if n == 0 {
		port = "0" // any: for tests
	}
	return net.JoinHostPort(host, port), nil
}
