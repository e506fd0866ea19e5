package httpapi

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	headerTimeout = 10 * time.Second // for a client to send its headers
	idleTimeout   = 3 * time.Minute  // above the 90 s after which Go's clients close connections themselves
)

// NewServer returns an HTTP server for h, which several servers may share. Its Shutdown ends blocked queries. There are no limits
// on the time of a body or an answer: archives are large, and queries block.
func (h *Handler) NewServer() *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    h.cfg.MaxHeaderBytes,
		ErrorLog:          h.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Warn}),
	}
	s.RegisterOnShutdown(h.Close)
	return s
}
