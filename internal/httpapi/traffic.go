package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/telemetry"
)

// Traffic counts what a Handler has been asked. The counts grow; Blocking is of the moment.
type Traffic struct {
	Requests uint64 // requests of the API
	Queries  uint64 // reads of the replicated state among them
	Blocking int64  // blocking queries that wait
}

// traffic is Traffic while it is counted. It is cheaper by far than a measurement for each request.
type traffic struct {
	requests, queries atomic.Uint64
	blocking          atomic.Int64
}

// block counts a query that begins to wait; the caller calls what it returns when that is over.
func (t *traffic) block() (done func()) {
	t.blocking.Add(1)
	return func() { t.blocking.Add(-1) }
}

// Traffic returns what has been counted until now.
func (h *Handler) Traffic() Traffic {
	return Traffic{Requests: h.traffic.requests.Load(), Queries: h.traffic.queries.Load(), Blocking: h.traffic.blocking.Load()}
}

// requestTimers measure how long a route's requests take, the time that they are blocked included, by method. Methods that it does not
// serve have none: clients could invent any number of them.
func (rt *route) requestTimers() map[string]*telemetry.Timer {
	path := metrics.Label{Name: "path", Value: strings.ReplaceAll(strings.TrimPrefix(rt.path, "/"), "/", "_")}
	all := map[string]*telemetry.Timer{}
	for _, m := range slices.Concat(rt.methods, []method{{name: http.MethodOptions}}) {
		all[m.name] = telemetry.NewTimer(telemetry.APIHTTP, metrics.Label{Name: "method", Value: m.name}, path)
	}
	return all
}
