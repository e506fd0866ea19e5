package preparedquery

import (
	"context"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// failover tries the datacenters that q names until one has instances. If none has, the answer is that of this datacenter, empty.
func failover(ctx context.Context, src Source, q *record.PreparedQuery, o Options, empty *Result) (*Result, error) {
	tries := 0
	for _, dc := range candidates(ctx, src, q, &o) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("execute prepared query %s: %w", q.ID, err)
		}
		tries++
		there := o
		there.Datacenter = dc
		r, err := src.Remote(ctx, dc, q, there)
		if err != nil {
			o.logger().Warn("failover of prepared query to a datacenter failed, trying the next", "query", q.ID, "datacenter", dc, "error", err)
			continue
		}
		if len(r.Nodes) > 0 {
			found := *r
			found.Datacenter, found.Failovers = dc, tries
			return &found, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("execute prepared query %s: %w", q.ID, err)
	}
	empty.Failovers = tries
	return empty, nil
}

// candidates lists the datacenters to try, none of them twice and not this one: the targets, or the nearest ones and then those named.
func candidates(ctx context.Context, src Source, q *record.PreparedQuery, o *Options) []string {
	f := q.Service.Failover
	l := &candidateList{seen: map[string]bool{strings.ToLower(o.Datacenter): true}}
	for _, t := range f.Targets {
		if t.Peer != "" {
			o.logger().Warn("failover of prepared query passes over a target: cluster peers are not served", "query", q.ID, "peer", t.Peer)
			continue
		}
		l.add(t.Datacenter)
	}
	if f.NearestN > 0 {
		l.addNearest(ctx, src, q, o)
	}
	for _, dc := range f.Datacenters {
		l.add(dc)
	}
	return l.names
}

// A candidateList holds names of datacenters, each once.
type candidateList struct {
	names []string
	seen  map[string]bool // in lower case
}

// add adds a name, which a template may have left empty.
func (l *candidateList) add(dc string) {
	if name := strings.ToLower(dc); dc != "" && !l.seen[name] {
		l.seen[name] = true
		l.names = append(l.names, dc)
	}
}

func (l *candidateList) addNearest(ctx context.Context, src Source, q *record.PreparedQuery, o *Options) {
	all, err := src.Datacenters(ctx)
	if err != nil {
		o.logger().Warn("failover of prepared query cannot tell the nearest datacenters", "query", q.ID, "error", err)
		return
	}
	before := len(l.names)
	for _, dc := range all {
		if len(l.names)-before >= q.Service.Failover.NearestN {
			return
		}
		l.add(dc)
	}
}
