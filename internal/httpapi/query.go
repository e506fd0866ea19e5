package httpapi

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/state"
)

// freshness is what a request says about how new its answer must be.
type freshness struct {
	mode     Consistency
	maxStale time.Duration // 0: any
}

// parseFreshness reads stale, consistent, cached and max_stale.
func parseFreshness(r *request) (f freshness, err error) {
	stale := r.has("stale")
	if text := r.query.Get("max_stale"); text != "" {
		f.maxStale, err = time.ParseDuration(text)
		if err != nil {
			return f, badRequest("Invalid max_stale value %q", text)
		}
		f.maxStale = max(f.maxStale, 0)
		stale = stale || f.maxStale > 0
	}
	consistent := r.has("consistent")
	switch {
	case stale && consistent:
		return f, badRequest("Cannot specify ?stale with ?consistent, conflicting semantics.")
	case consistent && r.has("cached"):
		return f, badRequest("Cannot specify ?cached with ?consistent, conflicting semantics.")
	case stale:
		f.mode = Stale
	case consistent:
		f.mode = Consistent
	}
	return f, nil
}

// relaxDiscovery makes a read of the catalog or of health a stale one if the operator wants that and the client does not say otherwise.
func (h *Handler) relaxDiscovery(rt *route, r *request) {
	discovery := strings.HasPrefix(rt.path, "/v1/catalog/") || strings.HasPrefix(rt.path, "/v1/health/")
	if h.cfg.DiscoveryMaxStale <= 0 || !discovery || r.Method != http.MethodGet ||
		r.has("stale") || r.has("consistent") || r.has("leader") || r.has("max_stale") {
		return
	}
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set("max_stale", h.cfg.DiscoveryMaxStale.String())
}

// consistency is the mode that f asks of the backend at this moment: a stale read becomes a default one if this server has not
// heard from the leader for too long.
func (h *Handler) consistency(f freshness) Consistency {
	if f.mode == Stale && f.maxStale > 0 && h.backend.LastContact() > f.maxStale {
		return Default
	}
	return f.mode
}

// barrier waits until this server may answer a read that asks for f.
func (h *Handler) barrier(ctx context.Context, f freshness) error {
	return h.backend.ReadBarrier(ctx, h.consistency(f))
}

// parseBlocking reads index and wait. The result's wait is within the limits, and jittered.
func (h *Handler) parseBlocking(r *request) (index uint64, wait time.Duration, err error) {
	if text := r.query.Get("index"); text != "" {
		if index, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, badRequest("Invalid index")
		}
	}
	if text := r.query.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil {
			return 0, 0, badRequest("Invalid wait time")
		}
	}
	return index, h.queryTime(wait), nil
}

// queryTime is how long a query blocks that asked for wait.
func (h *Handler) queryTime(wait time.Duration) time.Duration {
	if wait <= 0 {
		wait = h.cfg.DefaultQueryTime
	}
	wait = min(wait, h.cfg.MaxQueryTime)
	return wait + rand.N(wait/16+1)
}

// A read fetches a resource from a store, registers in w, which may be nil, what would change it, and returns its index.
type read func(s Store, w *state.Watch) (index uint64)

// query runs fetch as the request's parameters say, blocking if they ask for that, and returns the index that belongs to what
// fetch got last. Index and content are those of one store: a restore ends the query with what was known before it.
func (h *Handler) query(r *request, fetch read) (uint64, error) {
	f, err := parseFreshness(r)
	if err != nil {
		return 0, err
	}
	after, wait, err := h.parseBlocking(r)
	if err != nil {
		return 0, err
	}
	if err := h.barrier(r.Context(), f); err != nil {
		return 0, err
	}
	h.traffic.queries.Add(1)
	store := h.backend.Store()
	if after == 0 {
		return fetch(store, nil), nil
	}
	ctx, cancel := h.blocking(r.Context(), store, wait)
	defer cancel()
	defer h.traffic.block()()
	for {
		index, changed := fetchAfter(ctx, store, after, fetch)
		if !changed {
			return index, r.Context().Err()
		}
	}
}

// fetchAfter fetches and, if the index is not above after, waits until the resource changes. It returns false if there is no more to
// wait for: what was fetched is the answer.
func fetchAfter(ctx context.Context, store Store, after uint64, fetch read) (index uint64, changed bool) {
	w := state.NewWatch()
	defer w.Close()
	index = fetch(store, w)
	return index, index <= after && w.Wait(ctx) == nil
}

// blocking returns a context that ends when a query of store has blocked long enough.
func (h *Handler) blocking(ctx context.Context, store Store, wait time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	go func() {
		defer cancel()
		select {
		case <-store.Abandoned():
		case <-h.stopped:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
