package agentconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Reload loads the configuration again, with the flags that c was loaded with; c stays as it is. The warnings are as Load's. A log level
// that does not exist is warned of, and c's stays.
//
// The result is a whole configuration. A running agent takes over of it what Consul's does: Log.Level, NodeMeta, Services,
// CheckDefinitions, Checks.DiscardOutput, ACL.Tokens, EnableDebug, Telemetry.PrefixFilter, in Limits HTTPMaxConnsPerClient, RPCRate,
// RPCMaxBurst, RPCMaxConnsPerClient and RPCClientTimeout, TLS.HTTPS and TLS.InternalRPC, and in Raft the snapshots, trailing logs and timeouts. Everything else stays what
// it was until the next start: addresses, joining, leaving, the gossip and its encryption among it.
func (c *Config) Reload() (*Config, []string, error) { return loadOver(c.flags, c) }

// LoadedFiles identifies the content of the files that c was loaded from.
func (c *Config) LoadedFiles() string { return c.files }

// CurrentFiles is what LoadedFiles would be of a configuration loaded now. What cannot be read is identified by the reason.
func (c *Config) CurrentFiles() string {
	files, _, err := discover(c.flags.ConfigPaths, c.flags.ConfigFormat)
	if err != nil {
		return err.Error()
	}
	return digestOf(files)
}

// digestOf is a digest of files: their names, order and content.
func digestOf(files []source) string {
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%d %s %d ", len(f.name), f.name, len(f.data))
		sum.Write(f.data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
