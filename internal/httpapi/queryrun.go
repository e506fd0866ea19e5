package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// storedQueries are the prepared queries of a store, to look one up.
type storedQueries struct {
	store Store
	all   []*record.PreparedQuery
}

func (s *storedQueries) ByID(id string) *record.PreparedQuery {
	_, q := s.store.Query(nil, id)
	return q
}

func (s *storedQueries) ByName(name string) *record.PreparedQuery {
	for _, q := range s.all {
		if q.Name != "" && q.Template.Type == "" && strings.EqualFold(q.Name, name) {
			return q
		}
	}
	return nil
}

func (s *storedQueries) Templates() []*record.PreparedQuery {
	var templates []*record.PreparedQuery
	for _, q := range s.all {
		if q.Template.Type != "" {
			templates = append(templates, q)
		}
	}
	return templates
}

// lookUpPreparedQuery returns the query that an ID or name stands for, and the store that it is from, as new as the request asks for.
func (h *Handler) lookUpPreparedQuery(r *request, idOrName string) (Store, *record.PreparedQuery, error) {
	f, err := parseFreshness(r)
	if err != nil {
		return nil, nil, err
	}
	if err := h.barrier(r.Context(), f); err != nil {
		return nil, nil, err
	}
	store := h.backend.Store()
	_, all := store.Queries(nil)
	q, err := preparedquery.Lookup(&storedQueries{store, all}, idOrName, "")
	if errors.Is(err, preparedquery.ErrNotFound) {
		err = errQueryNotFound
	}
	return store, q, err
}

// A querySource is what a prepared query finds as far as a caller may see it, here and in other datacenters.
type querySource struct {
	h     *Handler
	store Store
	as    *request // with the caller whose rights count
}

func (s *querySource) ServiceInstances(_ context.Context, name string, connect bool) ([]preparedquery.Instance, error) {
	get := s.store.HealthInstances
	if connect {
		get = s.store.ConnectInstances
	}
	_, found := get(nil, name)
	found = visible(s.as, found, func(x state.Instance) bool {
		return s.as.may(acl.Node, acl.Read, x.Node.Node) && s.as.may(acl.Service, acl.Read, x.Service.Service)
	})
	instances := make([]preparedquery.Instance, 0, len(found))
	for _, x := range found {
		instances = append(instances, preparedquery.Instance{Node: x.Node, Service: x.Service, Checks: x.Checks})
	}
	return instances, nil
}

func (s *querySource) Coordinates(node string) []record.Coordinate {
	return coordinatesOf(s.store, node)
}

func (s *querySource) NodeAt(ip string) string {
	if ip == "" {
		return ""
	}
	_, nodes := s.store.Nodes(nil)
	for _, n := range nodes {
		if n.Address == ip {
			return n.Node
		}
	}
	return ""
}

// preparedQueryExecute runs a query with the rights of its token or, if it has none, with the caller's.
func (h *Handler) preparedQueryExecute(w http.ResponseWriter, r *request, idOrName string) error {
	defer metrics.MeasureSince(telemetry.PreparedQueryExecute, time.Now())
	options, err := h.executeOptions(r)
	if err != nil {
		return err
	}
	store, q, err := h.lookUpPreparedQuery(r, idOrName)
	if err != nil {
		return err
	}
	as := *r
	if q.Token != "" {
		if as.caller, err = h.backend.Authorize(r.Context(), q.Token); err != nil {
			return fmt.Errorf("the token of prepared query %s: %w", q.ID, err)
		}
	}
	result, err := preparedquery.Execute(r.Context(), &querySource{h, store, &as}, q, options)
	if err != nil {
		return err
	}
	views := viewResults(result.Nodes)
	if h.fromAbroad(r, result.Datacenter) {
		for _, v := range views {
			v.useWAN()
		}
	}
	h.setServed(w, &as, 1)
	return writeJSON(w, r, result.Answer(views, h.queryMeta(&as)))
}

// viewResults are instances as queries show them: as the health endpoints do, but with the checks' tags as they are stored.
func viewResults(instances []preparedquery.Instance) []*healthView {
	views := make([]*healthView, 0, len(instances))
	for _, x := range instances {
		views = append(views, &healthView{viewNode(x.Node), viewService(x.Service), notNil(x.Checks)})
	}
	return views
}

// executeOptions reads the parameters of an execution.
func (h *Handler) executeOptions(r *request) (preparedquery.Options, error) {
	o := preparedquery.Options{
		Datacenter: h.backend.Datacenter(),
		Agent:      preparedquery.Agent{Datacenter: h.backend.Datacenter(), Node: h.agentNode(r)},
		ClientIP:   h.clientIP(r),
		Near:       r.query.Get("near"),
		Logger:     h.log,
	}
	var err error
	if text := r.query.Get("limit"); text != "" {
		if o.Limit, err = strconv.Atoi(text); err != nil {
			return o, fmt.Errorf("Bad limit: %w", err)
		}
	}
	if text := r.query.Get("connect"); text != "" {
		if o.Connect, err = strconv.ParseBool(text); err != nil {
			return o, badRequest("Invalid value for ?connect")
		}
	} else {
		o.Connect = r.has("connect")
	}
	return o, nil
}

// clientIP is where a request came from, empty if that is no IP address, or one in another datacenter: a node here that has the same is
// another one.
func (h *Handler) clientIP(r *request) string {
	if m := forward.Of(r.Context()); m != nil && m.Datacenter != h.backend.Datacenter() {
		return ""
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// queryMeta is what the body of an answer says of how it came about.
func (h *Handler) queryMeta(r *request) preparedquery.QueryMeta {
	meta := preparedquery.NewQueryMeta()
	meta.LastContact, meta.KnownLeader = h.backend.LastContact(), h.backend.KnownLeader()
	meta.ResultsFilteredByACLs = r.hidden
	return meta
}

// preparedQueryExplain shows a query as it would be executed.
func (h *Handler) preparedQueryExplain(w http.ResponseWriter, r *request, idOrName string) error {
	_, q, err := h.lookUpPreparedQuery(r, idOrName)
	if err != nil {
		return err
	}
	if err := r.needQuery(q, acl.Read); err != nil {
		return err
	}
	h.setServed(w, r, 1)
	return writeJSON(w, r, preparedquery.Explain(r.shown(q), h.queryMeta(r)))
}
