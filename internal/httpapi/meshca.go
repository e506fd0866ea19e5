package httpapi

import (
	"errors"
	"net/http"

	"github.com/lictor-dr/lictor/internal/meshca"
	"github.com/lictor-dr/lictor/internal/record"
)

func (h *Handler) meshRoutes() []route {
	var routes []route
	for _, path := range []string{"/v1/connect/ca/roots", "/v1/agent/connect/ca/roots"} {
		routes = append(routes, route{path: path, open: true, methods: []method{{http.MethodGet, h.meshRoots}}})
	}
	return routes
}

// meshRoots shows the roots of the mesh's certificate authority: those of a restored archive, else the one that package meshca makes.
func (h *Handler) meshRoots(w http.ResponseWriter, r *request) error {
	own := h.backend.MeshRoot()
	if own == nil {
		return errors.New("Connect must be enabled in order to use this endpoint")
	}
	index, records := h.backend.Store().Carried(record.TypeConnectCA, "connect-ca-roots")
	roots, err := meshca.Carried(records)
	if err != nil {
		return err
	}
	if len(roots) == 0 {
		roots = []meshca.Root{*own}
	}
	h.setMeta(w, index)
	return writeJSON(w, r, meshca.Answer(roots))
}
