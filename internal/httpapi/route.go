package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// A route is a path with the methods that it serves.
type route struct {
	path   string
	prefix bool // path begins the paths that are served; what follows is the request's tail
	local  bool // about this agent alone: a datacenter in the request is not looked at
	raw    bool // never compressed
	open   bool // needs no token, and does not look at one
	// anyServer: any server may answer. impatient: without a leader it fails at once, and bodies may be long. reads: methods other than
	// GET may be stale reads too.
	anyServer, impatient, reads bool
	wide                        bool // of all datacenters: one in the request is not looked at
	datacenterInBody            bool // unless the query names one
	internal                    bool // for other agents alone, and such that it may be asked twice
	methods                     []method
	handler                     http.Handler // made by Handler.handler
}

// A method is what a route does for one HTTP method.
type method struct {
	name  string
	serve endpoint
}

// An endpoint answers a request, or returns the error to answer with.
type endpoint func(w http.ResponseWriter, r *request) error

// A request is a request of the API with its query parsed.
type request struct {
	*http.Request
	query  url.Values
	tail   string // of the path, for a route that is a prefix
	caller Caller
	hidden bool   // the answer left something out that the caller may not see
	body   []byte // what has been read of the body, all of it; nil before
}

// has tells whether a parameter is there, with or without a value.
func (r *request) has(name string) bool { _, ok := r.query[name]; return ok }

// routes is the whole API.
func (h *Handler) routes() []route {
	return slices.Concat(h.kvRoutes(), h.snapshotRoutes(), h.statusRoutes(), h.agentRoutes(), h.operatorRoutes(), h.catalogRoutes(),
		h.healthRoutes(), h.sessionRoutes(), h.txnRoutes(), h.coordinateRoutes(), h.meshRoutes(),
		h.agentMemberRoutes(), h.agentServiceRoutes(), h.agentCheckRoutes(), h.preparedQueryRoutes(), h.autopilotRoutes(),
		h.metricsRoutes(), h.eventRoutes(), h.aclRoutes(), h.profilingRoutes(), h.keyringRoutes(), h.internalRoutes(),
		[]route{{path: "/", local: true, open: true, methods: []method{{http.MethodGet, h.root}}}})
}

// handler makes the http.Handler of a route.
func (h *Handler) handler(rt *route) http.Handler {
	allow := "OPTIONS"
	for _, m := range rt.methods {
		allow += "," + m.name
	}
	timers := rt.requestTimers()
	plain := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		start := time.Now()
		h.traffic.requests.Add(1)
		err := h.serve(rt, allow, w, req)
		if err != nil {
			writeError(w, err)
		}
		if timer := timers[req.Method]; timer != nil {
			timer.MeasureSince(start)
		}
		h.logRequest(req, start, err)
	})
	if rt.raw {
		return plain
	}
	compressed := compress(plain)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		delete(w.Header(), "Vary") // gzhttp adds it
		compressed.ServeHTTP(w, req)
	})
}

// compressFrom is the size in bytes from which answers are compressed. Below it compressing costs more than it saves: Go's clients ask
// for it always, and it would double the time of reading a small key.
const compressFrom = 1024

var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed),
		gzhttp.ContentTypeFilter(gzhttp.CompressAllContentTypeFilter), gzhttp.SetContentType(false))
	if err != nil {
		panic("httpapi: " + err.Error()) // the options are constants
	}
	return wrap
}()

// serve does what all endpoints have in common, and then the endpoint's own work.
func (h *Handler) serve(rt *route, allow string, w http.ResponseWriter, req *http.Request) error {
	if req.Method == http.MethodOptions {
		w.Header()["Allow"] = []string{allow}
		return nil
	}
	i := slices.IndexFunc(rt.methods, func(m method) bool { return m.name == req.Method })
	if i < 0 {
		w.Header()["Allow"] = []string{allow}
		return refuse(http.StatusMethodNotAllowed, "method %s not allowed", req.Method)
	}
	if req.Method != http.MethodGet && !fromAgent(req) && !h.mayWrite(req) {
		return errWriteNetwork
	}
	r := &request{Request: req}
	if rt.prefix {
		r.tail = req.URL.Path[len(rt.path):]
	}
	err := h.parseQuery(rt, r)
	if err != nil {
		return err
	}
	h.relaxDiscovery(rt, r)
	return h.answer(rt, rt.methods[i], w, r)
}

// parseQuery reads the query string and checks the parameters that all endpoints have in common.
func (h *Handler) parseQuery(rt *route, r *request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	var err error
	if r.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return errMalformedQuery
	}
	if r.query.Get("token") != "" {
		h.log.Warn("the token of a request stands in its URL; use the header X-Consul-Token",
			"method", r.Method, "url", loggedURL(r.URL), "from", r.RemoteAddr)
	}
	for _, tenancy := range []struct{ name, what string }{{"ns", "Namespaces"}, {"partition", "Partitions"}} {
		if r.query.Get(tenancy.name) != "" {
			return badRequest("Invalid query parameter: %q - %s are a Consul Enterprise feature", tenancy.name, tenancy.what)
		}
	}
	return nil
}

// A redirect is an error that sends the client elsewhere.
type redirect struct{ location string }

func (*redirect) Error() string   { return "" }
func (*redirect) HTTPStatus() int { return http.StatusTemporaryRedirect }

func redirectTo(escapedPath, rawQuery string) error {
	if rawQuery != "" {
		escapedPath += "?" + rawQuery
	}
	return &redirect{escapedPath}
}
