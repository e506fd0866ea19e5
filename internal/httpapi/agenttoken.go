package httpapi

import (
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
)

// agentToken sets one of the agent's own tokens.
func (h *Handler) agentToken(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Agent, acl.Write, h.backend.Self().Config.NodeName); err != nil {
		return err
	}
	kind, ok := agenttoken.ParseKind(r.tail)
	if !ok {
		return refuse(http.StatusNotFound, "Token %q is unknown: the agent's tokens are default, agent, agent_recovery, replication, "+
			"config_file_service_registration and dns", r.tail)
	}
	var body struct{ Token string }
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	return h.backend.SetAgentToken(r.Context(), kind, body.Token)
}
