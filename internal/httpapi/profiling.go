package httpapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/lictor-dr/lictor/internal/acl"
)

func (h *Handler) profilingRoutes() []route {
	at := func(path string, serve http.HandlerFunc) route {
		return route{path: path, prefix: path == "/debug/pprof/", local: true, raw: true, methods: []method{{http.MethodGet, h.profiling(serve)}}}
	}
	return []route{
		at("/debug/pprof/", pprof.Index),
		at("/debug/pprof/profile", pprof.Profile),
		at("/debug/pprof/symbol", pprof.Symbol),
		at("/debug/pprof/trace", pprof.Trace),
	}
}

// SetDebug opens Go's profiling endpoints, or closes them, where there are no ACLs. With ACLs they are for operators, whatever it says.
func (h *Handler) SetDebug(on bool) { h.debug.Store(on) }

// profiling guards what shows the process's memory.
func (h *Handler) profiling(serve http.HandlerFunc) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		if !h.backend.ACLEnabled() && !h.debug.Load() {
			return errOutsideAPI
		}
		if err := r.need(acl.Operator, acl.Read, ""); err != nil {
			return err
		}
		serve(w, r.Request)
		return nil
	}
}
