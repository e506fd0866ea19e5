package httpapi

import (
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/simplelru"
)

// What an agent remembers of the requests with ?cached that it has answered.
const (
	cachedRequests = 8192           // at most; the one that was asked longest ago is forgotten first
	cachedFor      = 72 * time.Hour // since it was last asked
)

// answered are the requests with ?cached that this agent has answered. The agent's cache is the replicated state itself, which is in the
// same process and current: what it gives is never stale, and its age is 0. So there is nothing to keep but which answers were had
// before. Of a request only a hash is kept, because tokens are part of it.
type answered struct {
	mu    sync.Mutex
	seed  maphash.Seed
	asked *simplelru.LRU // uint64 → time.Time
	now   func() time.Time
}

func newAnswered() *answered {
	asked, err := simplelru.NewLRU(cachedRequests, nil)
	if err != nil {
		panic("httpapi: " + err.Error()) // the size is a constant
	}
	return &answered{seed: maphash.MakeSeed(), asked: asked, now: time.Now}
}

// key tells requests apart that have different answers. How long and after which index they block does not make one.
func (a *answered) key(r *request) uint64 {
	query := r.URL.Query()
	for _, name := range []string{"cached", "index", "wait", "token", "pretty"} {
		query.Del(name)
	}
	return maphash.String(a.seed, strings.Join([]string{r.URL.Path, query.Encode(), secretOf(r)}, "\x00"))
}

// has tells whether a request has been answered lately.
func (a *answered) has(key uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.asked.Get(key)
	return ok && a.now().Sub(last.(time.Time)) < cachedFor
}

func (a *answered) add(key uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked.Add(key, a.now())
}

// cached serves an endpoint whose answers an agent's cache may give: with ?cached the answer says whether it did.
func (h *Handler) cached(serve endpoint) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		if !r.has("cached") || h.cfg.CacheDisabled {
			return serve(w, r)
		}
		key := h.answered.key(r)
		out := w.Header()
		if h.answered.has(key) && !wantsFetched(r) {
			out["X-Cache"], out["Age"] = headerHit, headerNoAge
		} else {
			out["X-Cache"] = headerMiss
		}
		err := serve(w, r)
		if err != nil {
			delete(out, "X-Cache")
			delete(out, "Age")
			return err
		}
		h.answered.add(key)
		return nil
	}
}

// wantsFetched tells whether a request forbids that a cache answers it.
func wantsFetched(r *request) bool {
	for directive := range strings.SplitSeq(r.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "must-revalidate") {
			return true
		}
		if seconds, err := strconv.Atoi(value); strings.EqualFold(name, "max-age") && err == nil && seconds <= 0 {
			return true
		}
	}
	return false
}
