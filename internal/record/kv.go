package record

import (
	"time"

	"github.com/lictor-dr/lictor/internal/msgpack"
)

// KVEntry (type 2) is an entry of the key/value store. An empty value is nil.
type KVEntry struct {
	CreateIndex uint64
	Flags       uint64
	Key         string
	LockIndex   uint64 // how often a new holder has locked the key
	ModifyIndex uint64
	Session     string `json:",omitempty"` // the session that holds the lock, or empty
	Value       []byte
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// Tombstone (type 5) remembers a deleted key, or the prefix of a recursive delete, so that indexes of queries by prefix do not
// go back. Only Key and ModifyIndex are used.
type Tombstone KVEntry

// Session (type 3) is what locks are held by.
type Session struct {
	Behavior      string   // release or delete
	Checks        []string `json:",omitempty"` // the form before 1.7: all checks
	CreateIndex   uint64
	ID            string
	LockDelay     time.Duration // can be negative
	ModifyIndex   uint64
	Name          string
	Node          string
	NodeChecks    []string
	ServiceChecks []SessionServiceCheck
	TTL           string        // text such as 3600s, or empty
	Extra         msgpack.Extra `json:"-" bexpr:"-"`
}

// SessionServiceCheck names a check of a service that a session depends on.
type SessionServiceCheck struct {
	ID        string
	Namespace string
	Extra     msgpack.Extra `json:"-" bexpr:"-"`
}

// PreparedQuery (type 7) is a stored service query.
type PreparedQuery struct {
	CreateIndex uint64
	DNS         QueryDNS
	ID          string
	ModifyIndex uint64
	Name        string
	Service     QueryService
	Session     string
	Template    QueryTemplate
	Token       string        // a secret, in clear
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// QueryDNS are a query's DNS settings.
type QueryDNS struct {
	TTL   string
	Extra msgpack.Extra `json:"-" bexpr:"-"`
}

// QueryService is what a query looks for.
type QueryService struct {
	Connect        bool
	Failover       QueryFailover
	IgnoreCheckIDs []string
	Near           string
	NodeMeta       map[string]string
	OnlyPassing    bool
	Peer           string
	SamenessGroup  string
	Service        string
	ServiceMeta    map[string]string
	Tags           []string      // a leading ! excludes
	Extra          msgpack.Extra `json:"-" bexpr:"-"`
}

// QueryFailover is where a query goes on when nothing is found.
type QueryFailover struct {
	Datacenters []string
	NearestN    int
	Targets     []QueryTarget
	Extra       msgpack.Extra `json:"-" bexpr:"-"`
}

// QueryTarget is one place to fail over to.
type QueryTarget struct {
	Datacenter string
	Peer       string
	Extra      msgpack.Extra `json:"-" bexpr:"-"`
}

// QueryTemplate makes a query a template for all names with a prefix.
type QueryTemplate struct {
	Regexp          string
	RemoveEmptyTags bool
	Type            string
	Extra           msgpack.Extra `json:"-" bexpr:"-"`
}
