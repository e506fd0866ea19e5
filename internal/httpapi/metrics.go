package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/logging"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// Telemetry is what the process has measured of itself, as telemetry.Telemetry tells it.
type Telemetry interface {
	// Summary is the last complete interval.
	Summary() telemetry.Summary
	// Prometheus answers a request with everything, in a format that Prometheus reads.
	Prometheus(w http.ResponseWriter, r *http.Request)
	// Stream writes and flushes every interval when it ends, until ctx is done, which is no error.
	Stream(ctx context.Context, w io.Writer) error
}

// metricsRoutes are what tells of the process itself. Streams are not compressed: each line must leave at once.
func (h *Handler) metricsRoutes() []route {
	get := func(path string, raw bool, serve endpoint) route {
		return route{path: path, local: true, raw: raw, methods: []method{{http.MethodGet, serve}}}
	}
	return []route{
		get("/v1/agent/metrics", false, h.agentMetrics),
		get("/v1/agent/metrics/stream", true, h.agentMetricsStream),
		get("/v1/agent/monitor", true, h.agentMonitor),
	}
}

// needAgent returns the error for a caller who lacks a right on this agent, nil if it is there.
func (h *Handler) needAgent(r *request, access acl.Access) error {
	return r.need(acl.Agent, access, h.backend.Self().Config.NodeName)
}

func (h *Handler) agentMetrics(w http.ResponseWriter, r *request) error {
	if err := h.needAgent(r, acl.Read); err != nil {
		return err
	}
	if r.query.Get("format") == "prometheus" {
		h.backend.Telemetry().Prometheus(w, r.Request)
		return nil
	}
	return writeJSON(w, r, h.backend.Telemetry().Summary())
}

func (h *Handler) agentMetricsStream(w http.ResponseWriter, r *request) error {
	if err := h.needAgent(r, acl.Read); err != nil {
		return err
	}
	ctx, cancel := h.endless(r.Context())
	defer cancel()
	w.Header()["Content-Type"] = contentJSON
	if err := h.backend.Telemetry().Stream(ctx, w); err != nil {
		h.log.Debug("a stream of metrics broke off", "from", r.RemoteAddr, "error", err) // headers are sent, there is no other answer
	}
	return nil
}

// agentMonitor lets the client read along what the process logs.
func (h *Handler) agentMonitor(w http.ResponseWriter, r *request) error {
	if err := h.needAgent(r, acl.Read); err != nil {
		return err
	}
	ctx, cancel := h.endless(r.Context())
	defer cancel()
	json := r.has("logjson")
	w.Header()["Content-Type"] = contentText
	if json {
		w.Header()["Content-Type"] = contentJSON
	}
	h.monitors.Add(1)
	defer h.monitors.Add(-1)
	err := h.backend.Monitor(ctx, w, r.query.Get("loglevel"), json)
	if unknown := logging.UnknownLevelError(""); errors.As(err, &unknown) {
		return badRequest("%s", unknown)
	}
	if err != nil {
		h.log.Debug("a monitor of the log broke off", "from", r.RemoteAddr, "error", err) // headers are sent, there is no other answer
	}
	return nil
}

// endless returns a context for an answer without end: it is done when the client goes and when h is closed.
func (h *Handler) endless(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-h.stopped:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
