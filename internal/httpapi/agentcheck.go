package httpapi

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/record"
)

func (h *Handler) agentCheckRoutes() []route {
	put := func(path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), local: true, methods: []method{{http.MethodPut, serve}}}
	}
	return []route{
		{path: "/v1/agent/checks", local: true, methods: []method{{http.MethodGet, h.agentChecks}}},
		put("/v1/agent/check/register", h.agentCheckRegister),
		put("/v1/agent/check/deregister/", h.agentCheckDeregister),
		put("/v1/agent/check/pass/", h.agentCheckSet(definition.Passing)),
		put("/v1/agent/check/warn/", h.agentCheckSet(definition.Warning)),
		put("/v1/agent/check/fail/", h.agentCheckSet(definition.Critical)),
		put("/v1/agent/check/update/", h.agentCheckUpdate),
	}
}

func (h *Handler) agentChecks(w http.ResponseWriter, r *request) error {
	checks := h.backend.Local().Checks()
	for id, c := range checks {
		if !h.maySeeCheck(r, c) {
			delete(checks, id)
			r.hidden = true
			continue
		}
		checks[id] = viewCheck(c)
	}
	selected, err := filteredMap(r, checks)
	if err != nil {
		return filterError(err)
	}
	h.setHidden(w, r)
	return writeJSON(w, r, selected)
}

func (h *Handler) maySeeCheck(r *request, c *record.HealthCheck) bool {
	if c.ServiceName != "" {
		return r.may(acl.Service, acl.Read, c.ServiceName)
	}
	return r.may(acl.Node, acl.Read, h.nodeName())
}

func (h *Handler) agentCheckRegister(w http.ResponseWriter, r *request) error {
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	def, err := definition.DecodeCheck(bytes.NewReader(body))
	if err != nil {
		return err
	}
	local := h.backend.Local()
	service, known := local.ServiceRecord(def.ServiceID)
	switch {
	case def.ServiceID == "":
		err = r.need(acl.Node, acl.Write, h.nodeName())
	case known:
		err = r.need(acl.Service, acl.Write, service.Service)
	}
	if err != nil {
		return err
	}
	return local.AddCheck(r.Context(), def, secretOf(r), localstate.FromAPI)
}

// needCheck returns an error unless the caller may write the check with an ID, which must exist.
func (h *Handler) needCheck(r *request) error {
	c, err := h.backend.Local().Check(r.tail)
	switch {
	case err != nil:
		return err
	case c.ServiceName != "":
		return r.need(acl.Service, acl.Write, c.ServiceName)
	}
	return r.need(acl.Node, acl.Write, h.nodeName())
}

func (h *Handler) agentCheckDeregister(w http.ResponseWriter, r *request) error {
	if err := h.needCheck(r); err != nil {
		return err
	}
	return h.backend.Local().RemoveCheck(r.Context(), r.tail)
}

func (h *Handler) agentCheckSet(status string) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		if err := h.needCheck(r); err != nil {
			return err
		}
		return h.backend.Local().UpdateCheck(r.Context(), r.tail, status, r.query.Get("note"))
	}
}

func (h *Handler) agentCheckUpdate(w http.ResponseWriter, r *request) error {
	var body struct{ Status, Output string }
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	if !definition.ValidStatus(body.Status) {
		return badRequest("Invalid check status: '%s'", body.Status)
	}
	if err := h.needCheck(r); err != nil {
		return err
	}
	return h.backend.Local().UpdateCheck(r.Context(), r.tail, body.Status, body.Output)
}

// checkType names the kind of a check by its definition, for a check that does not say.
func checkType(c *record.HealthCheck) string {
	d := &c.Definition
	switch {
	case c.Type != "":
		return c.Type
	case d.HTTP != "":
		return "http"
	case d.TCP != "":
		return "tcp"
	case d.UDP != "":
		return "udp"
	case d.GRPC != "":
		return "grpc"
	case d.H2PING != "":
		return "h2ping"
	case d.OSService != "":
		return "os_service"
	case d.TTL != 0:
		return "ttl"
	}
	return ""
}
