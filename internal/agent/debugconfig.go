package agent

import (
	"maps"
	"net/netip"
	"strings"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/version"
)

// debugConfig is the configuration as /v1/agent/self shows it, under the names that Consul has for it there. It holds no secrets:
// definitions of services and checks, which may have tokens, are left out.
func (b *backend) debugConfig() map[string]any {
	c := b.config
	rpc := "tcp://" + netip.AddrPortFrom(c.BindAddr, uint16(c.ServerPort)).String()
	rpcAdvertise := "tcp://" + b.serverAddr().String()
	serf := "tcp://" + netip.AddrPortFrom(c.AdvertiseAddr, c.SerfLAN.Port()).String()
	node, _ := b.registration()
	meta := map[string]string{} // {} in JSON, not null
	maps.Copy(meta, c.NodeMeta)
	all := map[string]any{
		"ACLsEnabled": b.ACLEnabled(), "ACLTokenReplication": c.ACL.TokenReplication, "AdvertiseAddrLAN": c.AdvertiseAddr.String(), "AdvertiseAddrWAN": c.AdvertiseAddrWAN.String(),
		"AllowWriteHTTPFrom": texts(c.HTTP.AllowWriteFrom), "AutoReloadConfig": c.AutoReload,
		"BindAddr": c.BindAddr.String(), "Bootstrap": c.Bootstrap, "BootstrapExpect": c.BootstrapExpect,
		"CheckOutputMaxSize": c.Checks.OutputMaxSize, "CheckUpdateInterval": c.Checks.UpdateInterval.String(),
		"ClientAddrs": texts(c.ClientAddrs), "ConnectEnabled": c.ConnectEnabled, "DataDir": c.DataDir, "Datacenter": c.Datacenter,
		"DefaultQueryTime": c.DefaultQueryTime.String(), "DevMode": c.DevMode, "DiscardCheckOutput": c.Checks.DiscardOutput,
		"EnableDebug": c.EnableDebug, "EnableLocalScriptChecks": c.Checks.LocalScripts, "EnableRemoteScriptChecks": c.Checks.RemoteScripts,
		"HTTPAddrs": listenerTexts(c.HTTPListeners), "HTTPBlockEndpoints": notNil(c.HTTP.BlockEndpoints),
		"HTTPMaxConnsPerClient": c.Limits.HTTPMaxConnsPerClient, "HTTPMaxHeaderBytes": c.HTTP.MaxHeaderBytes, "HTTPPort": c.HTTPPort,
		"HTTPSAddrs": listenerTexts(c.HTTPSListeners), "HTTPSHandshakeTimeout": c.Limits.HTTPSHandshakeTimeout.String(), "HTTPSPort": c.HTTPSPort,
		"TLS":          b.tlsDebugConfig(),
		"HTTPUseCache": c.HTTP.UseCache, "KVMaxValueSize": c.Limits.KVMaxValueSize, "LeaveOnTerm": c.LeaveOnTerminate,
		"MaxQueryTime": c.MaxQueryTime.String(), "NodeID": c.NodeID, "NodeMeta": meta, "NodeName": c.NodeName, "PidFile": c.PIDFile,
		"PrimaryDatacenter": c.PrimaryDatacenter, "RPCAdvertiseAddr": rpcAdvertise, "RPCBindAddr": rpc, "RPCHoldTimeout": c.RPCHoldTimeout.String(),
		"SerfAdvertiseAddrLAN": serf, "SerfBindAddrLAN": "tcp://" + c.SerfLAN.String(), "ServerMode": c.Server, "ServerPort": c.ServerPort, "SessionTTLMin": c.SessionTTLMin.String(),
		"SkipLeaveOnInt": c.SkipLeaveOnInterrupt, "TaggedAddresses": node.TaggedAddresses, "TranslateWANAddrs": c.TranslateWANAddrs, "TxnMaxReqLen": c.Limits.TxnMaxSize,
		"Revision": version.ReadBuild().Revision, "Version": version.Consul, "VersionMetadata": version.Metadata,
		"VersionPrerelease": version.Prerelease,
	}
	if c.SerfWAN.IsValid() {
		all["SerfAdvertiseAddrWAN"] = "tcp://" + netip.AddrPortFrom(c.AdvertiseAddrWAN, c.SerfWAN.Port()).String()
		all["SerfBindAddrWAN"] = "tcp://" + c.SerfWAN.String()
	}
	for _, port := range []string{"DNSPort", "GRPCPort", "GRPCTLSPort"} { // what is not served
		all[port] = -1
	}
	addRaftConfig(all, c.Raft)
	addProcessConfig(all, c)
	return all
}

func addRaftConfig(all map[string]any, c agentconfig.RaftConfig) {
	all["ConsulRaftElectionTimeout"] = c.ElectionTimeout.String()
	all["ConsulRaftHeartbeatTimeout"] = c.HeartbeatTimeout.String()
	all["ConsulRaftLeaderLeaseTimeout"] = c.LeaderLeaseTimeout.String()
	all["RaftProtocol"] = 3
	all["RaftSnapshotInterval"] = c.SnapshotInterval.String()
	all["RaftSnapshotThreshold"] = c.SnapshotThreshold
	all["RaftTrailingLogs"] = c.TrailingLogs
}

func addProcessConfig(all map[string]any, c *agentconfig.Config) {
	all["Logging"] = map[string]any{
		"EnableSyslog": c.Log.Syslog, "LogFilePath": c.Log.File, "LogJSON": c.Log.JSON, "LogLevel": c.Log.Level,
		"LogRotateBytes": c.Log.RotateBytes, "LogRotateDuration": c.Log.RotateDuration.String(), "LogRotateMaxFiles": c.Log.RotateMaxFiles,
		"SyslogFacility": c.Log.SyslogFacility,
	}
	all["Telemetry"] = map[string]any{"MetricsPrefix": c.Telemetry.MetricsPrefix, "DisableHostname": c.Telemetry.DisableHostname}
}

// texts are values as text, never nil.
func texts[T interface{ String() string }](values []T) []string {
	all := []string{}
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}

func listenerTexts(listeners []agentconfig.Listener) []string {
	all := []string{}
	for _, l := range listeners {
		all = append(all, strings.Join([]string{l.Network, l.Address}, "://"))
	}
	return all
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
