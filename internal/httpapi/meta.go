package httpapi

import (
	"maps"
	"net/http"
	"strconv"
)

// Values of headers that are always the same, shared between answers and never changed.
var (
	contentJSON   = []string{"application/json"}
	contentText   = []string{"text/plain; charset=utf-8"}
	headerTrue    = []string{"true"}
	headerFalse   = []string{"false"}
	headerBackend = []string{"blocking-query"}
)

// commonHeaders are the headers of every answer.
func commonHeaders(cfg Config) map[string][]string {
	all := http.Header{}
	for name, value := range cfg.ResponseHeaders {
		all.Set(name, value)
	}
	maps.Copy(all, http.Header{
		"Vary":                        {"Accept-Encoding"},
		"X-Consul-Default-Acl-Policy": {"allow"},
	})
	return all
}

// setMeta sets the headers that a read of replicated state carries, whatever it found.
func (h *Handler) setMeta(w http.ResponseWriter, index uint64) {
	known := headerFalse
	if h.backend.KnownLeader() {
		known = headerTrue
	}
	contact := max(h.backend.LastContact().Milliseconds(), 0)
	out := w.Header()
	out["X-Consul-Index"] = []string{strconv.FormatUint(max(index, 1), 10)}
	out["X-Consul-Knownleader"] = known
	out["X-Consul-Lastcontact"] = []string{strconv.FormatInt(contact, 10)}
	out["X-Consul-Query-Backend"] = headerBackend
}
