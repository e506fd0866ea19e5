package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/definition"
	"github.com/lictor-dr/lictor/internal/localstate"
	"github.com/lictor-dr/lictor/internal/record"
)

// The agent's own services and checks. What is registered here is brought into the catalog by anti-entropy.

func (h *Handler) agentServiceRoutes() []route {
	at := func(verb, path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), local: true, methods: []method{{verb, serve}}}
	}
	return []route{
		at(http.MethodGet, "/v1/agent/services", h.agentServices),
		at(http.MethodGet, "/v1/agent/service/", h.agentService),
		at(http.MethodPut, "/v1/agent/service/register", h.agentServiceRegister),
		at(http.MethodPut, "/v1/agent/service/deregister/", h.agentServiceDeregister),
		at(http.MethodPut, "/v1/agent/service/maintenance/", h.agentServiceMaintenance),
		at(http.MethodGet, "/v1/agent/health/service/id/", h.agentHealthByID),
		at(http.MethodGet, "/v1/agent/health/service/name/", h.agentHealthByName),
		at(http.MethodPut, "/v1/agent/maintenance", h.agentMaintenance),
	}
}

// nodeName is the name of this agent's node.
func (h *Handler) nodeName() string { return h.backend.NodeName() }

func (h *Handler) agentServices(w http.ResponseWriter, r *request) error {
	services, err := h.backend.Local().AgentServices()
	if err != nil {
		return err
	}
	for id, s := range services {
		if !r.may(acl.Service, acl.Read, s.Service) {
			delete(services, id)
			r.hidden = true
		}
	}
	selected, err := filteredMap(r, services)
	if err != nil {
		return filterError(err)
	}
	h.setHidden(w, r)
	return writeJSON(w, r, selected)
}

// agentService answers with one service; with ?hash it waits until the service is no longer the one with that hash.
func (h *Handler) agentService(w http.ResponseWriter, r *request) error {
	local := h.backend.Local()
	s, err := local.Service(r.tail)
	if err != nil {
		return err
	}
	if err := r.need(acl.Service, acl.Read, s.Service); err != nil {
		return err
	}
	if hash := r.query.Get("hash"); hash != "" {
		if s, err = h.waitService(r, hash); err != nil {
			return err
		}
	}
	w.Header().Set("X-Consul-ContentHash", s.ContentHash)
	return writeJSON(w, r, s)
}

func (h *Handler) waitService(r *request, hash string) (*api.AgentService, error) {
	_, wait, err := h.parseBlocking(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-h.stopped:
			cancel()
		case <-stop:
		}
	}()
	return h.backend.Local().WaitService(ctx, r.tail, hash)
}

func (h *Handler) agentServiceRegister(w http.ResponseWriter, r *request) error {
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	def, err := definition.DecodeService(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := r.need(acl.Service, acl.Write, def.Name); err != nil {
		return err
	}
	local := h.backend.Local()
	if old, ok := local.ServiceRecord(def.ID); ok && old.Service != def.Name {
		if err := r.need(acl.Service, acl.Write, old.Service); err != nil {
			return err
		}
	}
	if err := local.AddService(r.Context(), def, secretOf(r), localstate.FromAPI, r.flag("replace-existing-checks")); err != nil {
		return err
	}
	if h.backend.KnownLeader() {
		ctx, cancel := context.WithTimeout(r.Context(), catalogWait)
		defer cancel()
		local.AwaitService(ctx, def.ID)
	}
	return nil
}

// catalogWait is how long a registration waits at most for the catalog. It is good without, but clients like to find in the catalog
// what they have just registered.
const catalogWait = 500 * time.Millisecond

// flag tells whether a parameter is there and not false.
func (r *request) flag(name string) bool {
	if !r.has(name) {
		return false
	}
	on, err := strconv.ParseBool(r.query.Get(name))
	return err != nil || on
}

// needService returns an error unless the caller may write the service with an ID, which must exist.
func (h *Handler) needService(r *request, id string) error {
	if s, ok := h.backend.Local().ServiceRecord(id); ok {
		return r.need(acl.Service, acl.Write, s.Service)
	}
	return nil // the registry says that there is none
}

func (h *Handler) agentServiceDeregister(w http.ResponseWriter, r *request) error {
	if err := h.needService(r, r.tail); err != nil {
		return err
	}
	return h.backend.Local().RemoveService(r.Context(), r.tail)
}

func (h *Handler) agentServiceMaintenance(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing service ID")
	}
	enable, err := enableParam(r)
	if err != nil {
		return err
	}
	if err := h.needService(r, r.tail); err != nil {
		return err
	}
	if enable {
		return h.backend.Local().EnableServiceMaintenance(r.Context(), r.tail, r.query.Get("reason"), secretOf(r))
	}
	return h.backend.Local().DisableServiceMaintenance(r.Context(), r.tail)
}

func (h *Handler) agentMaintenance(w http.ResponseWriter, r *request) error {
	enable, err := enableParam(r)
	if err != nil {
		return err
	}
	if err := r.need(acl.Node, acl.Write, h.nodeName()); err != nil {
		return err
	}
	if enable {
		return h.backend.Local().EnableNodeMaintenance(r.Context(), r.query.Get("reason"), secretOf(r))
	}
	return h.backend.Local().DisableNodeMaintenance(r.Context())
}

func enableParam(r *request) (bool, error) {
	if r.query.Get("enable") == "" {
		return false, badRequest("Missing value for enable")
	}
	enable, err := strconv.ParseBool(r.query.Get("enable"))
	if err != nil {
		return false, badRequest("Invalid value for enable: %q", r.query.Get("enable"))
	}
	return enable, nil
}

// agentHealth is the health of one of the agent's services.
type agentHealth struct {
	AggregatedStatus string
	Service          *api.AgentService
	Checks           []*record.HealthCheck
}

func (h *Handler) viewAgentHealth(x localstate.Health) (*agentHealth, error) {
	s, err := definition.AgentService(x.Service, h.backend.Datacenter())
	return &agentHealth{x.Status, s, viewChecks(x.Checks)}, err
}

// healthStatuses are the statuses of answers about a service's health.
var healthStatuses = map[string]int{
	"passing": http.StatusOK, "warning": http.StatusTooManyRequests, "critical": http.StatusServiceUnavailable,
	"maintenance": http.StatusServiceUnavailable,
}

func (h *Handler) agentHealthByID(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing serviceID")
	}
	found, ok := h.backend.Local().ServiceHealth(r.tail)
	if !ok {
		return refuse(http.StatusNotFound, "ServiceId %s not found", r.tail)
	}
	if err := r.need(acl.Service, acl.Read, found.Service.Service); err != nil {
		return err
	}
	if r.query.Get("format") == "text" {
		return writeStatusText(w, found.Status)
	}
	view, err := h.viewAgentHealth(found)
	if err != nil {
		return err
	}
	return writeJSONStatus(w, r, healthStatuses[found.Status], view)
}

func (h *Handler) agentHealthByName(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing service Name")
	}
	if err := r.need(acl.Service, acl.Read, r.tail); err != nil {
		return err
	}
	found, worst := h.backend.Local().ServiceHealthByName(r.tail)
	status := healthStatuses[worst]
	if len(found) == 0 {
		status, worst = http.StatusNotFound, "critical"
	}
	if r.query.Get("format") == "text" {
		w.Header()["Content-Type"] = contentText
		w.WriteHeader(status)
		_, _ = io.WriteString(w, worst)
		return nil
	}
	views := []*agentHealth{}
	for _, x := range found {
		view, err := h.viewAgentHealth(x)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	return writeJSONStatus(w, r, status, views)
}

func writeStatusText(w http.ResponseWriter, status string) error {
	w.Header()["Content-Type"] = contentText
	w.WriteHeader(healthStatuses[status])
	_, _ = io.WriteString(w, status)
	return nil
}

// writeJSONStatus is writeJSON with another status than 200.
func writeJSONStatus(w http.ResponseWriter, r *request, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	return writeJSONText(w, r, text)
}
