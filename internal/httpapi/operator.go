package httpapi

import (
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
)

func (h *Handler) operatorRoutes() []route {
	return []route{{path: "/v1/operator/raft/configuration", methods: []method{{http.MethodGet, h.raftConfiguration}}}}
}

func (h *Handler) raftConfiguration(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Read, ""); err != nil {
		return err
	}
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	if err := h.barrier(r.Context(), f); err != nil {
		return err
	}
	configuration, err := h.backend.RaftConfiguration()
	if err != nil {
		return err
	}
	configuration.Servers = notNil(configuration.Servers)
	return writeJSON(w, r, configuration)
}
