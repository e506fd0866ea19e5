package httpapi

// An Endpoint is a method and a path of the API. A path that ends in a slash begins those that are served.
type Endpoint struct{ Method, Path string }

// Endpoints is the whole API, without what agents ask each other.
func (h *Handler) Endpoints() (all []Endpoint) {
	for _, rt := range h.routes() {
		if rt.internal {
			continue
		}
		for _, m := range rt.methods {
			all = append(all, Endpoint{m.name, rt.path})
		}
	}
	return all
}
