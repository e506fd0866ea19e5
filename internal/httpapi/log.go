package httpapi

import (
	"net/http"
	"net/url"
	"time"
)

// logRequest writes a request that has been answered, with err or without, to the log.
func (h *Handler) logRequest(req *http.Request, start time.Time, err error) {
	gone := req.Context().Err() != nil
	if err != nil && !gone && statusOf(err) >= http.StatusInternalServerError {
		h.log.Error("Request error", "method", req.Method, "url", loggedURL(req.URL), "from", req.RemoteAddr, "error", err)
	}
	if h.log.IsDebug() || h.monitors.Load() > 0 { // a monitor's level is its own
		h.log.Debug("Request finished", "method", req.Method, "url", loggedURL(req.URL), "from", req.RemoteAddr, "latency", time.Since(start))
	}
}

// loggedURL is the path and query of u without secrets: the values of token are hidden, and so is a query that cannot be read.
func loggedURL(u *url.URL) string {
	path := u.EscapedPath()
	if u.RawQuery == "" {
		return path
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return path + "?<malformed>"
	}
	values, ok := query["token"]
	if !ok {
		return path + "?" + u.RawQuery
	}
	for i := range values {
		values[i] = "<hidden>"
	}
	return path + "?" + query.Encode()
}
