package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/coordinate"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// list answers with what get finds, as far as the caller may see it and the parameter filter selects it.
func list[T any](h *Handler, w http.ResponseWriter, r *request, get func(Store, *state.Watch) (uint64, []T), may func(T) bool) error {
	var found []T
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = get(s, watch)
		return index
	})
	if err != nil {
		return err
	}
	found, err = filtered(r, visible(r, found, may))
	if err != nil {
		return filterError(err)
	}
	if h.fromAbroad(r, h.backend.Datacenter()) {
		for _, x := range found {
			if v, ok := any(x).(translatable); ok {
				v.useWAN()
			}
		}
	}
	h.setServed(w, r, index)
	return writeJSON(w, r, found)
}

// nodeMetaParam reads the parameter node-meta: pairs that must all be in a node's metadata.
func nodeMetaParam(r *request) (map[string]string, error) {
	wanted := map[string]string{}
	for _, pair := range r.query["node-meta"] {
		key, value, _ := strings.Cut(pair, ":")
		wanted[key] = value
	}
	return wanted, nil
}

// flagParam reads a parameter that is on if it is there, unless it says that it is not.
func flagParam(r *request, name string) (bool, error) {
	text := r.query.Get(name)
	if text == "" {
		return r.has(name), nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("Invalid value for %s: %q is neither true nor false", name, text)
	}
	return on, nil
}

// contains tells whether all pairs of wanted are in m.
func contains(m, wanted map[string]string) bool {
	for key, value := range wanted {
		if have, ok := m[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// hasTags tells whether all wanted tags are there. Tags are compared without case.
func hasTags(tags, wanted []string) bool {
	for _, want := range wanted {
		if !slices.ContainsFunc(tags, func(tag string) bool { return strings.EqualFold(tag, want) }) {
			return false
		}
	}
	return true
}

// near sorts items by how far their nodes are from the node that the parameter near names, if it is there.
func near[T any](h *Handler, r *request, s Store, items []T, node func(T) string) []T {
	from := r.query.Get("near")
	if from == "" {
		return items
	}
	if from == "_agent" {
		from = h.agentNode(r)
	}
	coordinate.Sort(items, from, node, func(name string) []record.Coordinate { return coordinatesOf(s, name) })
	return items
}

// coordinatesOf returns the coordinates of a node, one per segment.
func coordinatesOf(s Store, node string) []record.Coordinate {
	_, found := s.NodeCoordinates(nil, node)
	coordinates := make([]record.Coordinate, 0, len(found))
	for _, c := range found {
		coordinates = append(coordinates, *c)
	}
	return coordinates
}

const maxRequestBody = 2 << 20 // of JSON, in bytes

// decodeBody reads a JSON body. Fields that are not known are ignored.
func decodeBody(r *request, v any) error {
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return badRequest("Request decode failed: %v", err)
	}
	return nil
}

// apply applies an entry; prefix begins the text of an error of the entry itself.
func (h *Handler) apply(r *request, entry fsm.Entry, prefix string) (fsm.Result, error) {
	result, err := h.backend.Apply(r.Context(), entry)
	if err == nil && result.Err != nil {
		err = fmt.Errorf("%s%w", prefix, result.Err)
	}
	return result, err
}

// applyTrue applies an entry and answers true.
func (h *Handler) applyTrue(w http.ResponseWriter, r *request, entry fsm.Entry, prefix string) error {
	if _, err := h.apply(r, entry, prefix); err != nil {
		return err
	}
	return writeJSON(w, r, true)
}

func isUUID(s string) bool {
	_, err := uuid.ParseUUID(s)
	return err == nil
}
