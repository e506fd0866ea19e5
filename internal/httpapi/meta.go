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

	headerLeader     = []string{"leader"}
	headerStale      = []string{"stale"}
	headerConsistent = []string{"consistent"}

	headerHit   = []string{"HIT"}
	headerMiss  = []string{"MISS"}
	headerNoAge = []string{"0"}
)

// commonHeaders are the headers of every answer.
func commonHeaders(cfg Config) map[string][]string {
	all := http.Header{}
	for name, value := range cfg.ResponseHeaders {
		all.Set(name, value)
	}
	if cfg.TranslateWANAddrs {
		all["X-Consul-Translate-Addresses"] = headerTrue
	}
	maps.Copy(all, http.Header{
		"Vary":                        {"Accept-Encoding"},
		"X-Consul-Default-Acl-Policy": {cfg.DefaultACLPolicy},
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

// setServed is setMeta for the families whose answers also say how sure they are.
func (h *Handler) setServed(w http.ResponseWriter, r *request, index uint64) {
	h.setMeta(w, index)
	mode := headerLeader
	switch {
	case r.has("stale") || r.query.Get("max_stale") != "":
		mode = headerStale
	case r.has("consistent"):
		mode = headerConsistent
	}
	w.Header()["X-Consul-Effective-Consistency"] = mode
	h.setHidden(w, r)
}

// setHidden says whether something was left out that the caller may not see.
func (h *Handler) setHidden(w http.ResponseWriter, r *request) {
	if r.hidden {
		w.Header()["X-Consul-Results-Filtered-By-Acls"] = headerTrue
	}
}
