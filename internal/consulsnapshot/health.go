package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lictor-dr/lictor/internal/clock"
)

// least is the limit of /health for short intervals.
const least = time.Hour

// limit is the age above which the last backup is too old: an hour, or twice the interval if that is more, so that one backup that fails
// is no alarm yet.
func (c *Config) limit() time.Duration { return max(least, 2*c.Interval) }

// skew is how far the clocks of two hosts may be apart.
const skew = time.Minute

// health is the answer of /health: its status and its text.
func (d *Daemon) health(ctx context.Context) (int, string) {
	age, err := d.age(ctx)
	limit := d.Config.limit()
	switch {
	case errors.Is(err, errNoMarker):
		return http.StatusInternalServerError, errNoMarker.Error()
	case err != nil:
		return http.StatusInternalServerError, err.Error()
	case age < -skew:
		ahead := int64(-age / time.Second)
		return http.StatusInternalServerError, fmt.Sprintf("[ERR] Last backup is %d seconds in the future, compare the clocks", ahead)
	case age/time.Second > limit/time.Second:
		return http.StatusInternalServerError, "[ERR] Backup older than " + inWords(limit)
	}
	return http.StatusOK, fmt.Sprintf("Last backup %d seconds ago", max(0, age/time.Second))
}

// inWords is a limit for people: that of an hour as consul-snapshot says it.
func inWords(d time.Duration) string {
	switch {
	case d == time.Hour:
		return "1 hour"
	case d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// healthTimeout bounds how long Consul is waited for.
const healthTimeout = 10 * time.Second

// handler serves what the daemon serves.
func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		status, text := d.health(ctx)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // a client that has gone needs no answer
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry(), promhttp.HandlerOpts{}))
	return mux
}

// listenAgain is how long after a failure the health server is tried again.
const listenAgain = time.Minute

// serve serves /health and /metrics until ctx ends. If it cannot listen, backups go on, the log tells, and it is tried again.
func (d *Daemon) serve(ctx context.Context) {
	address := d.Config.HealthAddress
	for ctx.Err() == nil {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			d.board.listens(listener.Addr().String())
			d.Log.Info("/health and /metrics are served on http://%s", listener.Addr())
			err = d.serveOn(ctx, listener)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		d.Log.Err("Nobody is told of /health and /metrics: %s; backups go on, and it is tried again in %s (CONSUL_SNAPSHOT_HEALTH_ADDR "+
			"names another address)", err, listenAgain)
		_ = clock.Sleep(ctx, d.Clock, listenAgain) // only its end matters
	}
}

func (d *Daemon) serveOn(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		_ = server.Close() // clients that do not go are cut off
	}
	<-done
	return nil
}
