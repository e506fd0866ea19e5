package preparedquery

import (
	"time"

	"github.com/lictor-dr/lictor/internal/record"
)

// A Result is what a query has found.
type Result struct {
	Service    string // that was looked for
	Nodes      []Instance
	DNS        DNS
	Datacenter string // where it was found; the own one if nothing was
	Failovers  int    // how many other datacenters were tried
}

// QueryMeta is what an answer's body says of how it came about.
type QueryMeta struct {
	Index                 uint64
	LastContact           time.Duration // since this server heard from the leader
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int // 0: a query of the state
	ResultsFilteredByACLs bool
}

// NewQueryMeta returns what answers of queries have in common. The index is always 1, for they do not block.
func NewQueryMeta() QueryMeta { return QueryMeta{Index: 1} }

// An Answer is a [Result] in the form of the HTTP API.
type Answer struct {
	Service    string
	Nodes      any // a list as the health endpoints have it
	DNS        DNS
	Datacenter string
	PeerName   string // always empty: cluster peers are not served
	Failovers  int
	QueryMeta
}

// Answer returns the form of r in the HTTP API. nodes are r's Nodes in the form of the health endpoints.
func (r *Result) Answer(nodes any, meta QueryMeta) Answer {
	return Answer{Service: r.Service, Nodes: nodes, DNS: r.DNS, Datacenter: r.Datacenter, Failovers: r.Failovers, QueryMeta: meta}
}

// An Explanation is a query as it would be executed, in the form of the HTTP API.
type Explanation struct {
	Query Definition
	QueryMeta
}

// Explain returns the explanation of q, which [Lookup] has returned, its token included: see [Redact].
func Explain(q *record.PreparedQuery, meta QueryMeta) Explanation { return Explanation{Form(q), meta} }
