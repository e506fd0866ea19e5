package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// home is the other datacenter that is to answer a request, empty if this one is.
func (h *Handler) home(rt *route, method string, r *request) (string, error) {
	if rt.local || rt.wide {
		return "", nil
	}
	name := r.datacenter()
	if name == "" && rt.datacenterInBody {
		if err := h.keepBody(r); err != nil {
			return "", err
		}
		name = datacenterIn(r.body)
	}
	if name != "" && name != h.backend.Datacenter() {
		return name, nil
	}
	if m := forward.Of(r.Context()); m != nil && m.Between { // it goes no further, and is told where to ask instead
		return "", nil
	}
	return h.homeOf(rt, method, r), nil
}

// datacenter is the one that the query names, empty without.
func (r *request) datacenter() string {
	if name := r.query.Get("datacenter"); name != "" {
		return name
	}
	return r.query.Get("dc")
}

// datacenterIn is the datacenter that a body names. What is wrong with a body that cannot be read is for others to say.
func datacenterIn(body []byte) string {
	var named struct{ Datacenter string }
	if json.Unmarshal(body, &named) != nil {
		return ""
	}
	return strings.ToLower(named.Datacenter) // as all names of datacenters
}

// answerElsewhere has a request answered by another datacenter: by the first of its servers that can be reached. What another datacenter has
// sent goes no further.
func (h *Handler) answerElsewhere(datacenter string, rt *route, w http.ResponseWriter, r *request) error {
	if m := forward.Of(r.Context()); m != nil && m.Between {
		return ErrNoPathToDC
	}
	metrics.IncrCounterWithLabels(telemetry.RPCCrossDC, 1, []metrics.Label{{Name: "datacenter", Value: datacenter}})
	var failed error = ErrNoPathToDC
	for _, address := range h.backend.ServersOf(datacenter) {
		err := h.forward(rt, w, r, Target{datacenter, address}, nil)
		if !errors.Is(err, ErrNotLeader) {
			return err
		}
		if unreached := new(unreachedError); errors.As(err, &unreached) {
			err = unreached.cause
		}
		failed = fmt.Errorf("%w (%w)", ErrNoPathToDC, err)
		h.log.Warn("a server of another datacenter cannot be reached", "datacenter", datacenter, "server", address, "error", err)
	}
	return failed
}

// markOf is what a server is told of a request that is forwarded to it.
func (h *Handler) markOf(r *request, to Target) forward.Mark {
	m := forward.Mark{Node: h.nodeName(), Datacenter: h.backend.Datacenter(), Client: r.RemoteAddr, TranslateAddrs: h.cfg.TranslateWANAddrs}
	if came := forward.Of(r.Context()); came != nil {
		m = *came
	}
	m.Between = to.Datacenter != ""
	return m
}
