package httpapi

import "net/http"

func (h *Handler) catalogRoutes() []route {
	return []route{{path: "/v1/catalog/datacenters", local: true, methods: []method{{http.MethodGet, h.datacenters}}}}
}

// datacenters lists the datacenters that requests can be sent to: this server's own.
func (h *Handler) datacenters(w http.ResponseWriter, r *request) error {
	return writeJSON(w, r, []string{h.backend.Datacenter()})
}
