package httpapi

import (
	"net/http"

	"github.com/lictor-dr/lictor/internal/version"
)

// root answers whoever opens the server in a browser.
func (h *Handler) root(w http.ResponseWriter, _ *request) error {
	w.Header()["Content-Type"] = contentText
	_, _ = w.Write([]byte("Lictor " + version.Lictor + ": the HTTP API of Consul is served under /v1/. There is no web interface.\n"))
	return nil
}
