package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/telemetry"
)

// Paths of what servers ask those of other datacenters beside forwarded requests. They are served on the server port alone, and what is
// asked there may be asked twice.
const (
	internalQueryPath   = "/internal/query"   // what a prepared query finds there
	internalKeyringPath = "/internal/keyring" // the gossip keys of the pool there
)

// internalRoutes are what other agents alone may ask.
func (h *Handler) internalRoutes() []route {
	return []route{
		{path: internalQueryPath, internal: true, reads: true, methods: []method{{http.MethodPost, h.internalQuery}}},
		{path: internalKeyringPath, internal: true, methods: keyringMethods(h.listOwnKeys, h.changeOwnKeys)},
	}
}

// An inquiry is what this server asks another datacenter, in order to answer a client.
type inquiry struct {
	method string
	path   string // with its query
	secret string // whose rights count there
	body   []byte
	limit  time.Duration // of the whole; one server may take half of it
}

// inquire has another datacenter answer: the first of its servers that does. The answer is JSON. An error is that datacenter's word, with
// its status, or ErrNoPathToDC with the reason.
func (h *Handler) inquire(ctx context.Context, r *request, datacenter string, q inquiry, answer any) (http.Header, error) {
	metrics.IncrCounterWithLabels(telemetry.RPCCrossDC, 1, []metrics.Label{{Name: "datacenter", Value: datacenter}})
	limited, cancel := context.WithTimeout(ctx, q.limit)
	defer cancel()
	var failed error = ErrNoPathToDC
	for _, address := range h.backend.ServersOf(datacenter) {
		header, err := h.inquireOf(limited, r, Target{datacenter, address}, q, answer)
		if refused := new(statusError); err == nil || errors.As(err, &refused) {
			return header, err
		}
		if ctx.Err() != nil { // nobody waits any more
			return nil, ctx.Err()
		}
		failed = fmt.Errorf("%w (%w)", ErrNoPathToDC, err)
		h.log.Warn("a server of another datacenter cannot be reached", "datacenter", datacenter, "server", address, "error", err)
		if limited.Err() != nil {
			break
		}
	}
	return nil, failed
}

// inquireOf is inquire of one server.
func (h *Handler) inquireOf(ctx context.Context, r *request, to Target, q inquiry, answer any) (http.Header, error) {
	if !h.limiter().Allow() {
		metrics.IncrCounter(telemetry.ClientRPCExceeded, 1)
		return nil, errRateExceeded
	}
	ctx, cancel := context.WithTimeout(ctx, q.limit/2)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, q.method, q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Consul-Token", q.secret)
	metrics.IncrCounter(telemetry.ClientRPC, 1)
	resp, err := h.backend.Send(req, to, h.markOf(r, to))
	if err != nil {
		metrics.IncrCounter(telemetry.ClientRPCFailed, 1)
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of server %s: %w", to.Address, err)
	case resp.StatusCode != http.StatusOK:
		return nil, refuse(resp.StatusCode, "%s", strings.TrimSpace(string(body)))
	case answer == nil:
		return resp.Header, nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return nil, fmt.Errorf("read the answer of server %s: %w", to.Address, err)
	}
	return resp.Header, nil
}

// everywhere does something for each datacenter that is known, all at once, and waits for all of them. The error names those that failed.
func (h *Handler) everywhere(do func(datacenter string) error) error {
	names := slices.Clone(h.backend.Datacenters())
	errs := make([]error, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() { errs[i] = do(name) })
	}
	running.Wait()
	if len(names) == 1 {
		return errs[0]
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("datacenter %s: %w", names[i], err)
		}
	}
	return errors.Join(errs...)
}

// asFresh is a path with what a request says about how new its answer must be.
func asFresh(path string, r *request) string {
	said := url.Values{}
	for _, name := range []string{"stale", "consistent", "max_stale"} {
		if r.has(name) {
			said.Set(name, r.query.Get(name))
		}
	}
	if len(said) == 0 {
		return path
	}
	return path + "?" + said.Encode()
}
