package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/lictor-dr/lictor/internal/forward"
)

// A Handler serves the API. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	backend Backend
	log     hclog.Logger

	exact    map[string]*route
	prefixes []*route            // the longest path first
	headers  map[string][]string // of every answer; never changed

	traffic  traffic
	answered *answered
	monitors atomic.Int32 // clients that read along the log
	forwards atomic.Pointer[rate.Limiter]
	debug    atomic.Bool // profiling without ACLs

	stop    sync.Once
	stopped chan struct{} // closed by Close
}

// New returns a handler that answers from b.
func New(cfg Config, b Backend, log hclog.Logger) *Handler {
	h := &Handler{cfg: cfg.withDefaults(), backend: b, log: log, exact: map[string]*route{}, stopped: make(chan struct{}),
		answered: newAnswered()}
	h.headers = commonHeaders(h.cfg)
	h.SetForwardRate(h.cfg.ForwardRate, h.cfg.ForwardBurst)
	for _, r := range h.routes() {
		if r.prefix {
			h.prefixes = append(h.prefixes, &r)
		} else {
			h.exact[r.path] = &r
		}
		r.handler = h.handler(&r)
	}
	slices.SortFunc(h.prefixes, func(a, b *route) int { return len(b.path) - len(a.path) })
	return h
}

// Close ends all endless answers and blocked queries, present and future: queries answer at once with what they know. It may be called more than once.
func (h *Handler) Close() { h.stop.Do(func() { close(h.stopped) }) }

// SetForwardRate changes how many requests per second are forwarded at most, and how many at once. No rate is no limit.
func (h *Handler) SetForwardRate(perSecond float64, burst int) {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	h.forwards.Store(rate.NewLimiter(limit, burst))
}

func (h *Handler) limiter() *rate.Limiter { return h.forwards.Load() }

type internalKey struct{}

// Internal marks requests that the agent makes of itself: which endpoints clients may use, and from where, does not bind them. Rights do.
func Internal(ctx context.Context) context.Context {
	return context.WithValue(ctx, internalKey{}, true)
}

// fromAgent tells whether a request is one that this agent makes of itself, or that another one has let in and forwarded.
func fromAgent(req *http.Request) bool {
	return req.Context().Value(internalKey{}) != nil || forward.Of(req.Context()) != nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	out := w.Header()
	if forward.Of(req.Context()) == nil { // else the agent that was asked adds its own
		for name, values := range h.headers {
			out[name] = values
		}
	}
	r, err := h.admit(req)
	if err == nil {
		r.handler.ServeHTTP(w, req)
		return
	}
	if to := new(redirect); errors.As(err, &to) {
		out.Set("Location", to.location)
	}
	h.logRequest(req, time.Now(), err)
	writeError(w, err)
}

// admit finds the route of a request, or the reason why it has none.
func (h *Handler) admit(req *http.Request) (*route, error) {
	name := req.URL.Path
	if !h.cfg.AllowUnprintable && strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return nil, errUnprintable
	}
	if clean := cleanPath(req.URL.EscapedPath()); clean != "" {
		return nil, redirectTo(clean, req.URL.RawQuery)
	}
	for _, prefix := range h.cfg.BlockEndpoints {
		if !fromAgent(req) && strings.HasPrefix(name, prefix) {
			return nil, errBlocked
		}
	}
	if r := h.lookup(name); r != nil && !(r.internal && forward.Of(req.Context()) == nil) {
		return r, nil
	}
	if h.lookup(name+"/") != nil {
		return nil, redirectTo(req.URL.EscapedPath()+"/", req.URL.RawQuery)
	}
	if strings.HasPrefix(name, "/v1/") {
		return nil, errUnknownEndpoint
	}
	return nil, errOutsideAPI
}

func (h *Handler) lookup(name string) *route {
	if r := h.exact[name]; r != nil {
		return r
	}
	for _, r := range h.prefixes {
		if strings.HasPrefix(name, r.path) {
			return r
		}
	}
	return nil
}

// mayWrite tells whether the client of req is in a network that may write.
func (h *Handler) mayWrite(req *http.Request) bool {
	if len(h.cfg.AllowWriteFrom) == 0 {
		return true
	}
	client, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return false
	}
	addr := client.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(h.cfg.AllowWriteFrom, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// cleanPath returns an escaped path without doubled slashes and without dots as elements, empty if it has none. An escaped slash is
// part of a key, and stays.
func cleanPath(escaped string) string {
	if !strings.Contains(escaped, "//") && !strings.Contains(escaped, "/.") {
		return ""
	}
	clean := path.Clean("/" + escaped)
	if clean != "/" && endsInSlash(escaped) {
		clean += "/"
	}
	if clean == escaped {
		return ""
	}
	return clean
}

func endsInSlash(p string) bool {
	return strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")
}
