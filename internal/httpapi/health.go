package httpapi

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const passing = "passing"

func (h *Handler) healthRoutes() []route {
	get := func(path string, serve endpoint) route {
		return route{path: path, prefix: true, methods: []method{{http.MethodGet, serve}}}
	}
	return []route{
		get("/v1/health/node/", h.healthNode),
		get("/v1/health/checks/", h.healthChecks),
		get("/v1/health/state/", h.healthState),
		get("/v1/health/service/", h.cached(h.healthService)),
		get("/v1/health/connect/", h.cached(h.healthConnect)),
		get("/v1/health/ingress/", h.cached(h.healthIngress)),
	}
}

// mayCheckRead tells whether the caller may see a check: its node and, if it has one, its service.
func (r *request) mayCheckRead(c *record.HealthCheck) bool {
	return r.may(acl.Node, acl.Read, c.Node) && (c.ServiceName == "" || r.may(acl.Service, acl.Read, c.ServiceName))
}

func (h *Handler) healthNode(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing node name")
	}
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []*record.HealthCheck) {
		index, checks := s.NodeChecks(watch, r.tail)
		return index, viewChecks(checks)
	}, r.mayCheckRead)
}

func (h *Handler) healthChecks(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing service name")
	}
	return h.checkList(w, r, Store.ServiceChecks)
}

func (h *Handler) healthState(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing check state")
	}
	return h.checkList(w, r, Store.ChecksInState)
}

// checkList answers with checks, as far as the metadata of their nodes has what the request asks for.
func (h *Handler) checkList(w http.ResponseWriter, r *request, get func(Store, *state.Watch, string) (uint64, []*record.HealthCheck)) error {
	meta, err := nodeMetaParam(r)
	if err != nil {
		return err
	}
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []*record.HealthCheck) {
		index, checks := get(s, watch, r.tail)
		if len(meta) > 0 {
			nodes, metaOf := s.NodeMeta(watch)
			index = max(index, nodes)
			checks = slices.DeleteFunc(checks, func(c *record.HealthCheck) bool { return !contains(metaOf(c.Node), meta) })
		}
		return index, near(h, r, s, viewChecks(checks), func(c *record.HealthCheck) string { return c.Node })
	}, r.mayCheckRead)
}

func (h *Handler) healthService(w http.ResponseWriter, r *request) error {
	return h.healthInstances(w, r, Store.HealthInstances)
}

func (h *Handler) healthConnect(w http.ResponseWriter, r *request) error {
	return h.healthInstances(w, r, Store.ConnectInstances)
}

// healthIngress answers for ingress gateways. Which services a gateway serves is in configuration entries, which are carried and not
// served, so there are none.
func (h *Handler) healthIngress(w http.ResponseWriter, r *request) error {
	return h.healthInstances(w, r, func(s Store, watch *state.Watch, _ string) (uint64, []state.Instance) {
		index, _ := s.Instances(watch)
		return index, nil
	})
}

func (h *Handler) healthInstances(w http.ResponseWriter, r *request, get func(Store, *state.Watch, string) (uint64, []state.Instance)) error {
	if r.tail == "" {
		return badRequest("Missing service name")
	}
	onlyPassing, err := passingParam(r)
	if err != nil {
		return err
	}
	meta, err := nodeMetaParam(r)
	if err != nil {
		return err
	}
	tags := r.query["tag"]
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []*healthView) {
		index, instances := get(s, watch, r.tail)
		var views []*healthView
		for _, x := range instances {
			if contains(x.Node.NodeMeta, meta) && hasTags(x.Service.Tags, tags) && (!onlyPassing || allPassing(x.Checks)) {
				views = append(views, viewHealth(x))
			}
		}
		return index, near(h, r, s, views, func(v *healthView) string { return v.Node.Node })
	}, func(v *healthView) bool {
		return r.may(acl.Node, acl.Read, v.Node.Node) && r.may(acl.Service, acl.Read, v.Service.Service)
	})
}

func passingParam(r *request) (bool, error) {
	if !r.has("passing") {
		return false, nil
	}
	text := r.query.Get("passing")
	if text == "" {
		return true, nil
	}
	only, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("Invalid value for ?passing")
	}
	return only, nil
}

func allPassing(checks []*record.HealthCheck) bool {
	return !slices.ContainsFunc(checks, func(c *record.HealthCheck) bool { return c.Status != passing })
}
