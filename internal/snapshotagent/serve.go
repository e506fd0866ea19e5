package snapshotagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A server serves /health and /metrics.
type server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed when serving has ended
}

// listen begins to serve at address.
func (a *Agent) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve /health and /metrics: %w; choose another address with -listen", err)
	}
	s := &server{listener: l, http: &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second}, done: make(chan struct{})}
	a.server = s
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("serving /health and /metrics has ended", "error", err)
		}
	}()
	return nil
}

// close ends the serving, with a second for requests under way.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return err
}

func (a *Agent) handler() http.Handler {
	registry := prometheus.NewRegistry()
	ours := prometheus.WrapRegistererWithPrefix("lictor_", registry)
	ours.MustRegister(&exporter{a}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", a.serveHealth)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Lictor snapshot agent: /health, /metrics\n") // a client that has gone needs no answer
	})
	return mux
}

// serveHealth answers 200, or 503 with the reason.
func (a *Agent) serveHealth(w http.ResponseWriter, r *http.Request) {
	status := a.Status()
	w.Header().Set("Cache-Control", "no-store")
	reason := a.unhealthy(&status)
	if r.URL.Query().Get("format") == "json" {
		a.serveHealthJSON(w, &status, reason)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if reason != "" {
		http.Error(w, strings.TrimSpace(reason+"\n"+status.stopped()), http.StatusServiceUnavailable)
		return
	}
	text := "no backup yet"
	if !status.LastProven.IsZero() {
		text = "last proven backup " + status.LastProven.UTC().Format(time.RFC3339)
	}
	if rpo := a.current.Load().RPO; rpo > 0 {
		text += fmt.Sprintf("\nobjective %s met: the oldest destination's state is %s old", rpo, status.Oldest().Round(time.Second))
	}
	if status.LastError != "" {
		text += "\nthe last run failed: " + status.LastError
	}
	if status.Trouble != "" {
		text += "\nthe lock: " + status.Trouble
	}
	io.WriteString(w, "OK: "+text+"\n"+status.stopped()) // likewise
}
