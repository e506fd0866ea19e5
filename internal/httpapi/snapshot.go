package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
)

func (h *Handler) snapshotRoutes() []route {
	return []route{{path: "/v1/snapshot", raw: true, impatient: true, methods: []method{
		{http.MethodGet, h.snapshotSave}, {http.MethodPut, h.snapshotRestore},
	}}}
}

// snapshotSave sends an archive of the replicated state.
func (h *Handler) snapshotSave(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	saved, err := h.backend.Save(r.Context(), h.consistency(f) == Stale)
	if err != nil {
		return err
	}
	defer func() {
		if err := saved.Close(); err != nil {
			h.log.Warn("failed to remove the spooled archive of a snapshot that was sent", "error", err)
		}
	}()
	h.setMeta(w, saved.Index())
	w.Header().Set("Content-Type", "application/x-gzip")
	w.Header().Set("Content-Length", strconv.FormatInt(saved.Len(), 10))
	if n, err := saved.WriteTo(w); err != nil || n != saved.Len() {
		h.log.Warn("a snapshot was not sent to its end: the connection is cut", "from", r.RemoteAddr, "sent", n, "length", saved.Len(), "error", err)
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
	return nil
}

var errStaleRestore = errors.New("stale not allowed for restore")

// snapshotRestore replaces the replicated state by that of the archive in the body.
func (h *Handler) snapshotRestore(_ http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	if f.mode == Stale {
		return errStaleRestore
	}
	allow, err := parseTypes(r.query["allow-types"])
	if err != nil {
		return err
	}
	return h.backend.Restore(r.Context(), r.Body, allow)
}

// parseTypes reads lists of record types, each given by numbers with commas between.
func parseTypes(lists []string) (types []record.Type, err error) {
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			t, err := record.ParseType(strings.TrimSpace(text))
			if err != nil {
				return nil, badRequest("Invalid allow-types value %q: %v", list, err)
			}
			types = append(types, t)
		}
	}
	return types, nil
}
