package httpapi

import (
	"net/http"

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
	if segment := r.query.Get("segment"); segment != "" && segment != "_all" {
		return badRequest("Invalid query parameter: \"segment\" - Network segments are a Consul Enterprise feature")
	}
	all, err := h.backend.Members(r.has("wan"))
	if err != nil {
		return err
	}
	seen := visible(r, all, func(m Member) bool { return r.may(acl.Node, acl.Read, m.Name) })
	members, err := filtered(r, seen)
	if err != nil {
		return filterError(err)
	}
	h.setHidden(w, r)
	return writeJSON(w, r, members)
}

func (h *Handler) agentVersion(w http.ResponseWriter, r *request) error {
	build := version.ReadBuild()
	return writeJSON(w, r, struct{ SHA, BuildDate, HumanVersion, FIPS string }{
		SHA: build.Revision, BuildDate: build.Date, HumanVersion: version.Full,
	})
}
