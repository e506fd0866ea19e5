package httpapi

import (
	"context"
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
)

// A Process is the process that an agent runs in, and its place among other agents. All methods are safe for concurrent use.
type Process interface {
	// Join joins the pool that the agent at an address is in: a host name or an IP address, with or without a port.
	Join(ctx context.Context, address string) error
	// ForceLeave makes a failed member one that has left, and with prune forgets it. A member that is alive stays. It fails if there
	// is no member of that name.
	ForceLeave(node string, prune bool) error
	// Leave asks for a graceful end of the process, and does not wait for it.
	Leave()
	// Reread reads the configuration again, as SIGHUP does, and takes over what may change. If it cannot be read, nothing changes.
	Reread() error
	// Host describes the machine. What cannot be told is left out and named in Errors.
	Host() HostInfo
}

func (h *Handler) agentMemberRoutes() []route {
	put := func(path string, prefix bool, serve endpoint) route {
		return route{path: path, prefix: prefix, local: true, methods: []method{{http.MethodPut, serve}}}
	}
	return []route{
		put("/v1/agent/join/", true, h.agentJoin),
		put("/v1/agent/leave", false, h.agentLeave),
		put("/v1/agent/force-leave/", true, h.agentForceLeave),
		put("/v1/agent/reload", false, h.agentReload),
		{path: "/v1/agent/host", local: true, methods: []method{{http.MethodGet, h.agentHost}}},
	}
}

// refuseWAN refuses the parameter wan: there is one datacenter.
func refuseWAN(r *request) error {
	if r.has("wan") {
		return badRequest("Invalid query parameter: \"wan\" - this server is in no WAN pool: federation of datacenters is not served")
	}
	return nil
}

func (h *Handler) agentJoin(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	if r.tail == "" {
		return badRequest("Missing address to join")
	}
	if err := refuseWAN(r); err != nil {
		return err
	}
	return h.backend.Join(r.Context(), r.tail)
}

// agentLeave answers before the agent leaves: the agent waits for its answers to be sent.
func (h *Handler) agentLeave(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	h.backend.Leave()
	return nil
}

func (h *Handler) agentForceLeave(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Write, ""); err != nil {
		return err
	}
	if r.tail == "" {
		return badRequest("Missing node name")
	}
	if err := refuseWAN(r); err != nil {
		return err
	}
	return h.backend.ForceLeave(r.tail, r.has("prune"))
}

func (h *Handler) agentReload(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	return h.backend.Reread()
}
