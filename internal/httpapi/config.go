package httpapi

import (
	"net/netip"
	"time"
)

// Config is what the operator may decide about the API. The zero value is usable: a number that is 0 stands for its default.
type Config struct {
	// KVMaxValueSize is the largest value of a key, in bytes. Default 524288.
	KVMaxValueSize int64
	// TxnMaxSize is the largest body of a transaction, in bytes. Default 524288.
	TxnMaxSize int64
	// SessionTTLMin is the shortest TTL that a session may have. Default 10 seconds.
	SessionTTLMin time.Duration
	// DefaultQueryTime is how long a blocking query waits that names no time. Default 5 minutes.
	DefaultQueryTime time.Duration
	// MaxQueryTime is the longest that a blocking query may ask for. Up to a sixteenth is added at random, so that queries which
	// began together do not end together. Default 10 minutes.
	MaxQueryTime time.Duration
	// ResponseHeaders go on every answer.
	ResponseHeaders map[string]string
	// BlockEndpoints are prefixes of paths that are answered with 403. They match letter by letter: /v1/a blocks /v1/agent/self.
	BlockEndpoints []string
	// AllowWriteFrom are the networks whose clients may use methods other than GET and OPTIONS. Empty: all. Clients of a Unix
	// socket have no network, and thus may not write once any is named.
	AllowWriteFrom []netip.Prefix
	// AllowUnprintable lets unprintable characters into paths, and thus into keys.
	AllowUnprintable bool
	// KeyListPolicy asks for the right to list a prefix, instead of showing what may be read below it.
	KeyListPolicy bool
	// DefaultACLPolicy is what holds where no rule does: "allow", the default, or "deny". Every answer tells it.
	DefaultACLPolicy string
	// DownACLPolicy is shown with tokens, and of no other effect.
	DownACLPolicy string
	// PrimaryDatacenter is the one that has the ACLs of all. Default: this one.
	PrimaryDatacenter string
	// TokenReplication says that the tokens of the primary come into this datacenter too, and that it may have local ones.
	TokenReplication bool
	// CacheDisabled makes ?cached without effect.
	CacheDisabled bool
	// HoldTimeout is how long a request waits for a leader. Default 7 seconds.
	HoldTimeout time.Duration
	// ForwardTimeout is how long a forwarded request may go without an answer, beside the time that it blocks. Default 1 minute.
	ForwardTimeout time.Duration
	// FailoverTimeout is how long a prepared query waits for one other datacenter, half of it for one server there. A datacenter whose
	// servers are all known to have failed takes no time. Default 6 seconds.
	FailoverTimeout time.Duration
	// ForwardRate is how many requests per second are forwarded to other servers, ForwardBurst how many at once. 0 or less is no limit.
	ForwardRate  float64
	ForwardBurst int
	// DiscoveryMaxStale makes reads of the catalog and of health stale ones, up to that age, if they do not say what they want.
	DiscoveryMaxStale time.Duration
	// TranslateWANAddrs shows nodes of other datacenters under the addresses by which they are reached from here.
	TranslateWANAddrs bool
	// MaxHeaderBytes is the largest size of a request's headers, its first line included. Default 1 MiB.
	MaxHeaderBytes int
}

const (
	defaultKVMaxValueSize = 512 << 10
	defaultSessionTTLMin  = 10 * time.Second
	defaultQueryTime      = 5 * time.Minute
	defaultMaxQueryTime   = 10 * time.Minute
	defaultHoldTimeout    = 7 * time.Second
	defaultForwardTimeout = time.Minute
	defaultFailover       = 6 * time.Second
)

// withDefaults returns c with each default in its place.
func (c Config) withDefaults() Config {
	if c.KVMaxValueSize <= 0 {
		c.KVMaxValueSize = defaultKVMaxValueSize
	}
	if c.TxnMaxSize <= 0 {
		c.TxnMaxSize = defaultKVMaxValueSize
	}
	if c.SessionTTLMin <= 0 {
		c.SessionTTLMin = defaultSessionTTLMin
	}
	if c.DefaultQueryTime <= 0 {
		c.DefaultQueryTime = defaultQueryTime
	}
	if c.MaxQueryTime <= 0 {
		c.MaxQueryTime = defaultMaxQueryTime
	}
	if c.HoldTimeout <= 0 {
		c.HoldTimeout = defaultHoldTimeout
	}
	if c.ForwardTimeout <= 0 {
		c.ForwardTimeout = defaultForwardTimeout
	}
	if c.FailoverTimeout <= 0 {
		c.FailoverTimeout = defaultFailover
	}
	if c.DefaultACLPolicy == "" {
		c.DefaultACLPolicy = "allow"
	}
	return c
}
