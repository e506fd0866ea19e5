package agentconfig

import (
	"fmt"
	"time"
)

// LimitsConfig is the part of limits that is served.
type LimitsConfig struct {
	HTTPMaxConnsPerClient int // open HTTP connections per client address; 0 or less is unlimited
	// HTTPSHandshakeTimeout is until a connection to the HTTPS API has agreed on TLS; 0 is unlimited.
	HTTPSHandshakeTimeout time.Duration
	KVMaxValueSize        int // bytes of one value written through the KV endpoint
	TxnMaxSize            int // bytes of the body of a transaction

	RPCMaxConnsPerClient int           // open connections to the server port per address; 0 or less is unlimited
	RPCHandshakeTimeout  time.Duration // until a connection to the server port has said what it is for; 0 is unlimited
	RPCRate              float64       // requests per second that this agent sends to servers; negative is unlimited
	RPCMaxBurst          int           // requests that may go out at once beyond RPCRate
	RPCClientTimeout     time.Duration // until a request to a server fails, on top of the wait of a blocking query; 0 is unlimited
}

func setLimits(s *settings, c *Config) error {
	c.Limits = LimitsConfig{
		HTTPMaxConnsPerClient: s.integer("limits.http_max_conns_per_client"),
		HTTPSHandshakeTimeout: s.duration("limits.https_handshake_timeout"),
		KVMaxValueSize:        s.integer("limits.kv_max_value_size"),
		TxnMaxSize:            s.integer("limits.txn_max_req_len"),
		RPCMaxConnsPerClient:  s.integer("limits.rpc_max_conns_per_client"),
		RPCHandshakeTimeout:   s.duration("limits.rpc_handshake_timeout"),
		RPCRate:               s.number("limits.rpc_rate"),
		RPCMaxBurst:           s.integer("limits.rpc_max_burst"),
		RPCClientTimeout:      s.duration("limits.rpc_client_timeout"),
	}
	c.SessionTTLMin = s.duration("session_ttl_min")
	c.DefaultQueryTime = s.duration("default_query_time")
	c.MaxQueryTime = s.duration("max_query_time")
	c.RPCHoldTimeout = s.duration("performance.rpc_hold_timeout")
	c.DiscoveryMaxStale = s.duration("discovery_max_stale")
	return checkFileLimit(c.Limits.HTTPMaxConnsPerClient)
}

// reservedFiles is how many file descriptors the agent needs besides client connections.
const reservedFiles = 20

// checkFileLimit makes sure that one client's connections cannot use up the file descriptors.
func checkFileLimit(conns int) error {
	limit, known := maxOpenFiles()
	if known && conns > 0 && limit < uint64(conns)+reservedFiles {
		return fmt.Errorf("system allows a max of %d file descriptors, but limits.http_max_conns_per_client: %d needs at least %d",
			limit, conns, conns+reservedFiles)
	}
	return nil
}
