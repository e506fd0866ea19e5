package httpapi

import (
	"net/http"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

func (h *Handler) coordinateRoutes() []route {
	get := func(path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), methods: []method{{http.MethodGet, serve}}}
	}
	return []route{
		get("/v1/coordinate/nodes", h.coordinateNodes),
		get("/v1/coordinate/node/", h.coordinateNode),
		{path: "/v1/coordinate/datacenters", wide: true, anyServer: true, methods: []method{{http.MethodGet, h.coordinateDatacenters}}},
		{path: "/v1/coordinate/update", methods: []method{{http.MethodPut, h.coordinateUpdate}}},
	}
}

func (h *Handler) coordinateNodes(w http.ResponseWriter, r *request) error {
	found, err := h.coordinates(w, r, Store.Coordinates)
	if err != nil {
		return err
	}
	return writeJSON(w, r, found)
}

func (h *Handler) coordinateNode(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing node name")
	}
	found, err := h.coordinates(w, r, func(s Store, watch *state.Watch) (uint64, []*record.Coordinate) {
		return s.NodeCoordinates(watch, r.tail)
	})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	return writeJSON(w, r, found)
}

func (h *Handler) coordinates(w http.ResponseWriter, r *request, get func(Store, *state.Watch) (uint64, []*record.Coordinate)) ([]*record.Coordinate, error) {
	var found []*record.Coordinate
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = get(s, watch)
		return index
	})
	if err != nil {
		return nil, err
	}
	found = visible(r, found, func(c *record.Coordinate) bool {
		return r.may(acl.Node, acl.Read, c.Node) && (!r.has("segment") || c.Segment == r.query.Get("segment"))
	})
	h.setMeta(w, index)
	h.setHidden(w, r)
	return found, nil
}

// coordinateDatacenters answers with the coordinates of the servers of each datacenter in the WAN pool.
func (h *Handler) coordinateDatacenters(w http.ResponseWriter, r *request) error {
	return writeJSON(w, r, h.backend.ServerCoordinates())
}

func (h *Handler) coordinateUpdate(w http.ResponseWriter, r *request) error {
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	c, err := coordinate.Decode(body)
	if err != nil {
		return badRequest("Request decode failed: %v", err)
	}
	if err := r.need(acl.Node, acl.Write, c.Node); err != nil {
		return err
	}
	if _, node, _ := h.backend.Store().Node(nil, c.Node); node == nil {
		return badRequest("node %q is not registered: register it before its coordinate", c.Node)
	}
	_, err = h.apply(r, fsm.SetCoordinates(record.Coordinates{*c}), "")
	return err
}
