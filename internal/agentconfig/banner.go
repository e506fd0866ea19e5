package agentconfig

import (
	"fmt"
	"runtime/debug"

	"github.com/lictor-dr/lictor/internal/tlsconf"
)

// Banner returns what the agent prints to stdout once its configuration has passed, in Consul's layout. The ports
// are those that are open: -1 stands for what is off or not served. Whether the gossip is encrypted also depends on the
// keyring in the data directory, which is looked for now. The banner is empty when logs are JSON, so that stdout holds
// nothing else.
func (c *Config) Banner(version string) string {
	if c.Log.JSON {
		return ""
	}
	segment, reporting := "<all>", "     Reporting Enabled: false\n"
	if !c.Server {
		segment, reporting = "", ""
	}
	wan := -1
	if c.SerfWAN.IsValid() {
		wan = int(c.SerfWAN.Port())
	}
	https, rpc := c.TLS.HTTPS, c.TLS.InternalRPC
	return fmt.Sprintf(`==> Starting Consul agent...
               Version: '%s'
            Build Date: '%s'
               Node ID: '%s'
             Node name: '%s'
            Datacenter: '%s' (Segment: '%s')
                Server: %t (Bootstrap: %t)
           Client Addr: %v (HTTP: %d, HTTPS: %d, gRPC: -1, gRPC-TLS: -1, DNS: -1)
          Cluster Addr: %s (LAN: %d, WAN: %d)
     Gossip Encryption: %t
      Auto-Encrypt-TLS: false
           ACL Enabled: %t
%s    ACL Default Policy: %s
             HTTPS TLS: Verify Incoming: %t, Verify Outgoing: %t, Min Version: %s
              gRPC TLS: Verify Incoming: false, Min Version: TLSv1_2
      Internal RPC TLS: Verify Incoming: %t, Verify Outgoing: %t (Verify Hostname: %t), Min Version: %s

==> Log data will now stream in as it occurs:

`, version, buildDate(), c.NodeID, c.NodeName, c.Datacenter, segment, c.Server, c.Bootstrap,
		c.ClientAddrs, c.HTTPPort, c.HTTPSPort, c.AdvertiseAddr, c.SerfLAN.Port(), wan, c.encrypts(), c.ACL.Enabled, reporting, c.ACL.DefaultPolicy,
		https.VerifyIncoming, https.VerifyOutgoing, tlsconf.VersionName(https.MinVersion),
		rpc.VerifyIncoming, rpc.VerifyOutgoing || rpc.VerifyServerHostname, rpc.VerifyServerHostname, tlsconf.VersionName(rpc.MinVersion))
}

// buildDate is the time of the commit the binary was built from, as far as it is known.
func buildDate() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			return s.Value
		}
	}
	return "unknown"
}
