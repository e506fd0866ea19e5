package httpapi

import (
	"context"
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
)

// A Process is the process that an agent runs in, and its place among other agents. All methods are safe for concurrent use.
type Process interface {
	// Join joins the pool that the agent at an address is in: a host name or an IP address, with or without a port. With wan it is the
	// pool of the servers of all datacenters; ErrNoWAN if this agent is in none.
	Join(ctx context.Context, address string, wan bool) error
	// ForceLeave makes a failed member one that has left, and with prune forgets it. A member that is alive stays. It fails if there
	// is no member of that name.
	ForceLeave(node string, prune, wan bool) error
	// Leave makes the agent leave its cluster, and the process end after that. It returns when the others know.
	Leave(ctx context.Context) error
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

// ErrNoWAN is returned by an agent that is not in the pool of the servers of all datacenters.
var ErrNoWAN = badRequest("Invalid query parameter: \"wan\" - this agent is in no WAN pool: that takes a server and ports.serf_wan")

func (h *Handler) agentJoin(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	if r.tail == "" {
		return badRequest("Missing address to join")
	}
	return h.backend.Join(r.Context(), r.tail, r.has("wan"))
}

// agentLeave answers when the others know that the agent has left. The process ends once the answer is sent.
func (h *Handler) agentLeave(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	return h.backend.Leave(r.Context())
}

func (h *Handler) agentForceLeave(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Write, ""); err != nil {
		return err
	}
	if r.tail == "" {
		return badRequest("Missing node name")
	}
	return h.backend.ForceLeave(r.tail, r.has("prune"), r.has("wan"))
}

func (h *Handler) agentReload(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.nodeName()); err != nil {
		return err
	}
	return h.backend.Reread()
}
