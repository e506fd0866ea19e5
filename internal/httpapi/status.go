package httpapi

import "net/http"

func (h *Handler) statusRoutes() []route {
	return []route{
		{path: "/v1/status/leader", open: true, anyServer: true, methods: []method{{http.MethodGet, h.statusLeader}}},
		{path: "/v1/status/peers", open: true, anyServer: true, methods: []method{{http.MethodGet, h.statusPeers}}},
	}
}

func (h *Handler) statusLeader(w http.ResponseWriter, r *request) error {
	return writeJSON(w, r, h.backend.LeaderAddr())
}

func (h *Handler) statusPeers(w http.ResponseWriter, r *request) error {
	peers, err := h.backend.PeerAddrs()
	if err != nil {
		return err
	}
	return writeJSON(w, r, notNil(peers))
}

// notNil returns an empty slice for a nil one, so that JSON shows [] and not null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
