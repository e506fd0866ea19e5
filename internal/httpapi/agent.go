package httpapi

import (
	"fmt"
	"net/http"
	"reflect"

	bexpr "github.com/hashicorp/go-bexpr"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/version"
)

func (h *Handler) agentRoutes() []route {
	get := func(path string, serve endpoint) route {
		return route{path: path, local: true, methods: []method{{http.MethodGet, serve}}}
	}
	return []route{
		get("/v1/agent/self", h.agentSelf),
		get("/v1/agent/members", h.agentMembers),
		get("/v1/agent/version", h.agentVersion),
	}
}

func (h *Handler) agentSelf(w http.ResponseWriter, r *request) error {
	self := h.backend.Self()
	if err := r.need(acl.Agent, acl.Read, self.Config.NodeName); err != nil {
		return err
	}
	self.DebugConfig = notNilMap(self.DebugConfig)
	self.Stats = notNilMap(self.Stats)
	self.Meta = notNilMap(self.Meta)
	return writeJSON(w, r, self)
}

// notNilMap returns an empty map for a nil one, so that JSON shows {} and not null.
func notNilMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func (h *Handler) agentMembers(w http.ResponseWriter, r *request) error {
	if r.has("wan") {
		return badRequest("Invalid query parameter: \"wan\" - this server is in no WAN pool: federation of datacenters is not served")
	}
	if segment := r.query.Get("segment"); segment != "" && segment != "_all" {
		return badRequest("Invalid query parameter: \"segment\" - Network segments are a Consul Enterprise feature")
	}
	seen := visible(r, h.backend.Members(), func(m Member) bool { return r.may(acl.Node, acl.Read, m.Name) })
	members, err := filtered(r, seen)
	if err != nil {
		return filterError(err)
	}
	h.setHidden(w, r)
	return writeJSON(w, r, members)
}

// filtered returns those of items that the parameter filter selects, all without one.
func filtered[T any](r *request, items []T) ([]T, error) {
	items = notNil(items)
	filter, err := newFilter(r.query.Get("filter"), items)
	if err != nil || filter == nil {
		return items, err
	}
	selected := make([]T, 0, len(items))
	for _, x := range items {
		ok, err := selects(filter, x)
		if err != nil {
			return nil, err
		}
		if ok {
			selected = append(selected, x)
		}
	}
	return selected, nil
}

// filteredMap is filtered for the values of a map.
func filteredMap[T any](r *request, items map[string]T) (map[string]T, error) {
	filter, err := newFilter(r.query.Get("filter"), items)
	if err != nil || filter == nil {
		return items, err
	}
	selected := map[string]T{}
	for key, x := range items {
		ok, err := selects(filter, x)
		if err != nil {
			return nil, err
		}
		if ok {
			selected[key] = x
		}
	}
	return selected, nil
}

// maxFilterSteps bounds how long an expression is read: with nested parentheses the library's parser takes exponential time. Expressions
// that people write take up to some ten thousand steps.
const maxFilterSteps = 2_000_000

// newFilter makes a filter for items, nil of an empty expression.
func newFilter(expression string, items any) (*bexpr.Filter, error) {
	if expression != "" {
		if _, err := bexpr.Parse("", []byte(expression), bexpr.MaxExpressions(maxFilterSteps)); err != nil {
			return nil, err
		}
	}
	return bexpr.CreateFilter(expression, nil, items)
}

// selects tells whether a filter selects x. One that lacks the object which the expression looks into, such as a service without a
// locality, is not selected; the library would panic.
func selects[T any](filter *bexpr.Filter, x T) (ok bool, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *reflect.ValueError:
			ok, err = false, nil
		default:
			ok, err = false, fmt.Errorf("the expression cannot be evaluated: %v", fault)
		}
	}()
	selected, err := filter.Execute([]T{x})
	if err != nil {
		return false, err
	}
	return len(selected.([]T)) == 1, nil
}

func (h *Handler) agentVersion(w http.ResponseWriter, r *request) error {
	build := version.ReadBuild()
	return writeJSON(w, r, struct{ SHA, BuildDate, HumanVersion, FIPS string }{
		SHA: build.Revision, BuildDate: build.Date, HumanVersion: version.Full,
	})
}
