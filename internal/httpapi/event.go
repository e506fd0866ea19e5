package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/userevent"
)

// maxEventPayload is what is read of an event at most; what is too much for gossip is refused with the reason.
const maxEventPayload = 512 << 10

// Events are the events that have reached this agent, as userevent.Buffer keeps them.
type Events interface {
	// Fire makes an event and delivers it. The error is a userevent.InvalidError if the request is not a good one.
	Fire(name string, payload []byte, f userevent.Filters) (userevent.Event, error)
	// Wait finds events, once their index is another than the one given or ctx is done. An index of 0 does not wait.
	Wait(ctx context.Context, q userevent.Query, index uint64) (userevent.List, error)
}

func (h *Handler) eventRoutes() []route {
	return []route{
		{path: "/v1/event/fire/", prefix: true, anyServer: true, methods: []method{{http.MethodPut, h.eventFire}}},
		{path: "/v1/event/list", local: true, methods: []method{{http.MethodGet, h.eventList}}},
	}
}

func eventFilters(r *request) userevent.Filters {
	return userevent.Filters{Node: r.query.Get("node"), Service: r.query.Get("service"), Tag: r.query.Get("tag")}
}

func (h *Handler) eventFire(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing name")
	}
	if err := r.need(acl.Event, acl.Write, r.tail); err != nil {
		return err
	}
	payload, err := readUpTo(r.Body, r.ContentLength, maxEventPayload)
	if errors.Is(err, errTooLong) || len(payload) > maxEventPayload {
		return refuse(http.StatusRequestEntityTooLarge, "Event too large: the payload has more than %d bytes", maxEventPayload)
	}
	if err != nil {
		return badRequest("failed to read the request's body: %v", err)
	}
	event, err := h.backend.Events().Fire(r.tail, payload, eventFilters(r))
	if err != nil {
		return eventError(err)
	}
	return writeJSON(w, r, event)
}

// eventList answers with the events that this agent has seen. Its index says only whether there is another last event.
func (h *Handler) eventList(w http.ResponseWriter, r *request) error {
	index, wait, err := h.parseBlocking(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if index > 0 {
		endless, leave := h.endless(ctx)
		defer leave()
		timed, stop := context.WithTimeout(endless, wait)
		defer stop()
		defer h.traffic.block()()
		ctx = timed
	}
	list, err := h.backend.Events().Wait(ctx, userevent.Query{Name: r.query.Get("name"), Filters: eventFilters(r)}, index)
	if err != nil {
		return eventError(err)
	}
	if err := r.Context().Err(); err != nil {
		return err
	}
	found := visible(r, list.Events, func(e userevent.Event) bool { return r.may(acl.Event, acl.Read, e.Name) })
	w.Header()["X-Consul-Index"] = []string{strconv.FormatUint(max(list.Index, 1), 10)}
	h.setHidden(w, r)
	return writeJSON(w, r, found)
}

// eventError blames the request for what is wrong with it.
func eventError(err error) error {
	if invalid := userevent.InvalidError(""); errors.As(err, &invalid) {
		return badRequest("%s", invalid)
	}
	return err
}
